package packager_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/symphoniacloud/multi-region-codepipeline/packager"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/s3test"
)

// large puts a file into the function's folder that does not compress, so that
// its archive goes in parts, to each region.
func large(t *testing.T, opts *packager.Options) {
	t.Helper()
	opts.Copy = packager.CopyNever
	opts.InParts(5 << 20) // S3 takes no smaller ones
	noise := make([]byte, 6<<20)
	_, _ = rand.Read(noise) // it never fails
	write(t, filepath.Dir(opts.TemplateFile), "src/model.bin", string(noise))
}

// S3 as networks and S3 make it: each of these is survived, and what is stored
// then is whole.
func TestFaultsSurvived(t *testing.T) {
	const put, part, complete = "PutObject", "UploadPart", "CompleteMultipartUpload"
	tests := map[string]struct {
		faults []s3test.Fault
		large  bool
	}{
		"internal error":              {faults: []s3test.Fault{{Operation: put, Status: 500, Times: 1}}},
		"slow down":                   {faults: []s3test.Fault{{Status: 503, Code: "SlowDown", Times: 1}}},
		"reset in mid-body":           {faults: []s3test.Fault{{Operation: put, Cut: s3test.RequestHalf, Times: 1}}},
		"lost answer":                 {faults: []s3test.Fault{{Operation: put, Cut: s3test.AnswerNone, Times: 1}}},
		"stalled request":             {faults: []s3test.Fault{{Operation: put, Delay: time.Minute, Times: 1}}},
		"somebody else writes":        {faults: []s3test.Fault{{Operation: put, Status: 409, Code: "ConditionalRequestConflict", Times: 3}}},
		"no answer to the first look": {faults: []s3test.Fault{{Operation: "HeadObject", Delay: time.Minute, Times: 1}}},

		"reset in a part":      {large: true, faults: []s3test.Fault{{Operation: part, Cut: s3test.RequestHalf, Times: 1}}},
		"stalled part":         {large: true, faults: []s3test.Fault{{Operation: part, Delay: time.Minute, Times: 1}}},
		"lost completion":      {large: true, faults: []s3test.Fault{{Operation: complete, Cut: s3test.AnswerNone, Times: 1}}},
		"stalled completion":   {large: true, faults: []s3test.Fault{{Operation: complete, StallAnswer: time.Minute, Times: 1}}},
		"error in a success":   {large: true, faults: []s3test.Fault{{Operation: complete, Status: 200, Code: "InternalError", Times: 1}}},
		"forgotten completion": {large: true, faults: []s3test.Fault{{Operation: complete, Region: "us-east-1", Cut: s3test.AnswerNone, Times: 1}, {Operation: complete, Region: "us-east-1", Status: 404, Code: "NoSuchUpload"}}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			server, opts := store(t)
			t.Setenv("AWS_MAX_ATTEMPTS", "") // as often as a run tries: a busy machine seems to stall too
			opts.Hurry(500 * time.Millisecond)
			if tt.large {
				large(t, &opts)
				opts.Hurry(3 * time.Second) // the server takes a while with a part
			}
			for _, f := range tt.faults {
				server.Fail(f)
			}
			result, err := packager.Package(t.Context(), opts)
			if err != nil {
				t.Fatal(err)
			}
			east, ok := server.Object("east", result.Artifacts[0].Name)
			west, also := server.Object("west", result.Artifacts[0].Name)
			if !ok || !also || !bytes.Equal(east.Body, west.Body) || len(east.Body) == 0 {
				t.Errorf("stored: %v, %v, %d and %d bytes", ok, also, len(east.Body), len(west.Body))
			}
		})
	}
}

