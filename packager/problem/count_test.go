package problem_test

import (
	"testing"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

func TestCount(t *testing.T) {
	for n, want := range map[int64]string{0: "0 files", 1: "1 file", 2: "2 files", 101: "101 files"} {
		if got := problem.Count(n, "file"); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}
