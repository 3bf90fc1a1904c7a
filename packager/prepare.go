package packager

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/archive"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/s3store"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// payload makes an artifact ready to be sent. release gives its temporary file
// back.
func (r *run) payload(ctx context.Context, a *artifact) (load s3store.Payload, release func() error, err error) {
	if a.zip {
		began := time.Now()
		s, err := r.archiver.Archive(ctx, a.files)
		if err != nil {
			return s3store.Payload{}, nil, a.failed(err)
		}
		r.archived(a, s.Size, began)
		load = s3store.FilePayload(a.digest, s.Path, s.Size, s.SHA256[:], s.Pieces)
		release = s.Remove
	} else {
		// What is sent is a copy that was held against the digest: the file
		// may change before the last region has it.
		s, err := r.archiver.Copy(ctx, a.files[0])
		if err != nil {
			return s3store.Payload{}, nil, a.failed(err)
		}
		load = s3store.FilePayload(a.digest, s.Path, s.Size, s.SHA256[:], s.Pieces)
		release = s.Remove
	}
	if r.opts.ArchiveDir != "" {
		if err := r.keep(ctx, load.Path, a.name); err != nil {
			return s3store.Payload{}, nil, errors.Join(err, release())
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

// tempHint says what to do where there is no room for temporary files; "" where that is not
// why something failed.
func tempHint(err error) string {
	if errors.Is(err, syscall.ENOSPC) {
		return "the disk for temporary files is full: let " + tempVariable() + " name a folder on a larger one"
	}
	if _, err := os.Stat(os.TempDir()); err != nil {
		return "let " + tempVariable() + " name a folder that is there and can be written to"
	}
	return ""
}

// failed names the reference whose artifact could not be archived.
func (a *artifact) failed(err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	if errors.Is(err, syscall.ENOSPC) {
		return &problem.Error{Message: "writing an archive into " + os.TempDir() + ": " + syscall.ENOSPC.Error(), Err: err, Hint: tempHint(err)}
	}
	r := a.refs[0]
	e := r.Errorf("%q: %v", r.Local, err)
	e.Err = err
	return e
}

func plainPayload(a *artifact) s3store.Payload {
	f := a.files[0]
	return s3store.Payload{Digest: a.digest, Size: f.Size, SHA256: f.SHA256[:]}
}

func nestedPayload(o object) s3store.Payload {
	sum := sha256.Sum256(o.body)
	return s3store.Payload{Digest: hex.EncodeToString(sum[:]), Size: int64(len(o.body)), SHA256: sum[:], Body: o.body}
}

// keep puts a stored file into the folder for archives. A run that sends
// nothing needs it nowhere else.
func (r *run) keep(ctx context.Context, path, name string) error {
	if r.opts.DryRun && os.MkdirAll(r.opts.ArchiveDir, 0o777) == nil && os.Chmod(path, 0o644) == nil && //nolint:gosec // what is kept is for others to read
		os.Rename(path, filepath.Join(r.opts.ArchiveDir, name)) == nil {
		return nil
	}
	return archive.Keep(ctx, path, r.opts.ArchiveDir, name)
}
