package registry

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go/middleware"
)

const (
	// dialTimeout: a region that cannot be reached must not hang for long.
	dialTimeout = 5 * time.Second
	// defaultStall is how long a transfer may stand still before it is cut and
	// tried again; how long it takes as a whole does not matter.
	defaultStall = 30 * time.Second
	// patience is how many times as long a registry may be silent while it puts a
	// layer together.
	patience = 10
	// maxRedirections is how often a request is redirected at most, and maxHeader what
	// the headers of an answer may hold.
	maxRedirections = 3
	maxHeader       = 64 << 10
)

// A wire opens connections and remembers them, so that none, with its goroutines,
// outlives the run.
type wire struct {
	net.Dialer
	stall time.Duration
	mu    sync.Mutex
	open  map[*connection]bool
}

func newWire(stall time.Duration) *wire {
	if stall == 0 {
		stall = defaultStall
	}
	return &wire{Dialer: net.Dialer{Timeout: dialTimeout}, stall: stall, open: make(map[*connection]bool)}
}

// client makes the configuration's HTTP client ours: with it come the certificates of
// AWS_CA_BUNDLE. One that is not the SDK's own keeps its connections.
func (w *wire) client(configured aws.HTTPClient, slots int, hub string) *http.Client {
	var trips http.RoundTripper
	if own, ok := configured.(*http.Client); ok && own.Transport != nil {
		trips = own.Transport
	} else {
		client, ok := configured.(*awshttp.BuildableClient)
		if !ok {
			client = awshttp.NewBuildableClient()
		}
		trips = client.WithTransportOptions(func(h *http.Transport) {
			h.DialContext = w.DialContext
			h.MaxIdleConns, h.MaxIdleConnsPerHost = 0, slots
			h.MaxResponseHeaderBytes = maxHeader
			// One connection for each transfer: over HTTP/2 they would share one.
			h.Protocols = new(http.Protocols)
			h.Protocols.SetHTTP1(true)
		}).GetTransport()
	}
	trips = patientTrip{trips}
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

// A connection is cut when nothing moves on it for too long, neither way. What was
// written counts as moving for as long as the system still sends it: on a slow link, a
// body that is all in the system's hands takes minutes to leave.
type connection struct {
	net.Conn
	wire  *wire
	moved atomic.Int64 // when something last did, in nanoseconds
	times atomic.Int64 // how many times the usual time is too long
}

// DialContext opens a connection.
func (w *wire) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := w.Dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	c := &connection{Conn: conn, wire: w}
	c.moved.Store(time.Now().UnixNano())
	c.times.Store(1)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.open[c] = true
	return c, nil
}

// A patienceKey is in a context how many times as long as usual a request may have to wait.
type patienceKey struct{}

// patiently has the connection that a request gets wait so many times as long as usual.
func patiently(ctx context.Context, times int64) context.Context {
	return context.WithValue(ctx, patienceKey{}, times)
}

// A patientTrip tells the connection that a request gets how long to wait. It serves no
// other request meanwhile.
type patientTrip struct{ http.RoundTripper }

// RoundTrip sends a request.
func (t patientTrip) RoundTrip(request *http.Request) (*http.Response, error) {
	times, ok := request.Context().Value(patienceKey{}).(int64)
	if !ok {
		times = 1
	}
	return t.RoundTripper.RoundTrip(request.WithContext(httptrace.WithClientTrace(request.Context(), &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) {
		conn := info.Conn
		if secure, ok := conn.(interface{ NetConn() net.Conn }); ok {
			conn = secure.NetConn()
		}
		if c, ok := conn.(*connection); ok {
			c.moved.Store(time.Now().UnixNano())
			c.times.Store(times)
		}
	}})))
}

func (c *connection) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.moved.Store(time.Now().UnixNano())
	return n, err
}

// Read gives up when nothing has moved for too long. The HTTP client always reads, also
// while it writes, and closes the connection then.
func (c *connection) Read(p []byte) (int, error) {
	queued := unsent(c.Conn)
	c.moved.Store(time.Now().UnixNano()) // nobody has waited before
	for {
		if err := c.SetReadDeadline(time.Now().Add(c.wire.stall / 8)); err != nil {
			return 0, err
		}
		n, err := c.Conn.Read(p)
		now := time.Now()
		left := unsent(c.Conn)
		if n > 0 || left != queued {
			c.moved.Store(now.UnixNano())
		}
		if n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			return n, err
		}
		if long := c.wire.stall * time.Duration(c.times.Load()); now.Sub(time.Unix(0, c.moved.Load())) >= long {
			return 0, fmt.Errorf("nothing moved for %s: %w", long, err)
		}
		queued = left
	}
}

// Close closes the connection; the wire forgets it.
func (c *connection) Close() error {
	c.wire.mu.Lock()
	delete(c.wire.open, c)
	c.wire.mu.Unlock()
	return c.Conn.Close()
}

// close closes what is open still. All requests are over by then, so an error tells
// nothing.
func (w *wire) close() {
	w.mu.Lock()
	open := slices.Collect(maps.Keys(w.open))
	w.mu.Unlock()
	for _, c := range open {
		_ = c.Close()
	}
}
