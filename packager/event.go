package packager

import (
	"time"
)

// EventKind tells events apart.
type EventKind int

// The kinds of events.
const (
	Looked   EventKind = iota // a store was looked into; Objects are missing there
	Archived                  // an archive is ready; Object.Size is its size
	Sent                      // Bytes of a large object went out
	Stored                    // an object was uploaded or found, as Object.Action says
	Replaced                  // an object under the key is not what it should be, and is uploaded again
	Retrying                  // a request failed and is sent again after Took; Err is why
)

// An Event is one step of a run.
type Event struct {
	Kind    EventKind
	Region  string // "" for Archived
	Bucket  string
	Object  Object
	Objects int
	Bytes   int64
	Took    time.Duration
	Err     error
}
