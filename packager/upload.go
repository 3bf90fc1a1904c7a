package packager

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
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

// home is the region that this machine is in, as far as its configuration
// tells.
func (r *run) home() string {
	if r.opts.AWS != nil {
		return r.opts.AWS.Region
	}
	return ""
}

// A holding is an object that a store has and was proved.
type holding struct {
	want
	load payload
}

// sourceOf is a store that has an artifact's object already, where the others
// should copy it from there; then it need not be archived. One in this machine's
// own region is the first choice.
func (r *run) sourceOf(c *copier, a *artifact, wants []want) (from holding, ok bool) {
	if len(wants) == 0 {
		return from, false
	}
	for i := range r.found {
		for j, o := range r.objects[i] {
			f := r.found[i][j]
			if o.artifact != a || f.presence != proved {
				continue
			}
			sum, err := hex.DecodeString(f.head.Metadata[sumMeta])
			if err == nil && c.worth(f.size, len(wants)) && (!ok || r.Stores[i].Region == c.home) {
				from, ok = holding{want{store: i, object: j}, payload{digest: a.digest, size: f.size, sum: sum}}, true
			}
		}
	}
	return from, ok
}

// copy has S3 copy an object from one store to another.
func (r *run) copy(c *copier, from, to want, load payload) bool {
	source, b, began := r.buckets[from.store], r.buckets[to.store], time.Now()
	pair := [2]int{from.store, to.store}
	if r.ctx.Err() != nil || r.failed(to.store) {
		return true // nobody wants it any more
	}
	if !c.may(source, b, pair) {
		return false
	}
	version, err := b.copyFrom(r.ctx, source, r.objects[from.store][from.object].key, r.objects[to.store][to.object].key, load)
	if err != nil {
		if r.ctx.Err() == nil {
			c.refuse(pair)
		}
		return false
	}
	r.finished(to, Copied, load.size, version, time.Since(began))
	return true
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

// check asks for every bucket at once, and reports every one that is not as
// it should be.
func (r *run) check() error {
	group := new(errgroup.Group)
	group.SetLimit(r.opts.jobs())
	for i, b := range r.buckets {
		group.Go(func() error {
			r.failures[i] = b.check(r.ctx)
			return nil
		})
	}
	return joined(r.ctx, append(r.failures, group.Wait())...)
}

// look asks every store for every object. It returns what is wanted where, for
// each artifact, and the nested templates.
func (r *run) look() (map[*artifact][]want, []want) {
	r.found = make([][]found, len(r.buckets))
	missing := make([]atomic.Int64, len(r.buckets))
	pending := make([]atomic.Int64, len(r.buckets))
	group := new(errgroup.Group)
	group.SetLimit(r.opts.jobs())
	for i, b := range r.buckets {
		objects := r.objects[i]
		r.found[i] = make([]found, len(objects))
		pending[i].Store(int64(len(objects)))
		if len(objects) == 0 {
			r.tell(Event{Kind: Looked, Region: b.Region, Bucket: b.Bucket})
		}
		for j, o := range objects {
			group.Go(func() error {
				if !r.opts.ForceUpload && !r.failed(i) {
					r.found[i][j] = r.lookFor(b, i, j, o)
				}
				if r.found[i][j].presence != proved {
					missing[i].Add(1)
				}
				if pending[i].Add(-1) == 0 {
					r.tell(Event{Kind: Looked, Region: b.Region, Bucket: b.Bucket, Objects: int(missing[i].Load())})
				}
				return nil
			})
		}
	}
	_ = group.Wait() // no function returns an error: failures are the stores'
	wants := make(map[*artifact][]want)
	var nested []want
	for i := range r.buckets {
		for j, o := range r.objects[i] {
			w := want{i, j, r.found[i][j].presence == unknown}
			switch {
			case r.found[i][j].presence == proved:
			case o.artifact == nil:
				nested = append(nested, w)
			default:
				wants[o.artifact] = append(wants[o.artifact], w)
			}
		}
	}
	return wants, nested
}

func (r *run) lookFor(b *bucket, i, j int, o object) found {
	load := payload{size: -1}
	switch {
	case o.artifact == nil:
		load = nestedPayload(o)
	case o.artifact.zip:
		load.digest = o.artifact.digest
	default:
		load = plainPayload(o.artifact)
	}
	began := time.Now()
	f, err := b.look(r.ctx, o.key, load)
	if err != nil {
		r.fail(i, err)
	}
	switch f.presence {
	case proved:
		action, version := Reused, ""
		if b.old(f) {
			if version, err = b.refresh(r.ctx, o.key, f); err != nil {
				f.presence = different // it may not be copied, or changed meanwhile: a new put makes it young too
				break
			}
			action = Refreshed
		}
		r.finished(want{store: i, object: j}, action, f.size, version, time.Since(began))
	case foreign:
		r.tell(Event{Kind: Replaced, Region: b.Region, Bucket: b.Bucket, Object: Object{Key: o.key, Size: f.size}})
	}
	return f
}

// payload makes an artifact ready to be sent. release gives its temporary file
// back.
func (r *run) payload(ctx context.Context, a *artifact, view *Artifact) (load payload, release func() error, err error) {
	release = func() error { return nil }
	if a.zip {
		began := time.Now()
		s, err := r.archiver.archive(ctx, a.files)
		if err != nil {
			return payload{}, nil, a.explain(err)
		}
		r.tell(Event{Kind: Archived, Object: Object{Key: a.name, Artifact: view, Size: s.size}, Took: time.Since(began)})
		load = payload{digest: a.digest, size: s.size, sum: s.sum[:], spool: s}
		release = func() error { return os.Remove(s.path) }
	} else {
		load = plainPayload(a)
		if load.size > partSize || r.opts.ArchiveDir != "" {
			// In parts it has no checksum as a whole, so what is sent is a
			// copy that was held against the digest.
			if load.spool, err = r.archiver.copy(ctx, a.files[0]); err != nil {
				return payload{}, nil, a.explain(err)
			}
			release = func() error { return os.Remove(load.spool.path) }
		}
	}
	if r.opts.ArchiveDir != "" {
		if err := keep(load.spool.path, r.opts.ArchiveDir, a.name); err != nil {
			return payload{}, nil, errors.Join(err, release())
		}
	}
	return load, release, nil
}

// explain names the reference whose artifact could not be archived.
func (a *artifact) explain(err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	if errors.Is(err, syscall.ENOSPC) {
		return &Error{Message: "writing an archive into " + os.TempDir() + ": " + syscall.ENOSPC.Error(), Err: err, Hint: "the disk for temporary files is full: let TMPDIR name a folder on a larger one"}
	}
	r := a.refs[0]
	e := r.errorf("%q: %v", r.local, err)
	e.Err = err
	return e
}

func plainPayload(a *artifact) payload {
	f := a.files[0]
	return payload{digest: a.digest, size: f.size, sum: f.sum[:], spool: &spool{path: f.path, size: f.size, sum: f.sum}}
}

func nestedPayload(o object) payload {
	sum := sha256.Sum256(o.body)
	return payload{digest: hex.EncodeToString(sum[:]), size: int64(len(o.body)), sum: sum[:], body: o.body}
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

// keep copies a stored file into a folder, whole or not at all.
func keep(path, dir, name string) (err error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return fmt.Errorf("making the folder for archives: %w", err)
	}
	in, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("opening %s: %w", path, err)
	}
	defer in.Close() // nothing was written
	out, err := os.CreateTemp(dir, tempName)
	if err != nil {
		return fmt.Errorf("writing into %s: %w", dir, err)
	}
	_, err = io.Copy(out, bufio.NewReader(in))
	err = errors.Join(err, out.Chmod(0o644), out.Close())
	if err == nil {
		err = os.Rename(out.Name(), filepath.Join(dir, name))
	}
	if err != nil {
		return fmt.Errorf("writing %s into %s: %w", name, dir, errors.Join(err, os.Remove(out.Name())))
	}
	return nil
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
