//go:build !unix

package archive

import (
	"errors"
	"io"
	"os"
)

// readFile reads a file into buf, and returns how much there was; a file that
// fills buf may go on.
func readFile(path string, buf []byte) (n int, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close() // nothing was written
	n, err = io.ReadFull(f, buf)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	return n, err
}
