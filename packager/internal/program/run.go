// Package program runs other programs: image engines, and the commands that make what CDK's
// assemblies name. What it runs ends with the run.
package program

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"time"
)

// Run runs a program that was made with ctx. When ctx ends, the program is interrupted, so that
// it can tidy up, and killed where it does not end within patience: with what it has started, so that
// nothing goes on after the run. Windows knows no interrupts of other programs: it is killed there.
//
// A program that ends well has ended, whatever it leaves behind: a daemon that keeps its output
// open is waited for as long as patience, and counts for nothing.
func Run(ctx context.Context, program *exec.Cmd, patience time.Duration) error {
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
	if errors.Is(err, exec.ErrWaitDelay) {
		err = ctx.Err()
	}
	return err
}
