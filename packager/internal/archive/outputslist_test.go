package archive

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Whoever adds to a list at the same time loses nothing, and nothing else is left.
func TestAddListedAtTheSameTime(t *testing.T) {
	dir := t.TempDir()
	var want []string
	var adding sync.WaitGroup
	for i := range 40 {
		name := fmt.Sprintf("report %d.json", i)
		want = append(want, name)
		adding.Go(func() {
			for range 2 {
				if err := AddListed(dir, []string{name}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	adding.Wait()
	got, err := listed(dir)
	slices.Sort(want)
	slices.Sort(got)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("listed are %q, %v", got, err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("there are %v, %v", left, err)
	}
}

// Whoever finds the list locked waits, and not for ever; a lock's file without a holder
// is no lock.
func TestLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), listLock)
	if err := os.WriteFile(path, []byte("left by a killed run"), 0o600); err != nil {
		t.Fatal(err)
	}
	unlock, err := lock(path, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lock(path, 20*time.Millisecond); err == nil || !strings.Contains(err.Error(), "another run has held "+path) {
		t.Errorf("got %v", err)
	}
	time.AfterFunc(20*time.Millisecond, unlock)
	again, err := lock(path, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	again()
	if _, err := os.Lstat(path); err == nil {
		t.Error("the lock's file is left")
	}
}

// A path leads where the system would write, however many links there are on the way.
func TestPlaces(t *testing.T) {
	dir := RealPath(t.TempDir())
	for _, name := range []string{"a/b", "c"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for name, target := range map[string]string{
		"short":    "a/b",
		"one":      "c/new",
		"two":      "one",
		"a/b/up":   "../up.json", // a/up.json, also by short/up
		"odd":      "short/../odd.json",
		"absolute": filepath.Join(dir, "c", "new"),
		"circle":   "round",
		"round":    "circle",
		"x":        "y/z",
		"y":        "x/z",
	} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Log(err) // as on Windows, where it takes a privilege
			return
		}
	}
	for path, want := range map[string][]string{
		"c/plain":     {"c/plain"},
		"no/such/one": {"no/such/one"},
		"one":         {"one", "c/new"},
		"two":         {"two", "one", "c/new"},
		"short/up":    {"a/b/up", "a/up.json"},
		"odd":         {"odd", "a/odd.json"},
		"absolute":    {"absolute", "c/new"},
		"short/new":   {"a/b/new"},
	} {
		places := Places(filepath.Join(dir, path))
		for i, place := range places {
			rel, err := filepath.Rel(dir, place)
			if err != nil {
				t.Fatal(err)
			}
			places[i] = filepath.ToSlash(rel)
		}
		if !slices.Equal(places, want) {
			t.Errorf("%s: %q, want %q", path, places, want)
		}
	}
	for _, path := range []string{"circle", "round/x", "x", "y/z/x"} {
		RealPath(filepath.Join(dir, path)) // ends
	}
}
