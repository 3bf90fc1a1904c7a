package registry

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/image"
)

// A Proof is what a registry says of an image that a template names.
type Proof struct {
	Presence
	Digest  string   // of its manifest
	Layers  int      // that this names
	Size    int64    // of the layers
	Missing []string // digests of what it names and the registry lacks
	Why     string   // why it is not proved; "" where it is
}

// Reader returns the client of a store for somebody who only looks.
func (c *Connections) Reader(store Store, told Told) (*Repository, error) {
	r, err := c.Repository(store, told)
	if err == nil {
		r.door.scope = "pull"
	}
	return r, err
}

// Prove asks for an image by its digest, or by a tag: for its manifest, whose digest is
// computed here, and for all that this names, by digest and size. It changes nothing, and
// takes the permission to look alone.
func (r *Repository) Prove(ctx context.Context, reference string) (Proof, error) {
	text, err := r.manifestOf(ctx, reference)
	switch {
	case ctx.Err() != nil:
		return Proof{}, ctx.Err()
	case err != nil && denied(err):
		return Proof{Presence: Unknown, Why: "the registry denies a look at it"}, nil
	case err != nil && r.missing(err):
		return Proof{Why: "there is no such repository"}, nil
	case err != nil:
		return Proof{Presence: Unknown}, r.explain("ecr:BatchGetImage", "looking for the image "+short(reference)+" in", err)
	case text == nil:
		return Proof{Why: "there is no such image"}, nil
	}
	p := Proof{Digest: digestOf(text)}
	var m manifest
	isManifest := json.Unmarshal(text, &m) == nil && isDigest(m.Config.Digest)
	switch {
	case strings.Contains(reference, ":") && p.Digest != reference:
		p.Why = "its manifest has the digest " + p.Digest
		return p, nil
	case !isManifest:
		p.Why = "its manifest is not that of an image, which names a configuration and layers"
		return p, nil
	}
	return r.proveBlobs(ctx, reference, p, m)
}

// proveBlobs asks for what a manifest names.
func (r *Repository) proveBlobs(ctx context.Context, reference string, p Proof, m manifest) (Proof, error) {
	var blobs []image.Blob
	told := make(map[string]bool)
	for _, d := range append([]descriptor{m.Config}, m.Layers...) {
		if !told[d.Digest] {
			blobs = append(blobs, image.Blob{Digest: d.Digest, Size: d.Size})
		}
		told[d.Digest] = true
	}
	for _, d := range m.Layers {
		p.Layers++
		p.Size += d.Size
	}
	missing, err := r.missingBlobs(ctx, blobs)
	switch {
	case ctx.Err() != nil:
		return Proof{}, ctx.Err()
	case err != nil && denied(err):
		p.Presence, p.Why = Unknown, "the registry denies a look at its layers"
	case err != nil:
		return Proof{Presence: Unknown}, r.explain("ecr:BatchCheckLayerAvailability", "looking for the layers of "+short(reference)+" in", err)
	case len(missing) > 0:
		for _, b := range missing {
			p.Missing = append(p.Missing, b.Digest)
		}
		p.Why = "its manifest is there, and lacks " + short(strings.Join(p.Missing, " and "))
	default:
		p.Presence = Proved
	}
	return p, nil
}

func (r *Repository) missingBlobs(ctx context.Context, blobs []image.Blob) ([]image.Blob, error) {
	if r.client != nil {
		return r.missingInECR(ctx, r.client, blobs)
	}
	return r.missingOf(ctx, blobs)
}

// manifestOf reads a manifest, nil where there is none.
func (r *Repository) manifestOf(ctx context.Context, reference string) ([]byte, error) {
	if r.client == nil {
		a, err := r.question(ctx, ask{
			method: http.MethodGet, path: "/manifests/" + reference, want: []int{http.StatusOK, http.StatusNotFound},
			header: map[string]string{"Accept": strings.Join(manifestTypes(), ", ")},
		})
		if err != nil || a.status == http.StatusNotFound {
			return nil, err
		}
		return a.body, nil
	}
	id := types.ImageIdentifier{ImageTag: &reference}
	if strings.Contains(reference, ":") {
		id = types.ImageIdentifier{ImageDigest: &reference}
	}
	out, err := r.client.BatchGetImage(ctx, &ecr.BatchGetImageInput{
		RepositoryName: &r.door.place.name, RegistryId: r.registry(), AcceptedMediaTypes: manifestTypes(), ImageIds: []types.ImageIdentifier{id},
	})
	if err != nil {
		return nil, err
	}
	for _, i := range out.Images {
		if i.ImageManifest != nil {
			return []byte(*i.ImageManifest), nil
		}
	}
	if len(out.Failures) == 0 {
		return nil, &hollowError{lacks: "image and no failure"}
	}
	if f := out.Failures[0]; f.FailureCode != types.ImageFailureCodeImageNotFound {
		return nil, &falseError{string(f.FailureCode) + " (" + short(aws.ToString(f.FailureReason)) + ")"}
	}
	return nil, nil
}

// Address takes the address of an image apart: its repository, and its digest or tag.
func Address(address string) (repository, reference string) {
	if repository, digest, ok := strings.Cut(address, "@"); ok {
		return strings.TrimSuffix(repository, tagIn(repository)), digest
	}
	if tag := tagIn(address); tag != "" {
		return strings.TrimSuffix(address, tag), tag[1:]
	}
	return address, "latest"
}

// tagIn is the tag of an address with its colon, "" where it has none.
func tagIn(address string) string {
	if i := strings.LastIndexByte(address, ':'); i > strings.LastIndexByte(address, '/') {
		return address[i:]
	}
	return ""
}

// ReadPolicy returns the statements of the least IAM policy with which [Repository.Prove]
// works for these stores. There are none where nothing of it is in ECR.
func ReadPolicy(stores []Store) []Statement {
	look := Statement{Sid: "ProveImages", Effect: "Allow", Action: []string{"ecr:BatchGetImage", "ecr:BatchCheckLayerAvailability"}}
	for _, s := range stores {
		if at, err := s.place(); err == nil && at.ecr {
			look.Resource = append(look.Resource, arn(at))
		}
	}
	if look.Resource == nil {
		return nil
	}
	return []Statement{look}
}
