package image_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/imagetest"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/image"
)

// Two layers, of which one is longer than what is compressed at once.
func layers() [][]byte {
	long := bytes.Repeat([]byte("a line of a program's text, which compresses well\n"), 60_000)
	return [][]byte{imagetest.Layer("var/task/app.py", []byte("def handler(): pass\n")), imagetest.Layer("opt/model.bin", long)}
}

func app(names ...string) imagetest.Image { return imagetest.Image{Layers: layers(), Names: names} }

func inForm(i imagetest.Image, compression, architecture string) imagetest.Image {
	i.Compression, i.Architecture = compression, architecture
	return i
}

// write writes an archive, and returns its path.
func write(t testing.TB, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "image.tar")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func writeFolder(t testing.TB, f imagetest.Files) string {
	t.Helper()
	dir := t.TempDir()
	if err := f.Write(dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

// open opens an image that is closed with the test, and must then leave nothing behind.
func open(t testing.TB, s image.Source) (*image.Image, error) {
	t.Helper()
	s.TempDir = t.TempDir()
	i, closeImage, err := image.Open(t.Context(), s)
	if err != nil {
		empty(t, s.TempDir)
		return nil, err
	}
	t.Cleanup(func() {
		if err := closeImage(); err != nil {
			t.Error(err)
		}
		empty(t, s.TempDir)
	})
	return i, nil
}

func mustOpen(t testing.TB, s image.Source) *image.Image {
	t.Helper()
	i, err := open(t, s)
	if err != nil {
		t.Fatal(err)
	}
	verify(t, i)
	return i
}

func empty(t testing.TB, dir string) {
	t.Helper()
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

// verify holds all that would be pushed against the manifest, as a registry does, and
// what the layers unpack to against the configuration, as an engine does.
func verify(t testing.TB, i *image.Image) {
	t.Helper()
	type part struct {
		MediaType, Digest string
		Size              int64
	}
	var m struct {
		SchemaVersion int
		MediaType     string
		Config        part
		Layers        []part
	}
	if err := json.Unmarshal(i.Manifest, &m); err != nil {
		t.Fatal(err)
	}
	if d := imagetest.Digest(i.Manifest); d != i.Digest || m.SchemaVersion != 2 || m.MediaType != "" && m.MediaType != i.MediaType {
		t.Errorf("manifest of %s, %s: %s, %s", i.Digest, i.MediaType, d, i.Manifest)
	}
	if len(m.Layers) != len(i.Layers) {
		t.Fatalf("%d layers, and in the manifest %d", len(i.Layers), len(m.Layers))
	}
	var config struct {
		RootFS struct {
			DiffIDs []string `json:"diff_ids"`
		}
	}
	var unpacked int64
	for n, b := range append([]image.Blob{i.Config}, i.Layers...) {
		content := read(t, b)
		want := m.Config
		if n > 0 {
			want = m.Layers[n-1]
		}
		if got := (part{b.MediaType, imagetest.Digest(content), int64(len(content))}); got != want || b.Digest != want.Digest || b.Size != want.Size {
			t.Errorf("blob %d: %v, %s, and in the manifest %v", n, got, b.Digest, want)
		}
		if n == 0 {
			if err := json.Unmarshal(content, &config); err != nil {
				t.Fatal(err)
			}
			continue
		}
		r, err := gzip.NewReader(bytes.NewReader(content))
		if err != nil {
			t.Fatalf("layer %d: %v", n, err)
		}
		plain, err := io.ReadAll(r)
		if err != nil || imagetest.Digest(plain) != config.RootFS.DiffIDs[n-1] {
			t.Errorf("layer %d: %v", n, err)
		}
		unpacked += int64(len(plain))
	}
	if unpacked != i.Unpacked {
		t.Errorf("%d bytes, and %d are said", unpacked, i.Unpacked)
	}
}

func read(t testing.TB, b image.Blob) []byte {
	t.Helper()
	r, err := b.Open()
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(r)
	if err = errors.Join(err, r.Close()); err != nil {
		t.Fatal(err)
	}
	return content
}

// forms are an image in every form in which it may be given, and what becomes of it:
// its own manifest, or Docker's schema 2.
func forms(base imagetest.Image) map[string]struct {
	files imagetest.Files
	made  bool
} {
	named := func(names ...string) imagetest.Image {
		i := base
		i.Names = names
		return i
	}
	gz := inForm(named("app:1"), "gzip", "")
	return map[string]struct {
		files imagetest.Files
		made  bool
	}{
		"docker save":                         {imagetest.DockerSave(named("app:1")), true},
		"docker save 25":                      {imagetest.DockerSave25(named("app:1")), true},
		"docker save 25, containerd":          {imagetest.DockerSave25(gz), false},
		"docker save, two names":              {imagetest.DockerSave(named("app:1", "app:latest")), true},
		"docker save 25, two names":           {imagetest.DockerSave25(named("app:1", "app:latest")), true},
		"docker save of an ID":                {imagetest.DockerSave(named()), true},
		"OCI layout":                          {imagetest.Layout(gz), false},
		"OCI layout without a name":           {imagetest.Layout(inForm(named(), "gzip", "")), false},
		"OCI layout, plain layers":            {imagetest.Layout(named("app:1")), true},
		"buildx with attestations":            {imagetest.Buildx(gz), false},
		"layout of crane's":                   {craneLayout(gz), false},
		"artifact beside its name":            {besideName(gz), false},
		"artifact beside it":                  {besideArtifact(gz), false},
		"attestation with a platform":         {attested(gz), false},
		"one image, twice in the list":        {listedTwice(base), true},
		"two platforms, this one":             {imagetest.Buildx(gz, inForm(named(), "gzip", "arm64")), false},
		"platforms in the layout's own index": {platforms(base), false},
		"crane":                               {crane(base), true},
	}
}

func platforms(base imagetest.Image) imagetest.Files {
	f := imagetest.Files{}
	return f.Top(f.Image(inForm(base, "gzip", "amd64")), f.Image(inForm(base, "gzip", "arm64")))
}

// attested has an attestation that only its annotation tells from an image.
func attested(i imagetest.Image) imagetest.Files {
	f := imagetest.Files{}
	d := f.Image(i).Platform("linux", "amd64")
	return f.Top(f.Index(d, f.Attestation(d).Platform("linux", "amd64")))
}

// craneLayout says of what type the image's configuration is.
func craneLayout(i imagetest.Image) imagetest.Files {
	f := imagetest.Files{}
	return f.Top(f.Image(i).Platform("linux", "amd64").With("artifactType", imagetest.OCIConfig))
}

// besideArtifact has what cosign, among others, puts beside an image.
func besideArtifact(i imagetest.Image) imagetest.Files {
	f := imagetest.Files{}
	signature := f.Manifest(f.Blob("application/vnd.oci.empty.v1+json", []byte("{}")), f.Blob("application/vnd.example.signature", nil))
	return f.Top(f.Image(i), signature.With("artifactType", "application/vnd.example.signature"), signature)
}

func besideName(i imagetest.Image) imagetest.Files {
	f := imagetest.Files{}
	signature := f.Manifest(f.Blob("application/vnd.oci.empty.v1+json", []byte("{}")), f.Blob("application/vnd.example.signature", nil))
	return f.Top(f.Image(i).Named("app:1"), signature.With("artifactType", "application/vnd.example.signature"))
}

func listedTwice(i imagetest.Image) imagetest.Files {
	f := imagetest.DockerSave(i)
	var list []any
	if err := json.Unmarshal(f["manifest.json"], &list); err != nil {
		panic(err)
	}
	f["manifest.json"] = imagetest.JSON(append(list, list...))
	return f
}

// crane writes compressed layers, and a manifest.json.
func crane(i imagetest.Image) imagetest.Files {
	f := imagetest.Files{imagetest.Digest(i.Config()): i.Config()}
	names := []string{}
	for _, l := range i.Layers {
		name := strings.TrimPrefix(imagetest.Digest(imagetest.Gzip(l)), "sha256:") + ".tar.gz"
		f[name] = imagetest.Gzip(l)
		names = append(names, name)
	}
	f["manifest.json"] = imagetest.JSON([]any{map[string]any{"Config": imagetest.Digest(i.Config()), "RepoTags": []string{"registry.example/app:1"}, "Layers": names}})
	return f
}

// One image is the same in every form, and in whatever the form comes: an archive,
// plain or compressed, or a folder. Only what was compressed by others differs from what
// we compress.
func TestForms(t *testing.T) {
	want := map[bool]string{}
	for name, form := range forms(app()) {
		for way, path := range map[string]string{
			"plain": write(t, form.files.Tar()), "gzip": write(t, imagetest.Gzip(form.files.Tar())), "zstd": write(t, imagetest.Zstd(form.files.Tar())),
			"folder": writeFolder(t, form.files),
		} {
			t.Run(name+"/"+way, func(t *testing.T) {
				i := mustOpen(t, image.Source{Path: path, Architectures: []string{"x86_64"}})
				if made := i.MediaType == "application/vnd.docker.distribution.manifest.v2+json"; made != form.made {
					t.Errorf("%s", i.MediaType)
				}
				if i.OS != "linux" || i.Architecture != "amd64" || i.Config.Digest != imagetest.Digest(app().Config()) {
					t.Errorf("%s/%s, %s", i.OS, i.Architecture, i.Config.Digest)
				}
				if name == "crane" { // its layers are compressed, and its manifest is made
					return
				}
				if want[form.made] == "" {
					want[form.made] = i.Digest
				}
				if i.Digest != want[form.made] {
					t.Errorf("%s, and in another form %s", i.Digest, want[form.made])
				}
			})
		}
	}
}

// What is compressed already is sent byte for byte.
func TestCompressedStays(t *testing.T) {
	form := inForm(app("app:1"), "gzip", "")
	for name, files := range map[string]imagetest.Files{"layout": imagetest.Layout(form), "buildx": imagetest.Buildx(form)} {
		i := mustOpen(t, image.Source{Path: write(t, files.Tar())})
		want := imagetest.Files{}
		descriptor := want.Image(form)
		if i.Digest != descriptor["digest"] {
			t.Errorf("%s: %s, not %s", name, i.Digest, descriptor["digest"])
		}
		for n, l := range i.Layers {
			if !bytes.Equal(read(t, l), imagetest.Gzip(form.Layers[n])) {
				t.Errorf("%s: layer %d was changed", name, n)
			}
		}
	}
}

func TestNames(t *testing.T) {
	arm := inForm(app("other:2"), "", "arm64")
	arm.Layers = arm.Layers[:1]
	two := imagetest.DockerSave(app("app:1", "app:latest"), arm)
	two25 := imagetest.DockerSave25(app("app:1", "app:latest"), arm)
	for _, c := range []struct {
		files        imagetest.Files
		name         string
		architecture string // of the one that is meant; "" for an error
	}{
		{two, "app:1", "amd64"},
		{two, "app", "amd64"},
		{two, "docker.io/library/app:1", "amd64"},
		{two, "localhost/app:1", "amd64"},
		{two, "other:2", "arm64"},
		{two, imagetest.Digest(arm.Config())[:19], "arm64"},
		{two, imagetest.Digest(arm.Config())[7:30], "arm64"},
		{two, "other", ""},
		{two, "", ""},
		{two25, "app:1", "amd64"},
		{two25, "app:latest", "amd64"},
		{two25, "2", "arm64"},
		{two25, "other:2", "arm64"},
		{two25, "", ""},
		{two25, "sha256:000000000000", ""},
		{imagetest.DockerSave(app("app:1")), "", "amd64"},
		{imagetest.DockerSave(app("app:1")), "app:2", ""},
		{imagetest.Layout(app("app:1")), "app:1", "amd64"},
		{imagetest.Layout(app("app:1")), "app:2", ""},
	} {
		i, err := open(t, image.Source{Path: write(t, c.files.Tar()), Name: c.name})
		if err != nil {
			if c.architecture != "" {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		if i.Architecture != c.architecture {
			t.Errorf("%s: %s", c.name, i.Architecture)
		}
	}
	i := mustOpen(t, image.Source{Path: write(t, two25.Tar()), Name: "app"})
	if !slices.Equal(i.Names, []string{"app:1", "app:latest"}) {
		t.Error(i.Names)
	}
}

// Of several platforms, the function's architecture is meant, or the only one that
// Lambda runs.
func TestPlatforms(t *testing.T) {
	amd, arm, z := inForm(app("app:1"), "gzip", "amd64"), inForm(app(), "gzip", "arm64"), inForm(app(), "gzip", "s390x")
	partly := imagetest.Buildx(amd, arm) // as an engine saves what it has of an image
	armManifest := imagetest.Files{}.Image(arm)["digest"].(string)
	delete(partly, "blobs/sha256/"+strings.TrimPrefix(armManifest, "sha256:"))
	for _, c := range []struct {
		files         imagetest.Files
		architectures string
		name, want    string
	}{
		{imagetest.Buildx(amd, arm), "x86_64", "", "amd64"},
		{imagetest.Buildx(amd, arm), "arm64", "", "arm64"},
		{imagetest.Buildx(amd, arm), "", armManifest, "arm64"},
		{imagetest.Buildx(amd, z), "", "", "amd64"},
		{partly, "", "", "amd64"},
		{partly, "x86_64", "", "amd64"},
		{platforms(app()), "arm64", "", "arm64"},
	} {
		source := image.Source{Path: write(t, c.files.Tar()), Name: c.name}
		if c.architectures != "" {
			source.Architectures = []string{c.architectures}
		}
		if i := mustOpen(t, source); i.Architecture != c.want {
			t.Errorf("%s %s: %s", c.architectures, c.name, i.Architecture)
		}
	}
}

// A layer that occurs twice is pushed twice in the manifest, and compressed once.
func TestSameLayerTwice(t *testing.T) {
	twice := app("app:1")
	twice.Layers = append(twice.Layers, twice.Layers[0])
	for _, files := range []imagetest.Files{imagetest.DockerSave(twice), imagetest.Layout(twice), imagetest.Layout(inForm(twice, "gzip", ""))} {
		i := mustOpen(t, image.Source{Path: write(t, files.Tar())})
		if len(i.Layers) != 3 || i.Layers[0].Digest != i.Layers[2].Digest {
			t.Error(i.Layers)
		}
	}
}

// A temporary file is removed as soon as nothing is read from it.
func TestSpare(t *testing.T) {
	for content, want := range map[string]int{
		string(imagetest.DockerSave(app("app:1")).Tar()):                 2, // the compressed layers
		string(imagetest.Layout(inForm(app("app:1"), "gzip", "")).Tar()): 1, // the archive
	} {
		dir := t.TempDir()
		_, closeImage, err := image.Open(t.Context(), image.Source{Path: write(t, imagetest.Gzip([]byte(content))), TempDir: dir})
		if err != nil {
			t.Fatal(err)
		}
		if files, err := filepath.Glob(filepath.Join(dir, "*", "*")); err != nil || len(files) != want {
			t.Errorf("%v, %v", files, err)
		}
		if err := closeImage(); err != nil {
			t.Error(err)
		}
		empty(t, dir)
	}
}

// A blob is read by several at once, each from its beginning.
func TestConcurrentReaders(t *testing.T) {
	for _, files := range []imagetest.Files{imagetest.DockerSave(app("app:1")), imagetest.Layout(inForm(app(), "gzip", ""))} {
		i := mustOpen(t, image.Source{Path: write(t, files.Tar())})
		done := make(chan []byte)
		for range 8 {
			go func() { done <- read(t, i.Layers[1]) }()
		}
		for range 8 {
			if content := <-done; imagetest.Digest(content) != i.Layers[1].Digest {
				t.Error("it is another one")
			}
		}
	}
}

// What changes after it was read is not sent.
func TestChangedMeanwhile(t *testing.T) {
	path := write(t, imagetest.Layout(inForm(app(), "gzip", "")).Tar())
	i := mustOpen(t, image.Source{Path: path})
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	content := read(t, i.Layers[1])
	all, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte("X"), int64(bytes.Index(all, content)+100)); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := i.Layers[1].Open()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, r); err == nil || !strings.Contains(err.Error(), "has its file been changed?") {
		t.Error(err)
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, content := range map[string][]byte{
		"plain": imagetest.DockerSave(app()).Tar(), "kept": imagetest.Layout(inForm(app(), "gzip", "")).Tar(), "zstd": imagetest.Zstd(imagetest.DockerSave(app()).Tar()),
	} {
		dir := t.TempDir()
		if _, _, err := image.Open(ctx, image.Source{Path: write(t, content), TempDir: dir}); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
		empty(t, dir)
	}
}
