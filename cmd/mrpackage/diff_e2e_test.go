//go:build e2e

package main_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// largeApp is an application with one function of 300 files and 12 MB that do not compress, and a nested template.
func largeApp(t *testing.T) string {
	t.Helper()
	app, content := t.TempDir(), make([]byte, 40_000)
	random := rand.NewChaCha8([32]byte{9})
	for i := range 300 {
		_, _ = random.Read(content) // never an error
		writeFile(t, filepath.Join(app, "code", "modules", fmt.Sprint(i), "index.js"), string(content))
	}
	writeFile(t, filepath.Join(app, "nested.yaml"), functionTemplate("code"))
	writeFile(t, filepath.Join(app, "template.yaml"), functionTemplate("code")+
		"  Nested: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: nested.yaml}}\n")
	return app
}

// keepAndChange keeps what was packaged as old/, and changes one file of the code.
func keepAndChange(t *testing.T, app string) {
	t.Helper()
	check(t, os.Rename(filepath.Join(app, "target"), filepath.Join(app, "old")))
	writeFile(t, filepath.Join(app, "code", "modules", "7", "index.js"), "exports.handler = 7\n")
}

// wantDiff looks for each line in what diff said.
func (r result) wantDiff(t *testing.T, exit int, lines ...string) {
	t.Helper()
	r.wantNothingStored(t, exit)
	said := strings.Split(r.stdout, "\n")
	for _, line := range lines {
		if !slices.Contains(said, line) {
			t.Errorf("it does not say %q:\n%s%s", line, r.stdout, r.stderr)
		}
	}
}

// Two templates are compared by ranges of what a real S3 server stores, and two regions' templates by their keys.
func (e *e2e) testDiff(t *testing.T) {
	buckets := e.createBuckets(t, "compared")
	app := largeApp(t)
	e.mrpackage(t, app, nil, flags(buckets)...).wantExit(t, 0)
	r := e.mrpackage(t, app, nil, "diff", output(app, east), output(app, west))
	r.wantDiff(t, 0, east+" and "+west+": the same but for the locations: 2 artifacts, the same in both")
	if len(r.requests) != 4 { // the two nested templates
		t.Errorf("requests:\n%s", strings.Join(r.requests, "\n"))
	}
	keepAndChange(t, app)
	e.mrpackage(t, app, nil, flags(buckets)...).wantExit(t, 0)
	old := filepath.Join(app, "old", outputName(east))
	r = e.mrpackage(t, app, nil, "diff", old, output(app, east))
	r.wantDiff(t, 1, "  ~ modules/7/index.js  40.0 kB → 20 B", "    ~ modules/7/index.js  40.0 kB → 20 B")
	if len(r.requests) != 12 { // a look at six objects, and a part of each
		t.Errorf("requests:\n%s", strings.Join(r.requests, "\n"))
	}

	guest := []string{"AWS_ACCESS_KEY_ID=" + guestAccount, "AWS_SECRET_ACCESS_KEY=" + guestSecret}
	r = e.mrpackage(t, app, guest, "diff", old, output(app, east))
	r.wantDiff(t, 2)
	r.wantError(t, "MyLambdaFunction.CodeUri: reading s3://"+buckets[east]+"/[0-9a-f]{64}.zip: S3 denies a look at it", "s3:GetObject")
	for _, object := range keys(e.objects(t, east, buckets[east])) {
		_, err := e.client(east).DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: aws.String(buckets[east]), Key: aws.String(object)})
		check(t, err)
	}
	r = e.mrpackage(t, app, nil, "diff", old, output(app, east))
	r.wantDiff(t, 2)
	r.wantError(t, "there is no such object", "--archive-dir")
}

