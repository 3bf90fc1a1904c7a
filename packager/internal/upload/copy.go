package upload

import (
	"context"
	"sync"
	"time"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/region"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/role"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/s3store"
)

// Refusals remember between which stores S3 does not copy. They are safe for concurrent use.
type refusals struct {
	mu    sync.Mutex
	pairs map[[2]int]bool
}

func (c *refusals) has(from, to destination) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pairs[[2]int{from.store, to.store}]
}

func (c *refusals) add(from, to destination) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pairs[[2]int{from.store, to.store}] = true
}

// A neighborhood is the stores between which copies can work: those of one role, as a request
// is signed once, and of one of the caller's groups, as far as that is in one partition.
type neighborhood struct {
	role             role.Role
	partition, group string
}

func (r *run) neighborhood(store int) neighborhood {
	s := r.Stores[store]
	return neighborhood{s.Role, region.Partition(s.Region), s.Group}
}

// neighborhoods are in how many of them an item is wanted, and so how often it must be sent.
func (r *run) neighborhoods(item int) int {
	seen := make(map[neighborhood]bool)
	for _, at := range r.destinations[item] {
		seen[r.neighborhood(at.store)] = true
	}
	return len(seen)
}

// byNeighborhood sorts what wants an item. The first of each gets it from here, and the
// others from there: it is one in this machine's own region, if there is any.
func (r *run) byNeighborhood(wants []want) (all [][]want) {
	at := make(map[neighborhood]int)
	for _, w := range wants {
		n := r.neighborhood(w.store)
		i, known := at[n]
		if !known {
			i = len(all)
			at[n], all = i, append(all, nil)
		}
		all[i] = append(all[i], w)
		if last := len(all[i]) - 1; r.isHome(w.store) && !r.isHome(all[i][0].store) {
			all[i][0], all[i][last] = all[i][last], all[i][0]
		}
	}
	return all
}

// isHome tells whether a store is in the region that this machine is in, as far as anybody
// knows.
func (r *run) isHome(store int) bool { return r.Stores[store].Region == r.S3.AWS.Region }

// A reuse is the copy of an object that a store has, and was proved, to where it is wanted.
type reuse struct {
	from destination
	to   want
	load s3store.Payload
}

// reusesOf are the copies that bring an item everywhere from stores that have it already, if
// it should come from there; then it need not be archived. One that must be archived for one
// store is sent from here to all.
func (t *transfer) reusesOf(item int, wants []want) (all []reuse) {
	for _, w := range wants {
		one, ok := t.reuseFor(item, w)
		if !ok {
			return nil
		}
		all = append(all, one)
	}
	if len(all) == 0 || !t.router.isCopied(all[0].load.Size, len(all)) {
		return nil
	}
	return all
}

// reuseFor is the copy of what a store has. One in this machine's own region is the first
// choice.
func (t *transfer) reuseFor(item int, to want) (one reuse, ok bool) {
	for _, from := range t.destinations[item] {
		f := t.states[from.store][from.object]
		if t.has(from) && len(f.sum) > 0 && t.mayCopy(from, to.destination) && (!ok || t.isHome(from.store)) {
			load := t.Items[item].Payload
			load.Size, load.SHA256 = f.size, f.sum
			one, ok = reuse{from, to, load}, true
		}
	}
	return one, ok
}

// mayCopy tells whether a copy can work: never where none is allowed, and not where one was
// refused before.
func (t *transfer) mayCopy(from, to destination) bool {
	return t.neighborhood(from.store) == t.neighborhood(to.store) && !t.refusals.has(from, to)
}

// copy has S3 copy an object from one destination to another.
func (t *transfer) copy(ctx context.Context, from destination, to want, load s3store.Payload) attempt {
	select {
	case t.copies <- struct{}{}:
		defer t.copies.free()
	case <-ctx.Done():
		return attempt{done: true} // nobody wants it any more
	}
	began := time.Now()
	if ctx.Err() != nil || t.failed(to.store) {
		return attempt{done: true} // nobody wants it any more
	}
	if !t.mayCopy(from, to.destination) {
		return attempt{}
	}
	ended := t.router.copy(load.Size)
	ifAbsent := t.router.mode == CopyAuto && !t.Force && (to.ifAbsent || t.states[to.store][to.object].presence == s3store.Absent)
	version, made, err := t.buckets[to.store].CopyFrom(ctx, t.buckets[from.store], t.key(from), t.key(to.destination), load, ifAbsent)
	refused := err != nil && ctx.Err() == nil && !s3store.Conflict(err)
	ended(err == nil, refused)
	if err != nil {
		if refused {
			t.refusals.add(from, to.destination)
		}
		return attempt{unproved: made}
	}
	return attempt{done: true, settle: func() {
		t.finished(to.destination, Outcome{Action: Copied, Size: load.Size, VersionID: version}, began)
	}}
}
