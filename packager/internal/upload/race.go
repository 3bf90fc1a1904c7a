package upload

import (
	"context"
	"sync"
	"time"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/s3store"
)

// pace is how often a race sees at most whether the link is free: answers come earlier than
// is thought, and later.
const pace = 20 * time.Millisecond

// A lane is what a race does for one store: whichever way is first ends the other.
type lane struct {
	ctx          context.Context // ends when the store has the archive
	won          func()
	copied, sent attempt
}

// race sends an archive to the stores from first on, and asks S3 to copy it to all but store
// 0, as soon as that has it: nobody knows yet which is faster. It sends where the link has
// nothing else to do, and to the last store first, as S3 is asked for the others first.
func (r *router) race(ctx context.Context, size int64, first, stores int, by courier) {
	var all sync.WaitGroup
	lanes := make([]lane, stores)
	for i := range lanes {
		laneCtx, end := context.WithCancelCause(ctx)
		lanes[i].ctx, lanes[i].won = laneCtx, func() { end(&s3store.SupersededError{Run: ctx}) }
		defer lanes[i].won()
	}
	askForCopies := func() {
		for i := 1; i < stores; i++ {
			all.Go(func() { lanes[i].copy(i, by) })
		}
	}
	if first > 0 {
		askForCopies()
	} else {
		all.Go(func() {
			defer r.load(-size)
			if by.upload(ctx, 0, false).settled().proved {
				askForCopies()
			}
		})
	}
	for i := stores - 1; i > 0; i-- {
		if r.linkFree(lanes[i].ctx) {
			r.load(size)
			all.Go(func() {
				defer r.load(-size)
				lanes[i].send(i, by)
			})
		}
	}
	all.Wait()
	for i := 1; i < stores; i++ {
		lanes[i].settle()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.raced -= size * int64(stores-1)
}

func (l *lane) copy(store int, by courier) {
	if l.ctx.Err() != nil {
		return
	}
	if l.copied = by.copy(l.ctx, store); l.copied.done {
		l.won()
	}
}

func (l *lane) send(store int, by courier) {
	if l.sent = by.upload(l.ctx, store, true); l.sent.done {
		l.won()
	}
}

// settle records the way that has brought the archive; where both have, they are the same bytes,
// and these were sent.
func (l *lane) settle() {
	if l.copied.done && !l.sent.done {
		l.copied.settled()
	} else {
		l.sent.settled()
	}
}

// linkFree returns when the link has carried all that it has got, as far as is known. It
// tells whether that was before ctx ended.
func (r *router) linkFree(ctx context.Context) bool {
	for ctx.Err() == nil {
		rate := r.rate()
		r.mu.Lock()
		busy := r.backlog(rate)
		r.mu.Unlock()
		if busy <= 0 {
			return true
		}
		select {
		case <-ctx.Done():
		case <-time.After(min(busy, pace)):
		}
	}
	return false
}
