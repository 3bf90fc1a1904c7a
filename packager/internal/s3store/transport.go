package s3store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

const (
	// maxRedirections is how often a request is redirected at most, and maxHeader what
	// the headers of an answer, and of the "100 Continue" before it, may hold: S3's have
	// some hundred bytes, and 2 KB of metadata.
	maxRedirections = 3
	maxHeader       = 64 << 10
)

// httpClient makes the configuration's HTTP client ours; one that is not the SDK's
// own keeps its connections.
func (c *Connections) httpClient(configured aws.HTTPClient, jobs, stores int) aws.HTTPClient {
	client, ok := configured.(*awshttp.BuildableClient)
	if configured == nil {
		client, ok = awshttp.NewBuildableClient(), true
	}
	if ok {
		// Not the SDK's client itself: it follows redirections without an end.
		configured = &http.Client{
			Timeout: client.GetTimeout(), CheckRedirect: fewRedirections,
			Transport: c.wire.RoundTripper(client, func(h *http.Transport) {
				h.MaxIdleConns, h.MaxIdleConnsPerHost = max(jobs, 4*stores), jobs // of all regions together, and of one
				h.MaxResponseHeaderBytes = maxHeader
			}),
		}
	}
	return httpClient{configured, c}
}

// fewRedirections follows the redirections that S3 makes, of status 307, a few times. One
// of status 301 or 302 says that the bucket is in another region, which the caller must
// know (S3 guide, "Request routing").
func fewRedirections(request *http.Request, before []*http.Request) error {
	switch request.Response.StatusCode {
	case http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
	default:
		return http.ErrUseLastResponse
	}
	if len(before) > maxRedirections {
		return &redirectedError{len(before), request.URL.Redacted()}
	}
	return nil
}

// A redirectedError is about redirections that lead nowhere.
type redirectedError struct {
	times int
	to    string
}

func (e *redirectedError) Error() string {
	return fmt.Sprintf("redirected %d times, the last time to %s", e.times, e.to)
}

type httpClient struct {
	aws.HTTPClient
	connections *Connections
}

// Do sends a request. It waits with the body until the server has said that it
// wants it, where the SDK asks so: net/http does that for HTTP/1.1 only, which
// the SDK does not say. A refusal then comes as an answer, and not as a
// connection that breaks while the body is sent.
func (c httpClient) Do(request *http.Request) (*http.Response, error) {
	request.Proto, request.ProtoMajor, request.ProtoMinor = "HTTP/1.1", 1, 1
	request, answered := c.connections.link.traced(request)
	sent := count(request)
	c.connections.precedence.body(request)
	response, err := c.HTTPClient.Do(request)
	if sent != nil && (err != nil || response.StatusCode >= http.StatusMultipleChoices) {
		sent.end(0)
	}
	if err != nil {
		return response, err
	}
	answered(response.StatusCode)
	if response.Body != nil {
		response.Body = &watched{ReadCloser: response.Body, stall: c.connections.wire.Stall()}
	}
	return response, nil
}

// limited lets as many requests be under way at once as there are slots, for
// those that upload a body, for those of them that yield, for copies, which may take minutes
// and must hold up nothing else, and for all others but the questions about a bucket, which
// are few and have not long to wait. One waits before it is signed: S3
// refuses signatures that are older than 15 minutes, and on a slow link parts wait
// longer than that. What yields waits here for as long as it has to: it has no connection yet
// that could be cut.
func (c *Connections) limited() func(*middleware.Stack) error {
	wait := middleware.FinalizeMiddlewareFunc("WaitForSlot", func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
		slots, needed := c.questions, yields(ctx)
		switch awsmiddleware.GetOperationName(ctx) {
		case "PutObject", "UploadPart":
			if slots = c.uploads; needed != nil {
				slots = c.yielding
			}
		case "CopyObject", "UploadPartCopy":
			slots = c.copies
		case "HeadBucket", "ListObjectsV2":
			return next.HandleFinalize(ctx, in)
		}
		select {
		case slots <- struct{}{}:
			defer func() { <-slots }()
		case <-ctx.Done():
			return middleware.FinalizeOutput{}, middleware.Metadata{}, ctx.Err()
		}
		if slots == c.yielding {
			c.precedence.wait(ctx, needed, nil)
		}
		return next.HandleFinalize(ctx, in)
	})
	return func(stack *middleware.Stack) error { return stack.Finalize.Insert(wait, "Retry", middleware.After) }
}

// bounded gives every try of a request a time, however much moves meanwhile: a server
// that always sends something does not stand still.
func bounded(longest time.Duration) func(*middleware.Stack) error {
	limit := middleware.FinalizeMiddlewareFunc("Bounded", func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
		operation := awsmiddleware.GetOperationName(ctx)
		long := longest + extra(operation, in.Request)
		late := &lateError{long}
		limited, cancel := context.WithCancelCause(ctx)
		timer := time.AfterFunc(long, func() { cancel(late) })
		out, metadata, err := next.HandleFinalize(limited, in)
		timer.Stop()
		if err != nil && ctx.Err() == nil && limited.Err() != nil {
			err = late
		}
		if err != nil || operation != "GetObject" { // whose body is read later, and watched
			cancel(nil)
		}
		return out, metadata, err
	})
	return func(stack *middleware.Stack) error {
		return stack.Finalize.Insert(limit, "WaitForSlot", middleware.After)
	}
}

// A lateError is about an answer that goes on for too long.
type lateError struct{ long time.Duration }

func (e *lateError) Error() string { return fmt.Sprintf("the answer did not end within %s", e.long) }

func (e *lateError) Unwrap() error { return context.DeadlineExceeded }

// extra is how much longer one try of an operation may take than others: as long as a body
// takes on a link of 4 kB/s, and what S3 itself needs for a copy.
func extra(operation string, request any) time.Duration {
	switch operation {
	case "PutObject", "UploadPart":
		if r, ok := request.(*smithyhttp.Request); ok && r.ContentLength > 0 {
			return time.Duration(r.ContentLength/4096) * time.Second
		}
	case "CopyObject", "UploadPartCopy", "CompleteMultipartUpload":
		return 14 * time.Minute // they take minutes (S3 API reference)
	}
	return 0
}

// A watched body of an answer is closed when nothing of it comes for too long.
type watched struct {
	io.ReadCloser
	stall time.Duration
}

func (w *watched) Read(p []byte) (int, error) {
	timer := time.AfterFunc(w.stall, func() { _ = w.Close() }) // which makes Read return
	n, err := w.ReadCloser.Read(p)
	if !timer.Stop() && err != nil && !errors.Is(err, io.EOF) {
		err = fmt.Errorf("no data for %s: %w", w.stall, err)
	}
	return n, err
}
