package publish

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/symphoniacloud/multi-region-codepipeline/packager"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/program"
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
	printed, said := &output{endless: c.maySayNothing}, &program.Tail{}
	started := exec.CommandContext(ctx, c.args[0], c.args[1:]...) //nolint:gosec // the user's assembly says what to run
	started.Dir, started.Stdout, started.Stderr = c.dir, printed, said
	if len(c.env) > 0 {
		started.Env = append(os.Environ(), c.env...)
	}
	err := program.Run(ctx, started, patience)
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case printed.full && !c.maySayNothing:
		return "", fmt.Errorf("%s: it prints more than %d bytes, and should print one path or name", line, maxOutput)
	case errors.Is(err, exec.ErrNotFound), errors.Is(err, exec.ErrDot):
		return "", fmt.Errorf("%s: there is no program %s on the PATH", line, c.args[0])
	case err != nil && said.String() != "":
		return "", fmt.Errorf("%s: %w: %s", line, err, said)
	case err != nil:
		return "", fmt.Errorf("%s: %w", line, err)
	case c.maySayNothing:
		return "", nil
	}
	text := strings.TrimSpace(string(printed.text))
	if text == "" {
		return "", fmt.Errorf("%s: it prints nothing, and should print one path or name", line)
	}
	return text, nil
}

// An output is what a command prints, as far as that may be a path or a name. What prints more
// is cut off, which ends it, unless what it prints does not matter. It has no other method: of
// one that reads by itself, the bound would be passed by.
type output struct {
	text    []byte
	full    bool
	endless bool // it does not matter
}

// Write takes in what the command prints.
func (o *output) Write(p []byte) (int, error) {
	o.full = o.full || len(o.text)+len(p) > maxOutput
	switch {
	case !o.full:
		o.text = append(o.text, p...)
	case !o.endless:
		return 0, errors.New("it prints too much")
	}
	return len(p), nil
}
