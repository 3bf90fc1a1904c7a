package packager_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/symphoniacloud/multi-region-codepipeline/packager"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// A carrier passes bytes on; number counts the connections of a link.
type carrier func(ctx context.Context, number int64, to io.Writer, from io.Reader)

func atOnce(_ context.Context, _ int64, to io.Writer, from io.Reader) { _, _ = io.Copy(to, from) }

func byteByByte(_ context.Context, _ int64, to io.Writer, from io.Reader) {
	for {
		if _, err := io.CopyN(to, from, 1); err != nil {
			return
		}
		time.Sleep(50 * time.Microsecond)
	}
}

// stopping passes so many bytes on, and then no more of the first so many connections. The
// first questions, to a bucket and of an object, open two, and one alone may be left idle.
func stopping(after, connections int64) carrier {
	return func(ctx context.Context, number int64, to io.Writer, from io.Reader) {
		if number <= connections {
			// What the system takes in place of a reader is no progress.
			_ = from.(*net.TCPConn).SetReadBuffer(16 << 10)
			_, _ = io.CopyN(to, from, after)
			<-ctx.Done()
			return
		}
		_, _ = io.Copy(to, from)
	}
}

// link passes connections on to a server, up and down in a way of its own.
func link(t *testing.T, server string, up, down carrier) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var passing sync.WaitGroup
	ctx := t.Context()
	t.Cleanup(func() { // when the context has ended
		_ = listener.Close()
		passing.Wait()
	})
	passing.Go(func() {
		for number := int64(1); ; number++ {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			upstream, err := net.Dial("tcp", server)
			if err != nil {
				_ = client.Close()
				continue
			}
			context.AfterFunc(ctx, func() { _, _ = client.Close(), upstream.Close() })
			passing.Go(func() {
				down(ctx, number, client, upstream)
				_ = client.Close()
			})
			passing.Go(func() {
				up(ctx, number, upstream, client)
				_ = upstream.Close()
			})
		}
	})
	return listener.Addr().String()
}

// A server may read and answer as slowly as it likes, as long as something moves; where it
// stops in the middle of either, it is asked again, and not for ever.
func TestServerThatStops(t *testing.T) {
	const large = 3 << 20 // more than the system takes for a server that does not read
	tests := map[string]struct {
		up, down carrier
		size     int // of the archive
		retried  bool
		fails    bool
	}{
		"reads byte by byte":                   {byteByByte, atOnce, 100, false, false},
		"answers byte by byte":                 {atOnce, byteByByte, 100, false, false},
		"stops reading a head":                 {stopping(100, 2), atOnce, 100, true, false},
		"stops reading a body":                 {stopping(64<<10, 3), atOnce, large, true, false},
		"stops answering, in the status line":  {atOnce, stopping(5, 2), 100, true, false},
		"stops answering, in the headers":      {atOnce, stopping(60, 2), 100, true, false},
		"never reads a body to its end":        {stopping(64<<10, 1000), atOnce, large, true, true},
		"never answers more than some headers": {atOnce, stopping(60, 1000), 100, true, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			server, opts := store(t)
			t.Setenv("AWS_MAX_ATTEMPTS", "6") // more than there are connections that stop
			opts.Hurry(300 * time.Millisecond)
			if !tt.retried {
				opts.Hurry(time.Minute)
			}
			opts.Stores = opts.Stores[:1]
			opts.EndpointURL = "http://" + link(t, strings.TrimPrefix(server.URL(), "http://"), tt.up, tt.down)
			write(t, filepath.Dir(opts.TemplateFile), "src/noise.bin", string(noise(tt.size)))
			var cut atomic.Int64
			opts.Progress = func(e packager.Event) {
				if e.Kind == packager.Retrying {
					cut.Add(1)
				}
			}
			result, err := packager.Package(t.Context(), opts)
			var e *problem.Error
			switch {
			case tt.fails && (!errors.As(err, &e) || e.Subject != "us-east-1" || e.Hint == ""):
				t.Errorf("got %v", err)
			case !tt.fails && err != nil:
				t.Error(err)
			case !tt.fails:
				if o, ok := server.Object("east", result.Artifacts[0].Name); !ok || int64(len(o.Body)) != result.Stores[0].Objects[0].Size || !bytes.Contains(o.Body, []byte("noise.bin")) {
					t.Errorf("stored are %d bytes", len(o.Body))
				}
			}
			if (cut.Load() > 0) != tt.retried {
				t.Errorf("tried again %d times", cut.Load())
			}
		})
	}
}

// noise does not compress.
func noise(size int) []byte {
	all := make([]byte, size)
	for i, x := 0, uint64(88172645463325252); i < size; i++ {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		all[i] = byte(x >> 24)
	}
	return all
}
