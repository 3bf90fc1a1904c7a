package upload

import (
	"context"
	"sync"
	"time"
)

// pace is how often a race sees at most whether the link is free: answers come earlier than
// is thought, and later.
const pace = 20 * time.Millisecond

// A lane is what a race does for one store: whichever way is first ends the other.
type lane struct {
	ctx          context.Context // ends when the store has the archive
	won          context.CancelFunc
	copied, sent attempt
}

// race asks S3 to copy an archive to all stores but the first, and sends it there as well,
// where the link has nothing else to do: nobody knows yet which is faster. It begins with the
// last store, as S3 is asked for the first ones first.
func (r *router) race(ctx context.Context, size int64, stores int, by courier) {
	var all sync.WaitGroup
	lanes := make([]lane, stores)
	for i := 1; i < stores; i++ {
		l := &lanes[i]
		l.ctx, l.won = context.WithCancel(ctx)
		defer l.won()
		all.Go(func() {
			if l.copied = by.copy(l.ctx, i); l.copied.done {
				l.won()
			}
		})
	}
	for i := stores - 1; i > 0; i-- {
		l := &lanes[i]
		if !r.linkFree(l.ctx) {
			continue
		}
		r.load(size)
		all.Go(func() {
			defer r.load(-size)
			if l.sent = by.upload(l.ctx, i, true); l.sent.done {
				l.won()
			}
		})
	}
	all.Wait()
	for _, l := range lanes[1:] {
		if l.copied.done && !l.sent.done {
			l.copied.settled()
		} else {
			l.sent.settled() // both are the same bytes, and these were sent
		}
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
