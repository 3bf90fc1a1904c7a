// Package registry is one repository of a container registry and what can be done with
// it: check that it is there, look for an image and prove it, push an image, and read one
// that is in another registry. It explains what the registry answers, and says which
// permissions all that needs.
//
// A registry is Amazon ECR, where a repository is of an account and a region and must
// have been created, or any other that speaks the same protocol (OCI Distribution
// Specification), where the user's Docker configuration says how to log in. An image is
// pushed and named by its digest; its tag is the digest's 64 hex digits, so that lifecycle
// rules for untagged images leave it alone, unless it is to be asked for by another one.
package registry

import (
	"net/http"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/smithy-go/logging"
	"github.com/google/go-containerregistry/pkg/authn"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/role"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/wire"
)

// A Config says how requests are made, to whichever registry.
type Config struct {
	AWS       aws.Config  // of which a repository's region replaces its own
	Roles     *role.Roles // whose credentials the stores that have a role use; nil where none has
	Jobs      int         // how many layers are sent at once
	Questions int         // and how many other requests are under way

	Absent func(store Store) string // what to do where there is no such repository of ECR; nil means to create it

	// For tests; the zero values mean the defaults.
	API      string         // in the place of ECR's own endpoints for its API
	Hub      string         // in the place of the hosts *.dkr.ecr.*, which requests still name
	Keychain authn.Keychain // in the place of the user's Docker configuration
	Stall    time.Duration  // how long a transfer may stand still
	Backoff  time.Duration  // how long a retry waits at most
	Part     int64          // what is larger is sent in parts of this size
}

// Told is what a repository tells while a request is under way. It may be told by
// several goroutines at once. Its functions may be nil.
type Told struct {
	Sent     func(digest string, bytes int64)     // so much of a layer has arrived
	Retrying func(err error, delay time.Duration) // a request failed, and is sent again after the delay
}

// Connections are what the repositories of a run share: the connections themselves, which
// end with it, how many requests may be under way at once, and one login for each region
// and role.
type Connections struct {
	config             Config
	wire               *wire.Wire
	http               *http.Client
	uploads, questions chan struct{}

	mu     sync.Mutex
	logins map[signer]*login
}

// A signer is who logs in to ECR in a region.
type signer struct {
	region string
	role   role.Role
}

// Connect returns the connections for a run. Close ends them.
func Connect(config Config) *Connections {
	config.Jobs, config.Questions = max(1, config.Jobs), max(1, config.Questions)
	if config.Part == 0 {
		config.Part = partSize
	}
	if config.Keychain == nil {
		config.Keychain = authn.DefaultKeychain
	}
	c := &Connections{
		config: config, wire: wire.New(config.Stall), logins: make(map[signer]*login),
		uploads: make(chan struct{}, config.Jobs), questions: make(chan struct{}, config.Questions),
	}
	c.http = httpClient(c.wire, config.AWS.HTTPClient, config.Jobs+config.Questions, config.Hub)
	c.config.AWS = config.AWS.Copy()
	c.config.AWS.Logger = logging.Nop{} // what matters comes back as an error
	c.config.AWS.HTTPClient = c.http
	return c
}

// Close closes what is open. All requests must be over.
func (c *Connections) Close() { c.wire.Close() }

// A Repository is one store's client. It is safe for concurrent use. Where several images go
// to a store, one client sends what they share once.
type Repository struct {
	Store
	shared *Connections
	client *ecr.Client // nil where the registry is not ECR
	login  *login      // likewise
	door   *door
	told   Told

	mu      sync.Mutex
	flights map[string]*flight // uploads under way, by digest
}

// Repository returns the client of a store, which [Complete] must have found well formed.
// It makes no request.
func (c *Connections) Repository(store Store, told Told) (*Repository, error) {
	place, err := store.place()
	if err != nil {
		return nil, err
	}
	return c.repository(store, place, withTold(told)), nil
}

func (c *Connections) repository(store Store, place place, told Told) *Repository {
	r := &Repository{Store: store, shared: c, told: told, flights: make(map[string]*flight), door: &door{place: place, scope: "pull,push", turn: newTurn()}}
	if place.ecr {
		as := signer{place.region, store.Role}
		r.client = c.client(as, c.questions, told.Retrying)
		r.login = c.loginOf(as)
	}
	return r
}

// withTold fills in what nobody is told.
func withTold(told Told) Told {
	if told.Sent == nil {
		told.Sent = func(string, int64) {}
	}
	if told.Retrying == nil {
		told.Retrying = func(error, time.Duration) {}
	}
	return told
}

// client is the one of ECR's API in a region. Without slots its requests wait for nobody.
func (c *Connections) client(as signer, slots chan struct{}, tell func(error, time.Duration)) *ecr.Client {
	cfg := c.config.AWS.Copy()
	if as.role != (role.Role{}) {
		cfg.Credentials = c.config.Roles.Credentials(as.role, as.region)
	}
	return ecr.NewFromConfig(cfg, func(o *ecr.Options) {
		o.Region = as.region
		if c.config.API != "" {
			o.BaseEndpoint = aws.String(c.config.API)
		}
		o.Retryer = wire.NewRetryer(cfg, c.config.Backoff, tell)
		o.APIOptions = append(o.APIOptions, limited(slots), bounded)
	})
}

// loginOf is the login to a region's registries, of whichever account: the token is the
// signer's, and opens what that may open (ECR API reference, GetAuthorizationToken).
func (c *Connections) loginOf(as signer) *login {
	c.mu.Lock()
	defer c.mu.Unlock()
	l := c.logins[as]
	if l == nil {
		// Who logs in has a slot already, for a request that waits for the login.
		l = &login{client: c.client(as, nil, func(error, time.Duration) {}), region: as.region, turn: newTurn()}
		c.logins[as] = l
	}
	return l
}
