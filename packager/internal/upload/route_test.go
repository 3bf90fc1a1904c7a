package upload

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A world is what a run meets: a machine that archives, a link that all its requests share,
// and S3's copies. Its time is not real.
type world struct {
	objects []int64       // the sizes of what is archived
	stores  int           // that want it
	groups  int           // of so many stores S3 copies among each other; 0 means that all are one
	rate    float64       // of the link, in bytes a second
	copy    time.Duration // what a copy takes beside the way there and back
	perMB   time.Duration
	refuses bool // S3 copies nothing

	mu      sync.Mutex
	free    time.Time // when the link has carried all so far
	sent    int64
	arrived bool // has something
}

const (
	roundTrip     = 100 * time.Millisecond
	archiveRate   = 55e6 // bytes a second, of each of two processors
	compressedTo  = 0.27
	linkPiece     = 64 << 10
	questionTrips = 3
)

// carry sends bytes over the link, in turn with what others send, and tells whether they have
// arrived.
func (w *world) carry(ctx context.Context, size int64) bool {
	for left := size; left > 0; left -= linkPiece {
		if ctx.Err() != nil {
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
	if !pass(ctx, roundTrip) {
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.arrived = true
	return true
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
	for range max(1, w.groups) {
		all.Go(func() { w.deliverTo(r, size, w.stores/max(1, w.groups)) })
	}
	all.Wait()
}

// deliverTo brings it to those of one group.
func (w *world) deliverTo(r *router, size int64, stores int) {
	r.deliver(context.Background(), size, stores, courier{
		upload: func(ctx context.Context, _ int, _ bool) attempt {
			arrived := w.carry(ctx, size)
			return attempt{done: arrived, proved: arrived}
		},
		copy: func(ctx context.Context, _ int) attempt {
			ended := r.copy(size)
			made := pass(ctx, roundTrip)
			refused := made && w.refuses
			made = made && !refused && pass(ctx, w.copy+time.Duration(float64(w.perMB)*float64(size)/1e6))
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
		w.free, w.sent, w.arrived = time.Time{}, 0, false
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

// Where S3 is left to choose, a run takes hardly longer than the better one of those in which
// all is copied and nothing is: over slow and fast links, to few and many stores, whatever a
// copy takes, between a tenth of what is guessed and ten times that.
func TestRoutes(t *testing.T) {
	same := func(n int, size int64) (sizes []int64) {
		for range n {
			sizes = append(sizes, size)
		}
		return sizes
	}
	for name, objects := range map[string][]int64{
		"one":                     same(1, 30e6),
		"three":                   same(3, 20e6),
		"eight functions":         same(8, 8.6e6),
		"forty small functions":   same(40, 1e6),
		"a hundred":               same(100, 5e6),
		"as different as they be": {50e6, 1e6, 2e6, 1e5, 2e5, 8e6, 20e6, 3e3},
	} {
		for _, rate := range []float64{12.5e6, 125e6} {
			for _, copying := range []time.Duration{25, 80, 250, 750, 2500} {
				for _, stores := range []int{2, 4, 16, 30} {
					w := &world{objects: objects, stores: stores, rate: rate, copy: copying * time.Millisecond, perMB: copying * time.Millisecond / 20}
					always, once := w.run(t, CopyAlways)
					never, all := w.run(t, CopyNever)
					auto, sent := w.run(t, CopyAuto)
					if auto.Seconds() > 1.15*min(always, never).Seconds() {
						t.Errorf("%s, %g MB/s, a copy takes %v, %d stores: %v; always %v, never %v", name, rate/1e6, w.copy, stores, auto, always, never)
					}
					if sent < once || sent > all {
						t.Errorf("%s: %d bytes are sent, and %d to %d are needed", name, sent, once, all)
					}
				}
			}
		}
	}
}

// The same where S3 copies within groups of stores alone; and where each is its own, nothing
// is waited for.
func TestRoutesInGroups(t *testing.T) {
	for _, rate := range []float64{12.5e6, 125e6} {
		for _, copying := range []time.Duration{30, 100, 300} {
			for _, shape := range [][2]int{{4, 2}, {16, 2}, {16, 4}, {16, 16}, {30, 10}} {
				w := &world{objects: []int64{8.6e6, 8.6e6, 8.6e6, 8.6e6, 8.6e6, 8.6e6, 8.6e6, 8.6e6}, stores: shape[0], groups: shape[1], rate: rate, copy: copying * time.Millisecond, perMB: copying * time.Millisecond / 15}
				always, once := w.run(t, CopyAlways)
				never, all := w.run(t, CopyNever)
				auto, sent := w.run(t, CopyAuto)
				if auto.Seconds() > 1.2*min(always, never).Seconds() || sent < once || sent > all {
					t.Errorf("%g MB/s, a copy takes %v, %d stores in %d groups: %v and %d bytes; always %v and %d, never %v and %d", rate/1e6, w.copy, shape[0], shape[1], auto, sent, always, once, never, all)
				}
			}
		}
	}
}

// Where the link is slow, each byte is sent once, but for a few while it has nothing to do.
func TestRoutesOverSlowLink(t *testing.T) {
	for _, stores := range []int{2, 4, 16, 30} {
		w := &world{objects: []int64{8e6, 8e6, 8e6, 8e6}, stores: stores, rate: 1e6, copy: 300 * time.Millisecond, perMB: 20 * time.Millisecond}
		_, once := w.run(t, CopyAlways)
		if _, sent := w.run(t, CopyAuto); sent > once+once/10 {
			t.Errorf("%d stores: %d bytes are sent, and %d are enough", stores, sent, once)
		}
	}
}

// Where S3 copies nothing, a run asks for the copies of an archive or two and goes on without.
func TestRoutesWithoutCopies(t *testing.T) {
	for _, mode := range []Copy{CopyAuto, CopyAlways} {
		for _, rate := range []float64{12.5e6, 125e6} {
			t.Run(fmt.Sprintf("%s, %g MB/s", mode, rate/1e6), func(t *testing.T) {
				w := &world{objects: []int64{8e6, 8e6, 8e6, 8e6, 8e6, 8e6}, stores: 4, rate: rate, refuses: true}
				never, all := w.run(t, CopyNever)
				took, sent := w.run(t, mode)
				if sent != all || took > never+4*roundTrip {
					t.Errorf("%d bytes in %v, and without copies %d bytes in %v", sent, took, all, never)
				}
			})
		}
	}
}
