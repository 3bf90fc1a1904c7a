package registry

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"golang.org/x/sync/errgroup"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/image"
)

// maxLayers is of how many layers ECR tells at once (API reference,
// BatchCheckLayerAvailability).
const maxLayers = 100

// Presence is what a look for an image found.
type Presence uint8

// What there may be of an image.
const (
	Absent  Presence = iota // not all of it
	Proved                  // its manifest, by digest and by tag, and all that this names
	Unknown                 // the registry does not tell this caller
)

// A Found image, as far as the registry tells.
type Found struct {
	Presence
	Missing  []image.Blob // layers and the configuration that are to be sent, each once
	manifest bool         // it is there by its digest
}

// Look asks for an image: for its manifest, by digest and by tag, and for all that the
// manifest names. Of ECR these are two requests of its API, made at once, which need no
// login to the registry; of another registry one for each blob and two for the manifest.
//
// What proves an image is a manifest of the same bytes, and blobs of the same size under
// their digests, which are what registries verify. Where it is not proved, [Push] sends
// what is missing.
func (r *Repository) Look(ctx context.Context, img image.Image) (Found, error) {
	var there, tagged bool
	var missing []image.Blob
	look := func(find func(context.Context, image.Image) (bool, bool, error), blobs func(context.Context, []image.Blob) ([]image.Blob, error)) error {
		group, ctx := errgroup.WithContext(ctx)
		group.Go(func() (err error) {
			there, tagged, err = find(ctx, img)
			return err
		})
		group.Go(func() (err error) {
			missing, err = blobs(ctx, blobsOf(img))
			return err
		})
		return group.Wait()
	}
	var err error
	if r.client != nil {
		err = look(r.findInECR, func(ctx context.Context, blobs []image.Blob) ([]image.Blob, error) {
			return r.missingInECR(ctx, r.client, blobs)
		})
	} else {
		err = look(r.find, r.missingOf)
	}
	switch {
	case ctx.Err() != nil:
		return Found{Presence: Unknown}, ctx.Err()
	case err != nil && denied(err) && r.client != nil:
		return Found{Presence: Unknown, Missing: blobsOf(img)}, nil
	case err != nil:
		return Found{Presence: Unknown}, r.explain("ecr:BatchGetImage", fmt.Sprintf("looking for the image %s in", img.Digest), err)
	case there && tagged && len(missing) == 0:
		return Found{Presence: Proved, manifest: true}, nil
	}
	return Found{Presence: Absent, Missing: missing, manifest: there}, nil
}

// blobsOf are an image's layers and its configuration, each once.
func blobsOf(img image.Image) []image.Blob {
	var all []image.Blob
	for _, b := range append(slices.Clone(img.Layers), img.Config) {
		if !slices.ContainsFunc(all, func(other image.Blob) bool { return other.Digest == b.Digest }) {
			all = append(all, b)
		}
	}
	return all
}

// tagOf is the tag of an image.
func tagOf(img image.Image) string {
	if img.Tag != "" {
		return img.Tag
	}
	return strings.TrimPrefix(img.Digest, "sha256:")
}

// findInECR asks ECR's API for a manifest by digest and by tag.
func (r *Repository) findInECR(ctx context.Context, img image.Image) (there, tagged bool, err error) {
	digest, tag := img.Digest, tagOf(img)
	out, err := r.client.BatchGetImage(ctx, &ecr.BatchGetImageInput{
		RepositoryName: &r.door.place.name, RegistryId: r.registry(), AcceptedMediaTypes: []string{img.MediaType},
		ImageIds: []types.ImageIdentifier{{ImageDigest: &digest}, {ImageTag: &tag}},
	})
	if err != nil {
		return false, false, err
	}
	if len(out.Images)+len(out.Failures) == 0 {
		return false, false, &hollowError{lacks: "image and no failure"}
	}
	for _, f := range out.Failures {
		if f.FailureCode != types.ImageFailureCodeImageNotFound {
			return false, false, &falseError{fmt.Sprintf("%s (%s)", f.FailureCode, short(aws.ToString(f.FailureReason)))}
		}
	}
	for _, i := range out.Images {
		if i.ImageId == nil || aws.ToString(i.ImageId.ImageDigest) != digest || aws.ToString(i.ImageManifest) != string(img.Manifest) {
			continue // somebody else's, under the tag, or one that is spoiled
		}
		there = true
		tagged = tagged || aws.ToString(i.ImageId.ImageTag) == tag
	}
	return there, tagged, nil
}

