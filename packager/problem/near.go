package problem

import (
	"slices"
	"strings"
)

// Similar tells whether one name is the other with a slip of the finger: one
// character more or less, another one, or two neighbours exchanged. Upper and lower
// case are the same, so names that differ in nothing else are similar, too.
func Similar(a, b string) bool {
	x, y := []rune(strings.ToLower(a)), []rune(strings.ToLower(b))
	long := len(x) > 2 && len(y) > 2 // of two letters, any two names are one slip apart
	for len(x) > 0 && len(y) > 0 && x[0] == y[0] {
		x, y = x[1:], y[1:]
	}
	for len(x) > 0 && len(y) > 0 && x[len(x)-1] == y[len(y)-1] {
		x, y = x[:len(x)-1], y[:len(y)-1]
	}
	exchanged := len(x) == 2 && len(y) == 2 && x[0] == y[1] && x[1] == y[0]
	return len(x) <= 1 && len(y) <= 1 && long || exchanged
}

// SameLetters tells whether two names are spelled with the same letters and digits,
// in whatever order and case, and with whatever - and _ between them. That is
// narrower than [Similar]: build-1.sh is not meant where build-2.sh is written, nor
// is US_WEST_1 where US_WEST_2 is.
func SameLetters(a, b string) bool {
	letters := func(name string) string {
		sorted := []rune(strings.NewReplacer("-", "", "_", "").Replace(strings.ToLower(name)))
		slices.Sort(sorted)
		return string(sorted)
	}
	return letters(a) == letters(b)
}
