package syntax

import (
	"slices"
	"strings"
	"testing"
)

// FuzzApply: edits are refused for a reason, or made, and every byte outside of them stays.
func FuzzApply(f *testing.F) {
	f.Add([]byte("Resources:\r\n"), []byte{2, 4, 1, 4, 4, 2})
	f.Add([]byte("abc"), []byte{3, 3, 1, 0, 0, 1, 0, 2, 0})
	f.Add([]byte("abc"), []byte{1, 0, 1})
	f.Add([]byte(""), []byte{0, 200, 1})
	f.Fuzz(func(t *testing.T, src, spec []byte) {
		var edits []Edit
		for e := range slices.Chunk(spec[:len(spec)/3*3], 3) {
			edits = append(edits, Edit{int(int8(e[0])), int(int8(e[1])), strings.Repeat("x", int(e[2]%4))})
		}
		got, err := Apply(src, edits)
		if err != nil {
			for i, a := range edits {
				if a.Start < 0 || a.End < a.Start || a.End > len(src) {
					return
				}
				for _, b := range edits[:i] {
					if a.Start == b.Start || a.Start < b.End && b.Start < a.End {
						return
					}
				}
			}
			t.Fatalf("apply(%q, %v): %v", src, edits, err)
		}
		// From the last to the first no edit moves the place of another.
		slices.SortStableFunc(edits, func(a, b Edit) int { return a.Start - b.Start })
		want := string(src)
		for _, e := range slices.Backward(edits) {
			want = want[:e.Start] + e.Text + want[e.End:]
		}
		if string(got) != want {
			t.Errorf("apply(%q, %v) = %q, want %q", src, edits, got, want)
		}
	})
}
