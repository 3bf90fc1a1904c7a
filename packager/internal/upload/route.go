package upload

import (
	"cmp"
	"sync"
	"time"
)

const (
	// unmeasured is how many bytes a run sends more than once before it knows its link.
	unmeasured = 512 << 10
	// unseenCopy is how many times as long a first copy may take as it is thought to, and end
	// before the run does all the same.
	unseenCopy = 4
	// smallestCopy is below what it is not worth to ask S3 for a copy of, where a
	// request's header is most of it.
	smallestCopy = 64 << 10
)

// A router decides how archives reach the stores, so that a run ends as soon as it can:
// this machine sends an archive to every store; or to one, from which S3 copies it to the
// others, which costs the link nothing and takes its time.
//
// It compares when the run would end if everything that is not decided yet went over the
// link, and if it were copied. What a copy takes, only one shows: the first is asked for
// where it would end before the run even if it took far longer than is thought. What was
// sent to one store waits for what it shows, as long as the link has other work. It is safe
// for concurrent use.
type router struct {
	mode Copy
	rate func() float64 // bytes a second that the link carries; 0 where nobody knows yet

	mu sync.Mutex
	forecast
	blind     int64 // bytes that were sent more than once when nobody knew the link
	undecided int64 // bytes of what is sent to one store, times the others
	waiting   []*delivery
	copies    int  // that are decided on and not over
	refused   bool // S3 has refused a copy
}

// A delivery is an archive that others than its first store want.
type delivery struct {
	size, others int64
	copied       bool          // S3 copies it to them
	decided      chan struct{} // closed when that is decided
}

func newRouter(mode Copy, processors int, rate func() float64) *router {
	return &router{mode: mode, rate: rate, forecast: newForecast(processors)}
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

// copy takes in that S3 has been asked for a copy. done is to be told whether it was made.
func (r *router) copy(size int64) (done func(made bool)) {
	c := &begun{size, time.Now()}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.copying[c] = true
	return func(made bool) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.copyEnds(c, made)
		r.refused = r.refused || !made
	}
}

// A courier brings an archive to a store, by upload or by copy, and tells whether the
// archive is there.
type courier struct{ upload, copy func(store int) (done bool) }

// deliver brings an archive to so many stores, numbered from 0, which is the one that is
// copied from. It returns when all have it or have failed.
func (r *router) deliver(size int64, stores int, by courier) {
	var all sync.WaitGroup
	defer all.Wait()
	next, d := 0, &delivery{size: size, others: int64(stores - 1), decided: make(chan struct{})}
	if !r.toAll(d) {
		next = 1
		stored := by.upload(0)
		r.await(d, stored)
	}
	for i := next; i < stores; i++ {
		all.Go(func() {
			if d.copied {
				done := by.copy(i)
				r.copyOver(d, done)
				if done {
					return
				}
			}
			by.upload(i)
			r.sent(size)
		})
	}
}

// toAll decides whether an archive goes to all stores at once, and takes in what the link
// gets to carry.
func (r *router) toAll(d *delivery) bool {
	rate := r.rate()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.queue(d.size, rate)
	r.undecided += d.size * d.others
	if !r.isForAll(d, rate) {
		return false
	}
	r.send(d, rate)
	if rate == 0 {
		r.blind += d.size * d.others
	}
	return true
}

func (r *router) isForAll(d *delivery, rate float64) bool {
	switch {
	case d.others == 0 || r.mode == CopyNever:
		return true
	case r.mode == CopyAlways:
		return false
	case rate == 0:
		return r.blind+d.size*d.others <= unmeasured
	}
	return r.linkIsBetter(d.size, rate)
}

// linkIsBetter tells whether an archive of that size goes over the link, as far as is known
// now: whether the run ends no later if all that is undecided does, and whether a copy might
// end later than the run then.
func (r *router) linkIsBetter(size int64, rate float64) bool {
	toAll, toOne := r.ends(rate, r.undecided, 0)
	copyTime := r.copyTime(size)
	switch {
	case size < smallestCopy || r.refused && r.made == 0:
		return true
	case r.made == 0 && r.copies == 0:
		return toAll <= unseenCopy*copyTime
	}
	return toAll <= toOne+copyTime
}

// send takes in that the link gets to carry an archive to the other stores.
func (r *router) send(d *delivery, rate float64) {
	r.undecided -= d.size * d.others
	r.queue(d.size*d.others, rate)
}

// await returns when it is decided how an archive that was sent to its first store reaches
// the others.
func (r *router) await(d *delivery, stored bool) {
	rate := r.rate()
	r.mu.Lock()
	r.queue(-d.size, rate)
	switch {
	case !stored:
		r.send(d, rate)
		close(d.decided)
	case r.mode == CopyAlways:
		r.take(d)
	default:
		r.waiting = append(r.waiting, d)
	}
	r.decide(rate)
	r.mu.Unlock()
	<-d.decided
}

// take decides that an archive is copied.
func (r *router) take(d *delivery) {
	d.copied = true
	r.undecided -= d.size * d.others
	r.copies += int(d.others)
	close(d.decided)
}

// sent takes in that the link has carried so many bytes.
func (r *router) sent(bytes int64) {
	rate := r.rate()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.queue(-bytes, rate)
	r.decide(rate)
}

// copyOver takes in that a copy is there, or else goes over the link.
func (r *router) copyOver(d *delivery, done bool) {
	rate := r.rate()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.copies--
	if !done {
		r.queue(d.size, rate)
	}
	r.decide(rate)
}

// decide decides for all archives that wait, if it is time to: there is always something
// under way whose end is the next time.
func (r *router) decide(rate float64) {
	rate = cmp.Or(rate, slowLink)
	for len(r.waiting) > 0 {
		largest := int64(0)
		for _, d := range r.waiting {
			largest = max(largest, d.size)
		}
		_, busy := r.ends(rate, 0, 0)
		if r.linkIsBetter(largest, rate) {
			for _, d := range r.waiting {
				r.send(d, rate)
				close(d.decided)
			}
			r.waiting = nil
			return
		}
		if r.made == 0 && r.copies > 0 && busy > 0 {
			return // nothing is lost by waiting for what the first copies show
		}
		r.take(r.waiting[0])
		r.waiting = r.waiting[1:]
	}
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
