package registry

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/image"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// manifestTypes are the media types of manifests that can be read.
func manifestTypes() []string {
	return []string{
		"application/vnd.docker.distribution.manifest.v2+json", "application/vnd.oci.image.manifest.v1+json",
		"application/vnd.docker.distribution.manifest.list.v2+json", "application/vnd.oci.image.index.v1+json",
	}
}

// maxDepth is how deep an index may stand in others.
const maxDepth = 3

// A Platform is what an image is built for. Empty strings mean any.
type Platform struct{ OS, Architecture string }

// A manifest is what Fetch reads of one, or of an index.
type manifest struct {
	MediaType string       `json:"mediaType"`
	Config    descriptor   `json:"config"`
	Layers    []descriptor `json:"layers"`
	Manifests []descriptor `json:"manifests"`
}

type descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int64             `json:"size"`
	Annotations map[string]string `json:"annotations"`
	Platform    struct {
		OS           string `json:"os"`
		Architecture string `json:"architecture"`
	} `json:"platform"`
}

// Fetch reads an image that is in a registry, by its address with a tag or a digest. Its
// manifest and configuration are read and verified; its layers are read from there, and
// verified, whenever they are opened, as long as ctx lasts and the connections are not
// closed. So a Push copies it from one registry to another. Of an index it is the image
// of the platform; Unpacked is not known.
func (c *Connections) Fetch(ctx context.Context, address string, platform Platform, told Told) (image.Image, error) {
	r, reference, err := c.source(address, told)
	if err != nil {
		return image.Image{}, err
	}
	img, err := r.fetch(ctx, reference, platform)
	if err != nil && ctx.Err() != nil {
		return image.Image{}, ctx.Err()
	}
	if err != nil {
		return image.Image{}, r.unread("reading the image "+reference, err)
	}
	return img, nil
}

// Again returns an image that was fetched from the address by other connections, which are
// closed now: its layers are read by these, as long as ctx lasts. It makes no request, and
// what the tag of the address means now does not matter.
func (c *Connections) Again(ctx context.Context, address string, img image.Image, told Told) (image.Image, error) {
	r, _, err := c.source(address, told)
	if err != nil {
		return image.Image{}, err
	}
	img.Layers = slices.Clone(img.Layers)
	for i := range img.Layers {
		img.Layers[i].Open = r.download(ctx, img.Layers[i])
	}
	return img, nil
}

// source is where the image of an address is, and the address's tag or digest.
func (c *Connections) source(address string, told Told) (r *Repository, reference string, err error) {
	reference, at, err := parse(address)
	if err != nil {
		return nil, "", err
	}
	r = c.repository(Store{Region: at.region, Repository: address}, at, withTold(told))
	r.door.scope = "pull"
	return r, reference, nil
}

// parse takes the address of an image apart: its tag or digest, and where it is.
func parse(address string) (reference string, at place, err error) {
	parsed, err := name.ParseReference(address)
	if err != nil {
		return "", place{}, &problem.Error{Subject: address, Message: "this is not the address of an image", Err: err}
	}
	at = place{host: parsed.Context().RegistryStr(), name: parsed.Context().RepositoryStr()}
	if of := ecrHost(at.host); of != nil {
		of.host, of.name = at.host, at.name
		at = *of
	}
	return parsed.Identifier(), at, nil
}

func (r *Repository) fetch(ctx context.Context, reference string, platform Platform) (image.Image, error) {
	for range maxDepth {
		text, mediaType, err := r.manifest(ctx, reference)
		if err != nil {
			return image.Image{}, err
		}
		var m manifest
		if err := json.Unmarshal(text, &m); err != nil {
			return image.Image{}, &falseError{"the manifest is not JSON: " + err.Error()}
		}
		if len(m.Manifests) > 0 {
			if reference, err = choose(m.Manifests, platform); err != nil {
				return image.Image{}, err
			}
			continue
		}
		if m.MediaType != "" {
			mediaType = m.MediaType
		}
		return r.assemble(ctx, text, mediaType, m)
	}
	return image.Image{}, &falseError{fmt.Sprintf("an index stands in %d others", maxDepth)}
}

