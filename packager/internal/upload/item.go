package upload

import (
	"context"
	"errors"
	"os"
	"syscall"
	"time"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/archive"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/s3store"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// An Item is one thing to store: the same bytes wherever it goes.
type Item struct {
	// Payload is what a look expects of it: before an archive is made, its digest alone, and
	// a size of -1. Where there is no Make, it is all of the item, with its Body.
	Payload s3store.Payload
	// Make makes the file that is stored, once, and not before a store wants it or it is to
	// be kept. Its error says what it was made of. Nil means that the bytes are in memory:
	// then they are few, and each store gets them from here.
	Make func(ctx context.Context, by *archive.Archiver) (*archive.Spool, error)
	// Size is how many bytes of files it is made of.
	Size int64
	// IsArchive tells that Make archives: the run tells of it, and its time counts.
	IsArchive bool
	// Keep, if not nil, is given the file that was made, before that is sent, and may move it
	// where there are no stores. Then the item is made even if no store wants it.
	Keep func(ctx context.Context, path string) error
}

// made makes an item ready to be sent. remove gives its temporary file back.
func (r *run) made(ctx context.Context, i int) (load s3store.Payload, remove func() error, err error) {
	item, began := &r.Items[i], time.Now()
	s, err := item.Make(ctx, r.archiver)
	if errors.Is(err, syscall.ENOSPC) {
		err = &problem.Error{Message: "writing an archive into " + os.TempDir() + ": " + syscall.ENOSPC.Error(), Err: err, Hint: TempHint(err)}
	}
	if err != nil {
		return s3store.Payload{}, nil, err
	}
	if item.IsArchive {
		r.archived(i, s.Size, began)
	}
	if item.Keep != nil {
		if err := item.Keep(ctx, s.Path); err != nil {
			return s3store.Payload{}, nil, errors.Join(err, s.Remove())
		}
	}
	return item.Payload.InFile(s.Path, s.Size, s.SHA256[:], s.Pieces), s.Remove, nil
}

func (r *run) archived(item int, size int64, began time.Time) {
	now := time.Now()
	r.mu.Lock()
	r.result.Times.Archive.Add(began, now)
	r.mu.Unlock()
	r.tell(Event{Kind: Archived, Item: item, Bytes: size, Took: now.Sub(began)})
}
