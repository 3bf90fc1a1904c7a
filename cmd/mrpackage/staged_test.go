package main

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/symphoniacloud/multi-region-codepipeline/packager"
)

// Where one output cannot be put into its place, as in a folder where everybody
// may write and another user's file stands, all are as they were before.
func TestAllOutputsOrNone(t *testing.T) {
	dir := t.TempDir()
	paths := templatePaths{filepath.Join(dir, "new.yaml"), filepath.Join(dir, "old.yaml"), filepath.Join(dir, "bad.yaml")}
	if err := os.WriteFile(paths[1], []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := paths.stage([]packager.Template{{Body: []byte("1")}, {Body: []byte("2")}, {Body: []byte("3")}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(paths[2], "folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := s.finish(io.Discard, func() error { return nil }); err == nil {
		t.Error("a file took the place of a folder")
	}
	if err := s.discard(); err != nil {
		t.Error(err)
	}
	if text, err := os.ReadFile(paths[1]); err != nil || string(text) != "old" {
		t.Errorf("what was there before is %q, %v", text, err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 2 {
		t.Errorf("there are %v, %v", left, err)
	}
}
