package packager

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// A spool is an archive, or another stored file, on disk and ready to be sent.
type spool struct {
	path string
	size int64
	sum  [sha256.Size]byte // SHA-256 of the stored bytes
	// parts has the SHA-256 of each part of a multipart upload, which is computed
	// when it is first asked for: once, however many stores get the part.
	parts []func() ([]byte, error)
}

func newSpool(path string, size int64, sum [sha256.Size]byte) *spool {
	s := &spool{path: path, size: size, sum: sum}
	for at := int64(0); at < size && size > partSize; at += partSize {
		s.parts = append(s.parts, sync.OnceValues(func() ([]byte, error) { return sumOfPart(path, at) }))
	}
	return s
}

// sumOfPart is the SHA-256 of a file's bytes from one place to the end of a part.
func sumOfPart(path string, at int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", path, err)
	}
	defer f.Close() // nothing was written
	sum := sha256.New()
	if _, err := io.Copy(sum, io.NewSectionReader(f, at, partSize)); err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return sum.Sum(nil), nil
}

// copy makes a temporary copy of a file that is stored as it is.
func (a *archiver) copy(ctx context.Context, f *file) (*spool, error) {
	in, err := os.Open(f.path)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %s", f.path, problem.Cause(err))
	}
	defer in.Close() // nothing was written
	out, err := os.CreateTemp(a.dir, "copy")
	if err != nil {
		return nil, fmt.Errorf("making a temporary file: %w", err)
	}
	sum := sha256.New()
	_, err = io.Copy(io.MultiWriter(out, sum), contextReader{ctx, in})
	if err = errors.Join(err, out.Close()); err != nil {
		return nil, fmt.Errorf("copying %s: %w", f.path, err)
	}
	if [sha256.Size]byte(sum.Sum(nil)) != f.sum {
		return nil, f.changed()
	}
	return newSpool(out.Name(), f.size, f.sum), nil
}

// remove removes the file, unless it was moved.
func (s *spool) remove() error {
	if err := os.Remove(s.path); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}
