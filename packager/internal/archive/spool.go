package archive

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// A Spool is an archive, or another stored file, on disk and ready to be sent.
type Spool struct {
	Path   string
	Size   int64
	SHA256 [sha256.Size]byte // SHA-256 of the stored bytes
	Pieces [][]byte          // and of their pieces, see NewArchiver
	Packed []int64           // of an archive: the bytes in it of each file, in order
}

// Copy makes a temporary copy of a file that is stored as it is.
func (a *Archiver) Copy(ctx context.Context, f *File) (*Spool, error) {
	in, err := os.Open(f.Path)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %s", f.Path, problem.Cause(err))
	}
	defer in.Close() // nothing was written
	out, err := os.CreateTemp(a.dir, "copy")
	if err != nil {
		return nil, fmt.Errorf("making a temporary file: %w", err)
	}
	sum := newSums(a.piece)
	_, err = io.Copy(io.MultiWriter(out, sum), contextReader{ctx, in})
	if err = errors.Join(err, out.Close()); err != nil {
		return nil, fmt.Errorf("copying %s: %w", f.Path, err)
	}
	s := sum.spool(out.Name(), f.Size)
	if s.SHA256 != f.SHA256 {
		return nil, f.changed()
	}
	return s, nil
}

// Remove removes the file, unless it was moved.
func (s *Spool) Remove() error {
	if err := os.Remove(s.Path); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// Keep copies a stored file into a folder, whole or not at all.
func Keep(ctx context.Context, path, dir, name string) (err error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return fmt.Errorf("making the folder for archives: %w", err)
	}
	in, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("opening %s: %s", path, problem.Cause(err))
	}
	defer in.Close() // nothing was written
	out, err := os.CreateTemp(dir, TempName)
	if err != nil {
		return fmt.Errorf("writing into %s: %w", dir, err)
	}
	_, err = io.Copy(out, contextReader{ctx, in})
	err = errors.Join(err, out.Chmod(0o644), out.Close())
	if err == nil {
		err = Rename(out.Name(), filepath.Join(dir, name))
	}
	if err != nil {
		return fmt.Errorf("writing %s into %s: %w", name, dir, errors.Join(err, os.Remove(out.Name())))
	}
	return nil
}
