package s3store

import (
	"bytes"
	"crypto/sha256"
	"os"
	"path/filepath"
	"testing"
)

// The checksums of parts are those of the file's pieces, and each is computed
// once for all stores.
func TestPartsOfPayload(t *testing.T) {
	content := bytes.Repeat([]byte("0123456789abcdef"), (2*partSize+16)/16)
	path := filepath.Join(t.TempDir(), "payload")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(content)
	p := FilePayload("", path, int64(len(content)), sum[:])
	if len(p.parts) != 3 {
		t.Fatalf("%d parts", len(p.parts))
	}
	for range 2 {
		for i, part := range p.parts {
			want := sha256.Sum256(content[i*partSize : min((i+1)*partSize, len(content))])
			if got, err := part(); err != nil || !bytes.Equal(got, want[:]) {
				t.Errorf("part %d: %x, %v", i+1, got, err)
			}
		}
		_ = os.Remove(path) // nothing can be read again
	}
	if small := FilePayload("", path, partSize, nil); small.parts != nil {
		t.Error("what goes in one request has parts")
	}
}
