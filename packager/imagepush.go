package packager

import (
	"slices"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/s3store"
)

// A push is an image on its way to a repository.
type push struct {
	image      *containerImage
	repository string
	references []Reference // those whose image goes there
}

// view is the public view of it, before it is made.
func (p push) view() PushedImage {
	view := *p.image.view
	view.References = p.references
	return PushedImage{Image: &view, Repository: p.repository, Action: Planned}
}

// pushes are the images that a store's region gets, each repository once.
func (p *planner) pushes(s s3store.Store) (all []push) {
	for _, c := range p.images.distinct {
		for _, r := range c.refs {
			if !p.opts.Shard.Has(strings.TrimPrefix(c.digest, "sha256:")) {
				continue
			}
			to := push{image: c, repository: p.opts.repositoryOf(s.Region, r.LogicalID)}
			i := slices.IndexFunc(all, func(other push) bool { return other.repository == to.repository && other.image.digest == c.digest })
			if i < 0 {
				i = len(all)
				all = append(all, to)
			}
			all[i].references = append(all[i].references, referenceOf(r))
		}
	}
	return all
}

// onlyImages tells whether the input names container images, and nothing that goes to a
// bucket.
func (p *planner) onlyImages() (images bool) {
	for _, t := range p.order {
		images = images || t.NamesImages()
		for _, r := range t.References() {
			if r.Stored == nil && !r.IsImage() {
				return false
			}
		}
	}
	return images
}
