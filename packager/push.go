package packager

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"golang.org/x/sync/errgroup"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/image"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/registry"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/role"
)

// An Image is one container image that the template names by a path or by a name, or with
// Options.CopyImages by an address. Of one that is copied Unpacked is 0, and in a dry run
// nothing is known but the digest.
type Image struct {
	Source       string // the path or the name, as the template has it
	References   []Reference
	Digest       string // of the manifest, "sha256:…"
	Architecture string // as Docker calls it: amd64, arm64
	Layers       []Layer
	Size         int64 // bytes of the layers, as they are stored
	Unpacked     int64 // bytes of the layers, unpacked
}

// A Layer is one of an image, as it is stored.
type Layer struct {
	Digest string // "sha256:…"
	Size   int64  // bytes
}

// A PushedImage is an image in a store's region.
type PushedImage struct {
	*Image
	Repository string // its address, without a tag and a digest
	Action     Action // Planned, Uploaded or Reused
}

// A push is an image on its way to a repository.
type push struct {
	image      *containerImage
	repository string
}

// registries are the repositories of a run.
type registries struct {
	*registry.Connections
	all []*registry.Repository
	of  map[string]*registry.Repository // by address
}

func (o Options) registryConfig(cfg aws.Config, roles *role.Roles) registry.Config {
	return registry.Config{AWS: cfg, Roles: roles, Jobs: o.jobs(), Questions: o.questions(), Stall: o.stall, Backoff: o.backoff, API: o.ecr, Hub: o.ecr}
}

// openRepositories opens the repositories that the plan's images go to. Where there are
// none, nothing is opened.
func (r *run) openRepositories(cfg aws.Config) error {
	r.registries.of = make(map[string]*registry.Repository)
	for i, pushes := range r.pushes {
		event := Event{Region: r.Stores[i].Region}
		for _, p := range pushes {
			if r.registries.of[p.repository] != nil {
				continue
			}
			if r.registries.Connections == nil {
				r.registries.Connections = registry.Connect(r.opts.registryConfig(cfg, r.roles))
			}
			event.Bucket = p.repository
			event := event
			to, err := r.registries.Repository(registry.Store{Region: event.Region, Repository: p.repository, Role: r.Stores[i].Role.inner()}, registry.Told{
				Sent: func(digest string, bytes int64) {
					e := event
					e.Kind, e.Layer, e.Bytes = Sent, digest, bytes
					r.tell(e)
				},
				Retrying: func(err error, delay time.Duration) {
					e := event
					e.Kind, e.Err, e.Took = Retrying, err, delay
					r.tell(e)
				},
			})
			if err != nil {
				return err
			}
			r.registries.of[p.repository] = to
			r.registries.all = append(r.registries.all, to)
		}
	}
	return nil
}

// push brings the images to all regions, at the same time. It looks for each first, by what
// the plan knows of it, and an image is read once more when the first region lacks it.
func (r *run) push() error {
	opened := make(map[*containerImage]*openedImage)
	for _, pushes := range r.pushes {
		for _, p := range pushes {
			if opened[p.image] == nil {
				opened[p.image] = &openedImage{of: p.image, from: r.registries.Connections, tell: r.tell}
			}
		}
	}
	group := new(errgroup.Group)
	group.SetLimit(r.opts.questions())
	for i, pushes := range r.pushes {
		for j, p := range pushes {
			group.Go(func() error {
				r.pushTo(i, j, opened[p.image])
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

// pushTo brings one image to one region.
func (r *run) pushTo(store, index int, o *openedImage) {
	p, began := r.pushes[store][index], time.Now()
	to := r.registries.of[p.repository]
	if r.failed(store) || r.ctx.Err() != nil {
		return
	}
	action := Reused
	found, err := to.Look(r.ctx, *p.image.planned)
	if err == nil && found.Presence != registry.Proved {
		action = Uploaded
		err = r.send(to, o, found)
	}
	if err != nil {
		r.fail(store, err)
		return
	}
	r.pushed(store, index, action, began)
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

// pushed records what became of an image, and tells of it.
func (r *run) pushed(store, index int, action Action, began time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s, now := &r.Stores[store], time.Now()
	s.Took = now.Sub(r.began)
	if action == Uploaded {
		s.Times.Upload.add(began, now)
		r.result.Times.Upload.add(began, now)
	}
	s.Images[index].Action = action
	if r.opts.Progress != nil {
		r.opts.Progress(Event{Kind: Pushed, Region: s.Region, Bucket: s.Images[index].Repository, Image: s.Images[index], Took: now.Sub(began)})
	}
}

// An openedImage is read once for all regions.
type openedImage struct {
	of      *containerImage
	from    *registry.Connections // by which one is read that is copied
	tell    func(Event)
	once    sync.Once
	img     *image.Image
	release func() error
	err     error
}

// get returns the image, which must be the one that was planned.
func (o *openedImage) get(ctx context.Context) (*image.Image, error) {
	o.once.Do(func() {
		first := o.of.refs[0]
		if o.of.isCopied() {
			o.img, o.err = o.of.again(ctx, o.from, o.tell)
			return
		}
		if o.img, o.release, o.err = image.Open(ctx, o.of.source); o.err != nil {
			if ctx.Err() == nil {
				o.err = first.Errorf("%q: %v", first.Local, o.err)
			}
			return
		}
		if o.img.Digest != o.of.digest {
			o.err = first.Errorf("%q: the image changed while it was read: is the build still running?", first.Local)
		}
	})
	return o.img, o.err
}

func (o *openedImage) close() error {
	if o.release == nil {
		return nil
	}
	if err := o.release(); err != nil {
		return fmt.Errorf("closing the image %s: %w", o.of.view.Source, err)
	}
	return nil
}
