//go:build unix

package program

import (
	"os"
	"os/exec"
	"syscall"
)

// group puts a program into a process group of its own, so that what it has started ends with
// it. Where there is a terminal, that would keep the program from asking there, and its Ctrl-C
// reaches all of them anyway.
func group(program *exec.Cmd) (grouped bool) {
	if terminal, err := os.Open("/dev/tty"); err == nil {
		_ = terminal.Close()
		return false
	}
	program.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return true
}

// signal sends a signal to all processes of a program's group.
func signal(program *exec.Cmd, s os.Signal) error {
	number, ok := s.(syscall.Signal)
	if !ok {
		return os.ErrInvalid
	}
	return syscall.Kill(-program.Process.Pid, number)
}
