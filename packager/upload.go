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
//
// All concurrency of the upload is here. Requests share one limited group,
// archives another; a place in the first never waits for one in the second.
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
	var archived, uploaded atomic.Int64 // nanoseconds since began
	archives, uploads := new(errgroup.Group), new(errgroup.Group)
	archives.SetLimit(runtime.GOMAXPROCS(0))
	uploads.SetLimit(p.opts.jobs())
	upload := func(w want, load payload, done func() error) {
		uploads.Go(func() error {
			r.put(w, load)
			uploaded.Store(int64(time.Since(began)))
			return done()
		})
	}
	for _, w := range nested {
		o := p.objects[w.store][w.object]
		upload(w, nestedPayload(o), func() error { return nil })
	}
	archiving, stop := context.WithCancel(ctx)
	defer stop()
	for i, a := range p.artifactsInOrder() {
		if len(wants[a]) == 0 && p.opts.ArchiveDir == "" {
			continue
		}
		archives.Go(func() error {
			load, release, err := r.payload(archiving, a, &p.Artifacts[i])
			archived.Store(int64(time.Since(began)))
			if err != nil {
				stop() // the input is broken: the other archives are in vain
				return err
			}
			left := int64(len(wants[a]))
			if left == 0 {
				return release()
			}
			count := &atomic.Int64{}
			count.Store(left)
			for _, w := range wants[a] {
				upload(w, load, func() error {
					if count.Add(-1) == 0 {
						return release()
					}
					return nil
				})
			}
			return nil
		})
	}
	archiveErr := archives.Wait()
	uploadErr := uploads.Wait()
	r.result.Archiving, r.result.Uploading = time.Duration(archived.Load()), time.Duration(uploaded.Load())
	return r.result, joined(ctx, append([]error{archiveErr, uploadErr}, r.failures...)...)
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
	found := make([][]presence, len(r.buckets))
	missing := make([]atomic.Int64, len(r.buckets))
	pending := make([]atomic.Int64, len(r.buckets))
	group := new(errgroup.Group)
	group.SetLimit(r.opts.jobs())
	for i, b := range r.buckets {
		objects := r.objects[i]
		found[i] = make([]presence, len(objects))
		pending[i].Store(int64(len(objects)))
		if len(objects) == 0 {
			r.tell(Event{Kind: Looked, Region: b.Region, Bucket: b.Bucket})
		}
		for j, o := range objects {
			group.Go(func() error {
				if !r.opts.ForceUpload && !r.failed(i) {
					found[i][j] = r.lookFor(b, i, j, o)
				}
				if found[i][j] != proved {
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
			w := want{i, j, found[i][j] == unknown}
			switch {
			case found[i][j] == proved:
			case o.artifact == nil:
				nested = append(nested, w)
			default:
				wants[o.artifact] = append(wants[o.artifact], w)
			}
		}
	}
	return wants, nested
}

func (r *run) lookFor(b *bucket, i, j int, o object) presence {
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
				return different // it may not be copied, or changed meanwhile: a new put makes it young too
			}
			action = Refreshed
		}
		r.finished(want{store: i, object: j}, action, f.size, version, time.Since(began))
	case foreign:
		r.tell(Event{Kind: Replaced, Region: b.Region, Bucket: b.Bucket, Object: Object{Key: o.key, Size: f.size}})
	}
	return f.presence
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

// put stores one object in one store, unless that store has failed before.
func (r *run) put(w want, load payload) {
	if r.failed(w.store) || r.ctx.Err() != nil {
		return
	}
	b, began := r.buckets[w.store], time.Now()
	stored, version, err := b.put(r.ctx, r.objects[w.store][w.object].key, load, w.ifAbsent)
	if err != nil {
		r.fail(w.store, err)
		return
	}
	action := Uploaded
	if !stored {
		action = Reused
	}
	r.finished(w, action, load.size, version, time.Since(began))
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
