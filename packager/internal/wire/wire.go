// Package wire is what requests to S3 and to registries have in common: it opens the
// connections of a run, keeps short what the system has to send over them, cuts those on which
// nothing moves, and lets none outlive the run; and it decides which requests of the SDK are sent again.
package wire

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httptrace"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
)

const (
	// dialTimeout: a region that cannot be reached, as from a VPC whose gateway
	// endpoint serves its own region only, must not hang for long.
	dialTimeout = 5 * time.Second
	// defaultStall is how long a transfer may stand still before it is cut and
	// tried again; how long it takes as a whole does not matter.
	defaultStall = 30 * time.Second
)

// A Wire opens connections and remembers them, so that none, with its goroutines,
// outlives the run: the SDK gives no way to close idle ones. It is safe for concurrent
// use.
type Wire struct {
	dialer   net.Dialer
	stall    time.Duration
	requests atomic.Int64 // how many there have been
	mu       sync.Mutex
	open     map[*connection]bool
}

// New returns a wire on whose connections nothing may stand still for longer than stall; 0
// means 30 seconds.
func New(stall time.Duration) *Wire {
	if stall == 0 {
		stall = defaultStall
	}
	return &Wire{dialer: net.Dialer{Timeout: dialTimeout}, stall: stall, open: make(map[*connection]bool)}
}

// Stall is how long nothing may move.
func (w *Wire) Stall() time.Duration { return w.stall }

// A connection is cut when nothing moves on it for too long, neither way, while a request
// has it. What was written counts as moving for as long as the system still sends it: on a
// slow link, a body that is all in the system's hands takes minutes to leave.
//
// One that is idle is the transport's to close: cut here, it may have been given to a
// request in the same moment, which then fails although it has not waited at all.
type connection struct {
	net.Conn
	wire    *Wire
	moved   atomic.Int64 // when something last did, in nanoseconds
	times   atomic.Int64 // how many times the usual time is too long
	request atomic.Int64 // the number of the request that has it; 0 where it is idle
}

// RoundTripper sends requests over connections of the wire: as client does, but for
// what options change.
func (w *Wire) RoundTripper(client *awshttp.BuildableClient, options ...func(*http.Transport)) http.RoundTripper {
	options = append(options, func(h *http.Transport) { h.DialContext = w.dial })
	return trip{client.WithTransportOptions(options...).GetTransport(), w}
}

func (w *Wire) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := w.dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	keepQueueShort(conn)
	c := &connection{Conn: conn, wire: w}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.open[c] = true
	return c, nil
}

// A patienceKey is in a context how many times as long as usual a request may have to wait.
type patienceKey struct{}

// Patiently has the connection that a request gets wait so many times as long as usual.
func Patiently(ctx context.Context, times int64) context.Context {
	return context.WithValue(ctx, patienceKey{}, times)
}

// A trip tells a connection which request has it, and how long that may wait. Until then,
// the transport's own limits hold, as for the TLS handshake. A connection serves one
// request at a time; over HTTP/2 it serves several, and is never told that it is idle.
type trip struct {
	http.RoundTripper
	wire *Wire
}

// RoundTrip sends a request.
func (t trip) RoundTrip(request *http.Request) (*http.Response, error) {
	times, ok := request.Context().Value(patienceKey{}).(int64)
	if !ok {
		times = 1
	}
	number := t.wire.requests.Add(1)
	var mu sync.Mutex // the hooks run in the connection's goroutines
	var c *connection
	trace := &httptrace.ClientTrace{
		GotConn: func(info httptrace.GotConnInfo) {
			conn := info.Conn
			if secure, ok := conn.(interface{ NetConn() net.Conn }); ok {
				conn = secure.NetConn()
			}
			ours, ok := conn.(*connection)
			if !ok {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			c = ours
			c.moved.Store(time.Now().UnixNano())
			c.times.Store(times)
			c.request.Store(number)
		},
		PutIdleConn: func(error) {
			mu.Lock()
			defer mu.Unlock()
			if c != nil {
				c.request.CompareAndSwap(number, 0) // the next request may have it already
			}
		},
	}
	return t.RoundTripper.RoundTrip(request.WithContext(httptrace.WithClientTrace(request.Context(), trace)))
}

func (c *connection) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.moved.Store(time.Now().UnixNano())
	return n, err
}

// Read gives up when a request has the connection and nothing has moved for too long. The
// HTTP client always reads, also while it writes, and closes the connection then.
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
		queued = left
		if c.request.Load() == 0 {
			continue
		}
		if long := c.wire.stall * time.Duration(c.times.Load()); now.Sub(time.Unix(0, c.moved.Load())) >= long {
			return 0, fmt.Errorf("nothing moved for %s: %w", long, err)
		}
	}
}

// Close closes the connection; the wire forgets it.
func (c *connection) Close() error {
	c.wire.mu.Lock()
	delete(c.wire.open, c)
	c.wire.mu.Unlock()
	return c.Conn.Close()
}

// Close closes what is open still. All requests are over by then, so an error tells
// nothing.
func (w *Wire) Close() {
	w.mu.Lock()
	open := slices.Collect(maps.Keys(w.open))
	w.mu.Unlock()
	for _, c := range open {
		_ = c.Close()
	}
}
