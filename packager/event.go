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
	Sent                      // Bytes more of an object, or of the Layer of an image, are on their way; less than 0: a request failed, and they are sent again
	Copying                   // Bytes more of a large object were copied, which S3 does in parts; less than 0: they are removed again
	Stored                    // an object was uploaded or found, as Object.Action says
	Replaced                  // an object under the key is not what it should be, and is uploaded again
	Kept                      // it is not, as Err says, and stays, for it is another tool's key
	Running                   // Command is run, which makes what is stored
	Retrying                  // a request failed and is sent again after Took; Err is why
	Pushed                    // a container image was pushed or found, as Image.Action says; Bucket is its repository
	Failed                    // a store gets nothing more, as Err says
)

// An Event is one step of a run.
type Event struct {
	Kind    EventKind
	Store   int    // its index in Plan.Stores; 0 for Archived, and where no store is meant
	Region  string // "" for Archived, and where a registry is asked that an image is copied from
	Bucket  string // then the image's address
	Object  Object
	Image   PushedImage
	Layer   string // its digest
	Objects int
	Bytes   int64
	Took    time.Duration
	Err     error
	Command []string
}
