package registry

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// helperTimeout is how long the user's credential helper may take: it is a program, and
// may wait for somebody at a keyboard.
const helperTimeout = time.Minute

// A door is how one gets into a repository: it is opened by the first request that needs
// it, and then stays open.
type door struct {
	place place
	scope string // what one wants to do there, in a registry's words
	turn  turn
	way   *way // guarded by turn
}

// A way is an open door.
type way struct {
	host   string
	base   string // URL of what the protocol says of the repository
	client *http.Client
	forget func(header string) // has a login asked for anew that the registry does not take; nil where that is of no use
}

// enter returns the way to the repository's registry, logged in. Who opens the door tries
// as often as others try requests.
func (r *Repository) enter(ctx context.Context) (w *way, err error) {
	err = r.door.turn.take(ctx, func() error {
		for failures := 0; r.door.way == nil; {
			var err error
			if r.door.way, err = r.open(ctx); err == nil {
				break
			}
			if failures++; failures >= r.tries() || !passing(err) || ctx.Err() != nil {
				return &loginError{err}
			}
			if err := r.pause(ctx, failures, err); err != nil {
				return err
			}
		}
		w = r.door.way
		return nil
	})
	return w, err
}

func (r *Repository) open(ctx context.Context) (*way, error) {
	if r.door.place.ecr {
		return r.openECR(ctx, r.door.place)
	}
	ctx, cancel := context.WithTimeout(ctx, longest(0))
	defer cancel()
	return r.shared.openOther(ctx, r.door.place, r.door.scope)
}

// Address is the repository's, as it stands in a packaged template before @ and a digest.
// Where the store has a bare name, the registry of the caller's account is asked for,
// once.
func (r *Repository) Address(ctx context.Context) (string, error) {
	w, err := r.enter(ctx)
	if err != nil {
		return "", r.explain(loginAction, "logging in to the registry of", err)
	}
	return w.host + "/" + r.door.place.name, nil
}

// openECR finds out whose registry a bare name means. Each request logs in by itself.
func (r *Repository) openECR(ctx context.Context, at place) (*way, error) {
	if at.account == "" {
		p, err := r.login.get(ctx)
		if err != nil {
			return nil, err
		}
		at.account = p.account
	}
	w := &way{host: cmp.Or(at.host, ecrHostOf(at.account, at.region))}
	w.base = "https://" + w.host + "/v2/" + at.name
	w.client = &http.Client{CheckRedirect: fewRedirections, Transport: passTrip{
		RoundTripper: r.shared.http.Transport, scheme: "https", host: w.host,
		header: func(ctx context.Context) (string, error) {
			p, err := r.login.get(ctx)
			return "Basic " + p.basic, err
		},
	}}
	w.forget = func(header string) { r.login.forget(strings.TrimPrefix(header, "Basic ")) }
	return w, nil
}

// openOther asks a registry how it wants its users to log in, and does so with what the
// user's Docker configuration has for it.
func (c *Connections) openOther(ctx context.Context, at place, scope string) (*way, error) {
	registry, err := name.NewRegistry(at.host)
	if err != nil {
		return nil, err
	}
	auth, err := c.resolve(ctx, registry)
	if err != nil {
		return nil, &loginError{fmt.Errorf("the Docker configuration's credentials for %s: %w", at.host, err)}
	}
	inner := named{c.http.Transport}
	challenge, err := transport.Ping(ctx, registry, inner)
	if err != nil {
		return nil, plain(err)
	}
	header, err := headerOf(auth)
	if err != nil {
		return nil, &loginError{fmt.Errorf("the Docker configuration's credentials for %s: %w", at.host, err)}
	}
	w := &way{host: at.host}
	if strings.EqualFold(challenge.Scheme, "bearer") && !strings.HasPrefix(header, "Bearer ") {
		scopes := []string{"repository:" + at.name + ":" + scope}
		token, err := transport.Exchange(ctx, registry, auth, inner, scopes, challenge)
		if err != nil {
			return nil, plain(err)
		}
		header = "Bearer " + cmp.Or(token.AccessToken, token.Token)
		w.forget = func(string) {}
	}
	scheme := "https"
	if challenge.Insecure {
		scheme = "http"
	}
	w.base = scheme + "://" + at.host + "/v2/" + at.name
	w.client = &http.Client{CheckRedirect: fewRedirections, Transport: passTrip{
		RoundTripper: c.http.Transport, scheme: scheme, host: at.host, header: func(context.Context) (string, error) { return header, nil },
	}}
	return w, nil
}

// headerOf is what logs in with the credentials of a Docker configuration themselves, ""
// where there are none.
func headerOf(auth authn.Authenticator) (string, error) {
	of, err := auth.Authorization()
	switch {
	case err != nil:
		return "", err
	case of.RegistryToken != "":
		return "Bearer " + of.RegistryToken, nil
	case of.Username != "" && of.Password != "":
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(of.Username+":"+of.Password)), nil
	case of.Auth != "":
		return "Basic " + of.Auth, nil
	}
	return "", nil
}

// leave closes a door whose login the registry does not take. header is what it was shown.
func (r *Repository) leave(ctx context.Context, w *way, header string) error {
	w.forget(header)
	if r.client != nil {
		return nil // each request logs in by itself
	}
	if err := take(ctx, r.door.turn.slot); err != nil {
		return err
	}
	defer func() { <-r.door.turn.slot }()
	if r.door.way == w {
		r.door.way = nil
	}
	return nil
}

// resolve asks the user's Docker configuration, which may ask a program.
func (c *Connections) resolve(ctx context.Context, registry name.Registry) (authn.Authenticator, error) {
	ctx, cancel := context.WithTimeout(ctx, helperTimeout)
	defer cancel()
	type resolved struct {
		auth authn.Authenticator
		err  error
	}
	answer := make(chan resolved, 1)
	go func() {
		auth, err := authn.Resolve(ctx, c.config.Keychain, registry)
		answer <- resolved{auth, err}
	}()
	select {
	case a := <-answer:
		return a.auth, a.err
	case <-ctx.Done():
		return nil, &helperError{ctx.Err()}
	}
}

// A helperError is a program of the user's that keeps credentials, and does not give them.
type helperError struct{ err error }

func (e *helperError) Error() string { return "the program that keeps them does not answer" }

func (e *helperError) Unwrap() error { return e.err }

// A named transport says who asks.
type named struct{ http.RoundTripper }

// RoundTrip sends a request.
func (n named) RoundTrip(request *http.Request) (*http.Response, error) {
	if request.Header.Get("User-Agent") == "" {
		request.Header.Set("User-Agent", userAgent)
	}
	return n.RoundTripper.RoundTrip(request)
}

const userAgent = "mrpackage"

// A loginError is why nobody could be logged in. Who asked has tried often enough.
type loginError struct{ err error }

func (e *loginError) Error() string { return e.err.Error() }

func (e *loginError) Unwrap() error { return e.err }

// plain makes an answer of an error of go-containerregistry's that is one. What a server
// said in the place of a token may hold a secret.
func plain(err error) error {
	var answer *transport.Error
	if errors.As(err, &answer) {
		plain := &answerError{status: answer.StatusCode}
		if len(answer.Errors) > 0 {
			plain.code, plain.message = string(answer.Errors[0].Code), answer.Errors[0].Message
		}
		if answer.Request != nil {
			plain.message = scrub(plain.message, answer.Request.Header)
		}
		return plain
	}
	if strings.Contains(err.Error(), "no token in bearer response") {
		return &hollowError{lacks: "token"}
	}
	return err
}
