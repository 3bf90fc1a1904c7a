package upload

import (
	"cmp"
	"context"
	"sync"
	"time"
)

const (
	// unmeasured is how many bytes a run begins to send more than once at most before it knows
	// its link: what waits for nothing over a fast one, and is called off over a slow one.
	unmeasured = 8 << 20
	// smallestCopy is below what it is not worth to ask S3 for a copy of: a request's header
	// alone is 1 to 2 KiB, of a link that is used both ways.
	smallestCopy = 8 << 10
)

// A router decides how archives reach the stores, so that a run ends as soon as it can:
// this machine sends an archive to every store; or to one, from which S3 copies it to the
// others, which costs the link nothing and takes its time.
//
// It compares when the run would end if everything that is not decided yet went over the
// link, and if it were copied. Where neither is better for sure, an archive goes both ways at
// once. What a copy takes, only one shows: until one has, it may be a tenth of what is thought
// or ten times that. It is safe for concurrent use.
type router struct {
	mode Copy
	rate func() float64 // bytes a second that the link carries; 0 where nobody knows yet

	mu sync.Mutex
	forecast
	blind     int64 // bytes that go both ways since nobody knew the link yet
	undecided int64 // bytes of what is sent to one store, times the others
	raced     int64 // of what goes both ways and is not there yet
	refused   bool  // S3 has refused a copy
	start     int   // where the last race began to send

	few places // for what races send where copies are likelier to be first
}

// A way is how an archive reaches the stores after the first one.
type way int

const (
	overLink way = iota
	byCopy
	bothWays // what is first counts
)

func newRouter(mode Copy, processors int, rate func() float64) *router {
	return &router{mode: mode, rate: rate, forecast: newForecast(processors), few: make(places, few)}
}

// expect takes in that files will be archived.
func (r *router) expect(f files) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.toArchive.add(f, 1)
}

// forget takes in that files that were expected will not be archived.
func (r *router) forget(f files) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.toArchive.add(f, -1)
}

// archive takes in that files are being archived. done is to be told the archive's size.
func (r *router) archive(f files) (done func(archive int64)) {
	a := &begun{f.size, time.Now()}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.archiving[a] = true
	return func(archive int64) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.toArchive.add(f, -1)
		r.archiveEnds(a, archive)
	}
}

// copy takes in that S3 has been asked for a copy. done is to be told whether it was made,
// and whether S3 has refused it; neither where nobody waited for it.
func (r *router) copy(size int64) (done func(made, refused bool)) {
	c := &begun{size, time.Now()}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.copying[c] = true
	return func(made, refused bool) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.copyEnds(c, made)
		r.refused = r.refused || refused
	}
}

// A courier brings an archive to a store: by upload, which replaces what is there where that
// is unproved, or by copy.
type courier struct {
	unknown bool // S3 does not tell of some stores whether they have it
	upload  func(ctx context.Context, store int, unproved bool) attempt
	race    func(ctx context.Context, store int) attempt // an upload that yields, and replaces what is there
	isSent  func(store int) bool                         // whether all of it is on its way
	copy    func(ctx context.Context, store int) attempt
}

// An attempt is how it went to bring an archive to a store.
type attempt struct {
	done     bool   // nobody needs to bring it there any more
	proved   bool   // what was uploaded can be copied
	unproved bool   // the copy was in vain, and may be there all the same
	settle   func() // records that it is there, or that the store has failed; nil where there is nothing to record
}

// settled records an attempt, and returns it.
func (a attempt) settled() attempt {
	if a.settle != nil {
		a.settle()
	}
	return a
}

// deliver brings an archive to so many stores, numbered from 0, which is the one that is
// copied from. It returns when all have it or have failed.
func (r *router) deliver(ctx context.Context, size int64, stores int, by courier) {
	others := size * int64(stores-1)
	switch on := r.begin(size, others, by.unknown); on {
	case overLink:
		r.bring(ctx, size, 0, stores, by, false)
		return
	case bothWays:
		r.race(ctx, size, 0, stores, by)
		return
	}
	stored := by.upload(ctx, 0, false).settled().proved
	switch on := r.goOn(size, others, stored, by.unknown); on {
	case bothWays:
		r.race(ctx, size, 1, stores, by)
	default:
		r.bring(ctx, size, 1, stores, by, on == byCopy)
	}
}

// bring brings an archive to the stores from the first to the last, not included.
func (r *router) bring(ctx context.Context, size int64, first, last int, by courier, copied bool) {
	var all sync.WaitGroup
	for i := first; i < last; i++ {
		all.Go(func() {
			unproved := false
			if copied {
				a := by.copy(ctx, i).settled()
				if a.done {
					return
				}
				unproved = a.unproved
				r.load(size)
			}
			by.upload(ctx, i, unproved).settled()
			r.load(-size)
		})
	}
	all.Wait()
}

// begin decides how an archive goes to the stores. By copy means that it goes to the first one,
// and then as goOn decides: so does one that may be there, for a race replaces what is.
func (r *router) begin(size, others int64, unknown bool) way {
	rate := r.rate()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.queue(size, rate)
	r.undecided += others
	on := r.way(size, others, rate)
	if on == byCopy || on == bothWays && (unknown || rate == 0 && r.blind+others > unmeasured) {
		return byCopy
	}
	if on == bothWays && rate == 0 {
		r.blind += others
	}
	r.decided(on, others, rate)
	return on
}

// goOn decides how an archive that was sent to its first store reaches the others. What may be
// there is not raced, which would replace it: the way is taken that is better if copies take
// as long as is thought.
func (r *router) goOn(size, others int64, stored, unknown bool) way {
	rate := r.rate()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.queue(-size, rate)
	on := overLink
	if stored {
		rate := cmp.Or(rate, slowLink)
		if on = r.way(size, others, rate); on == bothWays && unknown {
			on = overLink
			if toAll, toOne := r.ends(rate, r.undecided); toAll > toOne+r.copyTime(size) {
				on = byCopy
			}
		}
	}
	r.decided(on, others, rate)
	return on
}

// decided takes in how an archive reaches the stores other than its first.
func (r *router) decided(on way, others int64, rate float64) {
	r.undecided -= others
	switch on {
	case overLink:
		r.queue(others, rate)
	case bothWays:
		r.raced += others
	case byCopy:
	}
}

// way is the better way for an archive, as far as is known now: whether the run ends no later
// if all that is undecided goes over the link.
func (r *router) way(size, others int64, rate float64) way {
	switch {
	case others == 0 || r.mode == CopyNever:
		return overLink
	case r.mode == CopyAlways:
		return byCopy
	case size < smallestCopy || r.refused && r.made == 0:
		return overLink
	case rate == 0:
		return bothWays
	}
	toAll, toOne := r.ends(rate, r.undecided+r.raced)
	switch least, most := r.copyTakes(size); {
	case toAll <= toOne+least:
		return overLink
	case toAll < toOne+most:
		return bothWays
	}
	return byCopy
}

// load takes in that the link gets so many bytes more to carry or, below 0, has carried them.
func (r *router) load(bytes int64) {
	rate := r.rate()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.queue(bytes, rate)
}

// isCopied tells whether what a store has already is copied to so many others, which spares
// its archiving too.
func (r *router) isCopied(size int64, stores int) bool {
	rate := cmp.Or(r.rate(), slowLink)
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.mode != CopyAuto:
		return r.mode == CopyAlways
	case size < smallestCopy || r.refused && r.made == 0:
		return false
	}
	return seconds(float64(size*int64(stores))/rate) > r.copyTime(size)
}
