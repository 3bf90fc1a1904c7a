package s3store_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/s3store"
)

// A success that lacks what S3 always tells says nothing: neither that an object has no bytes, nor that no rule deletes
// it, nor that it has no tags.
func TestHollowAnswersToQuestions(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodHead {
			w.Header().Set("ETag", `"e"`)
			w.Header().Set("Transfer-Encoding", "chunked") // in the place of Content-Length
		}
	}))
	b := bucketAt(t, server, time.Minute)
	for lacks, ask := range map[string]func() error{
		"it has no Content-Length": func() error { _, err := b.Stat(t.Context(), "k", ""); return err },
		"it has no rules":          func() error { _, err := b.Rules(t.Context()); return err },
		"it has no set of tags":    func() error { _, err := b.Tags(t.Context(), s3store.Object{Key: "k"}); return err },
	} {
		if err := ask(); err == nil || !strings.Contains(err.Error(), "not S3's: "+lacks) {
			t.Errorf("%s: %v", lacks, err)
		}
	}
	if rules, _ := b.Rules(t.Context()); !rules.Denied {
		t.Error("no rules are known, and it says that there are none")
	}
}

// A page that is no XML is not S3's, and is told as such.
func TestUnreadableAnswer(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("<p>blocked<br>"))
	}))
	_, err := bucketAt(t, server, time.Minute).Rules(t.Context())
	if err == nil || !strings.HasSuffix(err.Error(), "the answer, of HTTP status 200, is not S3's: it cannot be read") {
		t.Error(err)
	}
}

// An answer whose head has no end is cut, whatever is asked for.
func TestEndlessHead(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		for _, err = io.WriteString(conn, "HTTP/1.1 200 OK\r\n"); err == nil; time.Sleep(5 * time.Millisecond) {
			_, err = io.WriteString(conn, "A: b\r\n")
		}
	}))
	b := bucketAt(t, server, 50*time.Millisecond)
	for name, ask := range map[string]func() error{
		"HeadObject": func() error { _, err := b.Stat(t.Context(), "k", ""); return err },
		"GetObject":  func() error { return b.Read(t.Context(), s3store.Object{Key: "k", Size: 10, ETag: "e"}, io.Discard) },
		"a range": func() error {
			_, err := b.ReadRange(t.Context(), s3store.Object{Key: "k", Size: 10, ETag: "e"}, 1, 2)
			return err
		},
		"GetObjectTagging":                func() error { _, err := b.Tags(t.Context(), s3store.Object{Key: "k"}); return err },
		"GetBucketLifecycleConfiguration": func() error { _, err := b.Rules(t.Context()); return err },
	} {
		if err := ask(); err == nil || !strings.HasSuffix(err.Error(), ": the answer did not end within 50ms") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// bucketAt returns a bucket of a server, which ends with the test. No request takes longer than longest.
func bucketAt(t *testing.T, server *httptest.Server, longest time.Duration) *s3store.Bucket {
	t.Helper()
	t.Cleanup(server.Close)
	c := s3store.Connect(s3store.Config{
		Jobs: 1, Questions: 1, EndpointURL: server.URL, Longest: longest, Backoff: time.Millisecond,
		AWS: aws.Config{Credentials: credentials.NewStaticCredentialsProvider("AKID", "SECRET", ""), RetryMaxAttempts: 1},
	}, 1)
	t.Cleanup(c.Close)
	return c.Bucket(east(), told())
}
