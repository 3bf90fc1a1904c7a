package archive

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// Where nothing is excluded, all files are there: also those that else stay out by their
// names, by patterns in the folder, and by its list of outputs.
func TestEverything(t *testing.T) {
	dir := t.TempDir()
	want := []string{
		".git", ".mrpackage-outputs", ".mrpackage-x.tmp", ".mrpackageignore", "a.log", "packaged-template-us-east-1.yaml", "report.json",
	}
	for _, name := range want {
		text := map[string]string{".mrpackageignore": "*.log\n", ".mrpackage-outputs": "report.json\n"}[name]
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	list := func(x *Excluder) (names []string) {
		listing, errs := List(t.Context(), dir, x, func(*File) {})
		if len(errs) > 0 {
			t.Fatal(errs)
		}
		for _, f := range listing.Files {
			names = append(names, f.Name)
		}
		return names
	}
	if got := list(Everything()); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	x, err := NewExcluder(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := list(x); len(got) > 0 {
		t.Errorf("%q", got)
	}
}
