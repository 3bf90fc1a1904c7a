package syntax

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
)

// An Edit puts Text in the place of the bytes from Start to End.
type Edit struct {
	Start, End int
	Text       string
}

// Apply makes all edits at once. Every byte outside of them stays. Edits that overlap, or
// lie outside of the text, are an error.
func Apply(src []byte, edits []Edit) ([]byte, error) {
	edits = slices.SortedStableFunc(slices.Values(edits), func(a, b Edit) int { return cmp.Compare(a.Start, b.Start) })
	var out bytes.Buffer
	at := 0
	for _, e := range edits {
		if e.Start < at || e.End < e.Start || e.End > len(src) {
			return nil, fmt.Errorf("the edit of bytes %d to %d overlaps another", e.Start, e.End)
		}
		out.Write(src[at:e.Start])
		out.WriteString(e.Text)
		at = e.End
	}
	out.Write(src[at:])
	return out.Bytes(), nil
}
