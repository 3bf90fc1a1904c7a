package packager

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/s3store"
)

// A decision is which stores want an artifact, or a nested template where there
// is no artifact.
type decision struct {
	artifact *artifact
	wants    []want
}

// places bound how much of one kind is under way at once.
type places chan struct{}

func (p places) take() { p <- struct{}{} }
func (p places) free() { <-p }

// A transfer archives what stores want, and brings it to them.
//
// All concurrency of the upload is here, and in look, which waits for none of it: as
// many archives are made at once as there are processors, and no more are on disk than
// there are uploads at once, so that archiving waits for uploads only where they are far
// behind.
//
// Nothing can lock up: whoever has a place on disk may wait for one of an upload or of a
// copy; whoever has one of these waits for no other.
type transfer struct {
	*run
	router                *router
	refusals              refusals
	disk, uploads, copies places
	archives              *errgroup.Group // limited; an archive on its way to the stores is in deliveries
	deliveries            errgroup.Group
	reuses                *errgroup.Group // limited; copies of what a store had before this run

	archiving context.Context //nolint:containedctx // ends when an archive cannot be made: the input is broken, and all others are in vain
	stop      context.CancelCauseFunc

	mu       sync.Mutex
	uncopied map[*artifact][]want // what could not be copied and was not archived
}

// transfer archives and uploads what is wanted as soon as that is known, or has
// S3 copy it. It returns what could not be copied and was not archived.
func (r *run) transfer(look func(decide func(decision)) error, mode Copy) (uncopied map[*artifact][]want, err error) {
	t := &transfer{
		run: r, router: newRouter(r.copyMode(mode), len(r.Stores), runtime.GOMAXPROCS(0), r.rate), refusals: refusals{pairs: make(map[[2]int]bool)},
		disk: make(places, r.opts.jobs()), uploads: make(places, r.opts.jobs()), copies: make(places, r.opts.questions()),
		archives: new(errgroup.Group), reuses: new(errgroup.Group), uncopied: make(map[*artifact][]want),
	}
	t.archives.SetLimit(runtime.GOMAXPROCS(0))
	t.reuses.SetLimit(r.opts.questions())
	t.archiving, t.stop = context.WithCancelCause(r.ctx)
	defer t.stop(nil)
	most := 0
	for _, objects := range r.objects {
		most += len(objects)
	}
	for _, o := range r.objects[0] {
		if o.artifact != nil {
			t.router.expect(o.artifact.size())
		}
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
	err = errors.Join(looks.Wait(), t.archives.Wait(), t.deliveries.Wait(), t.reuses.Wait())
	return t.uncopied, errors.Join(err, context.Cause(t.archiving))
}

// begin sets in motion what a decision asks for. It waits where much is under way.
func (t *transfer) begin(d decision) {
	a, to := d.artifact, d.wants
	switch {
	case a == nil:
		t.deliveries.Go(func() error {
			t.upload(to[0], nestedPayload(t.objects[to[0].store][to[0].object]))
			return nil
		})
		return
	case len(to) == 0 && t.opts.ArchiveDir == "":
		t.router.expect(-a.size())
		return
	}
	if from, ok := t.sourceOf(a, to); ok && t.opts.ArchiveDir == "" {
		t.router.expect(-a.size())
		for _, w := range to {
			t.reuses.Go(func() error {
				if left, done := t.copy(from.want, w, from.load); !done {
					t.mu.Lock()
					defer t.mu.Unlock()
					t.uncopied[a] = append(t.uncopied[a], left)
				}
				return nil
			})
		}
		return
	}
	t.disk.take()
	t.archives.Go(func() error {
		done := t.router.archive(a.size())
		load, remove, err := t.payload(t.archiving, a)
		done(load.Size)
		if err != nil {
			t.disk.free()
			t.stop(err) // the first to stop them says why, whoever is the first to end
			return nil
		}
		t.deliveries.Go(func() error {
			defer t.disk.free()
			t.deliver(to, load)
			return remove()
		})
		return nil
	})
}

// deliver brings what is on disk to the stores. It returns when all have it or have
// failed.
func (t *transfer) deliver(to []want, load s3store.Payload) {
	if len(to) == 0 {
		return // it is archived for the folder alone
	}
	to = slices.Clone(to)
	for i, w := range to {
		if t.Stores[w.store].Region == t.home {
			to[0], to[i] = to[i], to[0] // the nearest is the one from which others copy
		}
	}
	t.router.deliver(load.Size, len(to), courier{
		upload: func(i int) bool { return t.upload(to[i], load) },
		copy: func(i int) (done bool) {
			to[i], done = t.copy(to[0], to[i], load)
			return done
		},
	})
}

// upload puts an object, and tells whether it is there for sure.
func (t *transfer) upload(w want, load s3store.Payload) bool {
	t.uploads.take()
	defer t.uploads.free()
	return t.put(w, load)
}
