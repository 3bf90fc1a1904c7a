package problem

import "testing"

func TestNear(t *testing.T) {
	for _, c := range []struct {
		a, b                 string
		similar, sameLetters bool
	}{
		{"build.sh", "build.sh", true, true},
		{"build.sh", "Build.sh", true, true},
		{"build.sh", "builds.sh", true, false},
		{"build.sh", "biuld.sh", true, true},
		{"build-1.sh", "build-2.sh", true, false},
		{"multiregion-build.sh", "mulitregion_build.sh", false, true},
		{"build.sh", "test.sh", false, false},
		{"US_WEST_2", "US-WEST2", false, true},
		{"US_WEST_2", "US_WEST_1", true, false},
		{"a", "b", false, false},
		{"ab", "ba", true, true},
	} {
		if got := Similar(c.a, c.b); got != c.similar {
			t.Errorf("Similar(%q, %q) = %v", c.a, c.b, got)
		}
		if got := SameLetters(c.a, c.b); got != c.sameLetters {
			t.Errorf("SameLetters(%q, %q) = %v", c.a, c.b, got)
		}
	}
}
