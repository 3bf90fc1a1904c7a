package upload

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/image"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/registry"
)

// An Image is a container image that is pushed.
type Image struct {
	Planned image.Image // what a look asks for, where no tag does: the bytes of its layers may be gone
	// Open opens it, once for all repositories, and not before one lacks it. It must be the
	// one that was planned, and its error says which one it is. close, if not nil, is called
	// at the end, also after an error. An image that is copied is read from its registry by
	// the connections, and told of.
	Open func(ctx context.Context, from *registry.Connections, told registry.Told) (img *image.Image, closeImage func() error, err error)
}

// push brings the images to all repositories, at the same time. It looks for each first, by
// what is planned of it.
func (r *run) push() error {
	opened := make([]*openedImage, len(r.Images))
	for i := range opened {
		opened[i] = &openedImage{of: r.Images[i], from: r.registries, told: registry.Told{
			Sent: func(string, int64) {},
			Retrying: func(err error, delay time.Duration) {
				r.tell(Event{Kind: RetryingFetch, Image: i, Err: err, Took: delay})
			},
		}}
	}
	group := new(errgroup.Group)
	group.SetLimit(r.S3.Questions)
	for i, s := range r.Stores {
		for j, p := range s.Images {
			group.Go(func() error {
				r.pushTo(i, j, r.repositories[p.Repository], opened[p.Image])
				return nil
			})
		}
	}
	err := group.Wait() // what fails is its store's
	for _, o := range opened {
		err = errors.Join(err, o.close())
	}
	return err
}

// pushTo brings one image to one repository.
func (r *run) pushTo(store, index int, to *registry.Repository, o *openedImage) {
	began, p := time.Now(), r.Stores[store].Images[index]
	if r.failed(store) || r.ctx.Err() != nil {
		return
	}
	push := r.pushByDigest
	if p.Tag != "" {
		push = r.pushByTag
	}
	outcome, err := push(to, o, p.Tag)
	if err != nil {
		r.fail(store, err)
		return
	}
	r.record(Event{Kind: Pushed, Store: store, Image: index, Outcome: outcome}, &r.result.Stores[store].Images[index], began)
}

// pushByDigest pushes the image that was planned, which is read for it. What a look found
// missing of it has no bytes any more: it is taken from the one that is open now.
func (r *run) pushByDigest(to *registry.Repository, o *openedImage, _ string) (Outcome, error) {
	found, err := to.Look(r.ctx, o.of.Planned)
	if err != nil || found.Presence == registry.Proved {
		return Outcome{Action: Reused}, err
	}
	img, err := o.get(r.ctx)
	if err != nil {
		return Outcome{}, err
	}
	blobs := append(slices.Clone(img.Layers), img.Config)
	for i, missing := range found.Missing {
		j := slices.IndexFunc(blobs, func(b image.Blob) bool { return b.Digest == missing.Digest })
		found.Missing[i] = blobs[j] // the digest of the whole is the same
	}
	return Outcome{Action: Uploaded}, to.Push(r.ctx, *img, found)
}

// pushByTag pushes an image under a tag that nothing has, or that it is forced upon.
func (r *run) pushByTag(to *registry.Repository, o *openedImage, tag string) (Outcome, error) {
	if !r.Force {
		if digest, _, err := to.Tagged(r.ctx, tag); err != nil || digest != "" {
			return Outcome{Action: Reused, Digest: digest}, err
		}
	}
	img, err := o.get(r.ctx)
	if err != nil {
		return Outcome{}, err
	}
	tagged := *img
	tagged.Tag = tag
	found, err := to.Look(r.ctx, tagged)
	if err != nil || found.Presence == registry.Proved {
		return Outcome{Action: Reused, Digest: img.Digest}, err
	}
	return Outcome{Action: Uploaded, Digest: img.Digest}, to.Push(r.ctx, tagged, found)
}

// An openedImage is read once for all repositories.
type openedImage struct {
	of      Image
	from    *registry.Connections
	told    registry.Told
	once    sync.Once
	img     *image.Image
	release func() error
	err     error
}

func (o *openedImage) get(ctx context.Context) (*image.Image, error) {
	o.once.Do(func() { o.img, o.release, o.err = o.of.Open(ctx, o.from, o.told) })
	return o.img, o.err
}

func (o *openedImage) close() error {
	if o.release == nil {
		return nil
	}
	return o.release()
}
