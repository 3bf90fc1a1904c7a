package packager_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/symphoniacloud/multi-region-codepipeline/packager"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// nest makes folders of one name in each other, with a file in the innermost, as far as
// this system lets it.
func nest(t *testing.T, dir, name string, levels int) {
	t.Helper()
	in, err := os.OpenRoot(dir) // no path to it is ever as long as the tree is deep
	if err != nil {
		t.Fatal(err)
	}
	for range levels {
		below := in
		if err = in.Mkdir(name, 0o700); err == nil {
			below, err = in.OpenRoot(name)
		}
		if err != nil {
			break // deep enough
		}
		_ = in.Close() // nothing was written
		in = below
	}
	_ = in.WriteFile("leaf", []byte("x"), 0o600) // where there is room for it
	_ = in.Close()
}

// A tree of folders that is deeper than a path may be long is one problem, which names
// what to leave out; whoever does so packages the rest.
func TestDeepFolders(t *testing.T) {
	tests := map[string]struct {
		name   string
		levels int
	}{
		"4,000 levels":          {"d", 4000}, // 8,000 bytes, and Linux takes paths of 4,096
		"600 levels of names":   {"123456789", 600},
		"20 levels of the most": {strings.Repeat("n", 255), 20},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, opts := store(t)
			dir := filepath.Dir(opts.TemplateFile)
			nest(t, filepath.Join(dir, "src"), tt.name, tt.levels)
			plan, err := packager.NewPlan(t.Context(), opts)
			if err == nil && runtime.GOOS != "linux" {
				return // a system that takes it all
			}
			all := problem.Errors(err)
			var e *problem.Error
			if len(all) != 1 || !errors.As(all[0], &e) || !strings.Contains(e.Error(), "too deep") || len(e.Error())+len(e.Hint) > 1200 {
				t.Fatalf("%d problems: %.1000v, %v", len(all), err, plan)
			}
			if !strings.Contains(e.Hint, "--exclude '"+tt.name+"'") {
				t.Errorf("the hint is %.500q", e.Hint)
			}
			opts.Exclude = []string{tt.name}
			plan, err = packager.NewPlan(t.Context(), opts)
			if err != nil || plan.Artifacts[0].Files != 1 {
				t.Errorf("without it: %v", err)
			}
		})
	}
}

// What the system can read by its path is packaged, to the last byte of the path: no name
// of a file of ours needs room in it.
func TestLongestPath(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the longest path is another one here")
	}
	const longest = 4095
	for below := range 22 { // .mrpackage-outputs has 18 bytes
		server, opts := store(t)
		dir := filepath.Join(filepath.Dir(opts.TemplateFile), "src")
		name := strings.Repeat("n", 200)
		levels := (longest-len(dir)-len("/leaf"))/(len(name)+1) - 1
		nest(t, dir, name, levels)
		deep := dir + strings.Repeat("/"+name, levels) + "/"
		long := deep + strings.Repeat("p", (longest-len(deep)-below)/2)
		long += "/" + strings.Repeat("f", longest-len(long)-1-below)
		if err := errors.Join(os.Mkdir(filepath.Dir(long), 0o700), os.WriteFile(long, []byte("found"), 0o600)); err != nil {
			t.Fatal(err)
		}
		result, err := packager.Package(t.Context(), opts)
		if err != nil {
			t.Fatalf("%d bytes: %.500v", len(long), err)
		}
		o, _ := server.Object("east", result.Artifacts[0].Name)
		z, err := zip.NewReader(bytes.NewReader(o.Body), int64(len(o.Body)))
		if err != nil {
			t.Fatal(err)
		}
		want := strings.TrimPrefix(long, dir+"/")
		if i := len(z.File) - 2; len(z.File) != 3 || z.File[i].Name != want && z.File[i+1].Name != want {
			t.Errorf("%d files, and none is the one of %d bytes", len(z.File), len(long))
		}
	}
}
