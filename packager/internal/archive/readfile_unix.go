//go:build unix

package archive

import (
	"errors"
	"io/fs"
	"syscall"
)

// readFile reads a file into buf, which has room for a byte more than the file
// should have, and returns how much there was; a file that fills buf may go on.
// The os package asks the system for nine things more, in case that it is a pipe:
// for the small files of a package, half of the time.
func readFile(path string, buf []byte) (n int, err error) {
	var fd int
	err = uninterrupted(func() (err error) {
		// A pipe that took a file's place meanwhile must not hang us.
		fd, err = syscall.Open(path, syscall.O_RDONLY|syscall.O_CLOEXEC|syscall.O_NONBLOCK, 0)
		return err
	})
	if err != nil {
		return 0, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	defer syscall.Close(fd) // nothing was written
	for n < len(buf) {
		var m int
		err := uninterrupted(func() (err error) {
			m, err = syscall.Read(fd, buf[n:])
			return err
		})
		if err != nil {
			return n, &fs.PathError{Op: "read", Path: path, Err: err}
		}
		n += m
		if m <= 0 || n == len(buf)-1 { // the system was asked for the byte more, and gave none
			break
		}
	}
	return n, nil
}

// uninterrupted repeats what a signal has interrupted.
func uninterrupted(do func() error) error {
	for {
		if err := do(); !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}
