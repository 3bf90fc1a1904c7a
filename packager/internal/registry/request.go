package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/wire"
)

// maxAnswer is the largest manifest or configuration that is read: ECR takes manifests
// of 4 MiB.
const maxAnswer = 4 << 20

// An ask is a request of the registry's protocol.
type ask struct {
	method string
	path   string // below the repository's own, or a URL
	header map[string]string
	body   func() (io.Reader, error) // nil where there is none; called for each try
	size   int64                     // of the body
	want   []int                     // what is a success
	slow   bool                      // the registry may need minutes
}

// send makes a request of no body, or of one that is sent anew for each try, and reads
// the answer.
func (r *Repository) send(ctx context.Context, q ask) (*answer, error) {
	for failures := 0; ; {
		a, err := r.try(ctx, q)
		if errors.Is(err, ctx.Err()) { // also where there is neither
			return a, err
		}
		if ctx.Err() != nil {
			return a, errors.Join(err, ctx.Err())
		}
		if failures++; failures >= r.tries() || !passing(err) {
			return nil, err
		}
		if err := r.pause(ctx, failures, err); err != nil {
			return nil, err
		}
	}
}

// question is send with one of the slots for questions.
func (r *Repository) question(ctx context.Context, q ask) (*answer, error) {
	if err := take(ctx, r.shared.questions); err != nil {
		return nil, err
	}
	defer func() { <-r.shared.questions }()
	return r.send(ctx, q)
}

// try makes a request once, in a time that its size bounds, and reads the answer.
func (r *Repository) try(ctx context.Context, q ask) (*answer, error) {
	long := longest(q.size)
	if q.slow {
		long, ctx = 15*time.Minute, wire.Patiently(ctx, patience)
	}
	ctx, cancel := context.WithTimeout(ctx, long)
	defer cancel()
	response, err := r.request(ctx, q)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close() // it was read, or is of no use
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading the answer: %w", err)
	case len(body) > maxAnswer:
		return nil, &falseError{fmt.Sprintf("the answer has more than %d bytes", maxAnswer)}
	}
	return &answer{response.StatusCode, response.Header, body, response.Request}, nil
}

// longest is how long one try may take: a minute, and for a body what a link of 4 kB/s
// takes.
func longest(size int64) time.Duration {
	return time.Minute + time.Duration(size/4096)*time.Second
}

// request makes a request once, or where the token is no longer taken, twice. The answer
// is one of those that are wanted; its body is the caller's to close.
func (r *Repository) request(ctx context.Context, q ask) (*http.Response, error) {
	for again := true; ; again = false {
		w, err := r.enter(ctx)
		if err != nil {
			return nil, err
		}
		response, err := r.once(ctx, w, q)
		if err != nil {
			return nil, err
		}
		if slices.Contains(q.want, response.StatusCode) {
			return response, nil
		}
		e := errorOf(response)
		_ = response.Body.Close() // what it says is read
		if !expired(e) || w.forget == nil || !again {
			return nil, e
		}
		if err := r.leave(ctx, w, response.Request.Header.Get("Authorization")); err != nil {
			return nil, err
		}
	}
}

// expired tells whether a login is no longer taken: of a token that was good once, ECR says
// so as of something that is denied.
func expired(e *answerError) bool {
	return e.status == http.StatusUnauthorized || strings.Contains(strings.ToLower(e.message), "authorization token has expired")
}

func (r *Repository) once(ctx context.Context, w *way, q ask) (*http.Response, error) {
	to := q.path
	if !strings.Contains(to, "://") {
		to = w.base + to
	}
	var body io.Reader
	if q.body != nil {
		var err error
		if body, err = q.body(); err != nil {
			return nil, err
		}
	}
	request, err := http.NewRequestWithContext(ctx, q.method, to, body)
	if err != nil {
		return nil, &falseError{"the registry names an address that is none"}
	}
	request.ContentLength = q.size
	if q.size == 0 {
		request.Body = http.NoBody
	}
	request.Header.Set("User-Agent", userAgent)
	for name, value := range q.header {
		request.Header.Set(name, value)
	}
	response, err := w.client.Do(request)
	if err == nil {
		return response, nil
	}
	// What net/http says names the whole URL, of which a part may be a secret.
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	return nil, plain(err)
}

// location is where an answer leads. It must stay in TLS, and with ECR on the same host;
// other registries may take layers elsewhere, where nobody logs in.
func (r *Repository) location(a *answer) (string, error) {
	to := a.header.Get("Location")
	if to == "" {
		return "", &hollowError{lacks: "Location"}
	}
	u, err := a.asked.URL.Parse(to)
	if err != nil {
		return "", &falseError{"the answer's Location is no address"}
	}
	if u.Host == a.asked.URL.Host {
		u.Scheme = a.asked.URL.Scheme // behind a proxy that does TLS, a registry may not know better
	}
	if u.Scheme != a.asked.URL.Scheme || u.Host == "" || r.client != nil && u.Host != a.asked.URL.Host {
		return "", &falseError{"the answer leads to " + bare(u)}
	}
	return u.String(), nil
}

// digested tells whether an answer names the digest of what was sent or asked for.
func (a *answer) digested(want string) error {
	switch got := a.header.Get("Docker-Content-Digest"); got {
	case want:
		return nil
	case "":
		return &hollowError{lacks: "Docker-Content-Digest"}
	default:
		return &falseError{fmt.Sprintf("the registry answers with the digest %s, and %s was asked for", short(got), want)}
	}
}

// short is a stranger's text, not too long.
func short(text string) string {
	if len(text) > 100 {
		return strings.ToValidUTF8(text[:100], "") + "…"
	}
	return text
}
