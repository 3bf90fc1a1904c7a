package archive

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// A zip has 16 bits for the length of a name, and Windows has longer paths.
func TestNameTooLongForAnArchive(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	x, err := NewExcluder(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	rules, err := x.rules(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{65_535, 65_536} {
		w := walker{ctx: t.Context(), root: filepath.Dir(path), Excluder: x, rules: rules, found: func(*File) {}}
		name := "a/" + strings.Repeat("n", n-2)
		w.visit(fs.FileInfoToDirEntry(info), path, path, name, nil)
		var e *problem.Error
		if n == 65_535 && len(w.Files) != 1 || n > 65_535 && (len(w.errs) != 1 || !errors.As(w.errs[0], &e) || !strings.Contains(e.Hint, "--exclude 'a'")) {
			t.Errorf("%d bytes: %d files, %.300v", n, len(w.Files), w.errs)
		}
	}
}
