package packager_test

import (
	"context"
	"errors"
	"net"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/symphoniacloud/multi-region-codepipeline/packager"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/s3test"
)

// Codes of a name server's answer (RFC 1035, 4.1.1), and none.
const (
	knows   = 0
	fails   = 2
	unknown = 3
	mute    = -1
)

// nameServerVariable names the name server that this process asks.
const nameServerVariable = "PACKAGER_TEST_NAME_SERVER"

// testResolver asks the name server of the test that is under way, and none where there is
// none. It is set once: some lookups go on for a moment when nobody waits for them.
func testResolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", os.Getenv(nameServerVariable))
	}}
}

// nameServer answers for this process: every name is 127.0.0.1, but those that begin
// with the region, of which code tells.
func nameServer(t *testing.T, region string, code *atomic.Int32) {
	t.Helper()
	socket, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(nameServerVariable, socket.LocalAddr().String())
	t.Cleanup(func() { _ = socket.Close() })
	go func() {
		query := make([]byte, 1500)
		for {
			n, from, err := socket.ReadFrom(query)
			if err != nil {
				return
			}
			about := knows
			if strings.HasPrefix(string(query[13:n]), region) {
				about = int(code.Load())
			}
			if about != mute {
				_, _ = socket.WriteTo(nameAnswer(query[:n], about), from)
			}
		}
	}()
}

// nameAnswer answers a query: with an address where it asks for one of IPv4.
func nameAnswer(query []byte, code int) []byte {
	end := 12
	for query[end] != 0 {
		end += 1 + int(query[end])
	}
	question := query[12 : end+5]
	isA := query[end+2] == 1
	answer := []byte{query[0], query[1], 0x81, 0x80 | byte(code), 0, 1, 0, 0, 0, 0, 0, 0}
	answer = append(answer, question...)
	if code == knows && isA {
		answer[7] = 1
		answer = append(answer, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 127, 0, 0, 1)
	}
	return answer
}

// namedRegions is a configuration in which each region has a name of its own for the one
// server.
func namedRegions(t *testing.T, server *s3test.Server) *aws.Config {
	t.Helper()
	to, err := url.Parse(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	rename := middleware.FinalizeMiddlewareFunc("Rename", func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
		r := in.Request.(*smithyhttp.Request)
		_, bucket, _ := strings.Cut(r.URL.Path, "/")
		region := map[string]string{"east": "us-east-1", "west": "us-west-2"}[strings.Split(bucket, "/")[0]]
		r.URL.Host = region + ".s3.test:" + to.Port()
		return next.HandleFinalize(ctx, in)
	})
	return &aws.Config{
		Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", ""), RetryMaxAttempts: 2,
		APIOptions: []func(*middleware.Stack) error{func(s *middleware.Stack) error {
			return s.Finalize.Insert(rename, "ResolveEndpointV2", middleware.After)
		}},
	}
}

// Where the name of one region's server is not told, from the beginning or from the middle
// of the run on, the error names region, bucket and host and says what to do. In the
// beginning nothing is sent to the others; later they finish.
func TestNameServers(t *testing.T) {
	tests := map[string]struct {
		code int32
		late bool
		hint string
	}{
		"unknown":       {unknown, false, "does not know us-west-2.s3.test"},
		"fails":         {fails, false, "does not tell the address of us-west-2.s3.test"},
		"silent":        {mute, false, "does not tell the address of us-west-2.s3.test"},
		"unknown later": {unknown, true, "does not know us-west-2.s3.test"},
		"fails later":   {fails, true, "does not tell the address of us-west-2.s3.test"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			server, opts := store(t)
			opts.Hurry(time.Minute)
			opts.AWS = namedRegions(t, server)
			var code atomic.Int32
			nameServer(t, "us-west-2", &code)
			if !tt.late {
				code.Store(tt.code)
			}
			if tt.code == mute {
				opts.AWS.RetryMaxAttempts = 1 // it takes the resolver's time
			}
			opts.Progress = func(e packager.Event) {
				if tt.late && e.Kind == packager.Looked && e.Region == "us-west-2" {
					code.Store(tt.code)
				}
			}
			if tt.late { // no connection that is there already is of any use
				server.Fail(s3test.Fault{Operation: "PutObject", Region: "us-west-2", Cut: s3test.RequestBegun})
				opts.AWS.RetryMaxAttempts = 6
			}
			opts.Copy = packager.CopyNever
			_, err := packager.Package(t.Context(), opts)
			var e *problem.Error
			if all := problem.Errors(err); len(all) != 1 || !errors.As(err, &e) {
				t.Fatalf("got %v", err)
			}
			if e.Subject != "us-west-2" || !strings.Contains(e.Message, "s3://west") || !strings.Contains(e.Message, "no answer from us-west-2.s3.test:") ||
				!strings.Contains(e.Hint, "us-west-2 cannot be reached from here") || !strings.Contains(e.Hint, tt.hint) {
				t.Errorf("%v\nhint: %s", e, e.Hint)
			}
			if n := len(server.Keys("east")); (n == 1) != tt.late || len(server.Keys("west")) > 0 {
				t.Errorf("%d objects are stored in the other region, %d in this", n, len(server.Keys("west")))
			}
		})
	}
}
