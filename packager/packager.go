// Package packager packages one SAM or CloudFormation template for many AWS
// regions at once.
//
// CloudFormation takes code only from a bucket in the stack's own region.
// [Package] reads a template, archives each local artifact that it refers to
// once, stores the archives in every region's bucket concurrently, and returns
// one packaged template per region, in which S3 locations stand in the place
// of local paths. [NewPlan] is its first half: it decides everything and
// sends nothing.
//
// # Promises
//
// Same code everywhere: in every region the same artifact is the same bytes
// under the same key.
//
// Same input, same bytes, same key: paths, contents and the executable bit
// decide, and nothing else; not modification times, umask, the order of a
// folder, time zone, checkout folder, number of processors, or who runs it.
//
// The template is yours: only the rewritten values change, every other byte
// stays. The result is read again, and must mean what the source meant but for
// those values; otherwise it is refused.
//
// All or nothing: every problem in the input is found and reported before the
// first byte is sent, and a packaged template is returned only when every
// region has succeeded.
//
// Idempotent: a second run uploads nothing and archives nothing. An
// interrupted run is finished by running again.
//
// A hit is proved: a stored object counts as present only if its size and
// recorded digest match. Only 404 means absent.
//
// It goes where you said: every request names its region and, where one is
// expected, the bucket's owner; both are checked before anything is sent. Until
// then only questions go out: whether a bucket is there, and a key in it.
// Buckets are never created or deleted, objects never deleted.
//
// It never packages itself: outputs of this run or an earlier one, and .git,
// never enter an archive. Outputs are known by their default names, from
// Options.Outputs, and from the list in a folder's .mrpackage-outputs.
//
// # Archives
//
// A folder, or a single file where the property wants a zip, becomes a zip of
// its regular files: sorted by path, byte by byte; time 1980-01-01 00:00:00
// without an extra field; made by Unix; mode 0755 with any executable bit, else
// 0644; names in UTF-8, flagged so; deflated, or stored where that is not
// smaller; sizes and CRC in the headers, no data descriptors. Links are
// followed; a link that leads nowhere or round in a circle is an error. A file
// that is a zip already is stored as it is.
//
// An archive's key is its digest and ".zip". The digest is the lower-case hex
// SHA-256 of the line "mrpackage archive 2" and then, for each file in order,
// the line
//
//	LENGTH NAME EXECUTABLE SIZE SHA256
//
// with the name's length in bytes, the path with slashes, true or false, the
// size in bytes, and the content's SHA-256. Other files have their own SHA-256
// and extension as key, nested templates theirs and ".template".
package packager

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/archive"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/s3store"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// Options says what to package and where to store it. The zero value packages
// the template of the working directory, and lacks only the stores.
type Options struct {
	// TemplateFile is the template's path. Empty means the first of
	// template.yaml, template.yml and template.json in the working directory.
	TemplateFile string
	// Stores are the buckets, one for each region. At least one is needed.
	Stores []Store
	// Exclude holds patterns in .dockerignore's syntax. A matching file of a
	// folder stays out of its archive. They follow those in the folder's
	// .mrpackageignore, so a later "!pattern" takes a file in again.
	Exclude []string
	// Outputs are the files that the caller writes; {region} in one stands
	// for any region. They never enter an archive.
	Outputs []string
	// Properties are packaged besides those that mrpackage knows.
	Properties []Property
	// UseJSON makes packaged templates JSON where the template is YAML.
	UseJSON bool
	// Metadata goes with every object that is uploaded. An object that is
	// stored without it is stored anew.
	Metadata map[string]string
	// Provenance is metadata that tells of the upload, such as a commit. It
	// goes with objects that are uploaded, and is no reason to upload one.
	Provenance map[string]string
	// Tags are given to every object that is uploaded.
	Tags map[string]string
	// SSE is the encryption to ask for; a store's KMSKey implies KMS. An
	// object that is stored under another one is stored anew.
	SSE SSE
	// RefreshAfter is the age from which on an object that is in use is made
	// young by a copy onto itself, so that no lifecycle rule deletes it. 0
	// means 30 days; less than 0, never.
	RefreshAfter time.Duration
	// Copy says when S3 copies an archive from store to store.
	Copy Copy
	// Shard makes Upload store a share of the artifacts, and no nested template.
	// The packaged templates are those of a whole run, and may be deployed when
	// every shard and then a run without one have succeeded.
	Shard Shard
	// ForceUpload uploads everything, whatever is stored already.
	ForceUpload bool
	// DryRun makes Upload send nothing.
	DryRun bool
	// ArchiveDir is a folder in which every archive is kept too, as its key
	// without the prefix. Empty means none.
	ArchiveDir string
	// Jobs is how many uploads are under way at once, of objects or of parts. Of
	// requests that send next to nothing, as questions and copies do, there are
	// four times as many, and one for each bucket at the beginning. 0 means 32.
	Jobs int
	// EndpointURL replaces S3's own endpoints, for a server of one's own.
	EndpointURL string
	// AWS is the configuration of the AWS SDK; each store's region replaces
	// its own. Nil means the SDK's default chain. It is used only by Upload.
	AWS *aws.Config
	// Progress, if not nil, is told what happens. It is called by one
	// goroutine at a time and should return soon.
	Progress func(Event)

	// For tests that have neither people's patience nor their disks; 0 means the
	// defaults.
	stall    time.Duration // how long a transfer may stand still
	backoff  time.Duration // how long a retry waits at most
	copyPart int64         // what is larger is copied in parts of this size
}

