package publish

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/symphoniacloud/multi-region-codepipeline/packager"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

const (
	// patience is how long a command may take to end when it is asked to.
	patience = 6 * time.Second
	// maxOutput is how much of what a command prints is taken for a path, or a name.
	maxOutput = 64 << 10
)

// A command is a program that is run, without a shell.
type command struct {
	args          []string
	shown         []string // in the place of args, where these hold what nobody should see
	dir           string   // "" means the working directory
	env           []string // besides the process's own
	silent        bool     // nobody is told of it
	maySayNothing bool     // what it prints does not matter
}

// run runs the command, and returns what it has printed on its standard output, without white
// space around it. When ctx ends, the program is interrupted, and killed where it does not end.
func (c command) run(ctx context.Context, tell func(packager.Event)) (string, error) {
	shown := c.args
	if c.shown != nil {
		shown = c.shown
	}
	if !c.silent {
		tell(packager.Event{Kind: packager.Running, Command: shown})
	}
	line := strings.Join(shown, " ")
	printed, said := &bounded{most: maxOutput}, &tail{}
	program := exec.CommandContext(ctx, c.args[0], c.args[1:]...) //nolint:gosec // the user's assembly says what to run
	program.Dir, program.Stdout, program.Stderr = c.dir, printed, said
	if len(c.env) > 0 {
		program.Env = append(os.Environ(), c.env...)
	}
	err := runStoppably(ctx, program)
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case errors.Is(err, exec.ErrNotFound), errors.Is(err, exec.ErrDot):
		return "", fmt.Errorf("%s: there is no program %s on the PATH", line, c.args[0])
	case err != nil && said.String() != "":
		return "", fmt.Errorf("%s: %w: %s", line, err, said)
	case err != nil:
		return "", fmt.Errorf("%s: %w", line, err)
	case c.maySayNothing:
		return "", nil
	case printed.full:
		return "", fmt.Errorf("%s: it prints more than %d bytes, and should print one path or name", line, maxOutput)
	}
	text := strings.TrimSpace(printed.String())
	if text == "" {
		return "", fmt.Errorf("%s: it prints nothing, and should print one path or name", line)
	}
	return text, nil
}

// runStoppably runs a program. When ctx ends, the program is interrupted, and killed where it
// does not end then: with what it has started, so that no build goes on after the run.
func runStoppably(ctx context.Context, program *exec.Cmd) error {
	grouped := group(program)
	program.WaitDelay = patience
	program.Cancel = func() error {
		if grouped {
			return signal(program, os.Interrupt)
		}
		if err := program.Process.Signal(os.Interrupt); err != nil {
			return program.Process.Kill()
		}
		return nil
	}
	err := program.Run()
	if grouped && program.Process != nil && ctx.Err() != nil {
		_ = signal(program, os.Kill) // those that are left, if any
	}
	return err
}

// A bounded buffer takes in no more than most bytes.
type bounded struct {
	bytes.Buffer
	most int
	full bool
}

// Write never fails: the program shall go on.
func (b *bounded) Write(p []byte) (int, error) {
	if b.full = b.full || b.Len()+len(p) > b.most; !b.full {
		_, _ = b.Buffer.Write(p)
	}
	return len(p), nil
}

// A tail is the end of what a program said.
type tail struct{ text []byte }

func (t *tail) Write(p []byte) (int, error) {
	const most = 2000
	t.text = append(t.text, p...)
	if len(t.text) > most {
		t.text = append(t.text[:0], t.text[len(t.text)-most:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	var lines []string
	for line := range bytes.Lines(t.text) {
		if text := strings.TrimSpace(problem.OneLine(strings.TrimSpace(string(line)))); text != "" {
			lines = append(lines, text)
		}
	}
	return strings.Join(lines, "; ")
}
