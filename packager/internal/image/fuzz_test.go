package image_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/imagetest"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/image"
)

// FuzzOpen opens archives from strangers. None may make it panic, use more of the disk
// than it may, or leave anything there. What it gives is whole, and what its manifest
// says.
func FuzzOpen(f *testing.F) {
	small := imagetest.Image{Layers: [][]byte{imagetest.Layer("a", []byte("a")), imagetest.Layer("b", nil)}}
	for _, form := range forms(small) {
		content := form.files.Tar()
		f.Add(content, "", false)
		f.Add(imagetest.Gzip(content), "app:1", true)
	}
	for _, broken := range brokenArchives(f) {
		if len(broken.content) < 50_000 {
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
		tryOpen(t, source)
	})
}

func tryOpen(t *testing.T, source image.Source) {
	i, closeImage, err := image.OpenSmall(t.Context(), source)
	if err != nil {
		if !strings.HasPrefix(err.Error(), "image.tar ") || strings.Contains(err.Error(), "\n") || i != nil || closeImage != nil {
			t.Errorf("%v", err)
		}
		empty(t, source.TempDir)
		return
	}
	verify(t, i)
	if i.OS != "linux" || len(source.Architectures) > 0 && i.Architecture != "arm64" {
		t.Errorf("%s/%s", i.OS, i.Architecture)
	}
	if err := closeImage(); err != nil {
		t.Error(err)
	}
	empty(t, source.TempDir)
}

// FuzzDocuments opens images whose documents are a stranger's, and whose digests are
// right all the same: in one, CONFIG, LAYER and MANIFEST stand for the descriptor of
// another, and BLOB for the digest of the layer.
func FuzzDocuments(f *testing.F) {
	config := string((imagetest.Image{Layers: [][]byte{[]byte("layer")}}).Config())
	const manifest = `{"schemaVersion":2,"config":CONFIG,"layers":[LAYER]}`
	const platforms = `{"schemaVersion":2,"manifests":[MANIFEST,{"platform":{"os":"unknown","architecture":"unknown"}}]}`
	for _, layer := range []string{"layer", string(imagetest.Gzip([]byte("layer"))), string(imagetest.Zstd([]byte("layer")))} {
		for _, mediaType := range []string{imagetest.OCILayer, imagetest.OCILayer + "+gzip", "application/vnd.docker.image.rootfs.diff.tar"} {
			f.Add(platforms, "", manifest, config, layer, mediaType, "")
		}
	}
	f.Add(`{"manifests":[INDEX,INDEX]}`, platforms, manifest, config, "layer", imagetest.OCILayer, "sha256:00000000000")
	f.Add("", "", "", config, "layer", "", `[{"Config":"blobs/sha256/CONFIG","RepoTags":["a:1"],"Layers":["blobs/sha256/BLOB"]}]`)
	f.Add("", "", "", config, "layer", "", `[{"Config":"blobs/sha256/CONFIG","Layers":["link"]},{"Config":"../x"},null]`)
	f.Fuzz(func(t *testing.T, top, index, manifest, config, layer, mediaType, saved string) {
		files := imagetest.Files{}
		put := func(text, word string, d imagetest.Descriptor) string {
			return strings.ReplaceAll(text, word, string(imagetest.JSON(d)))
		}
		configs, blob := files.Blob(imagetest.OCIConfig, []byte(config)), files.Blob(mediaType, []byte(layer))
		manifest = put(put(manifest, "CONFIG", configs), "LAYER", blob)
		image1 := files.Blob(imagetest.OCIManifest, []byte(manifest))
		index = put(index, "MANIFEST", image1)
		files["index.json"] = []byte(put(put(top, "INDEX", files.Blob(imagetest.OCIIndex, []byte(index))), "MANIFEST", image1))
		if top == "" {
			delete(files, "index.json")
		}
		saved = strings.ReplaceAll(saved, "CONFIG", strings.TrimPrefix(configs["digest"].(string), "sha256:"))
		files["manifest.json"] = []byte(strings.ReplaceAll(saved, "BLOB", strings.TrimPrefix(blob["digest"].(string), "sha256:")))
		dir := t.TempDir()
		path := filepath.Join(dir, "image")
		if err := os.WriteFile(path, files.Tar(), 0o600); err != nil {
			t.Fatal(err)
		}
		temp := filepath.Join(dir, "temp")
		if err := os.Mkdir(temp, 0o700); err != nil {
			t.Fatal(err)
		}
		tryOpen(t, image.Source{Path: path, TempDir: temp, Label: "image.tar"})
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
