package packager_test

import (
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

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
