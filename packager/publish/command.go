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
	printed, said := &bounded{most: maxOutput}, &program.Tail{}
	started := exec.CommandContext(ctx, c.args[0], c.args[1:]...) //nolint:gosec // the user's assembly says what to run
	started.Dir, started.Stdout, started.Stderr = c.dir, printed, said
	if len(c.env) > 0 {
		started.Env = append(os.Environ(), c.env...)
	}
	err := program.Run(ctx, started, patience)
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
