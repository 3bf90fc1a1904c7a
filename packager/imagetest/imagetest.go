// Package imagetest makes container images for tests, in the forms in which engines and
// builders write them, and in forms that they would not.
package imagetest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// The media types that images are made with.
const (
	OCIManifest = "application/vnd.oci.image.manifest.v1+json"
	OCIIndex    = "application/vnd.oci.image.index.v1+json"
	OCIConfig   = "application/vnd.oci.image.config.v1+json"
	OCILayer    = "application/vnd.oci.image.layer.v1.tar" // and "+gzip", "+zstd"
)

// An Image is one to be made. Its layers are whole tar archives, see [Layer].
type Image struct {
	OS, Architecture string // linux and amd64 where they are ""
	Layers           [][]byte
	Names            []string // such as app:1
	Compression      string   // of its layers, in an OCI layout: "", "gzip" or "zstd"
}

// Layer is the plain tar archive of one file.
func Layer(name string, content []byte) []byte {
	return Files{name: content}.Tar()
}

// Config is the image's configuration.
func (i Image) Config() []byte {
	ids := []string{}
	for _, l := range i.Layers {
		ids = append(ids, Digest(l))
	}
	system, architecture := i.OS, i.Architecture
	if system == "" {
		system = "linux"
	}
	if architecture == "" {
		architecture = "amd64"
	}
	return JSON(map[string]any{
		"architecture": architecture, "os": system, "config": map[string]any{"Cmd": []string{"app.handler"}},
		"rootfs": map[string]any{"type": "layers", "diff_ids": ids},
	})
}

// Files are those of an archive or of a folder, by their slash paths.
type Files map[string][]byte

// Tar is the archive of the files.
func (f Files) Tar() []byte {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, name := range slices.Sorted(maps.Keys(f)) {
		must(w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(f[name])), Typeflag: tar.TypeReg}))
		_, err := w.Write(f[name])
		must(err)
	}
	must(w.Close())
	return out.Bytes()
}

