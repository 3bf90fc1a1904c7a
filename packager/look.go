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
	group.SetLimit(r.opts.questions())
	for i, b := range r.buckets {
		group.Go(func() error {
			r.failures[i] = b.check(r.ctx)
			return nil
		})
	}
	return joined(r.ctx, append(r.failures, group.Wait())...)
}

// look asks every store for every object, and passes on which stores want an
// artifact as soon as all have answered for it: while it asks for the next one,
// the first is archived.
func (r *run) look(decide func(decision)) {
	began := time.Now()
	r.found = make([][]found, len(r.buckets))
	missing, pending := make([]atomic.Int64, len(r.buckets)), make([]atomic.Int64, len(r.buckets))
	most := 0
	for i, b := range r.buckets {
		n := len(r.objects[i])
		most = max(most, n)
		r.found[i] = make([]found, n)
		pending[i].Store(int64(n))
		if n == 0 {
			r.tell(Event{Kind: Looked, Region: b.Region, Bucket: b.Bucket})
		}
	}
	group := new(errgroup.Group)
	group.SetLimit(r.opts.questions())
	for j := range most {
		// The stores list the same artifacts, in the same order, and then nested
		// templates.
		unanswered := &atomic.Int64{}
		unanswered.Store(int64(len(r.buckets)))
		for i, b := range r.buckets {
			if j >= len(r.objects[i]) {
				continue
			}
			group.Go(func() error {
				o := r.objects[i][j]
				if !r.opts.ForceUpload && !r.failed(i) {
					r.found[i][j] = r.lookFor(b, i, j, o)
				}
				if r.found[i][j].presence != proved {
					missing[i].Add(1)
					if o.artifact == nil {
						decide(decision{wants: []want{r.want(i, j)}})
					}
				}
				if pending[i].Add(-1) == 0 {
					r.looked(began, i, int(missing[i].Load()))
				}
				if unanswered.Add(-1) == 0 && o.artifact != nil {
					decide(r.decision(j))
				}
				return nil
			})
		}
	}
	_ = group.Wait() // no function returns an error: failures are the stores'
}

// looked records that a store has answered for everything.
func (r *run) looked(began time.Time, i, missing int) {
	now := time.Now()
	r.mu.Lock()
	r.Stores[i].Times.Look.add(began, now)
	r.result.Times.Look.add(began, now)
	r.mu.Unlock()
	r.tell(Event{Kind: Looked, Region: r.Stores[i].Region, Bucket: r.Stores[i].Bucket, Objects: missing})
}

// want is what becomes of an object that was not found.
func (r *run) want(i, j int) want { return want{i, j, r.found[i][j].presence == unknown} }

// decision is which stores want an artifact, which may be none.
func (r *run) decision(j int) decision {
	d := decision{artifact: r.objects[0][j].artifact}
	for i := range r.found {
		if r.found[i][j].presence != proved {
			d.wants = append(d.wants, r.want(i, j))
		}
	}
	return d
}

// keepAll decides for a run that stores nothing: artifacts are archived for the
// folder alone.
func (r *run) keepAll(decide func(decision)) {
	for _, o := range r.objects[0] {
		if o.artifact != nil {
			decide(decision{artifact: o.artifact})
		}
	}
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
		r.finished(want{store: i, object: j}, action, f.size, version, began)
	case foreign:
		b.replaced(o.key, f.size)
	}
	f.head = nil
	return f
}
