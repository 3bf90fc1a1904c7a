package packager

import (
	"sync"
	"time"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/s3store"
)

// Refusals remember between which stores S3 does not copy. They are safe for concurrent use.
type refusals struct {
	mu    sync.Mutex
	pairs map[[2]int]bool
}

// may tells whether a copy can work: only where one signature opens both, and not where one
// was refused before.
func (c *refusals) may(buckets []*s3store.Bucket, from, to want) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return copyable(buckets[from.store].Store, buckets[to.store].Store) && !c.pairs[[2]int{from.store, to.store}]
}

func (c *refusals) refuse(from, to want) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pairs[[2]int{from.store, to.store}] = true
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
		if f.presence == s3store.Proved && t.router.isCopied(f.size, len(wants)) && (!ok || t.Stores[i].Region == t.home) {
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
	if !t.refusals.may(t.buckets, from, to) {
		return to, false
	}
	fromKey, key := t.objects[from.store][from.object].key, t.objects[to.store][to.object].key
	ended := t.router.copy(load.Size)
	version, made, err := t.buckets[to.store].CopyFrom(t.ctx, t.buckets[from.store], fromKey, key, load)
	ended(err == nil)
	if err != nil {
		if t.ctx.Err() == nil {
			t.refusals.refuse(from, to)
		}
		to.ifAbsent = to.ifAbsent && !made // what is there now is not what somebody proved
		return to, false
	}
	t.finished(to, Copied, load.Size, version, began)
	return to, true
}
