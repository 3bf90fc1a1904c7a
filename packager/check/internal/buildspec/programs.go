package buildspec

import (
	"path"
	"slices"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/check/internal/shell"
)

// unwrapped takes off what runs another program.
func unwrapped(words []shell.Text) []shell.Text {
	for len(words) > 1 {
		switch words[0].String() {
		case "exec", "nohup", "time", "sudo":
		case "command":
			if strings.HasPrefix(words[1].String(), "-") {
				return words // it asks where a program is
			}
		case "env":
			for len(words) > 2 && strings.Contains(words[1].String(), "=") {
				words = words[1:]
			}
		case "go": // run github.com/.../cmd/mrpackage@v1.0.0
			program, _, _ := strings.Cut(path.Base(words[min(2, len(words)-1)].String()), "@")
			if !words[1].Is("run") || program != "mrpackage" {
				return words
			}
			return append([]shell.Text{shell.Pattern(program)}, words[3:]...)
		case "find":
			return executed(words)
		default:
			return words
		}
		words = words[1:]
	}
	return words
}

// executed is the command that find runs for each file, whose name only the build
// knows; find's own words, where it runs none.
func executed(words []shell.Text) []shell.Text {
	at := slices.IndexFunc(words, func(w shell.Text) bool { return w.Is("-exec", "-execdir", "-ok", "-okdir") })
	if at < 0 || at+1 == len(words) {
		return words
	}
	var command []shell.Text
	for _, w := range words[at+1:] {
		if w.Is(";", "+") {
			break
		}
		if w.Is("{}") {
			w = shell.Unknown()
		}
		command = append(command, w)
	}
	if len(command) == 0 {
		return words
	}
	return command
}

// isHarmless tells whether a call writes no template but one that its words name, as
// mv does and sed -i.
func isHarmless(c shell.Call) bool {
	for range 3 { // poetry run python -m pytest
		c.Words = behindRunner(c.Words)
	}
	program := c.Program().String()
	switch {
	case !c.Program().Known():
		return false
	case isQuestion(program, c.Arguments()) || isHarmlessProgram(program):
		return true
	case program == "docker" && (c.Has("-o") || c.Has("--output")):
		return false
	}
	parts := harmlessParts(program)
	for _, w := range c.Arguments() {
		if !strings.HasPrefix(w.String(), "-") {
			return w.Is(parts...)
		}
	}
	return slices.Contains(parts, "") // the program alone
}

// behindRunner takes off a program that runs another one of the build's packages.
func behindRunner(words []shell.Text) []shell.Text {
	rest := words[1:]
	verbs := []string{"exec", "run"}
	switch words[0].Base().String() {
	case "npx", "bunx":
		for len(rest) > 1 && strings.HasPrefix(rest[0].String(), "-") {
			rest = rest[1:]
		}
		verbs = nil
	case "python", "python2", "python3":
		verbs = []string{"-m"}
	case "bundle", "pipenv", "pnpm", "poetry", "uv", "yarn":
	default:
		return words
	}
	if verbs != nil {
		if len(rest) < 2 || !rest[0].Is(verbs...) {
			return words
		}
		rest = rest[1:]
	}
	if len(rest) == 0 {
		return words
	}
	return rest
}

// isQuestion tells whether a program is only asked for its version or for help.
func isQuestion(program string, words []shell.Text) bool {
	if len(words) == 0 || !words[len(words)-1].Known() {
		return false
	}
	switch last := words[len(words)-1].String(); {
	case last == "--version" || last == "--help":
		return true // without a value behind it, whatever stands before
	case len(words) > 1:
		return false
	default:
		return slices.Contains(questions(program), last)
	}
}

// questions are the words that ask a program for its version or for help, where each
// is the only one. For some programs -v is another thing, and version a target.
func questions(program string) []string {
	switch program {
	case "make", "gmake", "rake", "ant", "task", "just", "invoke", "nox":
		return []string{"-V", "-h"}
	case "gradle", "gradlew":
		return []string{"-v", "-V", "-h"}
	case "java", "javac", "scala", "kotlin":
		return []string{"-version", "-h", "-help"}
	case "node", "npm", "npx", "yarn", "pnpm", "bun", "deno", "tsc", "ruby", "gem", "bundle", "php", "composer",
		"mvn", "mvnw", "terraform", "tofu", "docker", "sam", "serverless", "sls", "cmake", "cargo", "rustc", "perl", "nvm":
		return []string{"-v", "-V", "-h", "version", "help"}
	}
	return []string{"-V", "-h", "version", "help"}
}

