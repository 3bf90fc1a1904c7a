package s3store

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Parts are what goes in several requests.
func TestPartsOfPayload(t *testing.T) {
	parts := [][]byte{{1}, {2}}
	if p := (Payload{}).InFile("x", PartSize+1, nil, parts); len(p.parts) != 2 {
		t.Errorf("%d parts", len(p.parts))
	}
	if p := (Payload{}).InFile("x", PartSize, nil, parts[:1]); p.parts != nil {
		t.Error("what goes in one request has parts")
	}
}

// No more is sent of a file than it had, and none of one that has less.
func TestPayloadOfChangedFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "payload")
	if err := os.WriteFile(path, []byte("0123456789 and more"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, body, err := Payload{Path: path, Size: 10}.open()
	if err != nil || body.Size() != 10 {
		t.Errorf("%v, %v", body, err)
	}
	_ = f.Close()
	if _, _, err := (Payload{Path: path, Size: 100}).open(); err == nil || !strings.Contains(err.Error(), "it has 19 bytes, and had 100") {
		t.Errorf("got %v", err)
	}
}

// What S3 does not take in any number of parts is refused before the first.
func TestTooManyParts(t *testing.T) {
	b := &Bucket{Store: Store{Region: "us-east-1", Bucket: "east"}}
	_, _, err := b.Put(t.Context(), "code.zip", Payload{Path: "none", Size: maxParts*PartSize + 1}, false)
	if err == nil || !strings.Contains(err.Error(), "us-east-1: s3://east/code.zip has 167772160001 bytes, and 167772160000 go in") {
		t.Errorf("got %v", err)
	}
}
