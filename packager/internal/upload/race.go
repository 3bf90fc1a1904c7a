package upload

import (
	"context"
	"sync"
	"time"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/s3store"
)

const (
	// A race sends to a few stores at once where the link needs so many times as long for
	// everything as a copy is thought to take: most of what it sends will be in vain, and ends
	// a connection each time.
	few      = 4
	likelier = 3
	// pace is how often a race sees whether that is so still.
	pace = 50 * time.Millisecond
)

// A lane is what a race does for one store: whichever way is first ends the other.
type lane struct {
	ctx          context.Context // ends when the store has the archive
	won          func()
	sending      context.Context // ends with it, or when copies are the better way for sure
	callOff      func()
	copyOver     chan struct{} // closed when no copy is under way, or will be
	copied, sent attempt
}

// newLane returns a lane of a race. end ends what it does.
func newLane(ctx context.Context) (l *lane, end func()) {
	superseded := &s3store.SupersededError{Run: ctx}
	l = &lane{copyOver: make(chan struct{})}
	var won, callOff context.CancelCauseFunc
	l.ctx, won = context.WithCancelCause(ctx)
	l.sending, callOff = context.WithCancelCause(s3store.Yielding(l.ctx, l.copyOver))
	l.won, l.callOff = func() { won(superseded) }, func() { callOff(superseded) }
	return l, func() { l.callOff(); l.won() }
}

// race sends an archive to the stores from first on, and asks S3 to copy it to all but store
// 0, as soon as that has it: nobody knows which is faster. What it sends to these yields to
// all that is sent otherwise, so that a race holds up nothing. When store 0 has the archive,
// more is known than before, and where copies are the better way for sure, the rest is not sent.
func (r *router) race(ctx context.Context, size int64, first, stores int, by courier) {
	var all sync.WaitGroup
	lanes := make([]*lane, stores) // the first one has nothing to do
	for i := range lanes {
		l, end := newLane(ctx)
		defer end()
		lanes[i] = l
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
			stored := by.upload(ctx, 0, false).settled().proved
			r.load(-size)
			if stored {
				askForCopies()
			}
			calledOff := stored && r.isCopyBetter(size)
			for i, l := range lanes {
				switch {
				case !stored:
					close(l.copyOver)
				case calledOff && !by.isSent(i): // what is sent is soon there, and a copy would be refused
					l.callOff()
				}
			}
		})
	}
	from := r.startOfRace()
	for k := range stores - 1 {
		i := 1 + (from+k)%(stores-1)
		done := r.awaitTurn(lanes[i], size)
		all.Go(func() {
			defer done()
			lanes[i].send(i, by)
		})
	}
	all.Wait()
	for i := 1; i < stores; i++ {
		lanes[i].settle()
	}
}

func (l *lane) copy(store int, by courier) {
	defer close(l.copyOver)
	if l.ctx.Err() != nil {
		return
	}
	if l.copied = by.copy(l.ctx, store); l.copied.done {
		l.won()
	}
}

// send sends the archive. Where it is called off, and the copy is in vain, it sends it all the
// same.
func (l *lane) send(store int, by courier) {
	l.sent = by.race(l.sending, store)
	if !l.sent.done && l.sending.Err() != nil {
		if <-l.copyOver; l.ctx.Err() == nil {
			l.sent = by.upload(l.ctx, store, true)
		}
	}
	if l.sent.done {
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

// startOfRace is where a race begins to send: not where the one before it did, for each of them
// may end connections there.
func (r *router) startOfRace() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.start += few
	return r.start
}

// awaitTurn returns when a race may send to one store more, or that is called off, or no copy will
// come. done is to be called when that is over.
func (r *router) awaitTurn(l *lane, size int64) (done func()) {
	over := func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.raced -= size
	}
	for r.isCopyLikelier(size) {
		select {
		case r.few <- struct{}{}:
			return func() { r.few.free(); over() }
		case <-time.After(pace):
		case <-l.sending.Done():
			return over
		case <-l.copyOver:
			return over
		}
	}
	return over
}

// isCopyLikelier tells whether the copy of an archive that is raced will probably be first, or
// nobody knows yet.
func (r *router) isCopyLikelier(size int64) bool {
	rate := r.rate()
	if rate == 0 {
		return true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	toAll, toOne := r.ends(rate, r.undecided+r.raced)
	return toAll > toOne+likelier*r.copyTime(size)
}

// isCopyBetter tells whether it will for sure.
func (r *router) isCopyBetter(size int64) bool {
	rate := r.rate()
	if rate == 0 {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.way(size, size, rate) == byCopy
}