// missingInECR asks ECR's API which of the blobs are not there.
func (r *Repository) missingInECR(ctx context.Context, client *ecr.Client, blobs []image.Blob) ([]image.Blob, error) {
	sizes := make(map[string]int64)
	for chunk := range slices.Chunk(blobs, maxLayers) {
		digests := make([]string, len(chunk))
		for i, b := range chunk {
			digests[i] = b.Digest
		}
		out, err := client.BatchCheckLayerAvailability(ctx, &ecr.BatchCheckLayerAvailabilityInput{
			RepositoryName: &r.door.place.name, RegistryId: r.registry(), LayerDigests: digests,
		})
		if err != nil {
			return nil, err
		}
		if len(out.Layers)+len(out.Failures) < len(chunk) {
			return nil, &hollowError{lacks: "word of some layers"}
		}
		for _, l := range out.Layers {
			if l.LayerAvailability == types.LayerAvailabilityAvailable {
				sizes[aws.ToString(l.LayerDigest)] = aws.ToInt64(l.LayerSize)
			}
		}
	}
	var missing []image.Blob
	for _, b := range blobs {
		if size, there := sizes[b.Digest]; !there || size != b.Size {
			missing = append(missing, b)
		}
	}
	return missing, nil
}

// find asks a registry for a manifest by digest and by tag.
func (r *Repository) find(ctx context.Context, img image.Image) (there, tagged bool, err error) {
	q := ask{
		method: http.MethodGet, path: "/manifests/" + img.Digest, header: map[string]string{"Accept": img.MediaType},
		want: []int{http.StatusOK, http.StatusNotFound},
	}
	byDigest, err := r.question(ctx, q)
	if err != nil || !bytes.Equal(byDigest.body, img.Manifest) {
		return false, false, err
	}
	q.path = "/manifests/" + tagOf(img)
	byTag, err := r.question(ctx, q)
	if err != nil {
		return false, false, err
	}
	return true, byTag.status == http.StatusOK && bytes.Equal(byTag.body, img.Manifest), nil
}

// missingOf asks a registry which of the blobs are not there.
func (r *Repository) missingOf(ctx context.Context, blobs []image.Blob) ([]image.Blob, error) {
	there := make([]bool, len(blobs))
	group, ctx := errgroup.WithContext(ctx)
	for i, b := range blobs {
		group.Go(func() (err error) {
			if err := take(ctx, r.shared.questions); err != nil {
				return err
			}
			defer func() { <-r.shared.questions }()
			there[i], err = r.there(ctx, b)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	var missing []image.Blob
	for i, b := range blobs {
		if !there[i] {
			missing = append(missing, b)
		}
	}
	return missing, nil
}

// there asks for one blob, of which somebody who has a slot wants to know.
func (r *Repository) there(ctx context.Context, b image.Blob) (bool, error) {
	if r.client != nil {
		missing, err := r.missingInECR(ctx, r.login.client, []image.Blob{b})
		if err == nil || !denied(err) {
			return err == nil && len(missing) == 0, err
		}
	}
	a, err := r.send(ctx, ask{method: http.MethodHead, path: "/blobs/" + b.Digest, want: []int{http.StatusOK, http.StatusNotFound}})
	if err != nil || a.status == http.StatusNotFound {
		return false, err
	}
	size := a.header.Get("Content-Length")
	if size == "" {
		return false, &hollowError{lacks: "Content-Length"}
	}
	if digest := a.header.Get("Docker-Content-Digest"); digest != "" && digest != b.Digest {
		return false, a.digested(b.Digest)
	}
	return size == strconv.FormatInt(b.Size, 10), nil
}
