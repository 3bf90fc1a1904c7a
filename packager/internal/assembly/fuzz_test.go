package assembly_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/assembly"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// FuzzRead: whatever the manifests hold, each problem has its place, and what is read is
// whole: an asset has a source of one kind, and its destinations can be resolved.
func FuzzRead(f *testing.F) {
	seed := txtar.Parse([]byte(stages)).Files
	f.Add(string(seed[0].Data), string(seed[1].Data))
	f.Add(string(seed[2].Data), string(seed[3].Data))
	f.Fuzz(func(t *testing.T, cloud, assets string) {
		dir := t.TempDir()
		write(t, filepath.Join(dir, "manifest.json"), cloud)
		write(t, filepath.Join(dir, "Shop.assets.json"), assets)
		for _, path := range []string{dir, filepath.Join(dir, "Shop.assets.json")} {
			a, err := assembly.Read(t.Context(), path)
			for _, err := range problem.Errors(err) {
				var e *problem.Error
				if !asProblem(err, &e) || e.Message == "" || e.File == "" && e.Subject == "" {
					t.Fatalf("a problem without a place: %#v", err)
				}
			}
			if err != nil {
				continue
			}
			for _, m := range a.Manifests {
				for _, asset := range append(m.Files, m.Images...) {
					whole(t, asset)
				}
			}
		}
	})
}

func whole(t *testing.T, a *assembly.Asset) {
	t.Helper()
	if path := a.File(); (path == "") == (len(a.Source.Executable) == 0) {
		t.Errorf("%s: a path %q and a command %q", a.ID, path, a.Source.Executable)
	}
	for _, d := range a.Destinations {
		if (d.Bucket == "" || d.Key == "") == (d.Repository == "" || d.Tag == "") {
			t.Errorf("%+v", d)
		}
		to, err := d.Resolve(assembly.Values{Region: "us-east-1", Partition: "aws", Account: "111111111111"})
		if err == nil && strings.Contains(to.Bucket+to.Key+to.Repository+to.Tag+to.RoleARN+to.ExternalID, "${") {
			t.Errorf("%+v", to)
		}
	}
}
