package upload

import (
	"context"
	"sync"
	"time"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/archive"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/registry"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/role"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/s3store"
)

// A run is one upload of a job.
type run struct {
	Job
	ctx          context.Context
	destinations [][]destination   // by item, in the order of the stores and of their objects
	buckets      []*s3store.Bucket // by store; nil where it has none
	repositories []*registry.Repository
	registries   *registry.Connections // nil where there are no repositories
	roles        *role.Roles
	archiver     *archive.Archiver
	rate         func() float64 // bytes a second that this machine's link carries; 0 where nobody knows yet

	began time.Time

	mu       sync.Mutex
	result   *Result
	failures []error               // the first of each store
	sent     map[destination]int64 // bytes that are on their way, or have arrived

	states [][]state // by store and object
}

// A destination is where an item goes: to an object of a store.
type destination struct{ store, object int }

// A state is what is known of an object in a store.
type state struct {
	presence s3store.Presence
	size     int64
	sum      []byte // the recorded SHA-256 of the object's bytes
}

// A want is an object that a store lacks.
type want struct {
	destination
	ifAbsent bool // S3 does not tell whether it is there
}

func newRun(ctx context.Context, job Job) *run {
	r := &run{
		Job: job, ctx: ctx, began: time.Now(), result: newResult(job.Stores), failures: make([]error, len(job.Stores)), sent: make(map[destination]int64),
		rate:         func() float64 { return 0 },
		destinations: make([][]destination, len(job.Items)), states: make([][]state, len(job.Stores)),
	}
	for i, s := range job.Stores {
		r.states[i] = make([]state, len(s.Objects))
		for j, o := range s.Objects {
			r.destinations[o.Item] = append(r.destinations[o.Item], destination{i, j})
		}
	}
	return r
}

// connect opens the buckets and the repositories. It makes no request.
func (r *run) connect() (disconnect func(), err error) {
	if len(r.Stores) == 0 {
		return func() {}, nil
	}
	r.roles = role.Open(role.Config{AWS: r.S3.AWS, Backoff: r.S3.Backoff, Retrying: func(region string, err error, delay time.Duration) {
		r.tell(Event{Kind: RetryingRole, Region: region, Err: err, Took: delay})
	}})
	r.S3.Roles, r.Registry.Roles = r.roles, r.roles
	connections := s3store.Connect(r.S3, len(r.Stores))
	r.rate = connections.Rate
	disconnect = func() {
		connections.Close()
		r.roles.Close()
	}
	r.buckets = make([]*s3store.Bucket, len(r.Stores))
	for i, s := range r.Stores {
		if s.Bucket != "" {
			r.buckets[i] = connections.Bucket(s.Store, r.told(i))
		}
	}
	if len(r.Repositories) == 0 {
		return disconnect, nil
	}
	r.registries = registry.Connect(r.Registry)
	disconnect = func() {
		r.registries.Close()
		connections.Close()
		r.roles.Close()
	}
	for i, s := range r.Repositories {
		to, err := r.registries.Repository(s, registry.Told{
			Sent: func(digest string, bytes int64) {
				r.tell(Event{Kind: SentLayer, Repository: i, Layer: digest, Bytes: bytes})
			},
			Retrying: func(err error, delay time.Duration) {
				r.tell(Event{Kind: RetryingPush, Repository: i, Err: err, Took: delay})
			},
		})
		if err != nil {
			return disconnect, err
		}
		r.repositories = append(r.repositories, to)
	}
	return disconnect, nil
}

// told has the run tell what a store's bucket does.
func (r *run) told(store int) s3store.Told {
	objects := make(map[string]int)
	for j, o := range r.Stores[store].Objects {
		objects[o.Key] = j
	}
	moved := func(kind Kind) func(key string, bytes int64) {
		return func(key string, bytes int64) {
			r.tell(Event{Kind: kind, Store: store, Object: objects[key], Bytes: bytes})
		}
	}
	return s3store.Told{
		Sent: func(key string, bytes int64) {
			r.mu.Lock()
			r.sent[destination{store, objects[key]}] += bytes
			r.mu.Unlock()
			moved(Sent)(key, bytes)
		},
		Copying: moved(Copying), Replaced: moved(Replaced),
		Retrying: func(err error, delay time.Duration) {
			r.tell(Event{Kind: Retrying, Store: store, Err: err, Took: delay})
		},
	}
}

// key is that of a destination.
func (r *run) key(at destination) string { return r.Stores[at.store].Objects[at.object].Key }

// put stores one object in one store, unless that store has failed before.
func (r *run) put(ctx context.Context, w want, load s3store.Payload) attempt {
	if r.failed(w.store) || ctx.Err() != nil {
		return attempt{}
	}
	began := time.Now()
	was, version, err := r.buckets[w.store].Put(ctx, r.key(w.destination), load, w.ifAbsent)
	if err != nil {
		return attempt{settle: func() { r.fail(w.store, err) }}
	}
	action := Uploaded
	if was != s3store.Absent {
		action = Reused
	}
	return attempt{done: true, proved: was != s3store.Unknown, settle: func() {
		r.finished(w.destination, Outcome{Action: action, Size: load.Size, VersionID: version}, began)
	}}
}

// isSent tells whether all of an object is on its way, or has arrived.
func (r *run) isSent(at destination, size int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.sent[at] >= size
}

func (r *run) fail(store int, err error) {
	r.mu.Lock()
	first := r.failures[store] == nil
	if first {
		r.failures[store] = err
	}
	r.mu.Unlock()
	if first && r.ctx.Err() == nil {
		r.tell(Event{Kind: Failed, Store: store, Err: err})
	}
}

func (r *run) failed(store int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failures[store] != nil
}

// finished records what became of an object and tells of it.
func (r *run) finished(at destination, o Outcome, began time.Time) {
	r.record(Event{Kind: Stored, Store: at.store, Object: at.object, Outcome: o}, &r.result.Stores[at.store].Objects[at.object], began)
}

// record records the outcome that an event tells of, and tells it.
func (r *run) record(e Event, in *Outcome, began time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s, now := &r.result.Stores[e.Store], time.Now()
	s.Took = now.Sub(r.began)
	if e.Outcome.Action == Uploaded || e.Outcome.Action == Copied {
		s.Times.Upload.Add(began, now)
		r.result.Times.Upload.Add(began, now)
	}
	*in = e.Outcome
	if r.Tell != nil {
		e.Took = now.Sub(began)
		r.Tell(e)
	}
}

func (r *run) tell(e Event) {
	if r.Tell == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Tell(e)
}
