package registry

import (
	"context"
	"encoding/json"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/image"
)

// Layers returns the layers of an image, by its address with a digest: what its manifest says
// of them, and nothing else is read. Of an index it is the manifests that it names.
func (c *Connections) Layers(ctx context.Context, address string, told Told) ([]image.Blob, error) {
	r, reference, err := c.source(address, told)
	if err != nil {
		return nil, err
	}
	text, _, err := r.manifest(ctx, reference)
	if err != nil && ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, r.unread("reading the image "+reference, err)
	}
	var m manifest
	if err := json.Unmarshal(text, &m); err != nil {
		return nil, &falseError{"the manifest is not JSON: " + err.Error()}
	}
	var all []image.Blob
	for _, d := range append(m.Manifests, m.Layers...) {
		all = append(all, image.Blob{Digest: d.Digest, MediaType: d.MediaType, Size: d.Size})
	}
	return all, nil
}
