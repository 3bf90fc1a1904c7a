package packager

import (
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

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
		b.replaced(o.key, f.size)
	}
	return f
}
