package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/symphoniacloud/multi-region-codepipeline/packager"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
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

// Where the folder of staged outputs vanishes before they are in their places, as a clean
// build of something else may remove it, none is there, and the error says which.
func TestOutputsFolderVanishes(t *testing.T) {
	for _, all := range []bool{true, false} {
		dir := t.TempDir()
		paths := templatePaths{filepath.Join(dir, "a", "1.yaml"), filepath.Join(dir, "b", "2.yaml")}
		s, err := paths.stage([]packager.Template{{Body: []byte("1")}, {Body: []byte("2")}})
		if err != nil {
			t.Fatal(err)
		}
		gone := filepath.Join(dir, "b")
		if all {
			gone = dir
		}
		if err := os.RemoveAll(gone); err != nil {
			t.Fatal(err)
		}
		err = s.finish(io.Discard, func() error { return nil })
		var e *problem.Error
		if !errors.As(err, &e) || len(problem.Errors(err)) != 1 || !strings.HasSuffix(e.Subject, ".yaml") || e.Hint == "" || strings.Count(e.Error(), ".tmp") > 0 {
			t.Errorf("finishing: %v", err)
		}
		if err := s.discard(); err != nil {
			t.Error(err)
		}
		if left, _ := filepath.Glob(filepath.Join(dir, "*", "*")); len(left) > 0 {
			t.Errorf("there are %q", left)
		}
	}
}
