package image

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
)

// A piece is a file in an archive or a folder. It can be opened often, and concurrently.
type piece struct {
	size int64
	open func() (io.ReadCloser, error)
}

// section is a piece of a file, whose place another piece cannot move.
func section(f io.ReaderAt, at, size int64) piece {
	return piece{size, func() (io.ReadCloser, error) { return io.NopCloser(io.NewSectionReader(f, at, size)), nil }}
}

// onDisk is a whole file.
func onDisk(path string, size int64) piece {
	return piece{size, func() (io.ReadCloser, error) { return os.Open(path) }}
}

// inMemory opens what is so small that it is held.
func inMemory(content []byte) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil }
}

// blob is the piece as it is sent.
func (p piece) blob(digest, mediaType string) Blob {
	return Blob{digest, mediaType, p.size, func() (io.ReadCloser, error) {
		r, err := p.open()
		if err != nil {
			return nil, err
		}
		return &checked{ReadCloser: r, sum: sha256.New(), digest: digest, left: p.size}, nil
	}}
}

// A checked reader ends with an error, and not with io.EOF, after anything but what it
// should have read.
type checked struct {
	io.ReadCloser
	sum    hash.Hash
	digest string
	left   int64
	err    error
}

func (c *checked) Read(p []byte) (int, error) {
	if c.err != nil {
		return 0, c.err
	}
	n, err := c.ReadCloser.Read(p)
	_, _ = c.sum.Write(p[:n]) // it never fails
	c.left -= int64(n)
	if c.left < 0 || errors.Is(err, io.EOF) && hexDigest(c.sum) != c.digest {
		n, err = 0, fmt.Errorf("%s is not what it was when it was first read: has its file been changed?", c.digest)
	}
	c.err = err
	return n, err
}

// A contextReader ends a long read when the context ends.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

// A boundedWriter refuses what is more than it has left.
type boundedWriter struct {
	w    io.Writer
	left int64
	err  error // what it then says
}

func (b *boundedWriter) Write(p []byte) (int, error) {
	if b.left -= int64(len(p)); b.left < 0 {
		return 0, b.err
	}
	return b.w.Write(p)
}
