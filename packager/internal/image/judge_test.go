package image_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/imagetest"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/image"
)

// An image that is in a registry is held against the rules by which a file is, as far as its
// manifest and its configuration tell.
func TestJudge(t *testing.T) {
	good := imagetest.Image{Compression: "gzip", Layers: [][]byte{imagetest.Layer("a", []byte("a")), imagetest.Layer("b", []byte("b"))}}
	with := func(change func(*imagetest.Image)) imagetest.Image {
		i := good
		change(&i)
		return i
	}
	f := imagetest.Files{}
	layer := f.Blob(imagetest.OCILayer+"+gzip", imagetest.Gzip(good.Layers[0]))
	config := f.Blob(imagetest.OCIConfig, good.Config())
	for name, c := range map[string]struct {
		manifest      imagetest.Descriptor
		config        []byte
		architectures string
		says          string // "" of one that Lambda takes
	}{
		"gzip":                  {f.Image(good), good.Config(), "x86_64", ""},
		"plain":                 {f.Image(with(func(i *imagetest.Image) { i.Compression = "" })), good.Config(), "x86_64", ""},
		"nobody knows for what": {f.Image(good), with(func(i *imagetest.Image) { i.Architecture = "arm64" }).Config(), "", ""},
		"other architecture":    {f.Image(good), good.Config(), "arm64", "is for linux/amd64, and the function's Architectures say arm64"},
		"no architecture":       {f.Image(good), with(func(i *imagetest.Image) { i.Architecture = "s390x" }).Config(), "", "is for linux/s390x"},
		"windows":               {f.Image(good), with(func(i *imagetest.Image) { i.OS = "windows" }).Config(), "x86_64", "is for Windows"},
		"zstd":                  {f.Image(with(func(i *imagetest.Image) { i.Compression = "zstd" })), good.Config(), "x86_64", "has a layer, 1, that is compressed with zstd"},
		"foreign layer":         {f.Manifest(config, layer, layer.With("mediaType", "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip")), good.Config(), "x86_64", "has a layer, 2, that is not to be distributed"},
		"other layer":           {f.Manifest(config, layer.With("mediaType", "application/x"), layer), good.Config(), "x86_64", `has a layer, 1, of media type "application/x"`},
		"one layer of two":      {f.Manifest(config, layer), good.Config(), "x86_64", "it has 1 layer, and its configuration lists 2"},
		"no layers":             {f.Manifest(config), imagetest.Image{}.Config(), "x86_64", "has no layers"},
		"large":                 {f.Manifest(config, layer.With("size", 6<<30), layer.With("size", 6<<30)), good.Config(), "x86_64", "is too large"},
		"larger":                {f.Manifest(config, layer.With("size", int64(1<<62)), layer.With("size", int64(1<<62))), good.Config(), "x86_64", "is too large"},
		"artifact":              {f.Manifest(f.Blob("application/vnd.example", nil), layer), nil, "x86_64", `an artifact of type "application/vnd.example"`},
		"index":                 {f.Index(f.Image(good)), good.Config(), "x86_64", "has a manifest of media type"},
		"no JSON":               {f.Blob(imagetest.OCIManifest, []byte("no")), good.Config(), "x86_64", "its manifest cannot be read"},
		"no configuration":      {f.Image(good), nil, "x86_64", "its configuration cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			img := image.Image{MediaType: c.manifest["mediaType"].(string), Manifest: f[blobOf(c.manifest)]}
			img.Config.Open = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(c.config)), nil }
			err := image.Judge(img, strings.Fields(c.architectures))
			if c.says == "" && err != nil || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
				t.Errorf("%v, want %q", err, c.says)
			}
		})
	}
	img := image.Image{MediaType: imagetest.OCIManifest, Manifest: f[blobOf(f.Image(good))]}
	img.Config.Open = func() (io.ReadCloser, error) { return nil, errors.New("gone") }
	if err := image.Judge(img, nil); err == nil || !strings.Contains(err.Error(), "cannot be read: its configuration: gone") {
		t.Errorf("%v", err)
	}
}
