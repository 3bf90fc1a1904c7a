package image

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
	"unicode"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/program"
)

func (r *reader) engine() string {
	if r.Engine == "" {
		return "docker"
	}
	return r.Engine
}

// save has the engine write the image into a temporary file. The engine's program is
// started without a shell.
func (r *reader) save(ctx context.Context) (string, error) {
	// What begins with - would be an option of the engine's.
	if strings.HasPrefix(r.Name, "-") || strings.ContainsFunc(r.Name, func(c rune) bool { return unicode.IsSpace(c) || !unicode.IsPrint(c) }) || r.Name == "" {
		return "", fmt.Errorf("%q is not the name of an image", r.Name)
	}
	args := append([]string{"image", "save"}, r.platformOption()...)
	args = append(args, r.Name)
	line := r.engine() + " " + strings.Join(args, " ")
	out, err := r.temp.create()
	if err != nil {
		return "", fmt.Errorf("%s: %w", line, err)
	}
	r.spools = append(r.spools, out.Name())
	bounded := r.boundArchive(out)
	said := &program.Tail{}
	command := exec.CommandContext(ctx, r.engine(), args...) //nolint:gosec // which engine to start is the caller's to say
	command.Stdout, command.Stderr = bounded, said
	err = program.Run(ctx, command, time.Second)
	switch {
	case errors.Is(err, exec.ErrNotFound) || errors.Is(err, exec.ErrDot):
		err = fmt.Errorf("%s is a local image's name, and to read it, %s must be on the PATH: install it, or name another engine (podman, finch, nerdctl), or name a file", r.Name, r.engine())
	case bounded.left < 0:
		err = bounded.err
	case err != nil && said.String() != "":
		err = fmt.Errorf("%s: %s", line, said)
	case err != nil:
		err = fmt.Errorf("%s: %w", line, err)
	}
	return out.Name(), errors.Join(err, out.Close())
}

// platformOption is for engines that save one platform, and not all that they have: the
// machine's own, unless told otherwise.
func (r *reader) platformOption() []string {
	switch strings.TrimSuffix(filepath.Base(r.engine()), ".exe") {
	case "nerdctl", "finch":
		if len(r.Architectures) == 1 {
			return []string{"--platform=" + r.wanted()}
		}
	}
	return nil
}
