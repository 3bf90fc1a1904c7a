package packager

import (
	"archive/zip"
	"bytes"
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
	path, entryPath := filepath.Join(dir, "model.bin"), filepath.Join(dir, "entry")
	noise := make([]byte, inMemory+1)
	_, _ = rand.Read(noise) // it never fails
	if err := errors.Join(os.WriteFile(path, noise, 0o600), os.WriteFile(entryPath, noise, 0o600)); err != nil {
		t.Fatal(err)
	}
	in, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	f := file{name: "model.bin", path: path, size: int64(len(noise)), sum: sha256.Sum256(noise)}
	a := newArchiver(dir)
	for name, err := range map[string]error{
		"compressing":                a.onDisk(ctx, &entry{header: zip.FileHeader{UncompressedSize64: uint64(len(noise))}}, bytes.NewReader(noise), in, f),
		"putting into the archive":   (&entry{path: entryPath}).writeTo(ctx, zip.NewWriter(io.Discard)),
		"keeping in --archive-dir":   keep(ctx, path, dir, "kept.zip"),
		"copying":                    func() error { _, err := a.copy(ctx, f); return err }(),
		"the archive with all of it": func() error { _, err := a.archive(ctx, []file{f}); return err }(),
	} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