// What is under the key when a conditional put is refused is looked at too.
func TestConditionalPutIsProved(t *testing.T) {
	server, opts := store(t)
	first, err := packager.Package(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	key := first.Artifacts[0].Name
	whole, _ := server.Object("east", key)
	cut := whole
	cut.Body, cut.ETag, cut.VersionID = whole.Body[:10], "", ""
	server.PutObject("east", key, cut)
	for _, region := range []string{"us-east-1", "us-west-2"} { // the first look may not
		server.Fail(s3test.Fault{Operation: "HeadObject", Region: region, Status: 403, Code: "AccessDenied", Times: 1})
	}
	var warned []string
	opts.Progress = func(e packager.Event) {
		if e.Kind == packager.Replaced {
			warned = append(warned, e.Region)
		}
	}
	second, err := packager.Package(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	if len(warned) != 1 || warned[0] != "us-east-1" {
		t.Errorf("warned of %q", warned)
	}
	if a := second.Stores[0].Objects[0].Action; a != packager.Uploaded {
		t.Errorf("what was cut short is %s", a)
	}
	if a := second.Stores[1].Objects[0].Action; a != packager.Reused {
		t.Errorf("what is whole is %s", a)
	}
	if o, _ := server.Object("east", key); !bytes.Equal(o.Body, whole.Body) {
		t.Errorf("%d bytes are stored, and the archive has %d", len(o.Body), len(whole.Body))
	}
}

// Credentials that AWS no longer takes are fetched again.
func TestCredentialsRenewed(t *testing.T) {
	server, opts := store(t)
	opts.Hurry(time.Minute)
	var fetched atomic.Int64
	opts.AWS = &aws.Config{Credentials: aws.NewCredentialsCache(aws.CredentialsProviderFunc(func(ctx context.Context) (aws.Credentials, error) {
		fetched.Add(1)
		return credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", "token").Retrieve(ctx)
	}))}
	server.Fail(s3test.Fault{Operation: "PutObject", Region: "us-east-1", Status: 400, Code: "ExpiredToken", Times: 1})
	if _, err := packager.Package(t.Context(), opts); err != nil {
		t.Fatal(err)
	}
	if fetched.Load() != 2 {
		t.Errorf("fetched %d times", fetched.Load())
	}
}

// lostRegion is a network in which one region's name is not known.
type lostRegion struct {
	*awshttp.BuildableClient
	server *s3test.Server
}

func (l lostRegion) Do(r *http.Request) (*http.Response, error) {
	if strings.Contains(r.URL.Host, "us-west-2") {
		return nil, &net.DNSError{Err: "no such host", Name: r.URL.Host, IsNotFound: true}
	}
	r.URL.Scheme, r.URL.Host = "http", strings.TrimPrefix(l.server.URL(), "http://")
	return l.BuildableClient.Do(r)
}

// A region that cannot be reached is an error of its own, at once for a name
// that is not known and soon for a server that says nothing; nothing is sent to
// the others.
func TestUnreachableRegion(t *testing.T) {
	t.Run("DNS", func(t *testing.T) {
		server, opts := store(t)
		opts.Hurry(time.Minute)
		server.CreateBucket("us-east-1", "code.east", "")
		opts.EndpointURL = ""
		opts.Stores = []packager.Store{{Region: "us-east-1", Bucket: "code.east"}, {Region: "us-west-2", Bucket: "code.west"}}
		client := lostRegion{awshttp.NewBuildableClient(), server}
		defer client.GetTransport().CloseIdleConnections()
		opts.AWS = &aws.Config{HTTPClient: client, Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", ""), RetryMaxAttempts: 1}
		wantUnreachable(t, server, opts)
	})
	t.Run("silence", func(t *testing.T) {
		server, opts := store(t)
		opts.Hurry(200 * time.Millisecond)
		server.Fail(s3test.Fault{Region: "us-west-2", Delay: time.Minute})
		wantUnreachable(t, server, opts)
	})
}

func wantUnreachable(t *testing.T, server *s3test.Server, opts packager.Options) {
	t.Helper()
	_, err := packager.Package(t.Context(), opts)
	all := problem.Errors(err)
	var e *problem.Error
	if len(all) != 1 || !errors.As(all[0], &e) || e.Subject != "us-west-2" || !strings.Contains(e.Hint, "us-west-2 cannot be reached from here") {
		t.Errorf("got %v", err)
	}
	for _, r := range server.Requests() {
		if r.Operation != "HeadBucket" && r.Operation != "HeadObject" {
			t.Errorf("sent: %s to %s", r.Operation, r.Region)
		}
	}
}

// A counter counts the uploads that are under way. It holds the first ones until as many
// are as are wanted, and for a while longer: one too many would come.
type counter struct {
	*awshttp.BuildableClient
	want      int
	enough    chan struct{} // closed when so many are under way
	mu        sync.Mutex
	now, most int
}

func (c *counter) add(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now += n
	if c.most = max(c.most, c.now); c.now == c.want {
		select {
		case <-c.enough:
		default:
			close(c.enough)
		}
	}
}

func (c *counter) Do(r *http.Request) (*http.Response, error) {
	if r.ContentLength > 0 && r.Method == http.MethodPut {
		c.add(1)
		defer c.add(-1)
		select {
		case <-c.enough:
			time.Sleep(20 * time.Millisecond)
		case <-time.After(20 * time.Second): // so many do not come
		}
	}
	return c.BuildableClient.Do(r)
}

// Options.Jobs bounds what is uploaded at once, the parts of large objects
// included.
func TestJobs(t *testing.T) {
	_, opts := store(t)
	large(t, &opts)
	opts.Copy = packager.CopyNever
	for _, jobs := range []int{1, 3} {
		client := &counter{BuildableClient: awshttp.NewBuildableClient(), want: jobs, enough: make(chan struct{})}
		opts.AWS = &aws.Config{HTTPClient: client, Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", "")}
		opts.Jobs, opts.ForceUpload = jobs, true
		_, err := packager.Package(t.Context(), opts)
		client.GetTransport().CloseIdleConnections()
		if err != nil || client.most != jobs {
			t.Errorf("%d uploads at once, want %d; %v", client.most, jobs, err)
		}
	}
}

// An interrupt in the middle of an upload leaves no parts behind, and does not
// wait for a server that says nothing.
func TestInterruptAborts(t *testing.T) {
	server, opts := store(t)
	large(t, &opts)
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	server.Fail(s3test.Fault{Operation: "UploadPart", Delay: time.Hour})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		for ctx.Err() == nil {
			if len(server.OpenUploads("east"))+len(server.OpenUploads("west")) == 2 {
				cancel()
			}
			time.Sleep(5 * time.Millisecond)
		}
	}()
	if _, err := packager.Package(ctx, opts); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if open := append(server.OpenUploads("east"), server.OpenUploads("west")...); len(open) > 0 {
		t.Errorf("parts are left of %q", open)
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
		t.Errorf("temporary files are left: %v, %v", left, err)
	}
}

// slowLink passes connections on to a server, and takes at most rate bytes per
// second from the client.
func slowLink(t *testing.T, server string, rate int) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			upstream, err := net.Dial("tcp", server)
			if err != nil {
				_ = client.Close()
				continue
			}
			// What the system takes in place of a slow reader is no progress
			// that the other side could see.
			_ = client.(*net.TCPConn).SetReadBuffer(16 << 10)
			go func() {
				defer client.Close()
				_, _ = io.Copy(client, upstream)
			}()
			go func() {
				defer upstream.Close()
				const pieces = 50 // per second
				for {
					if _, err := io.CopyN(upstream, client, int64(rate/pieces)); err != nil {
						return
					}
					time.Sleep(time.Second / pieces)
				}
			}()
		}
	}()
	return listener.Addr().String()
}

