package image

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// The media types of manifests, of Docker and of OCI.
const (
	dockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
	dockerList     = "application/vnd.docker.distribution.manifest.list.v2+json"
	dockerConfig   = "application/vnd.docker.container.image.v1+json"
	dockerLayer    = "application/vnd.docker.image.rootfs.diff.tar.gzip"
	ociManifest    = "application/vnd.oci.image.manifest.v1+json"
	ociIndex       = "application/vnd.oci.image.index.v1+json"
	ociConfig      = "application/vnd.oci.image.config.v1+json"
)

// layerTypes are the media types of layers that Lambda takes, and of plain ones, which
// it gets compressed.
func layerTypes() map[string]format {
	return map[string]format{
		dockerLayer: inGzip,
		"application/vnd.docker.image.rootfs.diff.tar": plain,
		"application/vnd.oci.image.layer.v1.tar":       plain,
		"application/vnd.oci.image.layer.v1.tar+gzip":  inGzip,
	}
}

// A descriptor is how a document names a blob.
type descriptor struct {
	MediaType    string            `json:"mediaType"`
	Size         int64             `json:"size"`
	Digest       string            `json:"digest"`
	ArtifactType string            `json:"artifactType,omitempty"`
	Platform     *platform         `json:"platform,omitempty"`
	Annotations  map[string]string `json:"annotations,omitempty"`
	URLs         few[string]       `json:"urls,omitempty"`
}

type platform struct {
	OS           string `json:"os"`
	Architecture string `json:"architecture"`
	Variant      string `json:"variant,omitempty"`
}

func (p platform) String() string {
	s := p.OS + "/" + p.Architecture
	if p.Variant != "" && p.Architecture != "arm64" { // there, v8 is no choice
		s += "/" + p.Variant
	}
	return problem.OneLine(s)
}

// A manifest is one, or an index of manifests.
type manifest struct {
	SchemaVersion int             `json:"schemaVersion"`
	MediaType     string          `json:"mediaType"`
	ArtifactType  string          `json:"artifactType"`
	Config        *descriptor     `json:"config"`
	Layers        few[descriptor] `json:"layers"`
	Manifests     few[descriptor] `json:"manifests"`
}

// A configuration is what an image says of itself.
type configuration struct {
	platform
	RootFS struct {
		Type    string      `json:"type"`
		DiffIDs few[string] `json:"diff_ids"`
	} `json:"rootfs"`
}

// mostItems is how many layers, manifests or names one document may list. An image has
// no more than 127 layers.
const mostItems = 1000

// A few is a list that is not read to its end if it is a long one: a stranger's document
// of four megabytes can list a million of empty things.
type few[T any] []T

// UnmarshalJSON reads a list.
func (f *few[T]) UnmarshalJSON(text []byte) error {
	*f = nil
	decoder := json.NewDecoder(bytes.NewReader(text))
	start, err := decoder.Token()
	if err != nil || start == nil { // null
		return err
	}
	if start != json.Delim('[') {
		return errors.New("a list is expected, where there is none")
	}
	for decoder.More() {
		if len(*f) == mostItems {
			return fmt.Errorf("a list has more than %d items", mostItems)
		}
		var item T
		if err := decoder.Decode(&item); err != nil {
			return err
		}
		*f = append(*f, item)
	}
	return nil
}

// readAll reads a document.
func (r *reader) readAll(p piece) ([]byte, error) {
	if p.size > r.document {
		return nil, fmt.Errorf("it has %d bytes, and %d is the most that is read", p.size, r.document)
	}
	in, err := p.open()
	if err != nil {
		return nil, errors.New(problem.Cause(err))
	}
	defer in.Close() // nothing was written
	content, err := io.ReadAll(io.LimitReader(in, r.document))
	if err == nil && int64(len(content)) != p.size {
		err = io.ErrUnexpectedEOF
	}
	return content, err
}

// readFile reads a document that no descriptor names. One that is not called by its digest may
// be there but once. It returns what it
// read also where that is not what is expected.
func (r *reader) readFile(name string, into any) ([]byte, error) {
	shown := problem.OneLine(name)
	p, err := r.files.find(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s is not in it", errMissing, shown)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot be read: %s: %s", shown, problem.Cause(err))
	}
	if digestIn(name) == "" && !r.files.once(name) {
		return nil, fmt.Errorf("holds %s twice, so that it is in doubt which image it holds", shown)
	}
	content, err := r.readAll(p)
	if err == nil {
		err = json.Unmarshal(content, into)
	}
	if err != nil {
		return content, fmt.Errorf("is damaged: %s cannot be read: %w", shown, err)
	}
	return content, nil
}

// readBlob reads a document by its digest; what says what it is, in errors.
func (r *reader) readBlob(what string, d descriptor, into any) ([]byte, error) {
	p, err := r.blob(what, d)
	if err != nil {
		return nil, err
	}
	content, err := r.readAll(p)
	if err != nil {
		return nil, fmt.Errorf("is damaged: its %s cannot be read: %w", what, err)
	}
	if digest := digestOf(content); digest != d.Digest {
		return nil, fmt.Errorf("is damaged: its %s should be %s, and is %s", what, d.Digest, digest)
	}
	if err := json.Unmarshal(content, into); err != nil {
		return nil, fmt.Errorf("is damaged: its %s cannot be read: %w", what, err)
	}
	return content, nil
}

// A fault is a kind of error that is asked for.
type fault string

func (f fault) Error() string { return string(f) }

const (
	errNoTar    fault = "is no tar archive"
	errMissing  fault = "is not complete" // what a document names is not there
	errTooLarge fault = "is too large"
	errDisk     fault = "cannot be compressed into a temporary file"
)

// blob finds a blob, and holds its size against what its descriptor says.
func (r *reader) blob(what string, d descriptor) (piece, error) {
	algorithm, sum, _ := strings.Cut(d.Digest, ":")
	if b, err := hex.DecodeString(sum); algorithm != "sha256" || err != nil || len(b) != 32 || strings.ToLower(sum) != sum {
		return piece{}, fmt.Errorf("names its %s by %q, which is no SHA-256 digest", what, problem.OneLine(d.Digest))
	}
	p, err := r.files.find("blobs/sha256/" + sum)
	if errors.Is(err, fs.ErrNotExist) {
		return piece{}, fmt.Errorf("%w: its %s, %s, is not in it", errMissing, what, d.Digest)
	}
	if err != nil {
		return piece{}, fmt.Errorf("cannot be read: its %s: %s", what, problem.Cause(err))
	}
	if p.size != d.Size {
		return piece{}, fmt.Errorf("is damaged: its %s, %s, has %d bytes, and should have %d", what, d.Digest, p.size, d.Size)
	}
	return p, nil
}
