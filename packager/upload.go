package packager

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// A run is one upload of a plan.
type run struct {
	*Plan
	ctx      context.Context
	result   *Result
	buckets  []*bucket
	archiver *archiver

	began time.Time

	mu       sync.Mutex
	failures []error // the first of each store

	found [][]found // by store and object
}

// A want is an object that a store lacks.
type want struct {
	store, object int
	ifAbsent      bool // S3 does not tell whether it is there
}

// Upload looks into every store, archives what one of them lacks, and uploads
// it there. A store that fails does not stop the others. Where it returns an
// error, the Result tells what was done until then; nothing may be deployed
// from it.
func (p *Plan) Upload(ctx context.Context) (_ *Result, err error) {
	r := &run{Plan: p, ctx: ctx, began: time.Now(), failures: make([]error, len(p.Stores)), result: &Result{Plan: p, Planning: p.took}}
	if p.opts.DryRun && p.opts.ArchiveDir == "" {
		return r.result, nil
	}
	dir, err := os.MkdirTemp("", tempName)
	if err != nil {
		return nil, fmt.Errorf("making a temporary folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	r.archiver = newArchiver(dir)

	wants := make(map[*artifact][]want)
	nested := []want(nil)
	if !p.opts.DryRun {
		t := newTransport(p.opts.stall)
		defer t.close()
		if r.buckets, err = openBuckets(ctx, p.opts, t, r.tell); err != nil {
			return nil, err
		}
		began := time.Now()
		if err := r.check(); err != nil {
			return r.result, err
		}
		wants, nested = r.look()
		r.result.Looking = time.Since(began)
	}
	began := time.Now()
	var times [2]atomic.Int64 // the ends of the last archive and the last upload, in nanoseconds since began
	for _, a := range p.artifactsInOrder() {
		if p.opts.ArchiveDir != "" && a != nil && wants[a] == nil {
			wants[a] = []want{} // it is archived for the folder alone
		}
	}
	uncopied, err := r.transfer(began, wants, nested, p.opts.Copy, &times)
	if err == nil && len(uncopied) > 0 {
		_, err = r.transfer(began, uncopied, nil, CopyNever, &times)
	}
	r.result.Archiving, r.result.Uploading = time.Duration(times[0].Load()), time.Duration(times[1].Load())
	return r.result, joined(ctx, append([]error{err}, r.failures...)...)
}

// transfer archives and uploads what is wanted, or has S3 copy it. It returns
// what could not be copied.
//
// All concurrency of the upload is here, in three limited groups: archives,
// uploads, and copies. A place in one is held while waiting for one in the next,
// never the other way round.
func (r *run) transfer(began time.Time, wants map[*artifact][]want, nested []want, mode Copy, times *[2]atomic.Int64) (uncopied map[*artifact][]want, err error) {
	archives, uploads, copies := new(errgroup.Group), new(errgroup.Group), new(errgroup.Group)
	archives.SetLimit(runtime.GOMAXPROCS(0))
	uploads.SetLimit(r.opts.jobs())
	copies.SetLimit(r.opts.jobs())
	since := func(i int) { times[i].Store(int64(time.Since(began))) }
	upload := func(w want, load payload, done func(stored bool) error) {
		uploads.Go(func() error {
			stored := r.put(w, load)
			since(1)
			return done(stored)
		})
	}
	for _, w := range nested {
		upload(w, nestedPayload(r.objects[w.store][w.object]), func(bool) error { return nil })
	}
	var mu sync.Mutex
	uncopied = make(map[*artifact][]want)
	c := &copier{mode: mode, home: r.home(), refused: make(map[[2]int]bool)}
	// copyAll has the others copy from a store that has the object, or notes
	// that they could not.
	copyAll := func(a *artifact, from want, to []want, load payload) {
		for _, w := range to {
			copies.Go(func() error {
				if !r.copy(c, from, w, load) {
					mu.Lock()
					defer mu.Unlock()
					uncopied[a] = append(uncopied[a], w)
				}
				since(1)
				return nil
			})
		}
	}
	archiving, stop := context.WithCancel(r.ctx)
	defer stop()
	for i, a := range r.artifactsInOrder() {
		if a == nil || wants[a] == nil {
			continue
		}
		if from, ok := r.sourceOf(c, a, wants[a]); ok && r.opts.ArchiveDir == "" {
			copyAll(a, from.want, wants[a], from.load)
			continue
		}
		archives.Go(func() error {
			load, release, err := r.payload(archiving, a, &r.Artifacts[i])
			since(0)
			if err != nil {
				stop() // the input is broken: the other archives are in vain
				return err
			}
			to := wants[a]
			if first := c.first(r.Stores, to, load.size); first >= 0 {
				from, others := to[first], slices.Delete(slices.Clone(to), first, first+1)
				upload(from, load, func(stored bool) error {
					if stored {
						copyAll(a, from, others, load)
					} else {
						mu.Lock()
						defer mu.Unlock()
						uncopied[a] = append(uncopied[a], others...)
					}
					return release()
				})
				return nil
			}
			left := int64(len(to))
			if left == 0 {
				return release()
			}
			count := &atomic.Int64{}
			count.Store(left)
			for _, w := range to {
				upload(w, load, func(bool) error {
					if count.Add(-1) == 0 {
						return release()
					}
					return nil
				})
			}
			return nil
		})
	}
	err = errors.Join(archives.Wait(), uploads.Wait(), copies.Wait())
	return uncopied, err
}

func (o Options) jobs() int {
	if o.Jobs > 0 {
		return o.Jobs
	}
	return 16
}

// artifactsInOrder returns the artifacts as p.Artifacts lists them, with nil
// for one whose object another with the same content stands for.
func (p *Plan) artifactsInOrder() []*artifact {
	byName := make(map[string]*artifact)
	for _, o := range p.objects[0] {
		if o.artifact != nil {
			byName[o.artifact.name] = o.artifact
		}
	}
	list := make([]*artifact, 0, len(p.Artifacts))
	for _, view := range p.Artifacts {
		list = append(list, byName[view.Name])
		delete(byName, view.Name)
	}
	return list
}

// put stores one object in one store, unless that store has failed before, and
// tells whether it is there.
func (r *run) put(w want, load payload) bool {
	if r.failed(w.store) || r.ctx.Err() != nil {
		return false
	}
	b, began := r.buckets[w.store], time.Now()
	stored, version, err := b.put(r.ctx, r.objects[w.store][w.object].key, load, w.ifAbsent)
	if err != nil {
		r.fail(w.store, err)
		return false
	}
	action := Uploaded
	if !stored {
		action = Reused
	}
	r.finished(w, action, load.size, version, time.Since(began))
	return true
}

func (r *run) fail(store int, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failures[store] == nil {
		r.failures[store] = err
	}
}

func (r *run) failed(store int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failures[store] != nil
}

// finished records what became of an object and tells of it.
func (r *run) finished(w want, action Action, size int64, version string, took time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	store := &r.Stores[w.store]
	store.Took = time.Since(r.began)
	o := &store.Objects[w.object]
	o.Action, o.Size, o.VersionID = action, size, version
	if r.opts.Progress != nil {
		r.opts.Progress(Event{Kind: Stored, Region: store.Region, Bucket: store.Bucket, Object: *o, Took: took})
	}
}

func (r *run) tell(e Event) {
	if r.opts.Progress == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.opts.Progress(e)
}
