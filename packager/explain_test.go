package packager_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/symphoniacloud/multi-region-codepipeline/packager"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/s3test"
)

// hint is what the one problem of a run says is to be done.
func hint(t *testing.T, opts packager.Options) string {
	t.Helper()
	_, err := packager.Package(t.Context(), opts)
	var e *problem.Error
	if all := problem.Errors(err); len(all) != 1 || !errors.As(all[0], &e) {
		t.Fatalf("got %v", err)
	}
	return e.Hint + "\n" + e.Statement
}

// A server that is there and not trusted is no matter of the region's network.
func TestUntrustedCertificate(t *testing.T) {
	_, opts := store(t)
	opts.Stores = opts.Stores[:1]
	untrusted := httptest.NewUnstartedServer(http.NotFoundHandler())
	untrusted.Config.ErrorLog = log.New(io.Discard, "", 0)
	untrusted.StartTLS()
	defer untrusted.Close()
	opts.EndpointURL = untrusted.URL
	if got := hint(t, opts); !strings.Contains(got, "AWS_CA_BUNDLE") {
		t.Errorf("an untrusted certificate: %s", got)
	}
}

// The statement that a denied request comes with allows what AWS says is denied.
func TestDeniedAction(t *testing.T) {
	const user = "User: arn:aws:sts::111111111111:assumed-role/build/x is not authorized to perform: "
	tests := map[string]struct{ message, want string }{
		"no reason":        {"Access Denied", `"Action": "s3:PutObject", "Resource": "arn:aws:s3:::east/*"`},
		"plain, with tags": {"Access Denied", `"Action": ["s3:PutObject", "s3:PutObjectTagging"], "Resource": "arn:aws:s3:::east/*"`},
		"tags": {
			user + `s3:PutObjectTagging on resource: "arn:aws:s3:::east/x.zip" because no identity-based policy allows the s3:PutObjectTagging action`,
			`"Action": "s3:PutObjectTagging", "Resource": "arn:aws:s3:::east/*"`,
		},
		"key": {
			user + "kms:GenerateDataKey on resource: arn:aws:kms:us-east-1:111111111111:key/11111111-2222-3333-4444-555555555555 because no identity-based policy allows the kms:GenerateDataKey action",
			`"Action": "kms:GenerateDataKey", "Resource": "arn:aws:kms:us-east-1:111111111111:key/11111111-2222-3333-4444-555555555555"`,
		},
		"explicit": {
			user + `s3:PutObject on resource: "arn:aws:s3:::east/x.zip" with an explicit deny in a resource-based policy`,
			"a policy denies this explicitly",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			server, opts := store(t)
			if name == "plain, with tags" {
				opts.Tags = map[string]string{"team": "shop"}
			}
			server.Fail(s3test.Fault{Operation: "PutObject", Region: "us-east-1", Status: 403, Code: "AccessDenied", Message: tt.message})
			if got := hint(t, opts); !strings.Contains(got, tt.want) {
				t.Errorf("got %s", got)
			}
		})
	}
}

// A server that keeps less of an object in parts than it is asked for is told so.
func TestServerThatKeepsLess(t *testing.T) {
	for _, mode := range []packager.Copy{packager.CopyNever, packager.CopyAlways} {
		server, opts := store(t)
		large(t, &opts)
		opts.Copy = mode
		opts.CopyInParts(5 << 20)
		server.Fail(s3test.Fault{Operation: "CreateMultipartUpload", Region: "us-west-2", Wrong: s3test.Bare})
		_, err := packager.Package(t.Context(), opts)
		var e *problem.Error
		if !errors.As(err, &e) || e.Subject != "us-west-2" ||
			!strings.Contains(e.Message, "it lacks the metadata that proves it, mrpackage-digest") || !strings.Contains(e.Hint, "keeps less than it is asked for") {
			t.Errorf("%q: %v", mode, err)
		}
	}
}

// An answer that leads elsewhere names the region, or where it leads, whatever was asked.
func TestBucketElsewhere(t *testing.T) {
	const there = "the bucket east is in eu-west-1, not in us-east-1"
	for _, operation := range []string{"HeadBucket", "HeadObject", "PutObject"} {
		for name, tt := range map[string]struct {
			fault s3test.Fault
			want  string
		}{
			"region":        {s3test.Fault{Status: 301, Code: "PermanentRedirect", BucketRegion: "eu-west-1"}, there},
			"region in 400": {s3test.Fault{Status: 400, Code: "AuthorizationHeaderMalformed", BucketRegion: "eu-west-1"}, there},
			"no region":     {s3test.Fault{Status: 301, Code: "PermanentRedirect"}, "the bucket is not in us-east-1: name one that is"},
			"a proxy":       {s3test.Fault{Status: 302, Location: "https://login.example.com/?a=b"}, "does a proxy answer in S3's place? the answer leads to https://login.example.com/?a=b"},
		} {
			server, opts := store(t)
			opts.Stores = opts.Stores[:1]
			tt.fault.Operation = operation
			server.Fail(tt.fault)
			_, err := packager.Package(t.Context(), opts)
			var e *problem.Error
			if all := problem.Errors(err); len(all) != 1 || !errors.As(err, &e) || e.Subject != "us-east-1" || !strings.Contains(e.Message+" "+e.Hint, tt.want) {
				t.Errorf("%s, %s: %v", operation, name, err)
			}
		}
	}
}

// S3's own message breaks no line.
func TestForgedLine(t *testing.T) {
	server, opts := store(t)
	opts.Stores = opts.Stores[:1]
	server.Fail(s3test.Fault{Operation: "PutObject", Status: 403, Code: "AccessDenied", Message: "no\nmrpackage: us-east-1: done"})
	_, err := packager.Package(t.Context(), opts)
	if err == nil || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), "no\ufffdmrpackage") {
		t.Errorf("%q", err)
	}
}

// What is wrong with all stores in the same way is one problem.
func TestNoCredentials(t *testing.T) {
	_, opts := store(t)
	const sso = "operation error STS: AssumeRole, https response error StatusCode: 403, RequestID: "
	var id atomic.Int64
	opts.AWS = &aws.Config{Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{}, fmt.Errorf("%s%d, api error AccessDenied: no", sso, id.Add(1))
	})}
	if got := hint(t, opts); !strings.Contains(got, "sts:AssumeRole") {
		t.Errorf("got %s", got)
	}
}

// A folder for temporary files that is not there is named, with its variable.
func TestMissingTemporaryFolder(t *testing.T) {
	_, opts := store(t)
	absent := filepath.Join(t.TempDir(), "absent")
	for _, variable := range []string{"TMPDIR", "TMP"} {
		t.Setenv(variable, absent)
	}
	_, err := packager.Package(t.Context(), opts)
	var e *problem.Error
	if !errors.As(err, &e) || !strings.Contains(e.Message, "making a temporary folder in "+absent) || !strings.Contains(e.Hint, "let TMP") {
		t.Errorf("got %v", err)
	}
}
