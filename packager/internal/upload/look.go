package upload

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
	errs := make([]error, len(r.buckets)+len(r.repositories))
	group := new(errgroup.Group)
	group.SetLimit(r.S3.Questions)
	for i, b := range r.buckets {
		if b == nil {
			continue
		}
		group.Go(func() error {
			if errs[i] = r.roles.Assume(r.ctx, b.Role, b.Region); errs[i] == nil {
				errs[i] = b.Check(r.ctx)
			}
			return nil
		})
	}
	for i, to := range r.repositories {
		group.Go(func() error {
			err := r.roles.Assume(r.ctx, to.Role, to.Region)
			if err == nil {
				err = to.Check(r.ctx)
			}
			errs[len(r.buckets)+i] = err
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

// look checks the buckets, asks every store for every object that it must hold, and passes
// on which stores want an item as soon as all that must hold it have answered: while they
// are asked for the next one, the first is archived.
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

// An inquiry asks every store for every object that it must hold.
type inquiry struct {
	*run
	gate       *gate
	decide     func(decision)
	began      time.Time
	stores     []storeTally
	unanswered []atomic.Int64 // by item: destinations for which there is no answer yet
}

// A storeTally counts a store's objects: those for which it has not answered, and
// those that it lacks.
type storeTally struct{ unanswered, missing atomic.Int64 }

func (r *run) newInquiry(g *gate, decide func(decision)) *inquiry {
	q := &inquiry{
		run: r, gate: g, decide: decide, began: time.Now(),
		stores: make([]storeTally, len(r.Stores)), unanswered: make([]atomic.Int64, len(r.Items)),
	}
	for i, s := range r.Stores {
		q.stores[i].unanswered.Store(int64(len(s.Objects)))
	}
	for i, to := range r.destinations {
		q.unanswered[i].Store(int64(len(to)))
	}
	return q
}

// askAll returns when all stores have answered.
//
// As many goroutines ask as questions may be under way, each one after the
// other, and not a new one for each question: to make room for the SDK's deep
// stack is 5 to 8 % of its cost.
func (q *inquiry) askAll(ctx context.Context) {
	questions := make(chan destination)
	var askers sync.WaitGroup
	for range min(q.S3.Questions, len(q.Stores)*len(q.Items)) {
		askers.Go(func() {
			for at := range questions {
				q.ask(ctx, at)
			}
		})
	}
	for _, to := range q.destinations {
		for _, at := range to {
			questions <- at
		}
	}
	close(questions)
	askers.Wait()
	if !q.gate.pass() {
		return
	}
	for i, s := range q.Stores {
		if len(s.Objects) == 0 && s.Bucket != "" {
			q.looked(i, 0)
		}
	}
	for i, to := range q.destinations {
		if len(to) == 0 {
			q.decide(decision{item: i}) // it may be kept all the same
		}
	}
}

// ask asks a store for an object, and takes in the answer.
func (q *inquiry) ask(ctx context.Context, at destination) {
	i, item, asked := at.store, q.Stores[at.store].Objects[at.object].Item, time.Now()
	wanted := !q.Force && !q.failed(i)
	var found s3store.Found
	var err error
	if wanted {
		found, err = q.buckets[i].Look(ctx, q.key(at), q.Items[item].Payload)
	}
	if !q.gate.pass() {
		return
	}
	if wanted {
		q.states[i][at.object] = q.answered(at, found, err, asked)
	}
	inMemory := q.Items[item].Make == nil
	if !q.has(at) {
		q.stores[i].missing.Add(1)
		if inMemory {
			q.decide(decision{item, []want{q.want(at)}})
		}
	}
	if q.stores[i].unanswered.Add(-1) == 0 {
		q.looked(i, int(q.stores[i].missing.Load()))
	}
	if q.unanswered[item].Add(-1) == 0 && !inMemory {
		q.decide(q.decision(item))
	}
}

// looked records that a store has answered for everything.
func (q *inquiry) looked(store, missing int) {
	now := time.Now()
	q.mu.Lock()
	q.result.Stores[store].Times.Look.Add(q.began, now)
	q.result.Times.Look.Add(q.began, now)
	q.mu.Unlock()
	q.tell(Event{Kind: Looked, Store: store, Missing: missing})
}

// has tells whether an object is there, and is what it should be.
func (r *run) has(at destination) bool {
	return r.states[at.store][at.object].presence == s3store.Proved
}

// want is what becomes of an object that was not found.
func (r *run) want(at destination) want {
	return want{at, r.states[at.store][at.object].presence == s3store.Unknown}
}

// decision is which stores want an item, which may be none.
func (r *run) decision(item int) decision {
	d := decision{item: item}
	for _, at := range r.destinations[item] {
		if !r.has(at) {
			d.wants = append(d.wants, r.want(at))
		}
	}
	return d
}

// answered takes in what a store has said of an object, and refreshes one that
// is old. What it returns is what is known then.
func (r *run) answered(at destination, f s3store.Found, err error, asked time.Time) state {
	b, key := r.buckets[at.store], r.key(at)
	if err != nil {
		r.fail(at.store, err)
	}
	switch f.Presence {
	case s3store.Proved:
		if f.Why != "" {
			r.tell(Event{Kind: Kept, Store: at.store, Object: at.object, Err: errors.New(f.Why)})
		}
		action, version := Reused, ""
		if b.Old(f) {
			if version, err = b.Refresh(r.ctx, key, f); err != nil {
				f.Presence = s3store.Different // it may not be copied, or changed meanwhile: a new put makes it young too
				break
			}
			action = Refreshed
		}
		r.finished(at, Outcome{Action: action, Size: f.Size, VersionID: version}, asked)
	case s3store.Foreign:
		r.tell(Event{Kind: Replaced, Store: at.store, Object: at.object, Bytes: f.Size})
	}
	return state{f.Presence, f.Size, f.SHA256}
}
