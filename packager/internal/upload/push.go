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
	Planned image.Image // what a look asks for: the bytes of its layers may be gone
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
	began := time.Now()
	if r.failed(store) || r.ctx.Err() != nil {
		return
	}
	action := Reused
	found, err := to.Look(r.ctx, o.of.Planned)
	if err == nil && found.Presence != registry.Proved {
		action = Uploaded
		err = r.send(to, o, found)
	}
	if err != nil {
		r.fail(store, err)
		return
	}
	r.record(Event{Kind: Pushed, Store: store, Image: index, Outcome: Outcome{Action: action}}, &r.result.Stores[store].Images[index], began)
}

// send pushes an image, which is read for it. What a look found missing of the one that was
// planned has no bytes any more: it is taken from the one that is open now.
func (r *run) send(to *registry.Repository, o *openedImage, found registry.Found) error {
	img, err := o.get(r.ctx)
	if err != nil {
		return err
	}
	blobs := append(slices.Clone(img.Layers), img.Config)
	for i, missing := range found.Missing {
		j := slices.IndexFunc(blobs, func(b image.Blob) bool { return b.Digest == missing.Digest })
		found.Missing[i] = blobs[j] // the digest of the whole is the same
	}
	return to.Push(r.ctx, *img, found)
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
