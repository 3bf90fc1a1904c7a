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
	if p := FilePayload("", "x", PartSize+1, nil, parts); len(p.parts) != 2 {
		t.Errorf("%d parts", len(p.parts))
	}
	if p := FilePayload("", "x", PartSize, nil, parts[:1]); p.parts != nil {
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
