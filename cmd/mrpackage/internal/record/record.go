// Package record is what is told of a run when it is over: the form of the JSON that --report
// writes, with what its page shows besides. It makes neither of them, and does not know the
// library. Fields of the JSON are only ever added.
package record

import "time"

// A Run is one run of mrpackage that has stored everything.
type Run struct {
	Mrpackage string     `json:"mrpackage"` // the version
	Template  string     `json:"template,omitempty"`
	Assembly  string     `json:"assembly,omitempty"` // in the place of a template: the cloud assembly
	DryRun    bool       `json:"dryRun"`
	Artifacts []Artifact `json:"artifacts"`
	Images    []Image    `json:"images"`
	Regions   []Region   `json:"regions"`
	Seconds   Seconds    `json:"seconds"`

	Began    time.Time `json:"-"`
	Shard    string    `json:"-"` // "2/4"; "" for a whole run
	Warnings []Warning `json:"-"`
	Timeline []Group   `json:"-"`
}

// An Artifact is one local file or folder.
type Artifact struct {
	Path       string      `json:"path"`
	References []Reference `json:"references"`
	Digest     string      `json:"digest"`
	Name       string      `json:"name"` // the key without the prefix
	Archive    bool        `json:"archive"`
	Files      int         `json:"files"`
	Bytes      int64       `json:"bytes"`
	LeftOut    int         `json:"leftOut"`

	Entries []Entry `json:"-"`
}

// An Entry is one file of an artifact.
type Entry struct {
	Name   string
	Size   int64
	Packed int64 // bytes in the archive; 0 where nobody knows
}

// A Reference is one place in a template.
type Reference struct {
	Template  string `json:"template"`
	Line      int    `json:"line"`
	Column    int    `json:"column"`
	LogicalID string `json:"logicalId"`
	Property  string `json:"property"`
}

// A Region is what one region has got.
type Region struct {
	Region   string   `json:"region"`
	Bucket   string   `json:"bucket,omitempty"` // "" where none is needed
	Role     string   `json:"role,omitempty"`   // that was assumed
	Template string   `json:"template"`         // the packaged template; "-" is standard output
	Seconds  float64  `json:"seconds"`          // from the first request to the last object
	Rewrite  float64  `json:"rewriteSeconds"`
	Look     float64  `json:"lookSeconds"`
	Upload   float64  `json:"uploadSeconds"`
	Objects  []Object `json:"objects"`
	Images   []Push   `json:"images"`
}

// An Image is one container image.
type Image struct {
	Source       string      `json:"source"` // a path, or an image's name
	References   []Reference `json:"references"`
	Digest       string      `json:"digest"`
	Architecture string      `json:"architecture"`
	Layers       int         `json:"layers"`
	Bytes        int64       `json:"bytes"` // of the layers, as they are stored
	Unpacked     int64       `json:"unpackedBytes"`
}

// A Push is what became of an image in a region.
type Push struct {
	Image  string `json:"image"` // its address, with the digest
	Source string `json:"source"`
	Action string `json:"action"` // planned, uploaded or reused

	Of int `json:"-"` // which of Run.Images
}

// An Object is what became of an object in a region.
type Object struct {
	Key       string `json:"key"`
	URL       string `json:"url"`
	Source    string `json:"source"`
	Action    string `json:"action"` // planned, uploaded, copied, reused or refreshed
	Bytes     int64  `json:"bytes"`
	VersionID string `json:"versionId,omitempty"`

	Of int `json:"-"` // which of Run.Artifacts; Nested for a nested template
}

// Nested takes the place of an artifact's number: the object is a nested template.
const Nested = -1

// Seconds tell where the time went. Looking, archiving and uploading overlap.
type Seconds struct {
	Plan    float64 `json:"plan"`
	Rewrite float64 `json:"rewrite"`
	Look    float64 `json:"look"`
	Archive float64 `json:"archive"`
	Upload  float64 `json:"upload"`
	Total   float64 `json:"total"`
}

// A Warning is what will go wrong later, as a person reads it.
type Warning struct {
	Text      string // where it is, and what
	Excerpt   string // lines of the template; may be ""
	Hint      string // what to do; may be ""
	Statement string // an IAM statement that the hint speaks of; may be ""
}

// A Group of the timeline is what went on for the whole run, on the workers, or in a region.
type Group struct {
	Name    string
	Spans   []Span
	Moments []Moment
}

// A Span is something that took time.
type Span struct {
	Lane     Lane
	Name     string
	From, To time.Duration // since the run began
}

// A Moment is something that happened and took no time.
type Moment struct {
	Name string
	At   time.Duration // since the run began
}

// A Lane is a kind of what takes time.
type Lane string

// The lanes.
const (
	Plan    Lane = "plan"
	Rewrite Lane = "rewrite"
	Look    Lane = "look"
	Archive Lane = "archive"
	Upload  Lane = "upload"
	Pushing Lane = "push" // of a container image
	Copy    Lane = "copy" // from another region, by S3
	Refresh Lane = "refresh"
	Reuse   Lane = "reuse" // the question whether it is there
	Wait    Lane = "wait"  // until a request is sent again
)
