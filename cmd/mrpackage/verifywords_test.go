package main

import (
	"testing"
	"time"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/verify"
)

// The first end of some objects says also of how many others nobody knows theirs: one of these may be the first.
func TestFirstEnd(t *testing.T) {
	now := time.Now()
	ends := verify.Object{State: verify.Proved, Modified: now, Ends: now.Add(72*time.Hour + time.Minute)}
	stays := verify.Object{State: verify.Proved, Modified: now}
	untold := verify.Object{State: verify.Proved, Modified: now, EndUnknown: "S3 does not tell"}
	gone := verify.Object{State: verify.Wrong}
	on := " in 3 days, on " + ends.Ends.UTC().Format(time.DateOnly)
	for want, all := range map[string][]verify.Object{
		"":                                   {gone},
		"no lifecycle rule deletes them":     {stays, gone},
		"is deleted" + on:                    {ends},
		"the first is deleted" + on:          {stays, ends},
		"when they are deleted is not known": {untold, untold},
		"when they are deleted is not known of 1 of them, and no rule deletes others": {untold, stays},
		"the first is deleted" + on + "; of 1 of them it is not known":                {untold, ends, stays},
	} {
		if got := firstEnd(all); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
