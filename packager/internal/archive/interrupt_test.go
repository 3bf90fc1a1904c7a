package archive

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// Every step that reads a whole file, which may be large, ends with its context.
func TestReadingEndsWithContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	dir := t.TempDir()
	path := filepath.Join(dir, "model.bin")
	noise := make([]byte, 3*blockSize)
	_, _ = rand.Read(noise) // it never fails
	if err := os.WriteFile(path, noise, 0o600); err != nil {
		t.Fatal(err)
	}
	f := &File{Name: "model.bin", Path: path, Size: int64(len(noise)), SHA256: sha256.Sum256(noise)}
	a := NewArchiver(dir, blockSize)
	for name, err := range map[string]error{
		"storing in the archive":     (&writer{ctx: ctx, buffered: bufio.NewWriter(io.Discard), zip: zipWriter{w: io.Discard}}).storeLarge(&entry{size: f.Size}, f),
		"keeping in --archive-dir":   Keep(ctx, path, dir, "kept.zip"),
		"copying":                    func() error { _, err := a.Copy(ctx, f); return err }(),
		"the archive with all of it": func() error { _, err := a.Archive(ctx, []*File{f}); return err }(),
	} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
