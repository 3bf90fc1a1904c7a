package registry

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go/middleware"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/wire"
)

const (
	// patience is how many times as long a registry may be silent while it puts a
	// layer together.
	patience = 10
	// maxRedirections is how often a request is redirected at most, and maxHeader what
	// the headers of an answer may hold.
	maxRedirections = 3
	maxHeader       = 64 << 10
)

// httpClient makes the configuration's HTTP client ours: with it come the certificates of
// AWS_CA_BUNDLE. One that is not the SDK's own keeps its connections.
func httpClient(w *wire.Wire, configured aws.HTTPClient, slots int, hub string) *http.Client {
	var trips http.RoundTripper
	if own, ok := configured.(*http.Client); ok && own.Transport != nil {
		trips = own.Transport
	} else {
		client, ok := configured.(*awshttp.BuildableClient)
		if !ok {
			client = awshttp.NewBuildableClient()
		}
		trips = w.RoundTripper(client, func(h *http.Transport) {
			h.MaxIdleConns, h.MaxIdleConnsPerHost = 0, slots
			h.MaxResponseHeaderBytes = maxHeader
			// One connection for each transfer: over HTTP/2 they would share one.
			h.Protocols = new(http.Protocols)
			h.Protocols.SetHTTP1(true)
		})
	}
	if to, err := url.Parse(hub); hub != "" && err == nil {
		trips = detour{trips, to}
	}
	return &http.Client{Transport: trips, CheckRedirect: fewRedirections}
}

// fewRedirections follows a few redirections, none of which leaves TLS.
func fewRedirections(request *http.Request, before []*http.Request) error {
	if len(before) > maxRedirections {
		return &redirectError{fmt.Sprintf("redirected %d times, the last time to %s", len(before), bare(request.URL))}
	}
	if before[len(before)-1].URL.Scheme == "https" && request.URL.Scheme != "https" {
		return &redirectError{"redirected from TLS to " + bare(request.URL)}
	}
	return nil
}

// A redirectError is a redirection that is not followed.
type redirectError struct{ how string }

func (e *redirectError) Error() string { return e.how }

// bare is a URL without what may be a secret in it.
func bare(u *url.URL) string { return u.Scheme + "://" + u.Host + u.Path }

// A detour sends what is for ECR's registries to another server.
type detour struct {
	http.RoundTripper
	to *url.URL
}

// RoundTrip sends a request.
func (d detour) RoundTrip(request *http.Request) (*http.Response, error) {
	if ecrHost(request.URL.Host) == nil {
		return d.RoundTripper.RoundTrip(request)
	}
	turned := request.Clone(request.Context())
	turned.Host = request.URL.Host
	turned.URL.Scheme, turned.URL.Host = d.to.Scheme, d.to.Host
	response, err := d.RoundTripper.RoundTrip(turned)
	if response != nil {
		response.Request = request
	}
	return response, err
}

// limited lets as many requests of ECR's API be under way at once as there are slots; nil
// is no limit.
func limited(slots chan struct{}) func(*middleware.Stack) error {
	wait := middleware.FinalizeMiddlewareFunc("WaitForSlot", func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
		if slots != nil {
			if err := take(ctx, slots); err != nil {
				return middleware.FinalizeOutput{}, middleware.Metadata{}, err
			}
			defer func() { <-slots }()
		}
		return next.HandleFinalize(ctx, in)
	})
	return func(stack *middleware.Stack) error { return stack.Finalize.Insert(wait, "Retry", middleware.After) }
}

// take waits for a slot.
func take(ctx context.Context, slots chan struct{}) error {
	select {
	case slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// bounded gives every try of a request of ECR's API a minute.
func bounded(stack *middleware.Stack) error {
	limit := middleware.FinalizeMiddlewareFunc("Bounded", func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
		ctx, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		return next.HandleFinalize(ctx, in)
	})
	return stack.Finalize.Insert(limit, "WaitForSlot", middleware.After)
}