// A Store is a bucket in a region: what CodePipeline calls an artifact store.
type Store struct {
	Region string
	// Bucket is the bucket's name. Empty means the value of the environment
	// variable that [BucketVariable] names.
	Bucket string
	// Prefix stands before every key, a slash between them. Empty means none.
	Prefix string
	// Owner is the account ID that the bucket must belong to; every request
	// says so. Empty means any.
	Owner string
	// KMSKey is the KMS key that objects are encrypted with: its ID, its ARN,
	// or an alias. Empty means what Options.SSE says.
	KMSKey string
}

// SSE is the encryption that S3 stores objects under.
type SSE string

// The encryptions that S3 knows for a bucket's objects (S3 API reference,
// x-amz-server-side-encryption), and none to be asked for.
const (
	BucketSSE SSE = ""        // the bucket's own default
	AES256    SSE = "AES256"  // S3's keys
	KMS       SSE = "aws:kms" // a KMS key
)

// A Plan is what a run will store and the templates that it leads to. All of
// it follows from the input alone.
type Plan struct {
	TemplateFile string
	Artifacts    []Artifact // each distinct local artifact, in the template's order
	Stores       []Contents // what each store must hold, in the order of Options.Stores
	Templates    []Template // the packaged template for each store
	Warnings     []error    // what would go wrong later; each an *problem.Error

	opts    Options
	objects [][]object
	reads   map[string]bool
	times   Times
}

// Reads tells whether path is one of the templates or local artifacts, so that
// nothing may be written there. Of files inside an artifact's folder, NewPlan
// itself makes sure that no output replaces one.
func (p *Plan) Reads(path string) bool {
	abs, err := filepath.Abs(path)
	if err != nil || p.reads[archive.RealPath(abs)] {
		return err == nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return false
	}
	for read := range p.reads { // where case does not count, a file has many paths
		if other, err := os.Stat(read); err == nil && os.SameFile(info, other) {
			return true
		}
	}
	return false
}

// An Artifact is one local file or folder.
type Artifact struct {
	Path       string // absolute
	References []Reference
	Digest     string // lower-case hex
	Name       string // the key without a store's prefix
	Archive    bool   // it is archived, rather than stored as it is
	Files      int
	Size       int64 // bytes of the files together
	LeftOut    int   // entries that are excluded
}

