package registry

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

// Tagged asks what has a tag: the digest of a manifest, or "" where nothing has it. Where
// tools name images by a tag that they make of a hash, that is how they know that an image
// is there. known is whether the registry tells this caller.
func (r *Repository) Tagged(ctx context.Context, tag string) (digest string, known bool, err error) {
	if r.client != nil {
		digest, err = r.taggedInECR(ctx, tag)
	} else {
		digest, err = r.tagged(ctx, tag)
	}
	switch {
	case ctx.Err() != nil:
		return "", false, ctx.Err()
	case err != nil && denied(err) && r.client != nil:
		return "", false, nil
	case err != nil:
		return "", false, r.explain("ecr:BatchGetImage", fmt.Sprintf("looking for the tag %s in", tag), err)
	}
	return digest, true, nil
}

func (r *Repository) taggedInECR(ctx context.Context, tag string) (string, error) {
	out, err := r.client.BatchGetImage(ctx, &ecr.BatchGetImageInput{
		RepositoryName: &r.door.place.name, RegistryId: r.registry(), AcceptedMediaTypes: manifestTypes(),
		ImageIds: []types.ImageIdentifier{{ImageTag: &tag}},
	})
	if err != nil {
		return "", err
	}
	if len(out.Failures) > 0 {
		f := out.Failures[0]
		if f.FailureCode == types.ImageFailureCodeImageNotFound {
			return "", nil
		}
		return "", &falseError{fmt.Sprintf("%s (%s)", f.FailureCode, short(aws.ToString(f.FailureReason)))}
	}
	for _, i := range out.Images {
		if i.ImageId != nil && strings.HasPrefix(aws.ToString(i.ImageId.ImageDigest), "sha256:") {
			return *i.ImageId.ImageDigest, nil
		}
	}
	return "", &hollowError{lacks: "image and no failure"}
}

func (r *Repository) tagged(ctx context.Context, tag string) (string, error) {
	a, err := r.question(ctx, ask{
		method: http.MethodHead, path: "/manifests/" + tag, header: map[string]string{"Accept": strings.Join(manifestTypes(), ", ")},
		want: []int{http.StatusOK, http.StatusNotFound},
	})
	if err != nil || a.status == http.StatusNotFound {
		return "", err
	}
	digest := a.header.Get("Docker-Content-Digest")
	if digest == "" {
		return "", &hollowError{lacks: "Docker-Content-Digest"}
	}
	return digest, nil
}
