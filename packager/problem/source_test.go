package problem_test

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// FuzzPlace: a place is where counting from the line's beginning finds it, however long
// the line is, and its excerpt has the caret under it.
func FuzzPlace(f *testing.F) {
	for _, text := range []string{"", "\ufeffa: b\r\nc", "a\u2028é\u0085\r\r\n\n", strings.Repeat("é=", 700) + "\n" + strings.Repeat("x", 3000)} {
		for _, at := range []int{0, 1, len(text) / 2, len(text)} {
			f.Add([]byte(text), at)
		}
	}
	f.Fuzz(func(t *testing.T, text []byte, at int) {
		if !utf8.Valid(text) || at < 0 || at > len(text) {
			return
		}
		for at < len(text) && !utf8.RuneStart(text[at]) {
			at++
		}
		s := problem.NewSource(text)
		line, column := s.Place(at)
		if line < 1 || line > s.Lines() {
			t.Fatalf("line %d of %d", line, s.Lines())
		}
		start := s.LineStart(line)
		if want := utf8.RuneCount(text[start:max(start, at)]) + 1; column != want {
			t.Errorf("column %d, want %d", column, want)
		}
		if excerpt := s.Excerpt(line, column); strings.Count(excerpt, "\n") != 1 || !strings.HasSuffix(excerpt, "^") {
			t.Errorf("%q", excerpt)
		}
	})
}

// A tab is seen, and a line that is long is cut around the place.
func TestExcerpt(t *testing.T) {
	s := problem.NewSource([]byte("a:\n\t b\x01: c\r\n" + strings.Repeat("é", 5000) + "here" + strings.Repeat("-", 5000)))
	for _, c := range []struct {
		line, column int
		want         string
	}{
		{2, 1, "    2 | → b\ufffd: c\n      | ^"},
		{2, 99, "    2 | → b\ufffd: c\n      |        ^"},
		{3, 5001, "    3 | …" + strings.Repeat("é", 39) + "here" + strings.Repeat("-", 25) + "…\n      | " + strings.Repeat(" ", 40) + "^"},
		{3, 1, "    3 | " + strings.Repeat("é", 69) + "…\n      | ^"},
		{3, 10005, "    3 | …" + strings.Repeat("-", 69) + "\n      | " + strings.Repeat(" ", 70) + "^"},
		{4, 1, ""},
		{0, 1, ""},
	} {
		if got := s.Excerpt(c.line, c.column); got != c.want {
			t.Errorf("line %d, column %d:\n%s\nwant\n%s", c.line, c.column, got, c.want)
		}
	}
}

// Many places on one line: each costs the same, however long the line is.
func BenchmarkPlace(b *testing.B) {
	for _, length := range []int{1 << 10, 1 << 20} {
		s := problem.NewSource([]byte(strings.Repeat("é", length)))
		b.Run(fmt.Sprint(length), func(b *testing.B) {
			for b.Loop() {
				s.Excerpt(s.Place(2 * length))
			}
		})
	}
}
