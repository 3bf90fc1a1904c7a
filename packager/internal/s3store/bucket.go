// Package s3store is one bucket of Amazon S3 and what can be done with it: check that
// it is the right one, look for an object and prove it, put, copy and refresh. It
// explains what S3 answers, and says which permissions all that needs.
//
// It knows nothing of templates and archives: an object is a [Payload] under a key.
// Each bucket of a run has a client of its own; they share the connections, the number of
// requests under way, and which bodies are sent first.
package s3store

import (
	"cmp"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/logging"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/role"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/wire"
)

// A Config says how objects are stored, in whichever bucket.
type Config struct {
	// Metadata goes with every object; an object that is stored without it is
	// different. Provenance goes with it, too, and is no reason to store one anew.
	Metadata, Provenance map[string]string
	Tags                 map[string]string
	SSE                  SSE
	RefreshAfter         time.Duration // the age of an object that is old; 0 means 30 days, less never
	Jobs                 int           // how many requests are under way at once that send an object or a part
	Questions            int           // and how many of the others, as often copies and all else
	EndpointURL          string        // in the place of S3's own endpoints; "" means those
	AWS                  aws.Config    // of which a bucket's region replaces its own
	Roles                *role.Roles   // whose credentials the stores that have a role use; nil where none has

	// For keys that another tool has made, of a hash of its own, and for its buckets:
	KeyCounts bool                     // what is there under a key counts as the payload, see keycounts.go
	NameSSE   bool                     // each put names the bucket's own encryption, as the bucket's or an organization's policies may want
	Absent    func(store Store) string // what to do where there is no such bucket; nil means what else is said
	Foreign   string                   // and where it is another account's; "" likewise

	// For tests; 0 means the defaults.
	Stall    time.Duration // how long a transfer may stand still
	Backoff  time.Duration // how long a retry waits at most
	Patience time.Duration // how long the rules, and an object's tags, are asked for, tries included
	Longest  time.Duration // how long a try of a request without a body may take, whatever moves
	Part     int64         // what is larger is sent in parts of this size
	CopyPart int64         // what is larger is copied in parts of this size
}

// Told is what a bucket tells while a request is under way. It may be told by
// several goroutines at once.
type Told struct {
	Sent     func(key string, bytes int64)        // bytes more of an object are on their way; less than 0, they are sent again
	Copying  func(key string, bytes int64)        // a part of a large object was copied; less than 0, parts were removed again
	Replaced func(key string, size int64)         // what is stored under the key is something else
	Retrying func(err error, delay time.Duration) // a request failed, and is sent again after the delay
}

// Connections are what the buckets of a run share: one HTTP client, whose connections
// end with it, and how many requests may be under way at once.
type Connections struct {
	config                               Config
	wire                                 *wire.Wire
	link                                 *link
	precedence                           *precedence
	uploads, yielding, copies, questions chan struct{}
}

// Connect returns the connections for so many buckets. close ends them.
func Connect(config Config, buckets int) *Connections {
	over := wire.New(config.Stall)
	c := &Connections{
		config: config, wire: over, link: newLink(), precedence: newPrecedence(over.Stall() / 3),
		uploads: make(chan struct{}, config.Jobs), yielding: make(chan struct{}, config.Jobs), copies: make(chan struct{}, config.Questions), questions: make(chan struct{}, config.Questions),
	}
	c.config.AWS = config.AWS.Copy()
	c.config.AWS.Logger = logging.Nop{} // what matters comes back as an error
	c.config.AWS.HTTPClient = c.httpClient(config.AWS.HTTPClient, 2*config.Jobs+2*config.Questions, buckets)
	return c
}

// Close closes what is open. All requests must be over.
func (c *Connections) Close() { c.wire.Close() }

// A Bucket is one store's client. It is safe for concurrent use.
type Bucket struct {
	Store
	config Config
	client *s3.Client
	told   Told
	own    *ownEncryption // nil without Config.NameSSE
}

// Bucket returns the client of a store.
func (c *Connections) Bucket(store Store, told Told) *Bucket {
	signer := c.config.AWS.Copy()
	if store.Role != (role.Role{}) {
		signer.Credentials = c.config.Roles.Credentials(store.Role, store.Region)
	}
	client := s3.NewFromConfig(signer, func(o *s3.Options) {
		o.Region = store.Region
		if c.config.EndpointURL != "" {
			o.BaseEndpoint = aws.String(c.config.EndpointURL)
		}
		// Servers other than S3 rarely have a DNS name per bucket.
		o.UsePathStyle = o.BaseEndpoint != nil
		o.Retryer = wire.NewRetryer(signer, c.config.Backoff, told.Retrying)
		o.DisableLogOutputChecksumValidationSkipped = true
		o.APIOptions = append(o.APIOptions, refuseHollow, c.limited(), bounded(cmp.Or(c.config.Longest, time.Minute)))
	})
	b := &Bucket{Store: store, config: c.config, client: client, told: told}
	if c.config.NameSSE {
		b.own = &ownEncryption{}
	}
	return b
}

// part is the size of parts, and of what goes in one request at most.
func (b *Bucket) part() int64 {
	if b.config.Part > 0 {
		return b.config.Part
	}
	return PartSize
}

// owner is the account that every request says the bucket must belong to; nil where
// any will do.
func (b *Bucket) owner() *string {
	if b.Owner == "" {
		return nil
	}
	return &b.Owner
}
