package packager

import (
	"sync"
	"time"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/region"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/s3store"
)

// Copy says when an archive that one store has reaches the others by S3's own
// copy, server to server, and not through this machine's link once more.
type Copy string

// The ways to choose.
const (
	CopyAuto   Copy = ""       // where it saves the link enough
	CopyAlways Copy = "always" // wherever S3 can
	CopyNever  Copy = "never"
)

const (
	// worthCopying is how many bytes copies must keep off the link, in one run.
	// They cost some round trips, which are under way together: half a second over
	// a network of 100 ms (go run ./cmd/bench -network). A link of 1 Gbit/s carries 60
	// MB in that time and one of 100 Mbit/s 6 MB; this is about the middle.
	worthCopying = 16 << 20
	// smallestCopy is below what it is worth to ask S3 for a copy of, where a
	// request's header is most of it.
	smallestCopy = 64 << 10
	// ratio is what code is compressed to, about, before that is known.
	ratio = 4
)

// A copier decides what is copied from where. It is safe for concurrent use.
type copier struct {
	mode Copy
	home string // the region that this machine is in, "" where nobody knows

	mu      sync.Mutex
	refused map[[2]int]bool // pairs of stores between which a copy failed
	saving  int64           // about how many bytes it saves to copy what is wanted so far
}

// wanted takes in that stores want an artifact.
func (c *copier) wanted(a *artifact, stores int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.saving += a.size() / ratio * int64(max(0, stores-1))
}

// worth tells whether an object of that size should be copied to so many stores.
func (c *copier) worth(size int64, copies int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.mode == CopyNever || copies == 0:
		return false
	case c.mode == CopyAlways:
		return true
	}
	return size >= smallestCopy && max(c.saving, size*int64(copies)) >= worthCopying
}

// first returns which of the stores that want an object should get it from here,
// for the others to copy from it: the one in this machine's own region, where it
// is among them. -1 means that all should.
func (c *copier) first(stores []Contents, wants []want, size int64) int {
	if !c.worth(size, len(wants)-1) {
		return -1
	}
	for i, w := range wants {
		if stores[w.store].Region == c.home {
			return i
		}
	}
	return 0
}

// may tells whether a copy can work: never between partitions, and not where
// one was refused before.
func (c *copier) may(buckets []*s3store.Bucket, from, to want) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return region.Partition(buckets[from.store].Region) == region.Partition(buckets[to.store].Region) && !c.refused[[2]int{from.store, to.store}]
}

func (c *copier) refuse(from, to want) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refused[[2]int{from.store, to.store}] = true
}

// A holding is an object that a store has and was proved.
type holding struct {
	want
	load s3store.Payload
}

// sourceOf is a store that has an artifact's object already, where the others
// should copy it from there; then it need not be archived. One in this machine's
// own region is the first choice.
func (r *run) sourceOf(c *copier, a *artifact, wants []want) (from holding, ok bool) {
	if len(wants) == 0 {
		return from, false
	}
	j := wants[0].object // the stores list the same artifacts, in the same order
	for i := range r.states {
		f := r.states[i][j]
		if f.presence == s3store.Proved && c.worth(f.size, len(wants)) && (!ok || r.Stores[i].Region == c.home) {
			from, ok = holding{want{store: i, object: j}, s3store.Payload{Digest: a.digest, Size: f.size, SHA256: f.sum}}, true
		}
	}
	return from, ok
}

// copy has S3 copy an object from one store to another.
func (r *run) copy(c *copier, from, to want, load s3store.Payload) bool {
	source, b, began := r.buckets[from.store], r.buckets[to.store], time.Now()
	if r.ctx.Err() != nil || r.failed(to.store) {
		return true // nobody wants it any more
	}
	if !c.may(r.buckets, from, to) {
		return false
	}
	version, err := b.CopyFrom(r.ctx, source, r.objects[from.store][from.object].key, r.objects[to.store][to.object].key, load)
	if err != nil {
		if r.ctx.Err() == nil {
			c.refuse(from, to)
		}
		return false
	}
	r.finished(to, Copied, load.Size, version, began)
	return true
}