// isHarmlessProgram tells whether a program writes no template, whatever it is told.
//
// A packaged template comes from a program that packages or one that can be made to:
// make, node, python, cdk, sam build, a script. It does not come from what a shell has
// of its own, from what reads, moves or installs, nor from linters, compilers and what
// runs tests.
func isHarmlessProgram(name string) bool {
	switch name {
	case "[", "[[", ":", ".", "alias", "bg", "break", "builtin", "cd", "command", "continue", "declare", "exit", "export", "false", "fg",
		"getopts", "hash", "jobs", "kill", "let", "local", "popd", "printenv", "pushd", "pwd", "read", "readonly", "return", "set",
		"shift", "shopt", "source", "test", "times", "trap", "true", "type", "ulimit", "umask", "unalias", "unset", "wait":
		return true // the shell's own
	case "arch", "awk", "basename", "cat", "chgrp", "chmod", "chown", "cmp", "comm", "cp", "curl", "cut", "date", "df", "diff", "dirname",
		"du", "echo", "env", "expr", "file", "find", "free", "grep", "egrep", "fgrep", "head", "hostname", "id", "jq", "ln", "locale",
		"ls", "lscpu", "mkdir", "mktemp", "mv", "nproc", "paste", "pgrep", "printf", "ps", "readlink", "realpath", "rev", "rm", "rmdir",
		"rsync", "sed", "seq", "sleep", "sort", "stat", "sudo", "tail", "tee", "time", "touch", "tr", "tree", "uname", "uniq",
		"uptime", "wc", "wget", "where", "whereis", "which", "whoami", "xmllint", "yq":
		return true // of every system
	case "base64", "gpg", "gunzip", "gzip", "md5sum", "openssl", "sha1sum", "sha256sum", "sha512sum", "shasum", "ssh-add",
		"ssh-keyscan", "tar", "unzip", "xz", "zip":
		return true // archives and keys
	case "amazon-linux-extras", "apk", "apt", "apt-cache", "apt-get", "apt-key", "brew", "conda", "corepack", "dnf", "dpkg", "ensurepip",
		"gem", "goenv", "n", "nodenv", "nvm", "pip", "pip2", "pip3", "pyenv", "rbenv", "rpm", "rustup", "snap", "update-alternatives",
		"venv", "virtualenv", "yum", "yum-config-manager":
		return true // what installs
	case "actionlint", "bandit", "black", "cfn-guard", "cfn-lint", "cfn_nag", "cfn_nag_scan", "checkov", "compileall", "detect-secrets",
		"eslint", "flake8", "gitleaks", "gofmt", "golangci-lint", "golint", "hadolint", "isort", "jshint", "json.tool", "mypy", "phpcs",
		"prettier", "py_compile", "pycodestyle", "pydocstyle", "pylint", "pyright", "rubocop", "ruff", "safety", "semgrep",
		"shellcheck", "shfmt", "snyk", "standard", "staticcheck", "stylelint", "tflint", "tfsec", "trivy", "tslint", "yamllint":
		return true // linters
	case "ava", "coverage", "cypress", "jasmine", "jest", "karma", "mocha", "nyc", "phpunit", "pytest", "rspec", "unittest", "vitest":
		return true // what runs tests
	case "g++", "gcc", "javac", "rustc", "tsc":
		return true // compilers
	case "aws", "eksctl", "git", "helm", "kubectl", "mrpackage":
		return true // what packages is read before
	}
	return false
}

// harmlessParts are the commands of a program that write no template, where others
// may; "" is the program alone.
func harmlessParts(program string) []string {
	switch program {
	case "bundle", "bundler":
		return []string{"check", "config", "install", ""}
	case "composer":
		return []string{"check", "config", "install", "require", "self-update", "update", "validate"}
	case "docker":
		return []string{"build", "image", "images", "info", "inspect", "login", "logout", "ps", "pull", "push", "rmi", "tag"}
	case "go":
		return []string{"build", "env", "fmt", "get", "install", "list", "mod", "test", "version", "vet"}
	case "npm", "yarn", "pnpm":
		return []string{
			"", "add", "audit", "bin", "cache", "ci", "config", "dedupe", "doctor", "fund", "help", "i", "info", "install", "list", "ls",
			"outdated", "ping", "prefix", "prune", "root", "set", "uninstall", "update", "version", "view", "whoami", "why",
		}
	case "pipenv", "poetry":
		return []string{"check", "config", "env", "install", "lock", "sync", "show"}
	case "sam":
		return []string{"delete", "list", "logs", "validate"}
	case "uv":
		return []string{"lock", "pip", "python", "sync", "tool", "venv"}
	}
	return nil
}
