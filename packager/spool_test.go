package packager

import (
	"bytes"
	"crypto/sha256"
	"os"
	"path/filepath"
	"testing"
)

// The checksums of parts are those of the file's pieces, and each is computed
// once for all stores.
func TestPartsOfSpool(t *testing.T) {
	content := bytes.Repeat([]byte("0123456789abcdef"), (2*partSize+16)/16)
	path := filepath.Join(t.TempDir(), "spool")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	s := newSpool(path, int64(len(content)), sha256.Sum256(content))
	if len(s.parts) != 3 {
		t.Fatalf("%d parts", len(s.parts))
	}
	for range 2 {
		for i, part := range s.parts {
			want := sha256.Sum256(content[i*partSize : min((i+1)*partSize, len(content))])
			if got, err := part(); err != nil || !bytes.Equal(got, want[:]) {
				t.Errorf("part %d: %x, %v", i+1, got, err)
			}
		}
		if err := s.remove(); err != nil { // nothing can be read again
			t.Fatal(err)
		}
	}
	if small := newSpool(path, partSize, [sha256.Size]byte{}); small.parts != nil {
		t.Error("what goes in one request has parts")
	}
}
