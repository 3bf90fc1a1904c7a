package diff

import (
	"context"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/image"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/registry"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/template"
)

// images finds out which layers differ of two container images. That they differ is known
// by their digests, so it is no fault where a registry does not tell the rest.
func (d *differ) images(ctx context.Context, g *group) {
	var before, after []image.Blob
	var err, alsoErr error
	inParallel(func() { before, err = d.layers(ctx, g.old[0]) }, func() { after, alsoErr = d.layers(ctx, g.now[0]) })
	if err != nil || alsoErr != nil {
		g.code.Unknown = reasonOf(err, alsoErr)
		return
	}
	left := make(map[string]int)
	for _, b := range before {
		left[b.Digest]++
	}
	g.code.Layers = []Layer{}
	for _, b := range after {
		if left[b.Digest]--; left[b.Digest] < 0 {
			g.code.Layers = append(g.code.Layers, Layer{Added, b.Digest, b.Size})
		}
	}
	for _, b := range before {
		if left[b.Digest] > 0 {
			left[b.Digest]--
			g.code.Layers = append(g.code.Layers, Layer{Removed, b.Digest, b.Size})
		}
	}
}

// layers are those of an image, as its manifest in the registry has them.
func (d *differ) layers(ctx context.Context, u template.Use) ([]image.Blob, error) {
	connections, err := d.registries()
	if err != nil {
		return nil, err
	}
	return connections.Layers(ctx, u.Location.Repository+"@"+u.Location.Digest, registry.Told{})
}
