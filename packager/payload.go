package packager

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// A payload is what is to be stored under a key.
type payload struct {
	digest string
	size   int64 // -1 before an archive is made
	sum    []byte
	spool  *spool
	body   []byte // where there is no spool
}

// payload makes an artifact ready to be sent. release gives its temporary file
// back.
func (r *run) payload(ctx context.Context, a *artifact) (load payload, release func() error, err error) {
	if a.zip {
		began := time.Now()
		s, err := r.archiver.archive(ctx, a.files)
		if err != nil {
			return payload{}, nil, a.explain(err)
		}
		r.archived(a, s.size, began)
		load = payload{digest: a.digest, size: s.size, sum: s.sum[:], spool: s}
		release = s.remove
	} else {
		// What is sent is a copy that was held against the digest: the file
		// may change before the last region has it.
		load = plainPayload(a)
		if load.spool, err = r.archiver.copy(ctx, a.files[0]); err != nil {
			return payload{}, nil, a.explain(err)
		}
		release = load.spool.remove
	}
	if r.opts.ArchiveDir != "" {
		if err := r.keep(ctx, load.spool.path, a.name); err != nil {
			return payload{}, nil, errors.Join(err, release())
		}
	}
	return load, release, nil
}

func (r *run) archived(a *artifact, size int64, began time.Time) {
	now := time.Now()
	r.mu.Lock()
	r.result.Times.Archive.add(began, now)
	r.mu.Unlock()
	r.tell(Event{Kind: Archived, Object: Object{Key: a.name, Artifact: a.view, Size: size}, Took: now.Sub(began)})
}

// explain names the reference whose artifact could not be archived.
func (a *artifact) explain(err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	if errors.Is(err, syscall.ENOSPC) {
		return &problem.Error{Message: "writing an archive into " + os.TempDir() + ": " + syscall.ENOSPC.Error(), Err: err, Hint: "the disk for temporary files is full: let TMPDIR name a folder on a larger one"}
	}
	r := a.refs[0]
	e := r.Errorf("%q: %v", r.Local, err)
	e.Err = err
	return e
}

func plainPayload(a *artifact) payload {
	f := a.files[0]
	return payload{digest: a.digest, size: f.size, sum: f.sum[:]}
}

func nestedPayload(o object) payload {
	sum := sha256.Sum256(o.body)
	return payload{digest: hex.EncodeToString(sum[:]), size: int64(len(o.body)), sum: sum[:], body: o.body}
}

// keep puts a stored file into the folder for archives. A run that sends
// nothing needs it nowhere else.
func (r *run) keep(ctx context.Context, path, name string) error {
	if r.opts.DryRun && os.MkdirAll(r.opts.ArchiveDir, 0o777) == nil && os.Chmod(path, 0o644) == nil && //nolint:gosec // what is kept is for others to read
		os.Rename(path, filepath.Join(r.opts.ArchiveDir, name)) == nil {
		return nil
	}
	return keep(ctx, path, r.opts.ArchiveDir, name)
}

// keep copies a stored file into a folder, whole or not at all.
func keep(ctx context.Context, path, dir, name string) (err error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return fmt.Errorf("making the folder for archives: %w", err)
	}
	in, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("opening %s: %w", path, err)
	}
	defer in.Close() // nothing was written
	out, err := os.CreateTemp(dir, tempName)
	if err != nil {
		return fmt.Errorf("writing into %s: %w", dir, err)
	}
	_, err = io.Copy(out, contextReader{ctx, in})
	err = errors.Join(err, out.Chmod(0o644), out.Close())
	if err == nil {
		err = os.Rename(out.Name(), filepath.Join(dir, name))
	}
	if err != nil {
		return fmt.Errorf("writing %s into %s: %w", name, dir, errors.Join(err, os.Remove(out.Name())))
	}
	return nil
}
