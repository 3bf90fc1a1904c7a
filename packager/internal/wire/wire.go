// Package wire is what requests to S3 and to registries have in common: it opens the
// connections of a run, cuts those on which nothing moves, and lets none outlive the run;
// and it decides which requests of the SDK are sent again.
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
	dialer net.Dialer
	stall  time.Duration
	mu     sync.Mutex
	open   map[*connection]bool
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

// A connection is cut when nothing moves on it for too long, neither way. What was
// written counts as moving for as long as the system still sends it: on a slow link, a
// body that is all in the system's hands takes minutes to leave.
type connection struct {
	net.Conn
	wire  *Wire
	moved atomic.Int64 // when something last did, in nanoseconds
	times atomic.Int64 // how many times the usual time is too long
}

// DialContext opens a connection.
func (w *Wire) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := w.dialer.DialContext(ctx, network, address)
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

// Patiently has the connection that a request gets wait so many times as long as usual.
func Patiently(ctx context.Context, times int64) context.Context {
	return context.WithValue(ctx, patienceKey{}, times)
}

// A PatientTrip tells the connection that a request gets how long to wait. It serves no
// other request meanwhile.
type PatientTrip struct{ http.RoundTripper }

// RoundTrip sends a request.
func (t PatientTrip) RoundTrip(request *http.Request) (*http.Response, error) {
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
