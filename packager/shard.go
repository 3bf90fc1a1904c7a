package packager

import (
	"fmt"
	"strconv"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// A Shard is one of several runs, on as many machines, that share the work of
// storing a template's artifacts. Which one stores an artifact follows from its
// digest, so all runs agree without talking to each other.
type Shard struct {
	// Index counts from 1 to Count. A Count of 0 means that there is one run,
	// which stores everything.
	Index, Count int
}

// Check tells whether there is such a shard.
func (s Shard) Check() error {
	if s != (Shard{}) && (s.Count < 1 || s.Index < 1 || s.Index > s.Count) {
		return &problem.Error{Subject: "shard", Message: fmt.Sprintf("there is no shard %d of %d", s.Index, s.Count)}
	}
	return nil
}

// stores tells whether an object is this shard's to store. Nested templates,
// which are small and mostly different in each region, are left to the run without
// shards.
func (s Shard) stores(o object) bool {
	return s.Count == 0 || o.artifact != nil && s.Has(o.artifact.digest)
}

// Has tells whether what has a digest, of hex digits, is this shard's to store.
func (s Shard) Has(digest string) bool { return s.Count == 0 || s.of(digest) == s.Index }

// of is the shard that stores a digest.
func (s Shard) of(digest string) int {
	n, err := strconv.ParseUint(digest[:15], 16, 64)
	if err != nil {
		return 1 // no digest
	}
	return int(n%uint64(s.Count)) + 1 //nolint:gosec // it is less than Count
}