// Holds tells whether the artifact is a folder and dir is that folder, or lies
// in it.
func (a Artifact) Holds(dir string) bool {
	return a.Archive && archive.Within(archive.RealPath(dir), a.Path)
}

// A Reference is one occurrence of an artifact in a template.
type Reference struct {
	Template     string
	Line, Column int // 1-based
	LogicalID    string
	Property     string
}

// String returns the logical ID and property, "MyFunction.CodeUri".
func (r Reference) String() string {
	if r.LogicalID == "" {
		return problem.OneLine(r.Property)
	}
	return problem.OneLine(r.LogicalID + "." + r.Property)
}

// Contents is what one store must hold.
type Contents struct {
	Store
	Objects []Object
	Took    time.Duration // from the beginning of Upload to the last object
	Times   Times
}

// Action is what became of an object.
type Action string

// The actions.
const (
	Planned  Action = "planned"  // nothing was sent
	Uploaded Action = "uploaded" // it is stored now
	Copied   Action = "copied"   // it is stored now: S3 copied it from another store
	Reused   Action = "reused"   // it was stored already
	// Refreshed objects were stored already, and old: they are young now.
	Refreshed Action = "refreshed"
)

// An Object is one object of a store.
type Object struct {
	Key       string
	Artifact  *Artifact // nil for a nested template
	Template  string    // the nested template's file
	Action    Action
	Size      int64  // bytes as stored; 0 where they were not needed
	VersionID string // "" where the bucket has no versions, or the object was reused
}

// A Template is a packaged template.
type Template struct {
	Region string
	Body   []byte
	JSON   bool
}

// A Result tells of a run that succeeded, or how far one came.
type Result struct {
	*Plan
	Times Times
}

// Times tell where the time of a run went, or of a store: then without Plan and
// Archive, which are done once for all. Rewrite follows on Plan; the others
// overlap.
type Times struct {
	Plan    Phase // reading templates and everything that they refer to
	Rewrite Phase // making the packaged templates
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

// add takes in a span of time.
func (p *Phase) add(from, to time.Time) {
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

// Package plans, archives, uploads and rewrites. Where it returns an error no
// packaged template is returned. The error joins all problems: of the input,
// in the template's order, or else of the stores, in their order; see [problem.Errors].
// When ctx ends, so does Package, with ctx's error.
func Package(ctx context.Context, opts Options) (*Result, error) {
	plan, err := NewPlan(ctx, opts)
	if err != nil {
		return nil, err
	}
	result, err := plan.Upload(ctx)
	if err != nil {
		return nil, err
	}
	return result, nil
}

// describe fills in the plan's public view of what was planned.
func (p *Plan) describe(artifacts []*artifact) {
	p.Artifacts = make([]Artifact, len(artifacts))
	for i, a := range artifacts {
		view := Artifact{
			Path: a.path, Digest: a.digest, Name: a.name, Archive: a.zip,
			Files: len(a.files), Size: a.size(), LeftOut: a.left,
		}
		for _, r := range a.refs {
			line, column := r.Where()
			view.References = append(view.References, Reference{r.Template.Path, line, column, r.LogicalID, r.Name})
		}
		p.Artifacts[i] = view
		a.view = &p.Artifacts[i]
	}
}

// contents is the public view of what a store must hold.
func contents(s s3store.Store, objects []object) Contents {
	c := Contents{Store: Store(s), Objects: make([]Object, len(objects))}
	for i, o := range objects {
		c.Objects[i] = Object{Key: o.key, Action: Planned, Size: int64(len(o.body))}
		if o.artifact != nil {
			c.Objects[i].Artifact = o.artifact.view
		}
		if o.nested != nil {
			c.Objects[i].Template = o.nested.Path
		}
	}
	return c
}

// joined joins errors; a context's end hides what it brought about.
func joined(ctx context.Context, errs ...error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return errors.Join(errs...)
}
