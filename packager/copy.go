package packager

import (
	"sync"
	"time"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/region"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/s3store"
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
	case c.mode == CopyNever || copies <= 0:
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
func (t *transfer) sourceOf(a *artifact, wants []want) (from holding, ok bool) {
	if len(wants) == 0 {
		return from, false
	}
	j := wants[0].object // the stores list the same artifacts, in the same order
	for i := range t.states {
		f := t.states[i][j]
		if f.presence == s3store.Proved && t.copier.worth(f.size, len(wants)) && (!ok || t.Stores[i].Region == t.home) {
			from, ok = holding{want{store: i, object: j}, s3store.Payload{Digest: a.digest, Size: f.size, SHA256: f.sum}}, true
		}
	}
	return from, ok
}

// copy has S3 copy an object from one store to another, and tells whether nobody
// needs to upload it there. Otherwise it returns what is wanted now.
func (t *transfer) copy(from, to want, load s3store.Payload) (left want, done bool) {
	t.copies.take()
	defer t.copies.free()
	began := time.Now()
	if t.ctx.Err() != nil || t.failed(to.store) {
		return to, true // nobody wants it any more
	}
	if !t.copier.may(t.buckets, from, to) {
		return to, false
	}
	fromKey, key := t.objects[from.store][from.object].key, t.objects[to.store][to.object].key
	version, made, err := t.buckets[to.store].CopyFrom(t.ctx, t.buckets[from.store], fromKey, key, load)
	if err != nil {
		if t.ctx.Err() == nil {
			t.copier.refuse(from, to)
		}
		to.ifAbsent = to.ifAbsent && !made // what is there now is not what somebody proved
		return to, false
	}
	t.finished(to, Copied, load.Size, version, began)
	return to, true
}
