package packager

import (
	"context"
	"maps"
	"net"
	"slices"
	"sync"
	"time"
)

// A dialer opens connections and remembers them, so that none, with its
// goroutines, outlives the run: the SDK gives no way to close idle ones.
type dialer struct {
	net.Dialer
	mu   sync.Mutex
	open map[*connection]bool
}

func newDialer() *dialer {
	// A region that cannot be reached, as from a VPC whose gateway endpoint
	// serves its own region only, must not hang for long.
	return &dialer{Dialer: net.Dialer{Timeout: 10 * time.Second}, open: make(map[*connection]bool)}
}

type connection struct {
	net.Conn
	dialer *dialer
}

func (d *dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := d.Dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	c := &connection{conn, d}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.open[c] = true
	return c, nil
}

// Close closes the connection; the dialer forgets it.
func (c *connection) Close() error {
	c.dialer.mu.Lock()
	delete(c.dialer.open, c)
	c.dialer.mu.Unlock()
	return c.Conn.Close()
}

// close closes what is open still. All requests are over by then, so an error
// tells nothing.
func (d *dialer) close() {
	d.mu.Lock()
	open := slices.Collect(maps.Keys(d.open))
	d.mu.Unlock()
	for _, c := range open {
		_ = c.Close()
	}
}
