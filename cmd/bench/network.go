package main

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// A network stands between the sink and its clients, where loopback would hide
// what most of a real run's time is: ways to other regions and back, a link
// that all share, and what S3 takes for a copy. The zero value is loopback.
type network struct {
	roundTrip time.Duration
	link      *link
	copies    copyCost
}

// A copyCost is what S3 takes for a copy to another region, besides the round trip. It can
// only be guessed; README.md names the guess.
type copyCost struct {
	latency time.Duration
	perMB   time.Duration
}

func (c copyCost) of(size int64) time.Duration {
	return c.latency + time.Duration(float64(size)/1e6*float64(c.perMB))
}

func newNetwork(roundTrip time.Duration, megabytes float64, copies copyCost) network {
	n := network{roundTrip: roundTrip, copies: copies}
	if megabytes > 0 {
		n.link = &link{rate: megabytes * 1e6}
	}
	return n
}

// handshake waits as long as it takes to open a connection: one way there and back for TCP
// and one for TLS 1.3. The client is kept waiting by its handshake, as it is in life.
func (n network) handshake(*tls.ClientHelloInfo) (*tls.Config, error) {
	time.Sleep(2 * n.roundTrip)
	return nil, nil //nolint:nilnil // the server's own configuration holds
}

// mostReceived is what the system takes of a connection in the place of a reader. Over loopback
// it takes megabytes, of which no network holds as many for each of some dozens of connections.
const mostReceived = 256 << 10

// limitBuffer has the system take no more of a connection that begins.
func (n network) limitBuffer(conn net.Conn, state http.ConnState) {
	if n.link == nil || state != http.StateNew {
		return
	}
	if secure, ok := conn.(interface{ NetConn() net.Conn }); ok {
		conn = secure.NetConn()
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetReadBuffer(mostReceived) // as usual where it fails
	}
}

// receive takes in a request's body as fast as the link carries it, and waits as long as
// the request's way there and back takes, and the client's question whether the body is
// wanted before that.
func (n network) receive(r *http.Request) (int64, error) {
	if r.Header.Get("Expect") != "" {
		time.Sleep(n.roundTrip) // the first read says that it is
	}
	received, err := io.Copy(io.Discard, n.body(r.Body))
	time.Sleep(n.roundTrip)
	return received, err
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
