//go:build e2e

package main_test

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// The server knows the owners of buckets, as S3 does.
func (e *e2e) testExpectedOwner(t *testing.T) {
	buckets := e.createBuckets(t, "owned")
	app := sampleApp(t)

	r := e.mrpackage(t, app, nil, append(flags(buckets), "--expected-bucket-owner", guestAccount)...)
	r.wantNothingStored(t, 1)
	for _, region := range []string{east, west} {
		r.wantError(t, region+": the bucket "+buckets[region]+" does not belong to the account "+guestAccount)
	}
	wantNoOutput(t, app)

	e.mrpackage(t, app, nil, append(flags(buckets), "--expected-bucket-owner", ownerAccount)...).wantExit(t, 0)
	e.mrpackage(t, app, nil, append(flags(buckets), "--expected-bucket-owner", ownerAccount)...).wantNothingStored(t, 0)
}

// Who may not even look at a bucket is told so before anything is sent.
func (e *e2e) testForbiddenBucket(t *testing.T) {
	buckets := e.createBuckets(t, "forbidden")
	app := sampleApp(t)
	guest := []string{"AWS_ACCESS_KEY_ID=" + guestAccount, "AWS_SECRET_ACCESS_KEY=" + guestSecret}

	r := e.mrpackage(t, app, guest, flags(buckets)...)
	r.wantExit(t, 1)
	r.wantError(t, east+": .*"+buckets[east]+": AccessDenied", west+": .*"+buckets[west]+": AccessDenied", "s3:PutObject", "another account")
	for _, region := range []string{east, west} {
		if stored := e.objects(t, region, buckets[region]); len(stored) > 0 {
			t.Errorf("%s holds %v", region, keys(stored))
		}
	}
	wantNoOutput(t, app)
}

// A role that may store and not look gets conditional puts: what is there is left alone. The put with which it finds
// out that it may store leaves nothing behind.
func (e *e2e) testWriteOnly(t *testing.T) {
	buckets := e.createBuckets(t, "writeonly")
	for _, region := range []string{east, west} {
		e.allowGuest(t, region, buckets[region], "s3:PutObject")
	}
	app := t.TempDir()
	writeFile(t, filepath.Join(app, "code", "app.js"), "exports.handler = 1\n")
	writeFile(t, filepath.Join(app, "template.yaml"), functionTemplate("code"))
	guest := []string{"AWS_ACCESS_KEY_ID=" + guestAccount, "AWS_SECRET_ACCESS_KEY=" + guestSecret}

	e.mrpackage(t, app, guest, flags(buckets)...).wantExit(t, 0)
	before := e.objects(t, east, buckets[east])
	if len(before) != 1 {
		t.Errorf("stored: %v, want one archive", keys(before))
	}
	r := e.mrpackage(t, app, guest, flags(buckets)...)
	r.wantExit(t, 0)
	r.wantError(t, east+" +0 uploaded +1 reused")
}

// The server refuses a body with another checksum than announced: what makes the program's checksums worth sending.
func (e *e2e) testChecksumRefused(t *testing.T) {
	buckets := e.createBuckets(t, "checksum")
	other := sha256.Sum256([]byte("another body"))
	_, err := e.client(east).PutObject(t.Context(), &s3.PutObjectInput{
		Bucket: aws.String(buckets[east]), Key: aws.String("k"), Body: strings.NewReader("a body"),
		ChecksumSHA256: aws.String(base64.StdEncoding.EncodeToString(other[:])),
	})
	if err == nil {
		t.Error("the server stored a body with a wrong checksum")
	}
	if stored := e.objects(t, east, buckets[east]); len(stored) > 0 {
		t.Errorf("stored: %v", keys(stored))
	}
}

// An interrupt in the middle of an upload in parts removes the parts.
func (e *e2e) testInterruptAborts(t *testing.T) {
	interrupt, err := exec.LookPath("sh") // which sends the signal
	if err != nil {
		t.Log("there is no shell to interrupt from:", err)
		return
	}
	buckets := e.createBuckets(t, "interrupted")
	app := t.TempDir()
	content := make([]byte, 40<<20)
	for i := range content {
		content[i] = byte(i * i >> 7)
	}
	writeFile(t, filepath.Join(app, "code", "model.zip"), "PK\x03\x04"+string(content)) // stored as it is
	writeFile(t, filepath.Join(app, "template.yaml"), functionTemplate("code/model.zip"))

	held, released := make(chan struct{}), make(chan struct{})
	e.hold = func(r *http.Request) {
		if r.URL.Query().Has("partNumber") {
			select {
			case held <- struct{}{}:
			default:
			}
			<-released // the server does not notice that the client is gone before it reads the body
		}
	}
	defer func() {
		close(released)
		e.hold = nil
	}()
	pid := filepath.Join(app, "pid")
	go func() {
		<-held
		if id, err := os.ReadFile(pid); err == nil {
			_ = exec.CommandContext(t.Context(), interrupt, "-c", "kill -INT "+strings.TrimSpace(string(id))).Run()
		}
	}()
	began := time.Now()
	args := append([]string{"-c", `echo $$ >"$0" && exec "$@"`, pid, e.program}, flags(buckets)...)
	r := e.command(t, app, nil, interrupt, args...)
	r.wantExit(t, 130)
	t.Logf("ended after %v", time.Since(began))
	if !slices.ContainsFunc(r.requests, func(s string) bool { return strings.HasPrefix(s, http.MethodDelete) }) {
		t.Errorf("no upload was aborted:\n%s", strings.Join(r.requests, "\n"))
	}
	for _, region := range []string{east, west} {
		open, err := e.client(region).ListMultipartUploads(t.Context(), &s3.ListMultipartUploadsInput{Bucket: aws.String(buckets[region])})
		check(t, err)
		if len(open.Uploads) > 0 {
			t.Errorf("%s has %d unfinished uploads", region, len(open.Uploads))
		}
	}
	wantNoOutput(t, app)
}
