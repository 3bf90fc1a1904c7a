package packager

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/s3store"
)

// check asks for every bucket at once, and reports every one that is not as
// it should be.
func (r *run) check() error {
	errs := make([]error, len(r.buckets))
	group := new(errgroup.Group)
	group.SetLimit(r.opts.questions())
	for i, b := range r.buckets {
		group.Go(func() error {
			errs[i] = b.Check(r.ctx)
			return nil
		})
	}
	return joined(r.ctx, append(errs, group.Wait())...)
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
	var wrong error
	checks, checked := new(errgroup.Group), make(chan struct{})
	checks.Go(func() error {
		defer close(checked)
		if wrong = r.check(); wrong != nil {
			stop() // the answers are wanted no longer
		}
		return nil
	})
	r.lookForAll(ctx, decide, func() bool {
		<-checked
		return wrong == nil
	})
	return errors.Join(checks.Wait(), wrong)
}

// lookForAll asks every store for every object. An answer waits for counts, which
// says whether it may be used.
func (r *run) lookForAll(ctx context.Context, decide func(decision), counts func() bool) {
	began := time.Now()
	r.states = make([][]state, len(r.buckets))
	missing, pending := make([]atomic.Int64, len(r.buckets)), make([]atomic.Int64, len(r.buckets))
	most := 0
	for i := range r.buckets {
		n := len(r.objects[i])
		most = max(most, n)
		r.states[i] = make([]state, n)
		pending[i].Store(int64(n))
	}
	// Unanswered counts, for each object, the stores that have not answered. They
	// list the same artifacts, in the same order, and then nested templates.
	unanswered := make([]atomic.Int64, most)
	ask := func(i, j int) {
		b, o, asked := r.buckets[i], r.objects[i][j], time.Now()
		wanted := !r.opts.ForceUpload && !r.failed(i)
		var f s3store.Found
		var err error
		if wanted {
			f, err = b.Look(ctx, o.key, o.expected())
		}
		if !counts() {
			return
		}
		if wanted {
			r.states[i][j] = r.answered(i, j, f, err, asked)
		}
		if r.states[i][j].presence != s3store.Proved {
			missing[i].Add(1)
			if o.artifact == nil {
				decide(decision{wants: []want{r.want(i, j)}})
			}
		}
		if pending[i].Add(-1) == 0 {
			r.looked(began, i, int(missing[i].Load()))
		}
		if unanswered[j].Add(-1) == 0 && o.artifact != nil {
			decide(r.decision(j))
		}
	}
	// As many goroutines ask as questions may be under way, each one after the
	// other, and not a new one for each question: to make room for the SDK's deep
	// stack is 5 to 8 % of its cost.
	questions := make(chan [2]int)
	group := new(errgroup.Group)
	for range r.opts.questions() {
		group.Go(func() error {
			for q := range questions {
				ask(q[0], q[1])
			}
			return nil
		})
	}
	for j := range most {
		unanswered[j].Store(int64(len(r.buckets)))
		for i := range r.buckets {
			if j < len(r.objects[i]) {
				questions <- [2]int{i, j}
			}
		}
	}
	close(questions)
	_ = group.Wait() // no function returns an error: failures are the stores'
	for i := range r.buckets {
		if len(r.objects[i]) == 0 && counts() {
			r.looked(began, i, 0)
		}
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
