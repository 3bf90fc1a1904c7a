package main

import (
	"slices"
	"testing"

	"github.com/symphoniacloud/multi-region-codepipeline/packager"
)

// Stores have names of their own, and every event is told by one of them, or by none.
func TestStoreNames(t *testing.T) {
	store := func(region, bucket, owner, role string) packager.Contents {
		return packager.Contents{Store: packager.Store{Region: region, Bucket: bucket, Owner: owner, Role: packager.Role{ARN: role}}}
	}
	const one, two = "arn:aws:iam::222222222222:role/one", "arn:aws:iam::222222222222:role/two"
	for _, tt := range []struct {
		stores []packager.Contents
		want   []string
	}{
		{[]packager.Contents{store("us-east-1", "a", "", ""), store("us-west-2", "b", "", "")}, []string{"us-east-1", "us-west-2"}},
		{[]packager.Contents{store("us-east-1", "a", "111111111111", ""), store("us-east-1", "b", "", one), store("us-west-2", "c", "", one)},
			[]string{"us-east-1/111111111111", "us-east-1/222222222222", "us-west-2"}},
		{[]packager.Contents{store("us-east-1", "a", "", one), store("us-east-1", "b", "", one)}, []string{"us-east-1/a", "us-east-1/b"}},
		{[]packager.Contents{store("us-east-1", "a", "", one), store("us-east-1", "a", "", two)}, []string{"us-east-1/a/" + one, "us-east-1/a/" + two}},
	} {
		names := storeNames(tt.stores)
		if !slices.Equal(names, tt.want) {
			t.Errorf("%q, want %q", names, tt.want)
		}
		for i, s := range tt.stores {
			if got := nameOf(packager.Event{Store: i, Region: s.Region}, tt.stores, names); got != names[i] {
				t.Errorf("the store %d is told of as %s, want %s", i, got, names[i])
			}
		}
		last := tt.stores[len(tt.stores)-1].Region
		if got := nameOf(packager.Event{Region: last}, tt.stores, names); !slices.Contains(names, got) {
			t.Errorf("what is told of %s is told of %q", last, got)
		}
		if got := nameOf(packager.Event{}, tt.stores, names); got != "" {
			t.Errorf("what is told of no region is told of %s", got)
		}
	}
}
