package upload

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/s3store"
)

// A decision is which stores want an item.
type decision struct {
	item  int
	wants []want
}

// places bound how much of one kind is under way at once.
type places chan struct{}

func (p places) take() { p <- struct{}{} }
func (p places) free() { <-p }

// A transfer makes what stores want, and brings it to them.
//
// All concurrency of the upload is here, in look, which waits for none of it, and in the
// router, which brings one archive to its stores, in a race by both ways: as
// many archives are made at once as there are processors, and no more are on disk than
// there are uploads at once, so that archiving waits for uploads only where they are far
// behind. Images are pushed when all that is over.
//
// Nothing can lock up: whoever has a place on disk may wait for one of an upload, of a race's
// upload or of a copy, and in the router for one of a few. Whoever has one of a few may wait
// for one of these, too, and for a copy's end; whoever has one of these waits for no other.
type transfer struct {
	*run
	router                       *router
	refusals                     refusals
	disk, uploads, races, copies places
	archives                     *errgroup.Group // limited; an archive on its way to the stores is in deliveries
	deliveries                   errgroup.Group
	reuses                       *errgroup.Group // limited; copies of what a store had before this run

	archiving context.Context // ends when an archive cannot be made: the input is broken, and all others are in vain
	stop      context.CancelCauseFunc

	mu       sync.Mutex
	uncopied map[int][]want // by item: what could not be copied and was not made
}

func (r *run) newTransfer(mode Copy) *transfer {
	t := &transfer{
		run: r, router: newRouter(mode, runtime.GOMAXPROCS(0), r.rate), refusals: refusals{pairs: make(map[[2]int]bool)},
		disk: make(places, r.S3.Jobs), uploads: make(places, r.S3.Jobs), races: make(places, r.S3.Jobs), copies: make(places, r.S3.Questions),
		archives: new(errgroup.Group), reuses: new(errgroup.Group), uncopied: make(map[int][]want),
	}
	t.archives.SetLimit(runtime.GOMAXPROCS(0))
	t.reuses.SetLimit(r.S3.Questions)
	return t
}

// carry makes and uploads what is wanted as soon as that is known, or has S3 copy it. It
// leaves in uncopied what could not be copied and was not made.
func (t *transfer) carry(look func(decide func(decision)) error) error {
	t.archiving, t.stop = context.WithCancelCause(t.ctx)
	defer t.stop(nil)
	most := len(t.Items)
	for i := range t.Items {
		t.router.expect(t.files(i))
		most += len(t.destinations[i])
	}
	decisions := make(chan decision, most) // look never waits
	looks := new(errgroup.Group)
	looks.Go(func() error {
		defer close(decisions)
		return look(func(d decision) { decisions <- d })
	})
	for d := range decisions {
		t.begin(d)
	}
	err := errors.Join(looks.Wait(), t.archives.Wait(), t.deliveries.Wait(), t.reuses.Wait())
	return errors.Join(err, context.Cause(t.archiving))
}

// files are those that an item is made of; none, where its bytes are in memory.
func (r *run) files(item int) files {
	if r.Items[item].Make == nil {
		return files{}
	}
	size := r.Items[item].Size
	return files{size, size * int64(len(r.destinations[item])), size * int64(r.neighborhoods(item))}
}

// begin sets in motion what a decision asks for. It waits where much is under way.
func (t *transfer) begin(d decision) {
	item, files := &t.Items[d.item], t.files(d.item)
	switch {
	case item.Make == nil:
		for _, w := range d.wants {
			t.deliveries.Go(func() error {
				t.upload(t.ctx, t.uploads, w, item.Payload).settled()
				return nil
			})
		}
		return
	case item.Keep == nil && len(d.wants) == 0:
		t.router.forget(files)
		return
	case item.Keep == nil:
		if reuses := t.reusesOf(d.item, d.wants); len(reuses) > 0 {
			t.router.forget(files)
			t.reuse(d.item, reuses)
			return
		}
	}
	t.disk.take()
	t.archives.Go(func() error {
		done := t.router.archive(files)
		load, remove, err := t.made(t.archiving, d.item)
		done(load.Size)
		if err != nil {
			t.disk.free()
			t.stop(err) // the first to stop them says why, whoever is the first to end
			return nil
		}
		t.deliveries.Go(func() error {
			defer t.disk.free()
			t.deliver(d.wants, load)
			return remove()
		})
		return nil
	})
}

// reuse has S3 copy what stores have to others.
func (t *transfer) reuse(item int, all []reuse) {
	for _, one := range all {
		t.reuses.Go(func() error {
			if a := t.copy(t.ctx, one.from, one.to, one.load).settled(); !a.done {
				one.to.ifAbsent = one.to.ifAbsent && !a.unproved
				t.mu.Lock()
				defer t.mu.Unlock()
				t.uncopied[item] = append(t.uncopied[item], one.to)
			}
			return nil
		})
	}
}

// deliver brings what is on disk to the stores. It returns when all have it or have
// failed.
func (t *transfer) deliver(wants []want, load s3store.Payload) {
	var all sync.WaitGroup
	for _, to := range t.byNeighborhood(wants) {
		all.Go(func() {
			t.router.deliver(t.ctx, load.Size, len(to), t.courier(to, load))
		})
	}
	all.Wait()
}

// courier brings what is on disk to the stores of a neighborhood.
func (t *transfer) courier(to []want, load s3store.Payload) courier {
	return courier{
		unknown: slices.ContainsFunc(to, func(w want) bool { return w.ifAbsent }),
		upload: func(ctx context.Context, i int, unproved bool) attempt {
			w := to[i]
			w.ifAbsent = w.ifAbsent && !unproved
			return t.upload(ctx, t.uploads, w, load)
		},
		race: func(ctx context.Context, i int) attempt {
			w := to[i]
			w.ifAbsent = false
			return t.upload(ctx, t.races, w, load)
		},
		isSent: func(i int) bool { return t.isSent(to[i].destination, load.Size) },
		copy: func(ctx context.Context, i int) attempt {
			return t.copy(ctx, to[0].destination, to[i], load)
		},
	}
}

// upload puts an object as soon as there is a place.
func (t *transfer) upload(ctx context.Context, in places, w want, load s3store.Payload) attempt {
	select {
	case in <- struct{}{}:
		defer in.free()
		return t.put(ctx, w, load)
	case <-ctx.Done():
		return attempt{}
	}
}
