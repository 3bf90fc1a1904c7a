package image_test

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/imagetest"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/image"
)

// An entry is one of an archive that is made by hand.
type entry struct {
	name, link string
	kind       byte // tar.TypeReg where it is 0
	content    []byte
}

func archive(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, e := range entries {
		if e.kind == 0 {
			e.kind = tar.TypeReg
		}
		if err := w.WriteHeader(&tar.Header{Name: e.name, Linkname: e.link, Typeflag: e.kind, Mode: 0o644, Size: int64(len(e.content))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(e.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// saved is manifest.json of an image whose layers have these names.
func saved(i imagetest.Image, layers ...string) []entry {
	return []entry{
		{name: "config.json", content: i.Config()},
		{name: "manifest.json", content: imagetest.JSON([]any{map[string]any{"Config": "config.json", "RepoTags": i.Names, "Layers": layers}})},
	}
}

// Older Dockers wrote a layer once, and links to it where it occurs again.
func TestLinks(t *testing.T) {
	i := app("app:1")
	i.Layers = append(i.Layers, i.Layers[0], i.Layers[1])
	content := archive(t, append(saved(i, "a/layer.tar", "b/layer.tar", "c/layer.tar", "d/layer.tar"),
		entry{name: "a/layer.tar", content: i.Layers[0]},
		entry{name: "./b/layer.tar", content: i.Layers[1]},
		entry{name: "c/layer.tar", link: "../a/layer.tar", kind: tar.TypeSymlink},
		entry{name: "d/layer.tar", link: "./b/layer.tar", kind: tar.TypeLink},
	)...)
	linked := mustOpen(t, image.Source{Path: write(t, content)})
	if written := mustOpen(t, image.Source{Path: write(t, imagetest.DockerSave(i).Tar())}); linked.Digest != written.Digest {
		t.Errorf("%s, and without links %s", linked.Digest, written.Digest)
	}
}

// What is called by its digest may be there twice: crane writes it so, where two images have it.
func TestConfigurationTwice(t *testing.T) {
	i := app("app:1")
	name := strings.TrimPrefix(imagetest.Digest(i.Config()), "sha256:") + ".json"
	content := archive(t, entry{name: name, content: i.Config()}, entry{name: name, content: i.Config()}, entry{name: "a", content: i.Layers[0]}, entry{name: "b", content: i.Layers[1]},
		entry{name: "manifest.json", content: imagetest.JSON([]any{map[string]any{"Config": name, "RepoTags": i.Names, "Layers": []string{"a", "b"}}})})
	if img := mustOpen(t, image.Source{Path: write(t, content)}); img.Digest != mustOpen(t, image.Source{Path: write(t, imagetest.DockerSave(i).Tar())}).Digest {
		t.Errorf("%s", img.Digest)
	}
}

// A plain layer may begin as a compressed one does: with the name of its first file.
func TestLayerOfAnOddName(t *testing.T) {
	for _, name := range []string{"BZh", "PK\x03\x04", "\x1f\x8b", "\x28\xb5\x2f\xfd", "\x7fELF"} {
		i := app("app:1")
		i.Layers = append(i.Layers, imagetest.Layer(name+"/file", []byte("code")))
		img := mustOpen(t, image.Source{Path: write(t, imagetest.DockerSave(i).Tar())})
		if other := mustOpen(t, image.Source{Path: write(t, imagetest.Layout(i).Tar())}); len(img.Layers) != len(i.Layers) || img.Digest != other.Digest {
			t.Errorf("%q: %s and %s", name, img.Digest, other.Digest)
		}
	}
}

// with changes an image's files.
func with(f imagetest.Files, change func(imagetest.Files)) []byte {
	change(f)
	return f.Tar()
}

// tagged is a layout as skopeo and podman write it: it knows images by tags alone, or by whole names.
func tagged(one, other imagetest.Image) []byte {
	f := imagetest.Files{}
	name := func(d imagetest.Descriptor, tag string) imagetest.Descriptor {
		return d.With("annotations", map[string]string{"org.opencontainers.image.ref.name": tag})
	}
	return f.Top(name(f.Image(one), "v1"), name(f.Image(one), "v2"), name(f.Image(other), "docker.io/library/other:3")).Tar()
}

// blobOf is the path of a blob.
func blobOf(d imagetest.Descriptor) string {
	return "blobs/sha256/" + strings.TrimPrefix(d["digest"].(string), "sha256:")
}

// brokenArchives are what is no image, or one that Lambda would refuse, and words of the
// error.
func brokenArchives(t testing.TB) map[string]struct {
	content []byte
	words   string
} {
	gz, arm := inForm(app("app:1"), "gzip", ""), inForm(app("app:2"), "gzip", "arm64")
	layout := imagetest.Layout(gz).Tar()
	layer := imagetest.Files{}.Blob(imagetest.OCILayer+"+gzip", imagetest.Gzip(layers()[1]))
	config := imagetest.Files{}.Blob(imagetest.OCIConfig, gz.Config())
	// manifest is a layout whose only image is described by hand.
	manifest := func(config imagetest.Descriptor, layers ...imagetest.Descriptor) []byte {
		f := imagetest.Layout(gz)
		return f.Top(f.Manifest(config, layers...)).Tar()
	}
	first := imagetest.Files{}.Blob(imagetest.OCILayer+"+gzip", imagetest.Gzip(layers()[0]))
	windows := gz
	windows.OS = "windows"
	long := app("app:1")
	for range 5 { // their sum is too much, and each is not
		long.Layers = append(long.Layers, imagetest.Layer("x", make([]byte, 3<<20)))
	}
	links := func(entries ...entry) []byte {
		return archive(t, append(saved(imagetest.Image{Layers: layers()[:1]}, "a/layer.tar"), entries...)...)
	}
	deep := func() []byte {
		f := imagetest.Files{}
		d := f.Image(gz)
		for range 6 {
			d = f.Index(d)
		}
		return f.Top(d).Tar()
	}
	return map[string]struct {
		content []byte
		words   string
	}{
		"empty":             {nil, "is empty: write one with docker image save"},
		"zip":               {[]byte("PK\x03\x04 and so on"), "is a zip archive, and not a container image"},
		"program":           {[]byte("\x7fELF and so on"), "is a program, and not a container image"},
		"skopeo's folder":   {archive(t, entry{name: "manifest.json", content: []byte(`{"schemaVersion": 2, "config": {}, "layers": []}`)}, entry{name: "version"}), "is in the form of skopeo's dir and podman's docker-dir, which is not read: write it as oci-archive or docker-archive"},
		"no configuration":  {archive(t, entry{name: "manifest.json", content: []byte(`[{"Layers": ["a"]}]`)}), "is damaged: its manifest.json names no configuration"},
		"text":              {[]byte(strings.Repeat("FROM scratch\n", 100)), "is no tar archive, and so no container image"},
		"xz":                {[]byte("\xfd7zXZ\x00 and so on"), "is compressed with xz, which is not read"},
		"bzip2":             {[]byte("BZh91AY&SY and so on"), "is compressed with bzip2, which is not read"},
		"gzip of text":      {imagetest.Gzip([]byte("text")), "is no tar archive"},
		"gzip of nothing":   {imagetest.Gzip(nil), "is empty"},
		"gzip, cut":         {imagetest.Gzip(layout)[:200], "cannot be unpacked with gzip: unexpected EOF"},
		"zstd, cut":         {imagetest.Zstd(layout)[:200], "cannot be unpacked with zstd: unexpected EOF"},
		"gzip, only begun":  {[]byte("\x1f\x8b\x08"), "it begins as gzip does, but unexpected EOF"},
		"bomb":              {imagetest.Gzip(make([]byte, 40<<20)), "is too large: it unpacks to more than"},
		"no entries":        {archive(t), "holds nothing that could be read"},
		"another tar":       {imagetest.Layer("src/app.py", nil), "is a tar archive, but no container image: it has neither index.json nor manifest.json"},
		"docker export":     {imagetest.Files{"etc/passwd": nil, "bin/sh": nil}.Tar(), "as docker export writes them: use docker image save"},
		"a build's context": {imagetest.Files{"Dockerfile": nil, "app.py": nil}.Tar(), "has a Dockerfile, and is no container image yet: build it"},
		"in a folder":       {imagetest.Files{"out/index.json": nil, "out/oci-layout": nil}.Tar(), "in folder out, instead of at the top"},
		"Docker 1.9":        {imagetest.Files{"repositories": []byte("{}"), "ab/json": nil}.Tar(), "written by a Docker before 1.10"},
		"size of an entry":  {lyingSize(layout), "is damaged, or was not written to its end"},
		"cut":               {layout[:len(layout)/2], "is damaged, or was not written to its end"},
		"many entries":      {manyEntries(), "holds more than 200 files"},

		"two images":                 {imagetest.DockerSave(app("a:1"), arm).Tar(), "holds 2 images: a:1, app:2; name one, as image.tar#a:1"},
		"two images of one name":     {imagetest.Layout(app("a:1"), gz).Tar(), "holds 2 images: a:1, app:1; name one, as image.tar#a:1"},
		"two by tags alone":          {tagged(gz, arm), "holds 2 images: v1 = v2, other:3; name one, as image.tar#v1"},
		"two without a name":         {imagetest.DockerSave(app(), inForm(app(), "", "arm64")).Tar(), "holds 2 images: sha256:"},
		"two of one platform":        {imagetest.Layout(app(), gz1()).Tar(), "holds 2 images for linux/amd64: sha256:"},
		"no image":                   {imagetest.Files{"manifest.json": []byte("[]")}.Tar(), "holds no image"},
		"no entry":                   {imagetest.Files{}.Top().Tar(), "holds no image"},
		"two platforms":              {imagetest.Buildx(gz, arm).Tar(), "holds images for linux/amd64, linux/arm64: say which one, by the function's Architectures"},
		"another platform":           {imagetest.Layout(inForm(app(), "gzip", "s390x")).Tar(), "is for linux/s390x, and Lambda runs linux/amd64 and linux/arm64"},
		"another platform, saved":    {imagetest.DockerSave(inForm(app(), "", "riscv64")).Tar(), "is for linux/riscv64, and Lambda runs"},
		"Windows":                    {imagetest.Layout(windows).Tar(), "is for Windows, and Lambda runs Linux"},
		"attestations alone":         {onlyAttestations(gz), "holds only what describes an image"},
		"attestation, not called so": {onlyAttestation(gz), "holds only what describes an image"},
		"indexes in one another":     {deep(), "more than 4 indexes in one another"},
		"zstd layers":                {imagetest.Layout(inForm(app(), "zstd", "")).Tar(), "is compressed with zstd, and Lambda takes gzip: build it with docker buildx build --output type=oci,dest=FILE,compression=gzip,force-compression=true"},
		"zstd layers, saved":         {links(entry{name: "a/layer.tar", content: imagetest.Zstd(layers()[0])}), "is compressed with zstd"},
		"foreign layer":              {manifest(config, layer.With("mediaType", "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip")), "not to be distributed"},
		"layer with an address":      {manifest(config, layer.With("urls", []string{"https://registry.example/layer"})), "not to be distributed"},
		"encrypted layer":            {manifest(config, layer.With("mediaType", imagetest.OCILayer+"+gzip+encrypted")), `of media type "application/vnd.oci.image.layer.v1.tar+gzip+encrypted"`},
		"artifact":                   {manifest(config.With("mediaType", "application/vnd.cncf.helm.config.v1+json"), layer), `an artifact of type "application/vnd.cncf.helm.config.v1+json"`},
		"artifact's manifest":        {artifact(gz), `an artifact of type "application/vnd.example"`},
		"schema 1":                   {schema1(), "Docker's schema 1"},
		"unknown manifest":           {unknownManifest(), `a manifest of media type "application/json"`},
		"too large, unpacked":        {imagetest.Layout(inForm(long, "gzip", "")).Tar(), "is too large: its layers unpack to more than"},
		"too large, plain":           {imagetest.DockerSave(long).Tar(), "is too large: its layers unpack to more than"},
		"too large, one layer":       {tooOften(), "is too large: its layers unpack to more than"},
		"no layers":                  {imagetest.Layout(imagetest.Image{}).Tar(), "has no layers"},
		"huge index":                 {imagetest.Files{"index.json": make([]byte, 1<<20)}.Tar(), "index.json cannot be read: it has 1048576 bytes"},
		"huge manifest":              {hugeManifest(), "its manifest cannot be read: it has"},
		"many manifests":             {imagetest.Files{"index.json": []byte(`{"manifests":[` + strings.Repeat("{},", 2000) + `{}]}`)}.Tar(), "more than 1000 items"},
		"index.json, no JSON":        {imagetest.Files{"index.json": []byte(`{`)}.Tar(), "index.json cannot be read: unexpected end of JSON input"},
		"manifest.json, an object":   {imagetest.Files{"manifest.json": []byte(`7`)}.Tar(), "a list is expected"},
		"manifest.json, null":        {imagetest.Files{"manifest.json": []byte(`[null]`)}.Tar(), "names no configuration"},

		"manifest is not there":    {with(imagetest.Layout(gz), func(f imagetest.Files) { delete(f, blobOf(f.Image(gz))) }), "is not complete"},
		"config is not there":      {with(imagetest.Layout(gz), func(f imagetest.Files) { delete(f, blobOf(config)) }), "is not complete: its configuration"},
		"layer is not there":       {with(imagetest.Layout(gz), func(f imagetest.Files) { delete(f, blobOf(layer)) }), "is not complete: its layer 2"},
		"layer is another one":     {with(imagetest.Layout(gz), func(f imagetest.Files) { f[blobOf(layer)][100] ^= 1 }), "is damaged: its layer 2 should be " + layer["digest"].(string)},
		"both layers are others":   {with(imagetest.Layout(gz), func(f imagetest.Files) { f[blobOf(layer)][100] ^= 1; f[blobOf(first)][50] ^= 1 }), "is damaged: its layer 1 should be"},
		"manifest is another one":  {with(imagetest.Layout(gz), func(f imagetest.Files) { f[blobOf(f.Image(gz))] = []byte(strings.Repeat(" ", 650)) }), "is damaged: its manifest"},
		"config is another one":    {with(imagetest.Layout(gz), func(f imagetest.Files) { f[blobOf(config)][0] = ' ' }), "is damaged: its configuration should be"},
		"size is another one":      {manifest(config, first, layer.With("size", 7)), "bytes, and should have 7"},
		"size is negative":         {manifest(config, first, layer.With("size", -1)), "bytes, and should have -1"},
		"size is no number":        {manifest(config, first, layer.With("size", "large")), "its manifest cannot be read"},
		"digest leaves the folder": {manifest(config, first, layer.With("digest", "sha256:../../etc/passwd")), "which is no SHA-256 digest"},
		"digest in upper case":     {manifest(config, first, layer.With("digest", "sha256:"+strings.ToUpper(layer["digest"].(string)[7:]))), "which is no SHA-256 digest"},
		"digest is no SHA-256":     {manifest(config, first, layer.With("digest", "sha512:"+strings.Repeat("0", 128))), "which is no SHA-256 digest"},
		"fewer layers":             {manifest(config, layer), "it has 1 layer, and its configuration lists 2"},
		"layers exchanged":         {manifest(config, layer, first), "should unpack to"},
		"one layer as two":         {manifest(config, first, first), "are the same, that they are not"},
		"layer is not gzip":        {notGzip(gz), "is damaged: its layer 1 cannot be read: gzip: invalid header"},
		"layer is cut":             {cutLayer(gz), "is damaged: its layer 1 ends too early"},
		"layer has garbage":        {garbage(gz), "is damaged: its layer 1 cannot be read"},
		"diff_ids are none":        {oddConfig(`"diff_ids":["x"]`), `names layer 1 by "x"`},
		"diff_ids are a number":    {oddConfig(`"diff_ids":7`), "its configuration cannot be read"},
		"no system":                {noSystem(), "does not say for which system and architecture"},
		"manifest and index":       {bothAtOnce(gz), "is a manifest and an index at once"},
		"another media type":       {otherType(gz), "is damaged: sha256:"},

		"a link to itself":      {links(entry{name: "a/layer.tar", link: "layer.tar", kind: tar.TypeSymlink}), "is a link that leads to no file"},
		"links in a circle":     {links(entry{name: "a/layer.tar", link: "../b", kind: tar.TypeSymlink}, entry{name: "b", link: "a/layer.tar", kind: tar.TypeLink}), "is a link that leads to no file"},
		"a link out of it":      {links(entry{name: "a/layer.tar", link: "../../../../etc/passwd", kind: tar.TypeSymlink}), "is not complete"},
		"a link to a file":      {links(entry{name: "a/layer.tar", link: "/etc/passwd", kind: tar.TypeSymlink}), "is not complete"},
		"a hard link out of it": {links(entry{name: "a/layer.tar", link: "/etc/passwd", kind: tar.TypeLink}), "is not complete"},
		"a name out of it":      {archive(t, append(saved(app(), "../a"), entry{name: "../a", content: layers()[0]})...), "is not complete"},
		"a device":              {links(entry{name: "a/layer.tar", kind: tar.TypeChar}), "is not complete"},
		"manifest.json twice":   {archive(t, append(saved(app(), "x"), saved(app(), "y")[1])...), "holds manifest.json twice"},
		"configuration twice":   {archive(t, append(saved(app(), "x"), saved(app(), "y")[0])...), "holds config.json twice"},
		"saved layer, changed":  {links(entry{name: "a/layer.tar", content: layers()[1]}), "is damaged: its layer 1 should unpack to"},
		"saved layer, xz":       {links(entry{name: "a/layer.tar", content: []byte("\xfd7zXZ\x00 and so on")}), "layer, 1, that is xz"},
		"configuration's name":  {imagetest.Files{"manifest.json": []byte(`[{"Config":"` + strings.Repeat("0", 64) + `.json"}]`), strings.Repeat("0", 64) + ".json": []byte("{}")}.Tar(), "its configuration should be sha256:0000"},
	}
}

// lyingSize has the first entry say that it is larger than the archive.
func lyingSize(content []byte) []byte {
	header := bytes.Clone(content[:512])
	copy(header[124:], "77777777777\x00")
	copy(header[148:], "        ") // the checksum is that of a header with spaces for it
	var sum int
	for _, b := range header {
		sum += int(b)
	}
	copy(header[148:], fmt.Sprintf("%06o\x00 ", sum))
	return append(header, content[512:]...)
}

// gz1 has one layer of another image's two.
func gz1() imagetest.Image {
	i := inForm(app(), "gzip", "")
	i.Layers = i.Layers[:1]
	return i
}

func manyEntries() []byte {
	f := imagetest.Files{}
	for i := range 300 {
		f[strings.Repeat("x", i+1)] = nil
	}
	return f.Tar()
}

func onlyAttestations(i imagetest.Image) []byte {
	f := imagetest.Files{}
	return f.Top(f.Index(f.Attestation(f.Image(i)))).Tar()
}

func onlyAttestation(i imagetest.Image) []byte {
	f := imagetest.Files{}
	d := f.Attestation(f.Image(i))
	delete(d, "annotations")
	return f.Top(f.Index(d)).Tar()
}

// artifact has the configuration of an image, and says that it is none.
func artifact(i imagetest.Image) []byte {
	f := imagetest.Files{}
	var m map[string]any
	if err := json.Unmarshal(f[blobOf(f.Image(i))], &m); err != nil {
		panic(err)
	}
	m["artifactType"] = "application/vnd.example"
	return f.Top(f.Blob(imagetest.OCIManifest, imagetest.JSON(m))).Tar()
}

func schema1() []byte {
	f := imagetest.Files{}
	const mediaType = "application/vnd.docker.distribution.manifest.v1+prettyjws"
	return f.Top(f.Blob(mediaType, []byte(`{"schemaVersion":1,"fsLayers":[{"blobSum":"sha256:00"}]}`))).Tar()
}

func unknownManifest() []byte {
	f := imagetest.Files{}
	return f.Top(f.Blob("application/json", []byte(`{}`))).Tar()
}

// tooOften has one layer that is within the limit, as often as not to be.
func tooOften() []byte {
	i := imagetest.Image{Compression: "gzip"}
	for range 10 {
		i.Layers = append(i.Layers, imagetest.Layer("x", make([]byte, 3<<20)))
	}
	return imagetest.Layout(i).Tar()
}

func hugeManifest() []byte {
	f := imagetest.Files{}
	return f.Top(f.Blob(imagetest.OCIManifest, bytes.Repeat([]byte(" "), 1<<20))).Tar()
}

// odd is a layout whose image has one layer, and this blob for it.
func odd(i imagetest.Image, layer []byte) []byte {
	f := imagetest.Files{}
	i.Layers = i.Layers[:1]
	return f.Top(f.Manifest(f.Blob(imagetest.OCIConfig, i.Config()), f.Blob(imagetest.OCILayer+"+gzip", layer))).Tar()
}

func notGzip(i imagetest.Image) []byte { return odd(i, i.Layers[0]) }

func cutLayer(i imagetest.Image) []byte {
	whole := imagetest.Gzip(i.Layers[0])
	return odd(i, whole[:len(whole)-20])
}

func garbage(i imagetest.Image) []byte {
	return odd(i, append(imagetest.Gzip(i.Layers[0]), "garbage at the end"...))
}

func oddConfig(ids string) []byte {
	f := imagetest.Files{}
	config := []byte(`{"os":"linux","architecture":"amd64","rootfs":{"type":"layers",` + ids + `}}`)
	return f.Top(f.Manifest(f.Blob(imagetest.OCIConfig, config), f.Blob(imagetest.OCILayer, layers()[0]))).Tar()
}

func noSystem() []byte {
	f := imagetest.Files{}
	return f.Top(f.Manifest(f.Blob(imagetest.OCIConfig, []byte(`{}`)), f.Blob(imagetest.OCILayer, layers()[0]))).Tar()
}

func bothAtOnce(i imagetest.Image) []byte {
	f := imagetest.Files{}
	d := f.Image(i)
	both := imagetest.JSON(map[string]any{"schemaVersion": 2, "config": d, "manifests": []any{d}})
	return f.Top(f.Blob(imagetest.OCIManifest, both)).Tar()
}

func otherType(i imagetest.Image) []byte {
	f := imagetest.Files{}
	return f.Top(f.Image(i).With("mediaType", imagetest.OCIIndex)).Tar()
}

func TestBroken(t *testing.T) {
	for name, c := range brokenArchives(t) {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			_, _, err := image.OpenSmall(t.Context(), image.Source{Path: write(t, c.content), Label: "image.tar", TempDir: dir})
			if err == nil || !strings.HasPrefix(err.Error(), "image.tar ") || !strings.Contains(err.Error(), c.words) {
				t.Errorf("%v\nand not %s", err, c.words)
			}
			if err != nil && strings.ContainsAny(err.Error(), "\n\r\x1b") {
				t.Errorf("%q", err)
			}
			empty(t, dir)
		})
	}
}

// An image of one platform that is not the function's.
func TestWrongArchitecture(t *testing.T) {
	for words, c := range map[string]struct {
		files         imagetest.Files
		architectures []string
	}{
		"is for linux/arm64, and the function's Architectures say x86_64: build it with --platform linux/amd64, or set Architectures to arm64": {
			imagetest.Layout(inForm(app(), "gzip", "arm64")), []string{"x86_64"}},
		"is for linux/amd64, and the function's Architectures say arm64: build it with --platform linux/arm64, or set Architectures to x86_64": {
			imagetest.DockerSave(app()), []string{"arm64"}},
		"is for linux/amd64, linux/s390x, and the function's Architectures say arm64: build it with --platform linux/arm64": {
			imagetest.Buildx(inForm(app(), "gzip", "amd64"), inForm(app(), "gzip", "s390x")), []string{"arm64"}},
	} {
		_, err := open(t, image.Source{Path: write(t, c.files.Tar()), Label: "image.tar", Architectures: c.architectures})
		if err == nil || err.Error() != "image.tar "+words {
			t.Errorf("%v\nand not %s", err, words)
		}
	}
}

// An engine that pulled an image for one platform saves an index of all of them.
func TestPlatformIsNotThere(t *testing.T) {
	arm := inForm(app(), "gzip", "arm64")
	f := imagetest.Buildx(inForm(app("app:1"), "gzip", "amd64"), arm)
	delete(f, blobOf(imagetest.Files{}.Image(arm)))
	_, err := open(t, image.Source{Path: write(t, f.Tar()), Architectures: []string{"arm64"}})
	if err == nil || !strings.Contains(err.Error(), "is not complete: it lists an image for linux/arm64, but does not hold it: pull or build it with --platform linux/arm64") {
		t.Error(err)
	}
}

func TestWrongPaths(t *testing.T) {
	dir := t.TempDir()
	for _, files := range []imagetest.Files{
		{"source/Dockerfile": nil}, {"other/a": nil}, {"dir/manifest.json": []byte("{}"), "dir/version": nil}, {"nothing/index.json/x": nil},
	} {
		if err := files.Write(dir); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "empty"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, words := range map[string]string{
		"missing.tar": "reading here: ",
		"source":      "here has a Dockerfile, and is no container image yet",
		"other":       "here is a folder, but no container image",
		"empty":       "here holds nothing",
		"dir":         "here is in the form of skopeo's dir and podman's docker-dir",
		"nothing":     "here cannot be read: index.json is not a file",
	} {
		_, err := open(t, image.Source{Path: filepath.Join(dir, name), Label: "here"})
		if err == nil || !strings.HasPrefix(err.Error(), words) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
