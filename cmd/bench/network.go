package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// A network stands between the sink and its clients, where loopback would hide
// what most of a real run's time is: ways to other regions and back, and a link
// that all share. The zero value is loopback.
type network struct {
	roundTrip time.Duration
	link      *link
}

// What S3 takes for a copy to another region, besides the round trip: a guess on
// the slow side, which README.md names.
const (
	copyLatency = 300 * time.Millisecond
	copyRate    = 50e6 // bytes a second
)

func newNetwork(roundTrip time.Duration, megabytes float64) network {
	n := network{roundTrip: roundTrip}
	if megabytes > 0 {
		n.link = &link{rate: megabytes * 1e6}
	}
	return n
}

// connectionKey finds the *connection of a request's context.
type connectionKey struct{}

type connection struct{ used atomic.Bool }

func withConnection(ctx context.Context, _ net.Conn) context.Context {
	return context.WithValue(ctx, connectionKey{}, &connection{})
}

// roundTrips waits as long as a request's way takes: two round trips more where
// its connection is new, for TCP and TLS 1.3, and one where the client waits for
// leave to send the body.
func (n network) roundTrips(r *http.Request) {
	ways := time.Duration(1)
	if c, ok := r.Context().Value(connectionKey{}).(*connection); ok && !c.used.Swap(true) {
		ways += 2
	}
	if r.Header.Get("Expect") != "" {
		ways++
	}
	time.Sleep(ways * n.roundTrip)
}

// copied waits as long as S3 copies.
func (n network) copied(size int64) {
	if n.roundTrip > 0 {
		time.Sleep(copyLatency + time.Duration(float64(size)/copyRate*float64(time.Second)))
	}
}

// body lets a request's body through as fast as the link does.
func (n network) body(r io.Reader) io.Reader {
	if n.link == nil {
		return r
	}
	return throttled{r, n.link}
}

// A link carries one byte after the other, whoever sends.
type link struct {
	rate float64 // bytes a second
	mu   sync.Mutex
	free time.Time // when all is through that came so far
}

// burst is how much of its time a link may be behind: a sleep takes longer than
// it was meant to.
const burst = 5 * time.Millisecond

type throttled struct {
	io.Reader
	link *link
}

func (t throttled) Read(p []byte) (int, error) {
	n, err := t.Reader.Read(p)
	t.link.mu.Lock()
	if earliest := time.Now().Add(-burst); t.link.free.Before(earliest) {
		t.link.free = earliest
	}
	t.link.free = t.link.free.Add(time.Duration(float64(n) / t.link.rate * float64(time.Second)))
	free := t.link.free
	t.link.mu.Unlock()
	if wait := time.Until(free); wait > burst {
		time.Sleep(wait)
	}
	return n, err
}
