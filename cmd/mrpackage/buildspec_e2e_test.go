//go:build e2e

package main_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// A buildspec is what our own use of CodeBuild's version 0.2. To read one that has more is an error: the runner would
// leave it out without a word.
type buildspec struct {
	Version string `yaml:"version"`
	Env     struct {
		Variables map[string]string `yaml:"variables"`
	} `yaml:"env"`
	Phases struct {
		Install   phase `yaml:"install"`
		PreBuild  phase `yaml:"pre_build"`
		Build     phase `yaml:"build"`
		PostBuild phase `yaml:"post_build"`
	} `yaml:"phases"`
	Artifacts artifacts `yaml:"artifacts"`
}

type phase struct {
	Commands []string `yaml:"commands"`
	Finally  []string `yaml:"finally"`
}

type artifacts struct {
	Type          string   `yaml:"type"`
	Files         []string `yaml:"files"`
	BaseDirectory string   `yaml:"base-directory"`
	DiscardPaths  string   `yaml:"discard-paths"` // yes is a boolean to CodeBuild, and may be text to our reader
}

func readBuildspec(t *testing.T, file string) buildspec {
	t.Helper()
	var spec buildspec
	if err := yaml.UnmarshalWithOptions([]byte(readFile(t, file)), &spec, yaml.Strict()); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	if spec.Version != "0.2" {
		t.Fatalf("%s has version %q, and each command a shell of its own", file, spec.Version)
	}
	if spec.Artifacts.Type != "" && spec.Artifacts.Type != "zip" {
		t.Fatalf("%s: there is no artifact type %q", file, spec.Artifacts.Type)
	}
	return spec
}

// A build is what came of a buildspec; its exit is 0 or 1.
type build struct {
	result
	failed   string            // the first phase that failed, or artifacts
	artifact map[string]string // path → content; nil unless the build succeeded
}

// runBuildspec does what CodeBuild does with a buildspec: all commands of all phases run in one shell, so that what one
// exports the next ones see. The environment comes before the buildspec's own variables.
func runBuildspec(t *testing.T, spec buildspec, shell, dir string, environment []string) build {
	t.Helper()
	var variables []string
	for name, value := range spec.Env.Variables {
		variables = append(variables, name+"="+value)
	}
	s := startShell(t, shell, dir, append(variables, environment...))

	var b build
	run := func(name string, p phase) bool {
		// The first command that fails is the last one of its list.
		failing := func(command string) bool { return !s.run(t, command) }
		failed := slices.ContainsFunc(p.Commands, failing)
		failed = slices.ContainsFunc(p.Finally, failing) || failed
		if failed && b.failed == "" {
			b.failed = name
		}
		return !failed
	}
	if run("install", spec.Phases.Install) && run("pre_build", spec.Phases.PreBuild) {
		run("build", spec.Phases.Build)
		run("post_build", spec.Phases.PostBuild) // also after a build that failed
	}
	s.end()
	b.stdout, b.stderr = s.stdout.String(), s.stderr.String()
	if b.failed == "" {
		var err error
		if b.artifact, err = spec.Artifacts.collect(dir); err != nil {
			b.failed = "artifacts"
			b.stderr += err.Error() + "\n"
		}
	}
	if b.failed != "" {
		b.exit = 1
	}
	return b
}

// A commandShell reads commands as they come, and says of each how it ended.
type commandShell struct {
	cmd            *exec.Cmd
	stdin          io.WriteCloser
	status         *bufio.Reader
	stdout, stderr bytes.Buffer
	commands       string // a folder
	count          int
}

func startShell(t *testing.T, shell, dir string, environment []string) *commandShell {
	t.Helper()
	s := &commandShell{cmd: exec.CommandContext(t.Context(), shell), commands: t.TempDir()}
	s.cmd.Dir, s.cmd.Env = dir, environment
	s.cmd.Stdout, s.cmd.Stderr = &s.stdout, &s.stderr
	status, writer, err := os.Pipe()
	check(t, err)
	t.Cleanup(func() { _ = status.Close() })
	s.status = bufio.NewReader(status)
	s.cmd.ExtraFiles = []*os.File{writer} // 3 to the shell
	s.stdin, err = s.cmd.StdinPipe()
	check(t, err)
	check(t, s.cmd.Start())
	check(t, writer.Close())
	return s
}

// run reports whether a command succeeded. It stands in a file, which the shell reads for itself: so it may have many
// lines, it cannot read the commands that follow, and it is no part of a condition, which would turn off its set -e.
func (s *commandShell) run(t *testing.T, command string) bool {
	t.Helper()
	s.count++
	file := filepath.Join(s.commands, fmt.Sprint(s.count))
	writeFile(t, file, command+"\n")
	_, _ = fmt.Fprintf(s.stdin, ". '%s' </dev/null 3>&-\necho $? >&3\n", file) // a shell that has ended tells no status
	status, _ := s.status.ReadString('\n')
	return status == "0\n"
}