// manifest reads a manifest or an index and holds it against its digest.
func (r *Repository) manifest(ctx context.Context, reference string) (text []byte, mediaType string, err error) {
	a, err := r.question(ctx, ask{
		method: http.MethodGet, path: "/manifests/" + reference, want: []int{http.StatusOK},
		header: map[string]string{"Accept": strings.Join(manifestTypes(), ", ")},
	})
	if err != nil {
		return nil, "", err
	}
	want := reference
	if !strings.Contains(want, ":") {
		want = a.header.Get("Docker-Content-Digest")
	}
	if digest := digestOf(a.body); want != "" && digest != want {
		return nil, "", &falseError{fmt.Sprintf("the manifest has the digest %s, and %s was asked for", digest, short(want))}
	}
	mediaType, _, _ = strings.Cut(a.header.Get("Content-Type"), ";")
	return a.body, mediaType, nil
}

// choose returns the digest of a platform's image in an index. Attestations, which
// buildx puts beside it, are no images, and what says of no platform is likely none if
// another one does.
func choose(in []descriptor, platform Platform) (string, error) {
	said := func(d descriptor) bool { return d.Platform.OS != "" && d.Platform.OS != "unknown" }
	some := slices.ContainsFunc(in, said)
	var digests, all []string
	for _, d := range in {
		of := d.Platform
		if some && !said(d) {
			continue
		}
		if d.Annotations["vnd.docker.reference.type"] == "attestation-manifest" || of.OS == "unknown" {
			continue
		}
		all = append(all, of.OS+"/"+of.Architecture)
		nested := of.OS == "" && of.Architecture == ""
		if nested || (platform.OS == "" || of.OS == platform.OS) && (platform.Architecture == "" || of.Architecture == platform.Architecture) {
			digests = append(digests, d.Digest)
		}
	}
	slices.Sort(digests)
	digests = slices.Compact(digests)
	if len(digests) != 1 || !isDigest(digests[0]) {
		wanted := platform.OS
		if platform.Architecture != "" {
			wanted += "/" + platform.Architecture
		}
		return "", &choiceError{fmt.Sprintf("the index has %s for %s; it is of %s", problem.Count(len(digests), "image"), wanted, short(strings.Join(all, ", ")))}
	}
	return digests[0], nil
}

// A choiceError is why no image of an index is the one that is meant.
type choiceError struct{ how string }

func (e *choiceError) Error() string { return e.how }

func isDigest(s string) bool { return regexp.MustCompile(`^sha256:[0-9a-f]{64}$`).MatchString(s) }

func digestOf(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// assemble makes an image of its manifest.
func (r *Repository) assemble(ctx context.Context, text []byte, mediaType string, m manifest) (image.Image, error) {
	img := image.Image{Digest: digestOf(text), MediaType: mediaType, Manifest: text}
	for _, d := range append([]descriptor{m.Config}, m.Layers...) {
		if !isDigest(d.Digest) || d.Size < 0 {
			return image.Image{}, &falseError{"the manifest is not that of an image: it has no configuration, or a layer without a digest"}
		}
		b := image.Blob{Digest: d.Digest, MediaType: d.MediaType, Size: d.Size}
		b.Open = r.download(ctx, b)
		img.Layers = append(img.Layers, b)
	}
	img.Config, img.Layers = img.Layers[0], img.Layers[1:]
	if img.Config.Size > maxAnswer {
		return image.Image{}, &falseError{fmt.Sprintf("the configuration has %d bytes", img.Config.Size)}
	}
	config, err := img.Config.Open()
	if err != nil {
		return image.Image{}, err
	}
	defer config.Close() // nothing was written
	read, err := io.ReadAll(config)
	if err != nil {
		return image.Image{}, err
	}
	img.Config.Open = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(read)), nil }
	var of Platform
	if err := json.Unmarshal(read, &of); err != nil {
		return image.Image{}, &falseError{"the configuration is not JSON: " + err.Error()}
	}
	img.OS, img.Architecture = of.OS, of.Architecture
	return img, nil
}