// A transfer is cut when it stands still, and not when it takes long: neither
// while the system's buffers are full, nor when they hold all the rest.
func TestSlowLink(t *testing.T) {
	if runtime.GOOS != "linux" && runtime.GOOS != "darwin" {
		t.Skip("this system does not tell what it has not sent yet")
	}
	server, opts := store(t)
	opts.Hurry(400 * time.Millisecond)
	opts.Stores = opts.Stores[:1]
	opts.EndpointURL = "http://" + slowLink(t, strings.TrimPrefix(server.URL(), "http://"), 2<<20)
	noise := make([]byte, 8<<20)
	_, _ = rand.Read(noise) // it never fails
	write(t, filepath.Dir(opts.TemplateFile), "src/model.bin", string(noise))
	opts.Progress = func(e packager.Event) {
		if e.Kind == packager.Retrying {
			t.Errorf("cut: %v", e.Err)
		}
	}
	if _, err := packager.Package(t.Context(), opts); err != nil {
		t.Error(err)
	}
}

// Whatever a server keeps waiting, an interrupt ends the run within two seconds.
// An upload that was begun meanwhile is removed where there is time for that.
func TestInterruptInTime(t *testing.T) {
	tests := map[string]struct {
		faults []s3test.Fault
		open   int
	}{
		"creation comes late":              {[]s3test.Fault{{Operation: "CreateMultipartUpload", Delay: 800 * time.Millisecond}}, 0},
		"creation never comes":             {[]s3test.Fault{{Operation: "CreateMultipartUpload", Delay: time.Hour}}, 0},
		"creation late and removal never":  {[]s3test.Fault{{Operation: "CreateMultipartUpload", Delay: 1200 * time.Millisecond}, {Operation: "AbortMultipartUpload", Delay: time.Hour}}, 1},
		"parts and their removal":          {[]s3test.Fault{{Operation: "UploadPart", Delay: time.Hour}, {Operation: "AbortMultipartUpload", Delay: time.Hour}}, 1},
		"completion":                       {[]s3test.Fault{{Operation: "CompleteMultipartUpload", Delay: time.Hour}}, 0},
		"the look at what has been stored": {[]s3test.Fault{{Operation: "HeadObject", Delay: time.Hour}}, 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := s3test.New()
			defer server.Close()
			server.CreateBucket("us-east-1", "east", "")
			dir := t.TempDir()
			write(t, dir, "template.yaml", "Resources:\n  F: {Type: AWS::Serverless::Function, Properties: {CodeUri: src}}\n")
			opts := packager.Options{
				TemplateFile: filepath.Join(dir, "template.yaml"), Stores: []packager.Store{{Region: "us-east-1", Bucket: "east"}}, EndpointURL: server.URL(),
				AWS: &aws.Config{Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", "")},
			}
			large(t, &opts)
			for _, f := range tt.faults {
				server.Fail(f)
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			go func() {
				for ctx.Err() == nil {
					for _, r := range server.Requests() {
						if r.Operation == tt.faults[0].Operation {
							cancel()
						}
					}
					time.Sleep(5 * time.Millisecond)
				}
			}()
			ended := make(chan time.Time, 1)
			context.AfterFunc(ctx, func() { ended <- time.Now() })
			_, err := packager.Package(ctx, opts)
			if took := time.Since(<-ended); !errors.Is(err, context.Canceled) || took > 2*time.Second {
				t.Errorf("%v after the interrupt: %v", took, err)
			}
			if open := server.OpenUploads("east"); len(open) != tt.open {
				t.Errorf("open uploads: %q", open)
			}
		})
	}
}

// A request that waits until others are done is signed after that: S3 refuses
// old signatures.
func TestSignedAfterWaiting(t *testing.T) {
	server, opts := store(t)
	large(t, &opts)
	opts.Stores, opts.Jobs = opts.Stores[:1], 1
	server.Fail(s3test.Fault{Operation: "UploadPart", Delay: 2100 * time.Millisecond, Times: 1})
	if _, err := packager.Package(t.Context(), opts); err != nil {
		t.Fatal(err)
	}
	var signed []time.Time
	for _, r := range server.Requests() {
		if when, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date")); err == nil && r.Operation == "UploadPart" {
			signed = append(signed, when)
		}
	}
	if len(signed) != 2 || signed[1].Sub(signed[0]) < 2*time.Second {
		t.Errorf("parts are signed at %v", signed)
	}
}
