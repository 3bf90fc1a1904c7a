//go:build linux || darwin

package wire

import (
	"errors"
	"net"
	"os"
	"testing"
	"time"
)

// The system takes little more than what fits between here and there, and not the megabytes
// that it takes of a connection to this machine otherwise.
func TestShortQueue(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	w := New(0)
	defer w.Close()
	conn, err := w.dial(t.Context(), "tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	peer, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close() // it reads nothing
	if err := peer.(*net.TCPConn).SetReadBuffer(16 << 10); err != nil {
		t.Fatal(err)
	}
	if err := conn.SetWriteDeadline(time.Now().Add(300 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	taken := 0
	for piece := make([]byte, 32<<10); err == nil; {
		var n int
		n, err = conn.Write(piece)
		taken += n
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) || taken > 1<<20 {
		t.Errorf("%d bytes are taken, and then: %v", taken, err)
	}
}
