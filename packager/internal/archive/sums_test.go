package archive

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"testing"
)

// The sums are those of the whole and of its pieces, however it is written.
func TestSums(t *testing.T) {
	content := []byte("0123456789abcdefghijklmnopqrstuvwxyz")
	for _, piece := range []int{1, 7, 12, 35, 36, 37, 100} {
		for _, at := range []int{1, 5, 12, 36} {
			s := newSums(int64(piece))
			for rest := content; len(rest) > 0; rest = rest[min(at, len(rest)):] {
				_, _ = s.Write(rest[:min(at, len(rest))])
			}
			got := s.spool("", 36)
			var want [][]byte
			for i := 0; i < len(content); i += piece {
				sum := sha256.Sum256(content[i:min(i+piece, len(content))])
				want = append(want, sum[:])
			}
			if got.SHA256 != sha256.Sum256(content) || fmt.Sprintf("%x", got.Pieces) != fmt.Sprintf("%x", want) || !bytes.Equal(want[0], got.Pieces[0]) {
				t.Errorf("pieces of %d, written by %d: %x", piece, at, got.Pieces)
			}
		}
	}
}
