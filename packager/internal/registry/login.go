package registry

import (
	"context"
	"encoding/base64"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
)

// A login is the caller's to ECR's registries in one region. Its token is asked for when
// it is needed, kept for nine tenths of its life, and then asked for anew.
type login struct {
	client *ecr.Client
	region string
	turn   turn

	mu   sync.Mutex
	pass pass
}

// A pass is what opens the registries. It is a secret: it goes into one header.
type pass struct {
	basic   string // user and password in base64
	account string // the caller's, which the registry is of that a bare name means
	until   time.Time
}

// get is the token, asked for where there is none that is good.
func (l *login) get(ctx context.Context) (p pass, err error) {
	err = l.turn.take(ctx, func() error {
		if p = l.known(); p.basic != "" && time.Now().Before(p.until) {
			return nil
		}
		out, err := l.client.GetAuthorizationToken(ctx, &ecr.GetAuthorizationTokenInput{})
		if err != nil {
			return &loginError{err}
		}
		if p, err = passOf(out, l.region); err != nil {
			return &loginError{err}
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		l.pass = p
		return nil
	})
	return p, err
}

// A turn has one ask what all wait for. Who waited while somebody asked in vain gets the
// same error, and does not ask again, for as long.
type turn struct {
	slot   chan struct{}
	err    error     // of the last one; guarded by slot, as what follows
	failed time.Time // when it came
}

func newTurn() turn { return turn{slot: make(chan struct{}, 1)} }

func (t *turn) take(ctx context.Context, do func() error) error {
	came := time.Now()
	if err := take(ctx, t.slot); err != nil {
		return err
	}
	defer func() { <-t.slot }()
	if t.err != nil && t.failed.After(came) {
		return t.err
	}
	err := do()
	t.err = nil
	if ctx.Err() == nil {
		t.err, t.failed = err, time.Now()
	}
	return err
}

func (l *login) known() pass {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.pass
}

// forget has a token asked for anew that the registry does not take, unless that has
// happened already.
func (l *login) forget(basic string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.pass.basic == basic {
		l.pass.basic = ""
	}
}

// passOf reads the answer of GetAuthorizationToken.
func passOf(out *ecr.GetAuthorizationTokenOutput, region string) (pass, error) {
	if len(out.AuthorizationData) == 0 {
		return pass{}, &hollowError{lacks: "token"}
	}
	data := out.AuthorizationData[0]
	basic := aws.ToString(data.AuthorizationToken)
	decoded, err := base64.StdEncoding.DecodeString(basic)
	if user, password, _ := strings.Cut(string(decoded), ":"); err != nil || user == "" || password == "" {
		return pass{}, &hollowError{lacks: "token that is one"}
	}
	m := regexp.MustCompile(`^https://([0-9]{12}\.dkr\.ecr[a-z0-9.-]*)/?$`).FindStringSubmatch(aws.ToString(data.ProxyEndpoint))
	if m == nil {
		return pass{}, &hollowError{lacks: "address of a registry"}
	}
	at := ecrHost(m[1])
	if at == nil || at.region != region {
		return pass{}, &hollowError{lacks: "address of a registry in " + region}
	}
	// Where this machine's clock is wrong, a token may seem to be out of date at once.
	life := time.Hour
	if data.ExpiresAt != nil && time.Until(*data.ExpiresAt) > 0 {
		life = time.Until(*data.ExpiresAt)
	}
	return pass{basic: basic, account: at.account, until: time.Now().Add(life * 9 / 10)}, nil
}

// A passTrip is a transport that shows a pass to one host, over one scheme, and to nobody
// else: not where a redirection leads.
type passTrip struct {
	http.RoundTripper
	scheme, host string
	header       func(context.Context) (string, error) // "" where nobody need log in
}

// RoundTrip sends a request.
func (t passTrip) RoundTrip(request *http.Request) (*http.Response, error) {
	own := request.Clone(request.Context())
	if own.URL.Host == t.host && own.URL.Scheme == t.scheme {
		header, err := t.header(own.Context())
		if err != nil {
			if own.Body != nil {
				_ = own.Body.Close() // which a transport must
			}
			return nil, err
		}
		if header != "" {
			own.Header.Set("Authorization", header)
		}
	}
	response, err := t.RoundTripper.RoundTrip(own)
	if response != nil {
		response.Request = own
	}
	return response, err
}
