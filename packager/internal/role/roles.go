package role

import (
	"cmp"
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go/logging"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/wire"
)

const (
	// patience is how long STS may take, tries included: where it cannot be reached, the
	// SDK would wait for minutes, and for a silent one for ever.
	patience = 15 * time.Second
	// early is how long before they expire credentials are renewed, at most: a request may
	// be on its way for a while before AWS looks at its signature.
	early = 5 * time.Minute
	// again is when a renewal is tried again that failed, as long as the old credentials are good.
	again = 30 * time.Second
)

// A Config says how roles are assumed.
type Config struct {
	AWS      aws.Config // whose credentials are the caller's
	Retrying func(region string, err error, delay time.Duration)

	// For tests; 0 means the defaults.
	Patience time.Duration // how long STS may take
	Backoff  time.Duration // how long a retry waits at most
}

// Roles are those of a run. Each is assumed once in each region, by whoever needs it
// first, and renewed. They are safe for concurrent use.
type Roles struct {
	config Config
	wire   *wire.Wire
	life   context.Context //nolint:containedctx // the SDK's cache asks with a context that does not end
	end    context.CancelFunc

	mu       sync.Mutex
	sessions map[place]*session

	asking sync.Mutex // for the caller
	caller string     // ARN; "" where nobody has asked
}

// A place is where a role is assumed.
type place struct {
	role   Role
	region string
}

// Open returns the roles of a run, none of them assumed. Close ends them.
func Open(config Config) *Roles {
	config.Patience = cmp.Or(config.Patience, patience)
	if config.Retrying == nil {
		config.Retrying = func(string, error, time.Duration) {}
	}
	r := &Roles{config: config, wire: wire.New(0), sessions: make(map[place]*session)}
	r.life, r.end = context.WithCancel(context.Background())
	r.config.AWS = config.AWS.Copy()
	r.config.AWS.Logger = logging.Nop{} // what matters comes back as an error
	r.config.AWS.HTTPClient = r.httpClient(config.AWS.HTTPClient)
	return r
}

// Close ends what is under way, and closes what is open.
func (r *Roles) Close() {
	r.end()
	r.wire.Close()
}

// httpClient makes the configuration's HTTP client ours; one that is not the SDK's own
// keeps its connections.
func (r *Roles) httpClient(configured aws.HTTPClient) aws.HTTPClient {
	client, ok := configured.(*awshttp.BuildableClient)
	if configured == nil {
		client, ok = awshttp.NewBuildableClient(), true
	}
	if !ok {
		return configured
	}
	return &http.Client{
		Timeout: client.GetTimeout(), Transport: r.wire.RoundTripper(client),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // STS makes none
	}
}

// client is that of a region's STS, which signs as the caller. The global endpoint's
// sessions do not work in regions that an account opts in to.
func (r *Roles) client(region string) *sts.Client {
	return sts.NewFromConfig(r.config.AWS, func(o *sts.Options) {
		o.Region = region
		o.Retryer = wire.NewRetryer(r.config.AWS, r.config.Backoff, func(err error, delay time.Duration) { r.config.Retrying(region, err, delay) })
	})
}

// Credentials are what requests in a region are signed with for a role; without one, the
// caller's. They make no request before the first one is signed.
func (r *Roles) Credentials(role Role, region string) aws.CredentialsProvider {
	if role == (Role{}) {
		return r.config.AWS.Credentials
	}
	return r.session(role, region).cache
}

// Assume assumes a role in a region, unless that has been done.
func (r *Roles) Assume(ctx context.Context, role Role, region string) error {
	if role == (Role{}) {
		return nil
	}
	_, err := r.session(role, region).cache.Retrieve(ctx)
	return err
}

func (r *Roles) session(role Role, region string) *session {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.sessions[place{role, region}]
	if s == nil {
		s = &session{roles: r, role: role, region: region, client: r.client(region)}
		s.cache = aws.NewCredentialsCache(s)
		r.sessions[place{role, region}] = s
	}
	return s
}

// A session is a role that is assumed in a region. Its cache asks it for credentials, one
// at a time.
type session struct {
	roles  *Roles
	role   Role
	region string
	client *sts.Client
	cache  *aws.CredentialsCache

	mu     sync.Mutex
	last   aws.Credentials // with the time when they expire
	failed error           // why there are none, once and for all: all that wait would ask again
}

// Retrieve assumes the role. The time that the credentials are said to expire is when they
// are to be renewed.
func (s *session) Retrieve(ctx context.Context) (aws.Credentials, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed != nil {
		return aws.Credentials{}, s.failed
	}
	limited, cancel := context.WithTimeout(ctx, s.roles.config.Patience)
	defer cancel()
	defer context.AfterFunc(s.roles.life, cancel)()
	fresh, err := s.assume(limited)
	switch {
	case err == nil:
		s.last = fresh
		return renewedEarly(fresh), nil
	case s.roles.life.Err() != nil:
		return aws.Credentials{}, s.roles.life.Err()
	case time.Until(s.last.Expires) > 0:
		old := s.last
		if soon := time.Now().Add(again); soon.Before(old.Expires) {
			old.Expires = soon
		}
		return old, nil
	}
	s.failed = s.explain(ctx, err, limited.Err() != nil)
	return aws.Credentials{}, s.failed
}

func (s *session) assume(ctx context.Context) (aws.Credentials, error) {
	out, err := s.client.AssumeRole(ctx, s.role.input())
	if err != nil {
		return aws.Credentials{}, err
	}
	c := out.Credentials
	if c == nil || aws.ToString(c.AccessKeyId) == "" || aws.ToString(c.SecretAccessKey) == "" || aws.ToString(c.SessionToken) == "" {
		return aws.Credentials{}, errHollow{}
	}
	fresh := aws.Credentials{
		AccessKeyID: *c.AccessKeyId, SecretAccessKey: *c.SecretAccessKey, SessionToken: *c.SessionToken,
		Source: "AssumeRole", CanExpire: true, Expires: aws.ToTime(c.Expiration), AccountID: s.role.Account(),
	}
	// Where this machine's clock is wrong, they may seem to have expired at once.
	if time.Until(fresh.Expires) <= 0 {
		fresh.Expires = time.Now().Add(time.Duration(cmp.Or(s.role.options().DurationSeconds, 3600)) * time.Second)
	}
	return fresh, nil
}

// renewedEarly are credentials that are taken to expire some time before they do, in
// proportion to their life.
func renewedEarly(c aws.Credentials) aws.Credentials {
	c.Expires = c.Expires.Add(-min(early, time.Until(c.Expires)/10))
	return c
}

// An errHollow is an answer of success without what it should hold.
type errHollow struct{}

func (errHollow) Error() string { return "the answer holds no credentials" }

// callerARN is who the caller is, as AWS knows it; "" where that cannot be found out.
func (r *Roles) callerARN(ctx context.Context, client *sts.Client) string {
	r.asking.Lock()
	defer r.asking.Unlock()
	if r.caller == "" {
		limited, cancel := context.WithTimeout(ctx, r.config.Patience)
		defer cancel()
		defer context.AfterFunc(r.life, cancel)()
		if out, err := client.GetCallerIdentity(limited, &sts.GetCallerIdentityInput{}); err == nil {
			r.caller = aws.ToString(out.Arn)
		}
	}
	return r.caller
}