// Write writes the files into a folder.
func (f Files) Write(dir string) error {
	for name, content := range f {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// A Descriptor is how an index, or a manifest, names a blob.
type Descriptor map[string]any

// With is the descriptor with one more thing in it.
func (d Descriptor) With(key string, value any) Descriptor {
	with := maps.Clone(d)
	with[key] = value
	return with
}

// Named is the descriptor with the annotations by which containerd, and BuildKit, name
// an image.
func (d Descriptor) Named(name string) Descriptor {
	full := name
	if !strings.Contains(name, "/") {
		full = "docker.io/library/" + name
	}
	_, tag, _ := strings.Cut(name, ":")
	return d.With("annotations", map[string]string{"io.containerd.image.name": full, "org.opencontainers.image.ref.name": tag})
}

// Blob adds a blob.
func (f Files) Blob(mediaType string, content []byte) Descriptor {
	digest := Digest(content)
	f["blobs/sha256/"+strings.TrimPrefix(digest, "sha256:")] = content
	return Descriptor{"mediaType": mediaType, "digest": digest, "size": len(content)}
}

// Image adds an image, and returns the descriptor of its manifest.
func (f Files) Image(i Image) Descriptor {
	layers := []Descriptor{}
	for _, l := range i.Layers {
		switch i.Compression {
		case "gzip":
			layers = append(layers, f.Blob(OCILayer+"+gzip", Gzip(l)))
		case "zstd":
			layers = append(layers, f.Blob(OCILayer+"+zstd", Zstd(l)))
		default:
			layers = append(layers, f.Blob(OCILayer, l))
		}
	}
	return f.Manifest(f.Blob(OCIConfig, i.Config()), layers...)
}

// Manifest adds an image's manifest.
func (f Files) Manifest(config Descriptor, layers ...Descriptor) Descriptor {
	return f.Blob(OCIManifest, JSON(map[string]any{"schemaVersion": 2, "mediaType": OCIManifest, "config": config, "layers": layers}))
}

// Index adds an index.
func (f Files) Index(entries ...Descriptor) Descriptor {
	return f.Blob(OCIIndex, index(entries))
}

// Top makes the files an OCI layout with these entries.
func (f Files) Top(entries ...Descriptor) Files {
	f["oci-layout"] = []byte(`{"imageLayoutVersion":"1.0.0"}`)
	f["index.json"] = index(entries)
	return f
}

func index(entries []Descriptor) []byte {
	return JSON(map[string]any{"schemaVersion": 2, "mediaType": OCIIndex, "manifests": entries})
}

// Platform is the descriptor of an image with its platform.
func (d Descriptor) Platform(system, architecture string) Descriptor {
	return d.With("platform", map[string]string{"os": system, "architecture": architecture})
}

// Attestation adds what buildx writes beside an image unless it is told not to.
func (f Files) Attestation(image Descriptor) Descriptor {
	statement := f.Blob("application/vnd.in-toto+json", []byte(`{"_type":"https://in-toto.io/Statement/v0.1"}`))
	config := f.Blob(OCIConfig, []byte(`{"architecture":"unknown","os":"unknown","config":{},"rootfs":{"type":"layers","diff_ids":[]}}`))
	return f.Manifest(config, statement).Platform("unknown", "unknown").With("annotations", map[string]any{
		"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": image["digest"],
	})
}

// Layout is an OCI layout of images, each by its first name, as crane and skopeo write it.
func Layout(images ...Image) Files {
	f := Files{}
	var entries []Descriptor
	for _, i := range images {
		entries = append(entries, f.named(f.Image(i), i)...)
	}
	return f.Top(entries...)
}

// named is an entry for each name.
func (f Files) named(d Descriptor, i Image) []Descriptor {
	var entries []Descriptor
	for _, name := range i.Names {
		entries = append(entries, d.Named(name))
	}
	if len(entries) == 0 {
		entries = append(entries, d)
	}
	return entries
}

// Buildx is what buildx --output type=oci writes: an index of the image of each platform
// and its build attestation, in the layout's own index.
func Buildx(images ...Image) Files {
	f := Files{}
	var entries []Descriptor
	for _, i := range images {
		d := f.Image(i).Platform("linux", platformOf(i))
		entries = append(entries, d, f.Attestation(d))
	}
	return f.Top(f.named(f.Index(entries...), images[0])...)
}

func platformOf(i Image) string {
	if i.Architecture == "" {
		return "amd64"
	}
	return i.Architecture
}

// DockerSave is what docker save wrote before version 25, and podman save writes: a
// manifest.json, and plain layers.
func DockerSave(images ...Image) Files {
	f := Files{}
	var list []any
	for _, i := range images {
		config := strings.TrimPrefix(Digest(i.Config()), "sha256:") + ".json"
		f[config] = i.Config()
		layers := []string{}
		for _, l := range i.Layers {
			name := strings.TrimPrefix(Digest(append([]byte("layer of "), l...)), "sha256:") + "/layer.tar"
			f[name] = l
			layers = append(layers, name)
		}
		list = append(list, map[string]any{"Config": config, "RepoTags": i.Names, "Layers": layers})
	}
	f["manifest.json"] = JSON(list)
	return f
}

// DockerSave25 is what docker save writes since version 25, where Docker keeps images in
// its own store: an OCI layout with plain layers, and a manifest.json beside it. With
// gzip, and an index of the images and their attestations, it is what is written where
// containerd keeps them.
func DockerSave25(images ...Image) Files {
	f := Layout(images...)
	if images[0].Compression == "gzip" {
		f = Buildx(images...)
	}
	var list []any
	for _, i := range images {
		layers := []string{}
		for _, l := range i.Layers {
			if i.Compression == "gzip" {
				l = Gzip(l)
			}
			layers = append(layers, "blobs/sha256/"+strings.TrimPrefix(Digest(l), "sha256:"))
		}
		list = append(list, map[string]any{
			"Config": "blobs/sha256/" + strings.TrimPrefix(Digest(i.Config()), "sha256:"), "RepoTags": i.Names, "Layers": layers,
		})
	}
	f["manifest.json"] = JSON(list)
	return f
}

// Digest is the SHA-256 of a blob, as images name it.
func Digest(content []byte) string {
	sum := sha256.Sum256(content)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// JSON is a document.
func JSON(value any) []byte {
	text, err := json.Marshal(value)
	must(err)
	return text
}

// Gzip compresses.
func Gzip(content []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, err := w.Write(content)
	must(err)
	must(w.Close())
	return out.Bytes()
}

// Zstd compresses.
func Zstd(content []byte) []byte {
	w, err := zstd.NewWriter(nil)
	must(err)
	return w.EncodeAll(content, nil)
}

// must is for what cannot fail: nothing here leaves the memory.
func must(err error) {
	if err != nil {
		panic(err)
	}
}
