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

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/archive"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/s3store"
)

// A run is one upload of a plan.
type run struct {
	*Plan
	ctx      context.Context
	result   *Result
	buckets  []*s3store.Bucket
	home     string // the region that this machine is in, "" where nobody knows
	archiver *archive.Archiver

	began time.Time

	mu       sync.Mutex
	failures []error // the first of each store

	states [][]state // by store and object
}

// A state is what is known of an object in a store.
type state struct {
	presence s3store.Presence
	size     int64
	sum      []byte // the recorded SHA-256 of the object's bytes
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
	r := &run{Plan: p, ctx: ctx, began: time.Now(), failures: make([]error, len(p.Stores)), result: &Result{Plan: p, Times: p.times}}
	if p.opts.DryRun && p.opts.ArchiveDir == "" {
		return r.result, nil
	}
	dir, err := os.MkdirTemp("", archive.TempName)
	if err != nil {
		return nil, fmt.Errorf("making a temporary folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	r.archiver = archive.NewArchiver(dir)

	for i := range p.Stores {
		p.Stores[i].Times = Times{Rewrite: p.Stores[i].Times.Rewrite}
	}
	look := r.keepAll
	if !p.opts.DryRun {
		connections, err := r.connect()
		if err != nil {
			return nil, err
		}
		defer connections.Close()
		look = r.look
	}
	uncopied, err := r.transfer(look, p.opts.Copy)
	if err == nil && len(uncopied) > 0 {
		_, err = r.transfer(func(decide func(decision)) error {
			for a, wants := range uncopied {
				decide(decision{a, wants})
			}
			return nil
		}, CopyNever)
	}
	return r.result, joined(ctx, append([]error{err}, r.failures...)...)
}

// connect opens the buckets of the plan's stores.
func (r *run) connect() (*s3store.Connections, error) {
	config := r.opts.storeConfig()
	if r.opts.AWS == nil {
		var err error
		if config.AWS, err = s3store.LoadAWS(r.ctx); err != nil {
			return nil, err
		}
	}
	r.home = config.AWS.Region
	c := s3store.Connect(config, len(r.Stores))
	r.buckets = make([]*s3store.Bucket, len(r.Stores))
	for i, s := range r.Stores {
		event := Event{Region: s.Region, Bucket: s.Bucket}
		r.buckets[i] = c.Bucket(s3store.Store(s.Store), s3store.Told{
			Sent: func(key string, bytes int64) {
				e := event
				e.Kind, e.Object.Key, e.Bytes = Sent, key, bytes
				r.tell(e)
			},
			Replaced: func(key string, size int64) {
				e := event
				e.Kind, e.Object.Key, e.Object.Size = Replaced, key, size
				r.tell(e)
			},
			Retrying: func(err error, delay time.Duration) {
				e := event
				e.Kind, e.Err, e.Took = Retrying, err, delay
				r.tell(e)
			},
		})
	}
	return c, nil
}

// storeConfig is what of the options is a bucket's matter.
func (o Options) storeConfig() s3store.Config {
	config := s3store.Config{
		Metadata: o.Metadata, Provenance: o.Provenance, Tags: o.Tags, SSE: s3store.SSE(o.SSE), RefreshAfter: o.RefreshAfter,
		Jobs: o.jobs(), Questions: o.questions(), EndpointURL: o.EndpointURL,
		Stall: o.stall, Backoff: o.backoff, CopyPart: o.copyPart,
	}
	if o.AWS != nil {
		config.AWS = *o.AWS
	}
	return config
}

// A decision is which stores want an artifact, or a nested template where there
// is no artifact.
type decision struct {
	artifact *artifact
	wants    []want
}

// transfer archives and uploads what is wanted as soon as that is known, or has
// S3 copy it. It returns what could not be copied and was not archived.
//
// All concurrency of the upload is here: look, which asks many things at once (see
// there), archives, and transfers, which are uploads and copies. As many archives
// are made at once as there are processors, and no more are on disk than there are
// uploads at once: archiving waits for uploads only where they are far behind. A
// place on disk is held while waiting for one of an upload, and that while waiting
// for one of a copy, never the other way round; look waits for none.
func (r *run) transfer(look func(decide func(decision)) error, mode Copy) (uncopied map[*artifact][]want, err error) {
	most := 0
	for _, objects := range r.objects {
		most += len(objects)
	}
	decisions := make(chan decision, most)
	looks := new(errgroup.Group)
	looks.Go(func() error {
		defer close(decisions)
		return look(func(d decision) { decisions <- d })
	})
	archives, transfers := new(errgroup.Group), new(errgroup.Group)
	archives.SetLimit(runtime.GOMAXPROCS(0))
	spools, uploads := make(chan struct{}, r.opts.jobs()), make(chan struct{}, r.opts.jobs())
	copies := make(chan struct{}, r.opts.questions())
	upload := func(w want, load s3store.Payload, done func(stored bool) error) {
		transfers.Go(func() error {
			uploads <- struct{}{}
			defer func() { <-uploads }()
			return done(r.put(w, load))
		})
	}
	c := &copier{mode: mode, home: r.home, refused: make(map[[2]int]bool)}
	copyTo := func(from, to want, load s3store.Payload, done func(copied bool) error) {
		copies <- struct{}{}
		transfers.Go(func() error {
			defer func() { <-copies }()
			return done(r.copy(c, from, to, load))
		})
	}
	// send brings what is on disk to the stores, at once or by way of the first,
	// and calls sent when all have it.
	send := func(to []want, load s3store.Payload, sent func() error) error {
		if len(to) == 0 {
			return sent()
		}
		left := &atomic.Int64{}
		left.Store(int64(len(to)))
		done := func(bool) error {
			if left.Add(-1) == 0 {
				return sent()
			}
			return nil
		}
		first := c.first(r.Stores, to, load.Size)
		if first < 0 {
			for _, w := range to {
				upload(w, load, done)
			}
			return nil
		}
		from, others := to[first], slices.Delete(slices.Clone(to), first, first+1)
		upload(from, load, func(stored bool) error {
			for _, w := range others {
				if !stored || !c.may(r.buckets, from, w) {
					upload(w, load, done)
					continue
				}
				copyTo(from, w, load, func(copied bool) error {
					if !copied {
						upload(w, load, done)
						return nil
					}
					return done(true)
				})
			}
			return done(stored)
		})
		return nil
	}
	var mu sync.Mutex
	uncopied = make(map[*artifact][]want)
	archiving, stop := context.WithCancelCause(r.ctx)
	defer stop(nil)
	for d := range decisions {
		a, to := d.artifact, d.wants
		if a == nil {
			upload(to[0], nestedPayload(r.objects[to[0].store][to[0].object]), func(bool) error { return nil })
			continue
		}
		if len(to) == 0 && r.opts.ArchiveDir == "" {
			continue
		}
		c.wanted(a, len(to))
		if from, ok := r.sourceOf(c, a, to); ok && r.opts.ArchiveDir == "" {
			for _, w := range to {
				copyTo(from.want, w, from.load, func(copied bool) error {
					if !copied {
						mu.Lock()
						defer mu.Unlock()
						uncopied[a] = append(uncopied[a], w)
					}
					return nil
				})
			}
			continue
		}
		spools <- struct{}{}
		archives.Go(func() error {
			load, remove, err := r.payload(archiving, a)
			if err != nil {
				<-spools
				// The input is broken: the other archives are in vain. The first
				// to stop them says why, whoever is the first to end.
				stop(err)
				return nil
			}
			return send(to, load, func() error {
				defer func() { <-spools }()
				return remove()
			})
		})
	}
	err = errors.Join(looks.Wait(), archives.Wait(), transfers.Wait())
	return uncopied, errors.Join(err, context.Cause(archiving))
}

func (o Options) jobs() int {
	if o.Jobs > 0 {
		return o.Jobs
	}
	return 32
}

// questions is how many requests are under way at once that send next to
// nothing: those whose answer takes a way round the world.
func (o Options) questions() int { return 4 * o.jobs() }

// put stores one object in one store, unless that store has failed before, and
// tells whether it is there for sure, so that others may copy it.
func (r *run) put(w want, load s3store.Payload) bool {
	if r.failed(w.store) || r.ctx.Err() != nil {
		return false
	}
	b, began := r.buckets[w.store], time.Now()
	was, version, err := b.Put(r.ctx, r.objects[w.store][w.object].key, load, w.ifAbsent)
	if err != nil {
		r.fail(w.store, err)
		return false
	}
	action := Uploaded
	if was != s3store.Absent {
		action = Reused
	}
	r.finished(w, action, load.Size, version, began)
	return was != s3store.Unknown
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
func (r *run) finished(w want, action Action, size int64, version string, began time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	store, now := &r.Stores[w.store], time.Now()
	store.Took = now.Sub(r.began)
	if action == Uploaded || action == Copied {
		store.Times.Upload.add(began, now)
		r.result.Times.Upload.add(began, now)
	}
	o := &store.Objects[w.object]
	o.Action, o.Size, o.VersionID = action, size, version
	if r.opts.Progress != nil {
		r.opts.Progress(Event{Kind: Stored, Region: store.Region, Bucket: store.Bucket, Object: *o, Took: now.Sub(began)})
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
