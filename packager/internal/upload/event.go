package upload

import "time"

// Kind tells events apart.
type Kind int

// The kinds of events, and what is said with each. Bytes below 0 are taken back: a request
// failed, and they are sent again, or what they made is removed again.
const (
	Looked        Kind = iota // a Store was looked into; Missing objects are to be stored there
	Archived                  // the archive of an Item is ready, of so many Bytes; it Took so long
	Sent                      // Bytes more of an Object of a Store are on their way
	SentLayer                 // Bytes more of a Layer are on their way to a Repository
	Copying                   // Bytes more of a large Object of a Store were copied, which S3 does in parts
	Stored                    // an Object of a Store is there, as Outcome says; it Took so long
	Replaced                  // what is there of an Object of a Store is not what it should be, has Bytes, and is stored anew
	Kept                      // it is not, as Err says, and stays: its key counts
	Retrying                  // a request to a Store failed with Err, and is sent again after Took
	RetryingPush              // one to a Repository did
	RetryingFetch             // one to the registry that an Image is copied from did
	RetryingRole              // one that assumes a role in a Region did
	Pushed                    // the Image of a Store is there, as Outcome says; it Took so long
	Failed                    // a Store gets nothing more, for Err
)

// An Event is one step of a run. It names what it is of by the indexes in the [Job]; those
// that its kind does not speak of are 0.
type Event struct {
	Kind       Kind
	Store      int
	Object     int // in Store.Objects
	Item       int
	Image      int // of Pushed in Store.Images, else in Job.Images
	Repository int
	Layer      string // its digest
	Region     string // of RetryingRole
	Outcome    Outcome
	Missing    int
	Bytes      int64
	Took       time.Duration
	Err        error
}

// Action is what became of an object or of an image.
type Action string

// The actions.
const (
	Planned   Action = "planned"   // nothing was sent
	Uploaded  Action = "uploaded"  // it is stored now
	Copied    Action = "copied"    // it is stored now: S3 copied it from another key
	Reused    Action = "reused"    // it was stored already
	Refreshed Action = "refreshed" // it was stored already, and old: it is young now
)

// An Outcome is what became of an object. Of an image, its Action is said, and where a tag
// names it, its Digest.
type Outcome struct {
	Action    Action
	Size      int64  // bytes as stored
	VersionID string // "" where the bucket has no versions, or the object was reused
	Digest    string // "" where the registry does not tell
}

// A Result is what became of a job, or how far it came.
type Result struct {
	Times  Times
	Stores []Stock // in the order of the job's
}

// A Stock is what became of what a store must hold.
type Stock struct {
	Objects []Outcome // in the order of the store's
	Images  []Outcome
	Times   Times         // without Archive, which is done once for all
	Took    time.Duration // from the beginning of the run to the last object or image
}

// Times tell where the time of a run went, or of a store. They overlap.
type Times struct {
	Look    Phase // asking what is stored
	Archive Phase
	Upload  Phase // uploading and copying
}

// A Phase is part of a run, from when it first began to when it last ended. The
// zero value is one that was not needed.
type Phase struct {
	Began time.Time
	Took  time.Duration
}

// Add takes in a span of time.
func (p *Phase) Add(from, to time.Time) {
	if p.Began.IsZero() {
		p.Began, p.Took = from, to.Sub(from)
		return
	}
	end := p.Began.Add(p.Took)
	if from.Before(p.Began) {
		p.Began = from
	}
	if to.After(end) {
		end = to
	}
	p.Took = end.Sub(p.Began)
}

// newResult is that of a job of which nothing is done.
func newResult(stores []Store) *Result {
	planned := func(n int) []Outcome {
		all := make([]Outcome, n)
		for i := range all {
			all[i].Action = Planned
		}
		return all
	}
	r := &Result{Stores: make([]Stock, len(stores))}
	for i, s := range stores {
		r.Stores[i] = Stock{Objects: planned(len(s.Objects)), Images: planned(len(s.Images))}
	}
	return r
}
