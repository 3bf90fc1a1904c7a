// Package image reads container images, and says what is to be pushed of one: its
// manifest, its configuration and its layers. It reads what docker save, podman save,
// buildx and crane write, folders in OCI image layout, and images of a local engine. It
// knows nothing of registries and templates.
//
// What Lambda would refuse at deployment is an error here. So is what is damaged: every
// layer is read once, to its end, before an image is returned.
//
// Layers that are compressed stay as they are, and so does the manifest, byte for byte.
// If one layer or more is plain, as in most of what docker save writes, or if there is no
// manifest, as in what it used to write, then plain layers are compressed, in one way on
// every machine, and a manifest is made: of Docker's schema 2, whose bytes follow from
// the image alone. Its configuration, and so what Docker calls the image's ID, is the same.
package image

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// An Image is one image of one platform, ready to be pushed.
type Image struct {
	Digest           string // of the manifest, "sha256:…"
	MediaType        string // of the manifest
	Manifest         []byte
	Config           Blob
	Layers           []Blob   // in order; the same layer may occur twice
	OS, Architecture string   // as the configuration names them: linux, amd64
	Names            []string // those of its archive, as people write them: app:1
	Tag              string   // under which it is pushed; "" means its digest's 64 hex digits
	Unpacked         int64    // bytes of all layers, unpacked
}

// A Blob is a part of an image that is sent by itself.
type Blob struct {
	Digest, MediaType string
	Size              int64 // as it is sent, that is compressed
	// Open may be called several times, and concurrently, until the image is closed.
	// What it gives ends with an error if it is not what Digest and Size say.
	Open func() (io.ReadCloser, error)
}

// A Source says where an image is, and which one is meant.
type Source struct {
	// Path is a file or folder. Empty means that the image is in a local engine.
	Path string
	// Name is the name or ID of an image: of the engine, or in the file. There it may
	// be empty if the file holds but one image.
	Name string
	// Architectures are the function's, in Lambda's words: x86_64, arm64. An image
	// must be for one of them. Empty means that they are not known.
	Architectures []string
	// Engine is the program that has the image: docker, podman, nerdctl, finch. Empty
	// means docker.
	Engine string
	// TempDir is the folder for temporary files, which no other user can read. Empty
	// means the system's.
	TempDir string
	// Label is what errors call the file. Empty means Path.
	Label string
}

// limits bound what a stranger's image can make us do.
type limits struct {
	unpacked int64 // bytes of all layers, unpacked
	overhead int64 // how much more an archive of them may have
	document int64 // bytes of a manifest, an index or a configuration
	entries  int   // of an archive, an index, or a manifest
}

// lambdaLimits are those of Lambda's own, and what no honest image comes near to.
func lambdaLimits() limits {
	return limits{unpacked: 10 << 30, overhead: 64 << 20, document: 4 << 20, entries: 50_000}
}

// A reader reads one image.
type reader struct {
	Source
	limits
	temp   *tempDir
	spools []string // temporary files that files may read
	files  files
}

// Open reads an image. Whatever it made on disk is gone after close, which must be
// called when no blob of the image is needed any more; after an error it is gone at once.
func Open(ctx context.Context, source Source) (*Image, func() error, error) {
	return open(ctx, source, lambdaLimits())
}

func open(ctx context.Context, source Source, l limits) (*Image, func() error, error) {
	r := &reader{Source: source, limits: l, temp: &tempDir{base: source.TempDir}}
	image, err := r.read(ctx)
	if err == nil {
		return image, r.close, nil
	}
	err = errors.Join(err, r.close())
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return nil, nil, err
}

func (r *reader) close() (err error) {
	if r.files != nil {
		err = r.files.close()
	}
	return errors.Join(err, r.temp.remove())
}

// label is what errors call the image.
func (r *reader) label() string {
	switch {
	case r.Path == "":
		return fmt.Sprintf("image %s of %s", r.Name, r.engine())
	case r.Label != "":
		return r.Label
	}
	return r.Path
}

func (r *reader) read(ctx context.Context) (*Image, error) {
	path := r.Path
	if path == "" {
		var err error
		if path, err = r.save(ctx); err != nil {
			return nil, err
		}
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %s", r.label(), problem.Cause(err))
	}
	switch {
	case info.IsDir():
		r.files = folder(path)
	case info.Mode().IsRegular():
		err = r.openFile(ctx, path)
	default:
		err = errors.New("is neither a file nor a folder")
	}
	var image *Image
	if err == nil {
		image, err = r.image(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("%s %w", r.label(), err)
	}
	return image, nil
}

// image is the one that is meant, of what was opened.
func (r *reader) image(ctx context.Context) (*Image, error) {
	p, err := r.find()
	if err != nil {
		return nil, err
	}
	config, err := r.checkConfig(p)
	if err != nil {
		return nil, err
	}
	layers, err := r.packAll(ctx, p.layers)
	if err != nil {
		return nil, err
	}
	image := &Image{
		MediaType: p.mediaType, Manifest: p.manifest, OS: config.OS, Architecture: config.Architecture, Names: p.names,
		Config: Blob{Digest: digestOf(p.config), MediaType: p.configType, Size: int64(len(p.config)), Open: inMemory(p.config)},
	}
	made := p.manifest == nil
	for _, l := range layers {
		made = made || l.compressed
		image.Layers = append(image.Layers, l.blob)
		if image.Unpacked += l.unpacked; image.Unpacked > r.unpacked {
			return nil, r.tooLarge()
		}
	}
	if made {
		if err := image.makeManifest(); err != nil {
			return nil, err
		}
	}
	image.Digest = digestOf(image.Manifest)
	return image, r.spare(layers)
}

// spare closes what no layer is sent from, and removes it if it is a temporary file.
func (r *reader) spare(layers []packed) error {
	if slices.ContainsFunc(layers, func(l packed) bool { return !l.compressed }) {
		return nil
	}
	err := r.files.close()
	r.files = nil
	for _, path := range r.spools {
		err = errors.Join(err, os.Remove(path))
	}
	return err
}

// A tempDir is a private folder that is made when it is first needed.
type tempDir struct {
	base, path string
	mu         sync.Mutex
}

func (t *tempDir) create() (*os.File, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.path == "" {
		base := t.base
		if base == "" {
			base = os.TempDir()
		}
		path, err := os.MkdirTemp(base, "mrpackage-image-")
		if err != nil {
			return nil, fmt.Errorf("making a temporary folder: %w", err)
		}
		t.path = path
	}
	f, err := os.CreateTemp(t.path, "")
	if err != nil {
		return nil, fmt.Errorf("making a temporary file: %w", err)
	}
	return f, nil
}

func (t *tempDir) remove() error {
	if t.path == "" {
		return nil
	}
	return os.RemoveAll(t.path)
}

// workers is how many layers, or pieces of them, are compressed at once. More would
// hold more in memory than they would save in time.
func workers() int { return min(runtime.GOMAXPROCS(0), 16) }

func digestOf(content []byte) string {
	sum := sha256.Sum256(content)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// fileIn is a file of a folder, by its slash path.
func fileIn(dir, name string) string { return filepath.Join(dir, filepath.FromSlash(name)) }
