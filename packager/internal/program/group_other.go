//go:build !unix

package program

import (
	"os"
	"os/exec"
)

// group is of Unix.
func group(*exec.Cmd) (grouped bool) { return false }

// signal is of groups.
func signal(program *exec.Cmd, s os.Signal) error { return program.Process.Signal(s) }
