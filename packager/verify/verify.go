// Package verify proves that what packaged templates need is stored, in every region: it is
// what mrpackage verify does.
//
// Each location that a packaged property names must be there: in the bucket of the stack's
// region, of the expected owner, and what its key claims.
//
//   - A key of mrpackage's holds a digest. The object is proved by what was recorded when it
//     was stored, digest, size and SHA-256, held against its size and S3's own checksum;
//     where nothing is recorded, by that checksum; with Deep, by its bytes.
//   - A key of the AWS CLI's is the MD5 of the content. It is proved by the ETag where that is
//     an MD5, and with Deep by its bytes. SAM CLI's key of an archive looks alike, and is made of
//     the files in it: Deep proves it by these. What Deep finds to be neither is unknown.
//   - Any other key claims nothing: the object is there, and that is all.
//   - A nested template is read, proved by its bytes, and verified in its turn.
//   - A container image is proved by its manifest's bytes, and by the digests and sizes of
//     all that the manifest names.
//
// The templates of one run for several regions must be the same but for locations, and name
// the same keys and digests. Beside that it tells when the buckets' lifecycle rules end each
// object.
//
// What S3 or a registry denies to the caller is unknown, and never missing. Without Refresh
// no request is made that changes anything.
package verify

import (
	"context"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/registry"
)

// Options says which packaged templates to verify, and how.
type Options struct {
	// Templates are FILE, REGION=FILE, or - for Stdin. Without any they are the files that
	// match Outputs.
	Templates []string
	// Outputs are the patterns of the packaged templates' names, in which {region} stands for
	// a region: so a name says the region of its template.
	Outputs []string
	Stdin   io.Reader
	// Properties are packaged besides those that mrpackage knows.
	Properties []Property
	// Parameters are the values of the templates' parameters. Others have their defaults.
	Parameters map[string]string
	// Access, if not nil, says how a region's buckets and repositories are reached. It is
	// called by one goroutine at a time, once for each region.
	Access func(region string) Access
	// Deep reads objects and hashes them.
	Deep bool
	// Refresh makes proved objects young that are older than RefreshAfter (0 means 30 days, and
	// less that none is), or that a lifecycle rule ends within a week, by a copy onto
	// themselves. Nothing else changes anything.
	Refresh      bool
	RefreshAfter time.Duration
	// Jobs is how many objects are read at once; of questions there are four times as many. 0
	// means 32.
	Jobs        int
	EndpointURL string      // in the place of S3's own endpoints
	AWS         *aws.Config // nil means the SDK's default chain

	// Verified, if not nil, is called for each location of which the answer is known, and
	// Retrying for each request that is sent again: by one goroutine at a time.
	Verified func(Object)
	Retrying func(region string, err error, delay time.Duration)

	// For tests; the zero values mean the defaults.
	registries               registry.Config
	stall, backoff, patience time.Duration
}

// Access is how a region's buckets and repositories are reached. The zero value is by the
// caller, whoever owns them.
type Access struct {
	Owner string // the account that must own the buckets; empty means any
	// RoleARN is the role that is assumed for all that is asked there, and ExternalID what its
	// trust policy may ask for.
	RoleARN, ExternalID string
	KMSKey              string // that objects are encrypted with; only Policy asks for it
}

// A Property is one that is packaged besides those that mrpackage knows, as packager.Property.
type Property struct {
	Type, Path, Form string
	Zip              bool
}

// State is what is known of a location.
type State string

// The states, the worse behind the better.
const (
	Proved  State = "proved"  // it is there, and what it must be
	Present State = "present" // it is there, and its key claims nothing that could be held against it
	Unknown State = "unknown" // nobody tells this caller, or the template does not say it
	Wrong   State = "wrong"   // it is missing, elsewhere, or something else
)

// worse returns the worse of two states.
func (s State) worse(other State) State {
	for _, worst := range []State{Wrong, Unknown, Present} {
		if s == worst || other == worst {
			return worst
		}
	}
	return Proved
}

// A Result is what was found.
type Result struct {
	// Deployments are the templates in the order given, each in the order of its regions.
	Deployments []Deployment
	// Problems are what is wrong, Unknowns what nobody knows, in the order of the templates'
	// names and of their lines. Each is a *problem.Error. Warnings fail nothing.
	Problems, Unknowns, Warnings []error
	Took                         time.Duration
}

// State is the worst of all.
func (r *Result) State() State {
	state := Proved
	for _, d := range r.Deployments {
		state = state.worse(d.State)
	}
	return state
}

// A Deployment is a template in one region.
type Deployment struct {
	Template string // its file
	Region   string // "" where the template names nothing that would tell it
	How      string // how the region was found
	State    State
	Unread   bool     // it could not be read, or its region not be found out: nothing was looked for
	Nested   int      // how many nested templates were read
	Objects  []Object // each location once, in the order of the templates
}

// An Object is a stored object, or an image, that templates name in one region.
type Object struct {
	Region      string
	Bucket, Key string
	Image       string // its address, in the place of bucket and key
	VersionID   string
	References  []Reference
	Template    bool // it is a nested template
	State       State
	By          By
	Why         string // why it is not proved
	Size        int64
	Modified    time.Time
	Ends        time.Time // when a lifecycle rule ends it; the zero time means never, or unknown
	EndsBy      string    // that rule's ID
	Archives    string    // it is archived then, in this storage class, and not deleted
	EndUnknown  string    // why its end is not known, or may come before
	Refreshed   bool
}

// URL names the object as templates do.
func (o Object) URL() string {
	if o.Image != "" {
		return o.Image
	}
	return "s3://" + o.Bucket + "/" + o.Key
}

// By says by what an object is proved.
type By string

// The proofs.
const (
	ByNothing  By = ""
	ByRecord   By = "record"   // size, digest and SHA-256 that were recorded when it was stored
	ByChecksum By = "checksum" // the SHA-256 that S3 has computed
	ByETag     By = "etag"     // the MD5 that S3 has computed
	ByContent  By = "content"  // its bytes, which were read
	ByManifest By = "manifest" // an image's manifest, and the layers that it names
)

// A Reference is a place in a template that names an object.
type Reference struct {
	Template     string
	Line, Column int
	LogicalID    string
	Property     string
}

// Run verifies templates. An error is about the options, or ctx's: what is wrong with
// templates and with what they name is in the result.
func Run(ctx context.Context, opts Options) (*Result, error) {
	began := time.Now()
	r, err := newRun(ctx, opts)
	if err != nil {
		return nil, err
	}
	defer r.close()
	if err := r.readAll(ctx); err != nil {
		return nil, err
	}
	for len(r.open) > 0 {
		if err := r.level(ctx); err != nil {
			return nil, err
		}
	}
	result := r.finish(ctx)
	result.Took = time.Since(began)
	return result, nil
}
