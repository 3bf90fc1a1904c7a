package packager

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/s3store"
)

// check asks for every bucket and repository at once, and reports every one that is not as
// it should be, and every role that cannot be assumed.
func (r *run) check() error {
	errs := make([]error, len(r.buckets)+len(r.registries.all))
	group := new(errgroup.Group)
	group.SetLimit(r.opts.questions())
	for i, b := range r.buckets {
		group.Go(func() error {
			if errs[i] = r.roles.Assume(r.ctx, b.Role, b.Region); errs[i] == nil {
				errs[i] = b.Check(r.ctx)
			}
			return nil
		})
	}
	for i, to := range r.registries.all {
		group.Go(func() error {
			errs[len(r.buckets)+i] = r.roles.Assume(r.ctx, to.Role, to.Region)
			if errs[len(r.buckets)+i] == nil {
				errs[len(r.buckets)+i] = to.Check(r.ctx)
			}
			return nil
		})
	}
	return joined(r.ctx, append(errs, group.Wait())...)
}

// A gate is shut until all buckets were checked. Then it opens, or stays shut for good
// where one is not as it should be.
type gate struct {
	checked chan struct{} // closed when they were
	wrong   error
}

// pass waits for the checks, and tells whether the gate is open.
func (g *gate) pass() bool {
	<-g.checked
	return g.wrong == nil
}

// look checks the buckets, asks every store for every object, and passes on
// which stores want an artifact as soon as all have answered for it: while it
// asks for the next one, the first is archived.
//
// Checks and questions go out together, for the first ones to a region take
// three ways there and back, to open connections. No answer counts before all
// buckets are found as they should be, and none where one is not.
func (r *run) look(decide func(decision)) error {
	ctx, stop := context.WithCancel(r.ctx)
	defer stop()
	g := &gate{checked: make(chan struct{})}
	checks := new(errgroup.Group)
	checks.Go(func() error {
		defer close(g.checked)
		if g.wrong = r.check(); g.wrong != nil {
			stop() // the answers are wanted no longer
		}
		return nil
	})
	r.newInquiry(g, decide).askAll(ctx)
	return errors.Join(checks.Wait(), g.wrong)
}

// An inquiry asks every store for every object.
type inquiry struct {
	*run
	gate   *gate
	decide func(decision)
	began  time.Time
	stores []storeTally
	// unanswered counts, for each object, the stores that have not answered. They
	// list the same artifacts, in the same order, and then nested templates.
	unanswered []atomic.Int64
}

// A storeTally counts a store's objects: those for which it has not answered, and
// those that it lacks.
type storeTally struct{ unanswered, missing atomic.Int64 }

func (r *run) newInquiry(g *gate, decide func(decision)) *inquiry {
	q := &inquiry{run: r, gate: g, decide: decide, began: time.Now(), stores: make([]storeTally, len(r.buckets))}
	most := 0
	r.states = make([][]state, len(r.buckets))
	for i, objects := range r.objects {
		r.states[i] = make([]state, len(objects))
		q.stores[i].unanswered.Store(int64(len(objects)))
		most = max(most, len(objects))
	}
	q.unanswered = make([]atomic.Int64, most)
	for _, objects := range r.objects {
		for j := range objects {
			q.unanswered[j].Add(1)
		}
	}
	return q
}

// askAll returns when all stores have answered.
//
// As many goroutines ask as questions may be under way, each one after the
// other, and not a new one for each question: to make room for the SDK's deep
// stack is 5 to 8 % of its cost.
func (q *inquiry) askAll(ctx context.Context) {
	questions := make(chan [2]int)
	var askers sync.WaitGroup
	for range q.opts.questions() {
		askers.Go(func() {
			for at := range questions {
				q.ask(ctx, at[0], at[1])
			}
		})
	}
	for j := range q.unanswered {
		for i, objects := range q.objects {
			if j < len(objects) {
				questions <- [2]int{i, j}
			}
		}
	}
	close(questions)
	askers.Wait()
	for i, objects := range q.objects {
		if len(objects) == 0 && q.gate.pass() {
			q.looked(q.began, i, 0)
		}
	}
}

// ask asks the store i for the object j, and takes in the answer.
func (q *inquiry) ask(ctx context.Context, i, j int) {
	o, asked := q.objects[i][j], time.Now()
	wanted := !q.opts.ForceUpload && !q.failed(i)
	var found s3store.Found
	var err error
	if wanted {
		found, err = q.buckets[i].Look(ctx, o.key, o.expected())
	}
	if !q.gate.pass() {
		return
	}
	if wanted {
		q.states[i][j] = q.answered(i, j, found, err, asked)
	}
	if q.states[i][j].presence != s3store.Proved {
		q.stores[i].missing.Add(1)
		if o.artifact == nil {
			q.decide(decision{wants: []want{q.want(i, j)}})
		}
	}
	if q.stores[i].unanswered.Add(-1) == 0 {
		q.looked(q.began, i, int(q.stores[i].missing.Load()))
	}
	if q.unanswered[j].Add(-1) == 0 && o.artifact != nil {
		q.decide(q.decision(j))
	}
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
func (r *run) want(i, j int) want { return want{i, j, r.states[i][j].presence == s3store.Unknown} }

// decision is which stores want an artifact, which may be none.
func (r *run) decision(j int) decision {
	d := decision{artifact: r.objects[0][j].artifact}
	for i := range r.states {
		if r.states[i][j].presence != s3store.Proved {
			d.wants = append(d.wants, r.want(i, j))
		}
	}
	return d
}

// keepAll decides for a run that stores nothing: artifacts are archived for the
// folder alone.
func (r *run) keepAll(decide func(decision)) error {
	for _, o := range r.objects[0] {
		if o.artifact != nil {
			decide(decision{artifact: o.artifact})
		}
	}
	return nil
}

// expected is what an object should be, as far as that is known before it is
// archived.
func (o object) expected() s3store.Payload {
	switch {
	case o.artifact == nil:
		return nestedPayload(o)
	case o.artifact.zip:
		return s3store.Payload{Digest: o.artifact.digest, Size: -1}
	}
	return plainPayload(o.artifact)
}

// answered takes in what a store has said of an object, and refreshes one that
// is old. What it returns is what is known then.
func (r *run) answered(i, j int, f s3store.Found, err error, asked time.Time) state {
	b, key := r.buckets[i], r.objects[i][j].key
	if err != nil {
		r.fail(i, err)
	}
	switch f.Presence {
	case s3store.Proved:
		action, version := Reused, ""
		if b.Old(f) {
			if version, err = b.Refresh(r.ctx, key, f); err != nil {
				f.Presence = s3store.Different // it may not be copied, or changed meanwhile: a new put makes it young too
				break
			}
			action = Refreshed
		}
		r.finished(want{store: i, object: j}, action, f.Size, version, asked)
	case s3store.Foreign:
		r.tell(Event{Kind: Replaced, Region: b.Region, Bucket: b.Bucket, Object: Object{Key: key, Size: f.Size}})
	}
	return state{f.Presence, f.Size, f.SHA256}
}
