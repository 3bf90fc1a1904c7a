package s3store_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

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
	defer server.Close()
	c := s3store.Connect(s3store.Config{
		Jobs: 1, Questions: 1, EndpointURL: server.URL,
		AWS: aws.Config{Credentials: credentials.NewStaticCredentialsProvider("AKID", "SECRET", ""), RetryMaxAttempts: 1},
	}, 1)
	defer c.Close()
	b := c.Bucket(east(), told())
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