// What the real AWS CLI has packaged is compared as well: with itself of another day, when the times of all files are
// others, and with what mrpackage makes of the same.
func (e *e2e) testDiffOfAWS(t *testing.T) {
	cli, err := exec.LookPath("aws")
	if err != nil {
		t.Log("there is no AWS CLI to compare with:", err)
		return
	}
	e.createBucket(t, west, "days")
	app := sampleApp(t)
	pack := func(output string) {
		e.command(t, app, nil, cli, "cloudformation", "package", "--region", west, "--s3-bucket", "days",
			"--template-file", "template.yaml", "--output-template-file", output).wantExit(t, 0)
	}
	pack("one.yaml")
	touchAll(t, app)
	pack("two.yaml")
	r := e.mrpackage(t, app, nil, "diff", west+"=one.yaml", west+"=two.yaml")
	r.wantDiff(t, 1)
	if strings.Contains(r.stdout, "changed") || strings.Count(r.stdout, "another object of the same content") == 0 {
		t.Errorf("only times differ:\n%s", r.stdout)
	}
	e.mrpackage(t, app, nil, "--regions", west, "--s3-bucket", "days").wantExit(t, 0)
	r = e.mrpackage(t, app, nil, "diff", west+"=one.yaml", output(app, west))
	r.wantNothingStored(t, 1)
	if strings.Contains(r.stdout, " ~ ") || strings.Contains(r.stdout, "Resources.") {
		t.Errorf("the same was packaged twice:\n%s", r.stdout)
	}
}

// The AWS CLI names nested templates by URLs of the server that it has been told to take for S3.
func (e *e2e) testDiffOfNested(t *testing.T) {
	cli, err := exec.LookPath("aws")
	if err != nil {
		t.Log("there is no AWS CLI to compare with:", err)
		return
	}
	e.createBucket(t, west, "nested")
	app := largeApp(t)
	pack := func(output string) {
		e.command(t, app, nil, cli, "cloudformation", "package", "--region", west, "--s3-bucket", "nested",
			"--template-file", "template.yaml", "--output-template-file", output).wantExit(t, 0)
	}
	pack("one.yaml")
	writeFile(t, filepath.Join(app, "nested.yaml"), functionTemplate("code")+"      Timeout: 20\n")
	pack("two.yaml")
	r := e.mrpackage(t, app, nil, "diff", west+"=one.yaml", west+"=two.yaml")
	r.wantDiff(t, 1, "  Resources.MyLambdaFunction")
	if !strings.Contains(r.stdout, "\n    + Properties.Timeout: 20  (") {
		t.Error(r.stdout)
	}
}

// touchAll gives all files of a folder another time.
func touchAll(t *testing.T, dir string) {
	t.Helper()
	check(t, exec.CommandContext(t.Context(), "find", dir, "-type", "f", "-exec", "touch", "-d", "2020-01-01", "{}", "+").Run())
}

// moto's S3 gives ranges, too, and says where a bucket is.
func TestE2EDiff(t *testing.T) {
	m := startMoto(t)
	if m == nil {
		return
	}
	program := buildProgram(t)
	env := append(environment(), "AWS_ENDPOINT_URL="+m.endpoint, "AWS_ACCESS_KEY_ID=x", "AWS_SECRET_ACCESS_KEY=y",
		"AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null")
	buckets := map[string]string{east: "diff-one", west: "diff-two"}
	for region, bucket := range buckets {
		input := &s3.CreateBucketInput{Bucket: aws.String(bucket)}
		if region != east { // S3's first region has no name here
			input.CreateBucketConfiguration = &types.CreateBucketConfiguration{LocationConstraint: types.BucketLocationConstraint(region)}
		}
		_, err := motoClient(m, region).CreateBucket(t.Context(), input)
		check(t, err)
	}
	app := largeApp(t)
	run(t, app, env, program, flags(buckets)...).wantExit(t, 0)
	run(t, app, env, program, "diff", output(app, east), output(app, west)).wantDiff(t, 0)
	keepAndChange(t, app)
	run(t, app, env, program, flags(buckets)...).wantExit(t, 0)
	// Neither name says a region: S3 tells where the buckets are.
	check(t, os.Rename(filepath.Join(app, "old", outputName(west)), filepath.Join(app, "old.yaml")))
	check(t, os.Rename(output(app, west), filepath.Join(app, "new.yaml")))
	run(t, app, env, program, "diff", "old.yaml", "new.yaml").wantDiff(t, 1, "  ~ modules/7/index.js  40.0 kB → 20 B")
}
