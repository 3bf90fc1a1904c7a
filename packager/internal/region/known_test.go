package region

import (
	"slices"
	"testing"
)

// What is offered to choose from is valid, stands there once, and is known as a region in a bucket's name too.
func TestKnown(t *testing.T) {
	seen := make(map[string]bool)
	partitions := make(map[string]bool)
	for _, name := range Known() {
		if !Valid(name) || seen[name] || !slices.Equal(In("code-"+name), []string{name}) {
			t.Errorf("%s: valid %v, twice %v, found in a name %v", name, Valid(name), seen[name], In("code-"+name))
		}
		seen[name] = true
		partitions[Partition(name)] = true
	}
	if len(partitions) != 8 {
		t.Errorf("regions of the partitions %v", partitions)
	}
}
