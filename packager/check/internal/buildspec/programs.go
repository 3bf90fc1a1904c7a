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
		default:
			return words
		}
		words = words[1:]
	}
	return words
}

// isHarmless tells whether a call writes no template but one that its words name:
// what a shell, installers and the tools beside them do.
func isHarmless(c shell.Call) bool {
	first := func(words ...string) bool { return len(c.Words) > 1 && c.Words[1].Is(words...) }
	switch c.Program().String() {
	case "[", "[[", ":", ".", "alias", "apk", "apt", "apt-get", "aws", "brew", "cat", "cd", "chmod", "chown", "command", "cp", "curl",
		"date", "df", "dirname", "dnf", "du", "echo", "env", "exit", "false", "file", "find", "git",
		"grep", "head", "hostname", "id", "jq", "ls", "md5sum", "mkdir", "mktemp", "mrpackage", "mv", "nvm",
		"openssl", "pip", "pip3", "popd", "printenv", "printf", "pushd", "pwd", "return", "rm", "rmdir", "sed", "set",
		"sha256sum", "shasum", "shellcheck", "sleep", "sort", "source", "sudo", "tail", "tar", "tee", "test", "time", "touch",
		"tr", "trap", "true", "type", "ulimit", "umask", "uname", "uniq", "unset", "unzip", "wait", "wc", "wget", "which",
		"whoami", "yum", "zip":
		return true
	case "npm", "yarn", "pnpm":
		return len(c.Words) == 1 || first("i", "ci", "install", "audit", "config", "prune", "cache", "version")
	case "go":
		return first("build", "env", "install", "mod", "test", "version", "vet")
	case "python", "python3":
		return first("-m") && len(c.Words) > 2 && c.Words[2].Is("pip", "venv")
	}
	return false
}

// fetches tells whether a call brings in files whose names are not its words.
func fetches(c shell.Call) bool {
	switch c.Program().String() {
	case "unzip":
		return true
	case "git":
		return len(c.Words) > 1 && c.Words[1].Is("clone", "submodule", "pull", "checkout")
	case "tar":
		return !slices.ContainsFunc(c.Words, func(w shell.Text) bool {
			return w.Is("-C") || strings.HasPrefix(w.String(), "--directory")
		})
	case "aws":
		return c.Has("s3") || c.Has("s3api")
	}
	return false
}
