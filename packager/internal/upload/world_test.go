package upload

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A world is what a run meets: a machine that archives, connections to stores, a link that all
// requests share, and S3's copies. Its time is not real.
type world struct {
	objects []int64       // the sizes of what is archived
	stores  int           // that want it
	groups  int           // of so many stores S3 copies among each other; 0 means that all are one
	rate    float64       // of the link, in bytes a second
	copy    time.Duration // what a copy takes beside the way there and back
	perMB   time.Duration
	refuses bool // S3 copies nothing

	uploads, races, turns places

	mu      sync.Mutex
	idle    []int     // connections, by store
	free    time.Time // when the link has carried all so far
	first   int       // bodies that are being sent and do not yield
	sent    int64
	arrived bool // has something
}

const (
	roundTrip     = 100 * time.Millisecond
	archiveRate   = 55e6 // bytes a second, of each of two processors
	compressedTo  = 0.27
	linkPiece     = 64 << 10
	questionTrips = 3
	handshake     = 2 * roundTrip
	askedFor      = 2 << 20 // from what size on a body waits until the server has said that it wants it
	jobs          = 32
)

// request waits for a connection to a store, which may have to be opened, and then for what is
// done over it. It tells whether that was done; where not, the connection is lost.
func (w *world) request(ctx context.Context, store int, what func() bool) bool {
	w.mu.Lock()
	isOpen := w.idle[store] > 0
	if isOpen {
		w.idle[store]--
	}
	w.mu.Unlock()
	if !isOpen && !pass(ctx, handshake) || !what() {
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.idle[store]++
	return true
}

// put sends an archive to a store, and tells whether it has arrived. What yields waits while
// anything else is being sent, a few at a time.
func (w *world) put(ctx context.Context, store int, size int64, yields bool) bool {
	in := w.uploads
	if yields {
		in = w.races
	}
	in.take()
	defer in.free()
	if yields && !w.waitForOthers(ctx) {
		return false
	}
	return w.request(ctx, store, func() bool {
		if size >= askedFor && !pass(ctx, roundTrip) {
			return false
		}
		if !w.carry(ctx, size, yields) || !pass(ctx, roundTrip) {
			return false
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		w.arrived = true
		return true
	})
}

// carry sends bytes over the link, in turn with what others send, and tells whether it has sent
// all.
func (w *world) carry(ctx context.Context, size int64, yields bool) bool {
	if yields {
		w.turns.take()
		over := sync.OnceFunc(w.turns.free)
		time.AfterFunc(100*time.Millisecond, over)
		defer over()
	} else {
		w.begins(1)
		defer w.begins(-1)
	}
	for left := size; left > 0; left -= linkPiece {
		if ctx.Err() != nil || yields && !w.waitForOthers(ctx) {
			return false
		}
		w.mu.Lock()
		if now := time.Now(); w.free.Before(now) {
			w.free = now
		}
		w.free = w.free.Add(seconds(float64(min(left, linkPiece)) / w.rate))
		w.sent += min(left, linkPiece)
		free := w.free
		w.mu.Unlock()
		time.Sleep(time.Until(free))
	}
	return true
}

func (w *world) begins(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.first += n
}

// waitForOthers waits for what does not yield, and tells whether ctx has not ended meanwhile.
func (w *world) waitForOthers(ctx context.Context) bool {
	isBusy := func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.first > 0
	}
	for isBusy() && ctx.Err() == nil {
		time.Sleep(5 * time.Millisecond)
	}
	return ctx.Err() == nil
}

// pass waits, and tells whether ctx has not ended meanwhile.
func pass(ctx context.Context, long time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(long):
		return true
	}
}

// known is the link's rate, as soon as something has arrived.
func (w *world) known() float64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.arrived {
		return 0
	}
	return w.rate
}

// deliver brings an archive of that size to all stores.
func (w *world) deliver(r *router, size int64) {
	var all sync.WaitGroup
	groups := max(1, w.groups)
	for i := range groups {
		all.Go(func() { w.deliverTo(r, size, i*w.stores/groups, w.stores/groups) })
	}
	all.Wait()
}

// deliverTo brings it to so many from the first on, which are one group.
func (w *world) deliverTo(r *router, size int64, first, stores int) {
	put := func(ctx context.Context, i int, yields bool) attempt {
		arrived := w.put(ctx, first+i, size, yields)
		return attempt{done: arrived, proved: arrived}
	}
	r.deliver(context.Background(), size, stores, courier{
		upload: func(ctx context.Context, i int, _ bool) attempt { return put(ctx, i, false) },
		race:   func(ctx context.Context, i int) attempt { return put(ctx, i, true) },
		isSent: func(int) bool { return false },
		copy: func(ctx context.Context, i int) attempt {
			ended := r.copy(size)
			refused := false
			made := w.request(ctx, first+i, func() bool {
				asked := pass(ctx, roundTrip)
				refused = asked && w.refuses
				return asked && (refused || pass(ctx, w.copy+time.Duration(float64(w.perMB)*float64(size)/1e6)))
			})
			made = made && !refused
			ended(made, refused)
			return attempt{done: made}
		},
	})
}

// files are those of one archive.
func (w *world) files(size int64) files {
	return files{size, size * int64(w.stores), size * int64(max(1, w.groups))}
}

// run is how long it takes to bring everything everywhere, and how many bytes are sent.
func (w *world) run(t *testing.T, mode Copy) (took time.Duration, sent int64) {
	synctest.Test(t, func(*testing.T) {
		w.free, w.sent, w.arrived, w.idle = time.Time{}, 0, false, make([]int, w.stores)
		w.uploads, w.races, w.turns = make(places, jobs), make(places, jobs), make(places, 4)
		for i := range w.idle { // opened by the questions
			w.idle[i] = len(w.objects) + 1
		}
		began := time.Now()
		r := newRouter(mode, 2, w.known)
		for _, size := range w.objects {
			r.expect(w.files(size))
		}
		time.Sleep(questionTrips * roundTrip)
		processors := make(places, 2)
		var all sync.WaitGroup
		for _, source := range w.objects {
			processors.take()
			all.Go(func() {
				archived := r.archive(w.files(source))
				time.Sleep(seconds(float64(source) / archiveRate))
				size := int64(float64(source) * compressedTo)
				archived(size)
				processors.free()
				w.deliver(r, size)
			})
		}
		all.Wait()
		took, sent = time.Since(began), w.sent
	})
	return took, sent
}
