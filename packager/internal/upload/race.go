package upload

import (
	"cmp"
	"context"
	"sync"
	"time"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/s3store"
)

const (
	// pace is how often a race sees at most whether the link is free: answers come earlier
	// than is thought, and later.
	pace = 20 * time.Millisecond
	// underway is for how long the link may have work from races that was begun: what is sent
	// over a new connection begins some ways there and back later, and then all at once.
	underway = 100 * time.Millisecond
)

// A lane is what a race does for one store: whichever way is first ends the other.
type lane struct {
	ctx          context.Context // ends when the store has the archive
	won          func()
	copied, sent attempt
}

// race sends an archive to the stores from first on, and asks S3 to copy it to all but store
// 0, as soon as that has it: nobody knows which is faster. It sends at once where that is soon
// done, and else where the link has nothing else to do; to the last store first, as S3 is asked
// for the others first.
func (r *router) race(ctx context.Context, size int64, first, stores int, by courier) {
	rate := r.rate()
	r.mu.Lock()
	soon := r.carriesRaces(0, rate) <= usualCopy(size)/3
	r.mu.Unlock()
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
		if soon || r.linkFree(lanes[i].ctx, size) {
			r.launch(size)
			all.Go(func() {
				defer r.launch(-size)
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

// launch is load for what a race sends.
func (r *router) launch(bytes int64) {
	rate := r.rate()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.queue(bytes, rate)
	r.launched += bytes
}

// linkFree returns when the link has carried all that it has got, as far as is known. It tells
// whether that was before ctx ended.
func (r *router) linkFree(ctx context.Context, size int64) bool {
	for ctx.Err() == nil {
		rate := r.rate()
		r.mu.Lock()
		busy := max(r.backlog(rate), seconds(float64(r.launched-size)/cmp.Or(rate, slowLink))-underway)
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
