package packager

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/archive"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/role"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/s3store"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// A run is one upload of a plan.
type run struct {
	*Plan
	ctx        context.Context
	result     *Result
	buckets    []*s3store.Bucket
	registries registries
	roles      *role.Roles
	home       string // the region that this machine is in, "" where nobody knows
	archiver   *archive.Archiver
	rate       func() float64 // bytes a second that this machine's link carries; 0 where nobody knows yet

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
// from it. A plan may be uploaded again, but not twice at the same time: that is an
// error.
func (p *Plan) Upload(ctx context.Context) (_ *Result, err error) {
	if !p.active.CompareAndSwap(false, true) {
		return nil, errors.New("this plan is being uploaded already")
	}
	defer p.active.Store(false)
	r := &run{Plan: p, ctx: ctx, began: time.Now(), failures: make([]error, len(p.Stores)), result: &Result{Plan: p, Times: p.times}, rate: func() float64 { return 0 }}
	if p.opts.DryRun && p.opts.ArchiveDir == "" {
		return r.result, nil
	}
	dir, err := os.MkdirTemp("", archive.TempName)
	if err != nil {
		return nil, &problem.Error{
			Message: fmt.Sprintf("making a temporary folder in %s: %s", os.TempDir(), problem.Cause(err)), Err: err,
			Hint: "let " + tempVariable() + " name a folder that is there and can be written to",
		}
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	r.archiver = archive.NewArchiver(dir, cmp.Or(p.opts.part, s3store.PartSize))

	p.forget()
	look := r.keepAll
	if !p.opts.DryRun {
		connections, err := r.connect()
		if err != nil {
			return nil, err
		}
		defer connections.Close()
		defer r.roles.Close()
		if r.registries.Connections != nil {
			defer r.registries.Close()
		}
		look = r.look
	}
	err = r.deliver(look)
	return r.result, joined(ctx, append([]error{err}, r.failures...)...)
}

// forget forgets what became of the objects and images in an upload before this one.
func (p *Plan) forget() {
	for i := range p.Stores {
		s := &p.Stores[i]
		s.Times, s.Took = Times{Rewrite: s.Times.Rewrite}, 0
		for j := range s.Objects {
			s.Objects[j].Action, s.Objects[j].VersionID = Planned, ""
		}
		for j := range s.Images {
			s.Images[j].Action = Planned
		}
	}
}

// deliver brings archives to the stores that want them, as a look tells, and then images
// to the registries.
func (r *run) deliver(look func(decide func(decision)) error) error {
	uncopied, err := r.transfer(look, r.opts.Copy)
	if err == nil && len(uncopied) > 0 {
		// The stores that have these do not let them be copied.
		_, err = r.transfer(func(decide func(decision)) error {
			for a, wants := range uncopied {
				decide(decision{a, wants})
			}
			return nil
		}, CopyNever)
	}
	if err == nil && !r.opts.DryRun {
		err = r.push()
	}
	return err
}

// tempVariable is the variable that names the folder for temporary files.
func tempVariable() string {
	if runtime.GOOS == "windows" {
		return "TMP"
	}
	return "TMPDIR"
}

// connect opens the buckets of the plan's stores.
func (r *run) connect() (*s3store.Connections, error) {
	config := r.opts.storeConfig()
	if r.opts.AWS == nil {
		var err error
		if config.AWS, err = role.LoadAWS(r.ctx, ""); err != nil {
			return nil, err
		}
	}
	r.home = config.AWS.Region
	r.roles = r.opts.openRoles(config.AWS, func(region string, err error, delay time.Duration) {
		r.tell(Event{Kind: Retrying, Region: region, Err: err, Took: delay})
	})
	config.Roles = r.roles
	if err := r.openRepositories(config.AWS); err != nil {
		return nil, err
	}
	c := s3store.Connect(config, len(r.Stores))
	r.rate = c.Rate
	r.buckets = make([]*s3store.Bucket, len(r.Stores))
	for i, s := range r.Stores {
		event := Event{Region: s.Region, Bucket: s.Bucket}
		r.buckets[i] = c.Bucket(s.inner(), s3store.Told{
			Sent:    func(key string, bytes int64) { r.moved(Sent, i, key, bytes) },
			Copying: func(key string, bytes int64) { r.moved(Copying, i, key, bytes) },
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
	first := r.failures[store] == nil
	if first {
		r.failures[store] = err
	}
	r.mu.Unlock()
	if first && r.ctx.Err() == nil {
		r.tell(Event{Kind: Failed, Region: r.Stores[store].Region, Bucket: r.Stores[store].Bucket, Err: err})
	}
}

// moved tells that bytes of an object are on their way to a store.
func (r *run) moved(kind EventKind, store int, key string, bytes int64) {
	r.tell(Event{Kind: kind, Region: r.Stores[store].Region, Bucket: r.Stores[store].Bucket, Object: Object{Key: key}, Bytes: bytes})
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
