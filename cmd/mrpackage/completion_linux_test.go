package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// What a user types, with a tab for the key, and what stands in the line then.
func completedLines() map[string]string {
	return map[string]string{
		"mrpackage che\t":                                           "mrpackage check",
		"mrpackage completion ba\t":                                 "mrpackage completion bash",
		"mrpackage --jo\t8 --copy al\t":                             "mrpackage --jobs 8 --copy always",
		"mrpackage --copy=al\t":                                     "mrpackage --copy=always",
		"mrpackage --regions us-east-1,us-west-\t2\t":               "mrpackage --regions us-east-1,us-west-2",
		"mrpackage --regions=us-east-1,eu-n\t":                      "mrpackage --regions=us-east-1,eu-north-1",
		"mrpackage --sse aw\t":                                      "mrpackage --sse aws:kms",
		"mrpackage --sse=aws:k\t":                                   "mrpackage --sse=aws:kms",
		"mrpackage --property AWS::Lambda::Function=Code:la\t":      "mrpackage --property AWS::Lambda::Function=Code:lambda",
		"mrpackage --property AWS::Lambda::Function=Code:lambda:\t": "mrpackage --property AWS::Lambda::Function=Code:lambda:zip",
		"mrpackage --property=AWS::Lambda::Function=Code:la\t":      "mrpackage --property=AWS::Lambda::Function=Code:lambda",
		"mrpackage --s3-bucket us-gov-w\tx":                         "mrpackage --s3-bucket us-gov-west-1=x",
		"mrpackage --s3-bucket 'a-{region}' --copy al\t":            "mrpackage --s3-bucket 'a-{region}' --copy always",
		"mrpackage -t tem\t":                                        "mrpackage -t template.yaml", // and not temporary.txt
		"mrpackage --template-file=tem\t":                           "mrpackage --template-file=template.yaml",
		"mrpackage --archive-dir arch\t":                            "mrpackage --archive-dir archives/", // and not archive.zip
		"mrpackage --report only\t":                                 "mrpackage --report only.html",
		"mrpackage --report=only\t":                                 "mrpackage --report=only.html",
		"mrpackage verify templ\t":                                  "mrpackage verify template.yaml",
		"mrpackage verify us-east-1=templ\t":                        "mrpackage verify us-east-1=template.yaml",
		"mrpackage diff template.yaml templ\t":                      "mrpackage diff template.yaml template.yaml",
		"mrpackage verify --expected-bucket-owner us-east-\t2\t":    "mrpackage verify --expected-bucket-owner us-east-2=",
		"mrpackage --s3-prefix only\t":                              "mrpackage --s3-prefix only",
		"mrpackage --s3-prefix \"$(touch evaluated)\" --copy al\t":  "mrpackage --s3-prefix \"$(touch evaluated)\" --copy always",
		"mrpackage --exclude 'x;touch evaluated' --exc\t'y' --us\t": "mrpackage --exclude 'x;touch evaluated' --exclude 'y' --use-json",
	}
}

// completionFolder is a folder with files to complete.
func completionFolder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"template.yaml", "temporary.txt", "archive.zip", "archives/x", "only.html"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// A person at a terminal completes lines in bash and zsh.
func TestCompletionAtTerminal(t *testing.T) {
	for shell, start := range map[string]struct {
		args []string
		init string // with Ctrl-O the line goes into a file
	}{
		"bash": {[]string{"--noprofile", "--norc", "-i"}, `bind -x '"\C-o": printf "%s\n" "$READLINE_LINE" >line'; source <(mrpackage completion bash)`},
		"zsh":  {[]string{"-f", "-i"}, `bindkey -e; tell() { print -r -- "$BUFFER" >line }; zle -N tell; bindkey '^o' tell; autoload -U compinit; compinit -u -D; source <(mrpackage completion zsh)`},
	} {
		t.Run(shell, func(t *testing.T) {
			if _, err := exec.LookPath(shell); err != nil {
				t.Skip("there is no ", shell)
			}
			s := newShell(t, shell, start.args...)
			s.typed(start.init + "; echo ready >line\n")
			s.line()
			for typed, want := range completedLines() {
				s.typed(typed + "\x0f")
				if got := s.line(); strings.TrimSpace(got) != want {
					t.Errorf("%q completes to %q, want %q", typed, got, want)
				}
				s.typed("\x05\x15") // to the end, and clear
			}
			if _, err := os.Stat(filepath.Join(s.dir, "evaluated")); err == nil {
				t.Error("what was typed was evaluated")
			}
		})
	}
}

// A terminalShell is a shell at a terminal, in a folder.
type terminalShell struct {
	t        *testing.T
	dir      string
	terminal *terminal
}

func newShell(t *testing.T, shell string, args ...string) *terminalShell {
	t.Helper()
	s := &terminalShell{t: t, dir: completionFolder(t), terminal: newTerminal(t, 200, 50, func(*terminal) {})}
	cmd := exec.Command(shell, args...)
	cmd.Dir = s.dir
	cmd.Stdin, cmd.Stdout, cmd.Stderr = s.terminal.program, s.terminal.program, s.terminal.program
	cmd.Env = append(os.Environ(), "TERM=xterm", "HISTFILE=", "HOME="+s.dir, "INPUTRC="+os.DevNull)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // which says that it was killed
		if shown := s.terminal.close(); t.Failed() {
			t.Logf("the terminal showed:\n%s", shown)
		}
	})
	return s
}

// typed types keys.
func (s *terminalShell) typed(keys string) {
	s.t.Helper()
	if _, err := s.terminal.window.WriteString(keys); err != nil {
		s.t.Fatal(err)
	}
}

// line waits for the line that the shell has put into the file.
func (s *terminalShell) line() string {
	s.t.Helper()
	path := filepath.Join(s.dir, "line")
	for begun := time.Now(); time.Since(begun) < time.Minute; time.Sleep(5 * time.Millisecond) {
		if text, err := os.ReadFile(path); err == nil && strings.HasSuffix(string(text), "\n") {
			if err := os.Remove(path); err != nil {
				s.t.Fatal(err)
			}
			return strings.TrimSuffix(string(text), "\n")
		}
	}
	s.t.Fatal("the shell does not tell its line")
	return ""
}

// fish tells by itself what it would complete.
func TestCompletionInFish(t *testing.T) {
	if _, err := exec.LookPath("fish"); err != nil {
		t.Skip("there is no fish")
	}
	dir := completionFolder(t)
	for typed, want := range completedLines() {
		line, _, _ := strings.Cut(typed, "\t")
		if strings.Count(typed, "\t") != 1 {
			continue // one after the other
		}
		cmd := exec.Command("fish", "--no-config", "--command", `mrpackage completion fish | source; complete -C "$argv[1]"`, line)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "HOME="+dir)
		said, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("%q: %v: %s", line, err, said)
		}
		// The first is the shortest; what was typed behind the tab comes after it.
		words := strings.Fields(want)
		offered := false
		for answer := range strings.Lines(string(said)) {
			value, _, _ := strings.Cut(strings.TrimSuffix(answer, "\n"), "\t")
			offered = offered || strings.HasPrefix(words[len(words)-1], value) && value != ""
		}
		if nothing := strings.TrimSpace(line) == want; offered == nothing {
			t.Errorf("%q: fish offers %q, want %q", line, said, want)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "evaluated")); err == nil {
		t.Error("what was typed was evaluated")
	}
}
