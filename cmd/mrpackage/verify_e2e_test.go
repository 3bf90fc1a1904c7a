//go:build e2e

package main_test

import (
	"bytes"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// verify against a real S3 server: what mrpackage stored is proved, and then each thing that
// may become of it is found. It asks and reads, and that is all.
func (e *e2e) testVerify(t *testing.T) {
	buckets := e.createBuckets(t, "verify")
	app := sampleApp(t)
	e.mrpackage(t, app, nil, flags(buckets)...).wantExit(t, 0)

	r := e.mrpackage(t, app, nil, "verify", "--verbose")
	r.wantExit(t, 0)
	if n := strings.Count(r.stdout, "\tproved\t"); n != 2 || strings.Count(r.stderr, "proved by record ") != 12 {
		t.Errorf("stdout:\n%s\nstderr:\n%s", r.stdout, r.stderr)
	}
	wantReads(t, r)
	r = e.mrpackage(t, app, nil, "verify", "--deep", "--verbose", "--expected-bucket-owner", ownerAccount)
	r.wantExit(t, 0)
	if strings.Count(r.stderr, "proved by content ") != 12 {
		t.Errorf("stderr:\n%s", r.stderr)
	}
	wantReads(t, r)

	stored := e.objects(t, west, buckets[west])
	names := slices.Sorted(maps.Keys(stored))
	client := e.client(west)
	spoil(t, client, buckets[west], names[0])
	_, err := client.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: aws.String(buckets[west]), Key: &names[1]})
	check(t, err)
	r = e.mrpackage(t, app, nil, "verify")
	r.wantExit(t, 1)
	r.wantError(t, names[1]+" in "+west+": there is no such object")
	if !strings.Contains(r.stdout, east) || strings.Count(r.stdout, "\tproved\t") != 1 {
		t.Errorf("stdout:\n%s", r.stdout)
	}
	r = e.mrpackage(t, app, nil, "verify", "--deep")
	r.wantExit(t, 1)
	r.wantError(t, names[0]+" in "+west+": its bytes are not what its key says")
	wantReads(t, r)

	r = e.mrpackage(t, app, nil, "verify", "--expected-bucket-owner", guestAccount)
	r.wantExit(t, 1)
	r.wantError(t, "does not belong to the account "+guestAccount)
	// Who may do nothing there knows nothing.
	r = e.mrpackage(t, app, []string{"AWS_ACCESS_KEY_ID=" + guestAccount, "AWS_SECRET_ACCESS_KEY=" + guestSecret}, "verify")
	r.wantExit(t, 1)
	if strings.Contains(r.stderr, "no such object") || strings.Count(r.stdout, "\tunknown\t") != 2 {
		t.Errorf("stdout:\n%s\nstderr:\n%s", r.stdout, r.stderr)
	}
}

// spoil changes a byte of an object, and leaves all that is recorded with it.
func spoil(t *testing.T, client *s3.Client, bucket, key string) {
	t.Helper()
	out, err := client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	check(t, err)
	body, err := io.ReadAll(out.Body)
	check(t, err)
	body[len(body)/2] ^= 1
	_, err = client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader(body), Metadata: out.Metadata})
	check(t, err)
}

// wantReads fails where a request was none that reads.
func wantReads(t *testing.T, r result) {
	t.Helper()
	for _, q := range r.requests {
		if !strings.HasPrefix(q, "HEAD ") && !strings.HasPrefix(q, "GET ") {
			t.Errorf("verify sent %s", q)
		}
	}
}

// verify against moto, with templates that the real AWS CLI has packaged: proved by S3's
// MD5, and the nested one by its bytes. The bucket's rules tell when they are deleted.
func TestE2EVerifyAWS(t *testing.T) {
	m := startMoto(t)
	if m == nil {
		return
	}
	program, dir := buildProgram(t), t.TempDir()
	for name, text := range map[string]string{
		"template.yaml": "Resources:\n  F:\n    Type: AWS::Lambda::Function\n    Properties: {Code: src, Handler: app.handler, Runtime: nodejs22.x, Role: arn}\n" +
			"  Api:\n    Type: AWS::ApiGateway::RestApi\n    Properties: {BodyS3Location: api.json}\n" +
			"  Child:\n    Type: AWS::CloudFormation::Stack\n    Properties: {TemplateURL: child.yaml}\n",
		"child.yaml":     "Resources:\n  Job:\n    Type: AWS::Glue::Job\n    Properties: {Command: {ScriptLocation: job.py}}\n",
		"src/app.js":     "exports.handler = async () => 'hello'\n",
		"api.json":       "{}\n",
		"job.py":         "print('hello')\n",
		"lifecycle.json": `{"Rules": [{"ID": "old", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 90}}]}`,
	} {
		writeFile(t, filepath.Join(dir, name), text)
	}
	env := append(environment(), "AWS_ENDPOINT_URL="+m.endpoint, "AWS_ACCESS_KEY_ID=someone", "AWS_SECRET_ACCESS_KEY=something",
		"AWS_CONFIG_FILE="+os.DevNull, "AWS_SHARED_CREDENTIALS_FILE="+os.DevNull, "AWS_EC2_METADATA_DISABLED=true", "NO_PROXY=127.0.0.1", "PATH="+os.Getenv("PATH"))
	cli := func(args ...string) {
		t.Helper()
		path, err := exec.LookPath("aws")
		check(t, err)
		run(t, dir, env, path, args...).wantExit(t, 0)
	}
	cli("s3", "mb", "s3://code-west", "--region", west)
	cli("s3api", "put-bucket-lifecycle-configuration", "--region", west, "--bucket", "code-west", "--lifecycle-configuration", "file://lifecycle.json")
	cli("cloudformation", "package", "--region", west, "--s3-bucket", "code-west", "--template-file", "template.yaml", "--output-template-file", "theirs.yaml")

	r := run(t, dir, env, program, "verify", "--verbose", "theirs.yaml")
	r.wantExit(t, 0)
	for _, want := range []string{west + "\ttheirs.yaml\tproved\t4 objects, 1 nested template (region by its bucket): 4 proved; the first is deleted in "} {
		if !strings.Contains(r.stdout, want) {
			t.Errorf("stdout:\n%s\nstderr:\n%s\nwant %s", r.stdout, r.stderr, want)
		}
	}
	if strings.Count(r.stderr, "proved by etag ") != 3 || strings.Count(r.stderr, "proved by content ") != 1 {
		t.Errorf("stderr:\n%s", r.stderr)
	}
	r = run(t, dir, env, program, "verify", "--deep", "--verbose", west+"=theirs.yaml")
	r.wantExit(t, 0)
	if strings.Count(r.stderr, "proved by content ") != 4 {
		t.Errorf("stderr:\n%s", r.stderr)
	}
	cli("s3", "rm", "--region", west, "s3://code-west", "--recursive", "--exclude", "*.template")
	r = run(t, dir, env, program, "verify", "theirs.yaml")
	r.wantExit(t, 1)
	r.wantError(t, "theirs.yaml:.*F.Code: s3://code-west/[0-9a-f]{32} in "+west+": ", "3 problems")
}
