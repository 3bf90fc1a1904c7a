package wire_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strings"
	"testing"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"go.uber.org/goleak"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/wire"
)

const stall = 100 * time.Millisecond

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start returns a server, which is silent under /silent and stops in mid-answer under /half, and
// what asks it, with whether the request had a connection of an earlier one, at first: one that
// such a connection did not answer is sent once more over a new one, by net/http itself.
func start(t *testing.T) func(ctx context.Context, path string) (reused bool, err error) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/half" {
			w.Header().Set("Content-Length", "2")
			_, _ = io.WriteString(w, "h") // the client may be gone
			_ = http.NewResponseController(w).Flush()
		}
		if r.URL.Path != "/" {
			select {
			case <-r.Context().Done():
			case <-time.After(20 * stall):
			}
		}
	}))
	t.Cleanup(server.Close)
	w := wire.New(stall)
	t.Cleanup(w.Close)
	client := &http.Client{Transport: w.RoundTripper(awshttp.NewBuildableClient())}
	return func(ctx context.Context, path string) (reused bool, err error) {
		ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) { reused = reused || info.Reused }})
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := client.Do(request)
		if err != nil {
			return reused, err
		}
		defer response.Body.Close()
		_, err = io.Copy(io.Discard, response.Body)
		return reused, err
	}
}

// A connection is not cut for being idle: a request may be given it in that moment.
func TestIdleIsNotCut(t *testing.T) {
	ask := start(t)
	if _, err := ask(t.Context(), "/"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		time.Sleep(3 * stall)
		if reused, err := ask(t.Context(), "/"); err != nil || !reused {
			t.Fatalf("reused: %v, %v", reused, err)
		}
	}
}

// A connection on which a request waits is cut, also when it was idle before.
func TestWaitingIsCut(t *testing.T) {
	for _, path := range []string{"/silent", "/half"} {
		t.Run(path, func(t *testing.T) {
			ask := start(t)
			for _, idle := range []bool{false, true} {
				if idle {
					if _, err := ask(t.Context(), "/"); err != nil {
						t.Fatal(err)
					}
				}
				if reused, err := ask(t.Context(), path); err == nil || reused != idle || !strings.Contains(err.Error(), "nothing moved for 100ms") {
					t.Errorf("idle before: %v, reused: %v, %v", idle, reused, err)
				}
			}
		})
	}
}

// Some requests may wait longer, and the next one on the same connection may not.
func TestPatiently(t *testing.T) {
	ask := start(t)
	if _, err := ask(wire.Patiently(t.Context(), 100), "/silent"); err != nil {
		t.Fatal(err)
	}
	if reused, err := ask(t.Context(), "/silent"); err == nil || !reused {
		t.Errorf("reused: %v, %v", reused, err)
	}
}