func (s *commandShell) end() {
	_ = s.stdin.Close()
	_ = s.cmd.Wait() // it ends as its last command did, which is known
}

// collect reads the files that the patterns match.
func (a artifacts) collect(dir string) (map[string]string, error) {
	dir = filepath.Join(dir, a.BaseDirectory)
	collected := map[string]string{}
	sources := map[string]string{}
	for _, pattern := range a.Files {
		matches := wildcards(pattern)
		matched := false
		err := fs.WalkDir(os.DirFS(dir), ".", func(file string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !matches.MatchString(file) {
				return err
			}
			matched = true
			name := file
			if discard := strings.ToLower(a.DiscardPaths); discard == "yes" || discard == "true" {
				name = path.Base(file)
			}
			if other, ok := sources[name]; ok && other != file {
				return fmt.Errorf("%s and %s are both %s in the artifact", other, file, name)
			}
			sources[name] = file
			content, err := os.ReadFile(filepath.Join(dir, file))
			collected[name] = string(content)
			return err
		})
		if err != nil {
			return nil, err
		}
		if !matched {
			return nil, fmt.Errorf("no matching artifact paths found: %s", pattern)
		}
	}
	return collected, nil
}

// wildcards is a pattern in which * stands for a part of a name, and **/ for any number of folders.
func wildcards(pattern string) *regexp.Regexp {
	expression := strings.NewReplacer(`\*\*/`, `(.*/)?`, `\*`, `[^/]*`).Replace(regexp.QuoteMeta(path.Clean(pattern)))
	return regexp.MustCompile(`\A` + expression + `\z`)
}

// The runner itself: a test of the pipeline is worth no more than it.
func TestE2EBuildspec(t *testing.T) {
	const success = `
version: 0.2
env: {variables: {WHO: the buildspec, WHAT: the buildspec}}
phases:
  install:
    commands: [cd sub, export SEEN=exported]
  build:
    commands: ["echo $SEEN $WHO $WHAT > out/a.txt", cat]
  post_build:
    commands: [echo b > out/deep/b.txt]
`
	tests := []struct {
		name, spec, failed, stderr string
		artifact                   map[string]string
	}{
		{"one shell", success + `artifacts: {base-directory: sub, files: ["**/*"]}`, "", "",
			map[string]string{"out/a.txt": "exported the project the buildspec\n", "out/deep/b.txt": "b\n"}},
		{"discarded paths", success + `artifacts: {discard-paths: yes, files: ["sub/out/*", "sub/**/b.txt"]}`, "", "",
			map[string]string{"a.txt": "exported the project the buildspec\n", "b.txt": "b\n"}},
		{"one name twice", `{version: 0.2, phases: {build: {commands: [touch sub/x sub/out/x]}},
			artifacts: {discard-paths: yes, files: ["**/*"]}}`, "artifacts", "are both x", nil},
		{"nothing matches", success + `artifacts: {files: ["sub/out/a.txt", "out/*"]}`, "artifacts", "out/\\*", nil},
		{"install fails", `{version: 0.2, phases: {install: {commands: [echo one >&2, "(set -e; false; true)", echo two >&2],
			finally: [echo three >&2]}, build: {commands: [echo four >&2]}, post_build: {commands: [echo five >&2]}}}`,
			"install", `\Aone\nthree\n\z`, nil},
		{"build fails", `{version: 0.2, phases: {build: {commands: ["false", echo one >&2], finally: [echo two >&2]},
			post_build: {commands: [echo three >&2]}}, artifacts: {files: ["**/*"]}}`, "build", `\Atwo\nthree\n\z`, nil},
		{"finally fails", `{version: 0.2, phases: {pre_build: {finally: ["false"]}, build: {commands: [echo one >&2]}}}`,
			"pre_build", `\A\z`, nil},
		{"no status of its own", `{version: 0.2, phases: {build: {commands: ["echo 0 >&3; false"]}}}`, "build", "", nil},
		{"the shell ends", `{version: 0.2, phases: {install: {commands: [exit 0]}}}`, "install", "", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			check(t, os.MkdirAll(filepath.Join(dir, "sub", "out", "deep"), 0o755))
			writeFile(t, filepath.Join(dir, "buildspec.yaml"), tt.spec)
			spec := readBuildspec(t, filepath.Join(dir, "buildspec.yaml"))
			check(t, os.Remove(filepath.Join(dir, "buildspec.yaml")))
			b := runBuildspec(t, spec, "bash", dir, []string{"PATH=" + os.Getenv("PATH"), "WHO=the project"})
			if b.failed != tt.failed || !regexp.MustCompile(tt.stderr).MatchString(b.stderr) {
				t.Errorf("failed in %q, want %q; stderr:\n%s", b.failed, tt.failed, b.stderr)
			}
			if fmt.Sprint(b.artifact) != fmt.Sprint(tt.artifact) {
				t.Errorf("the artifact holds %q, want %q", b.artifact, tt.artifact)
			}
		})
	}
}
