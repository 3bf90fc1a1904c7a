package image_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/image"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/image/imagetest"
)

// FuzzOpen opens archives from strangers. None may make it panic, use more of the disk
// than it may, or leave anything there. What it gives is whole, and what its manifest
// says.
func FuzzOpen(f *testing.F) {
	for _, form := range forms() {
		content := form.files.Tar()
		f.Add(content, "", false)
		f.Add(imagetest.Gzip(content), "app:1", true)
	}
	for _, broken := range brokenArchives(f) {
		if len(broken.content) < 100_000 {
			f.Add(broken.content, "", false)
		}
	}
	f.Fuzz(func(t *testing.T, content []byte, name string, arm bool) {
		dir := t.TempDir()
		path := filepath.Join(dir, "image")
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		temp := filepath.Join(dir, "temp")
		if err := os.Mkdir(temp, 0o700); err != nil {
			t.Fatal(err)
		}
		source := image.Source{Path: path, Name: name, TempDir: temp, Label: "image.tar"}
		if arm {
			source.Architectures = []string{"arm64"}
		}
		i, closeImage, err := image.OpenSmall(t.Context(), source)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "image.tar ") || i != nil || closeImage != nil {
				t.Errorf("%v", err)
			}
			empty(t, temp)
			return
		}
		verify(t, i)
		if i.OS != "linux" || arm && i.Architecture != "arm64" {
			t.Errorf("%s/%s", i.OS, i.Architecture)
		}
		if err := closeImage(); err != nil {
			t.Error(err)
		}
		empty(t, temp)
	})
}

// FuzzClassify reads what a template says of an image, which may be anything.
func FuzzClassify(f *testing.F) {
	for _, value := range []string{"image.tar#a:1", "app:1", "localhost:5000/app:1", "123456789012.dkr.ecr.us-east-1.amazonaws.com/app@sha256:" + zeros, "a#b#c"} {
		f.Add(value, true)
		f.Add(value, false)
	}
	f.Fuzz(func(t *testing.T, value string, there bool) {
		r, err := image.Classify(value, func(string) bool { return there })
		if err != nil {
			return
		}
		var back string
		switch r.Kind {
		case image.InFile:
			back = r.Path
			if value != r.Path {
				back += "#" + r.Name
			}
		case image.InRegistry:
			back = r.Address.String()
		case image.InEngine:
			back = r.Name
			if strings.HasPrefix(r.Name, "-") || strings.ContainsAny(r.Name, " \n\x00") {
				t.Errorf("%q is the name of an image", r.Name)
			}
		}
		if back != value {
			t.Errorf("%q becomes %q", value, back)
		}
	})
}
