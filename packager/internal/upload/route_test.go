package upload

import (
	"fmt"
	"testing"
	"time"
)

// Where S3 is left to choose, a run takes hardly longer than the better one of those in which
// all is copied and nothing is, by a fifth at most, or what it takes to open a connection: over
// slow and fast links, to few and many stores, whatever a copy takes, between a tenth of what is
// guessed and ten times that.
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
					if better := min(always, never); auto > max(better*6/5, better+handshake) {
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
				if sent < all || sent > all+all/100 || took > never+4*roundTrip {
					t.Errorf("%d bytes in %v, and without copies %d bytes in %v", sent, took, all, never)
				}
			})
		}
	}
}
