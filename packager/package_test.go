package packager_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/symphoniacloud/multi-region-codepipeline/packager"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/s3test"
)

// store starts an S3 with a bucket in each of two regions, and returns the
// options to package an application of one function into them.
func store(t *testing.T) (*s3test.Server, packager.Options) {
	t.Helper()
	server := s3test.New()
	t.Cleanup(server.Close)
	server.CreateBucket("us-east-1", "east", "")
	server.CreateBucket("us-west-2", "west", "")
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_MAX_ATTEMPTS": "2",
		"AWS_CONFIG_FILE": filepath.Join(t.TempDir(), "none"), "AWS_SHARED_CREDENTIALS_FILE": filepath.Join(t.TempDir(), "none"),
		"US_WEST_2_ARTIFACT_BUCKET": "west",
	} {
		t.Setenv(name, value)
	}
	dir := t.TempDir()
	write(t, dir, "template.yaml", "Resources:\n  F:\n    Type: AWS::Serverless::Function\n    Properties:\n      CodeUri: src\n")
	write(t, dir, "src/app.js", "exports.handler = async () => 'hello'\n")
	return server, packager.Options{
		TemplateFile: filepath.Join(dir, "template.yaml"),
		Stores:       []packager.Store{{Region: "us-east-1", Bucket: "east"}, {Region: "us-west-2"}},
		EndpointURL:  server.URL(),
	}
}

func TestPackage(t *testing.T) {
	server, opts := store(t)
	var stored []string
	opts.Progress = func(e packager.Event) {
		if e.Kind == packager.Stored {
			stored = append(stored, e.Region+" "+string(e.Object.Action))
		}
	}
	result, err := packager.Package(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	key := result.Artifacts[0].Name
	for i, bucket := range []string{"east", "west"} {
		if want := "CodeUri: s3://" + bucket + "/" + key + "\n"; !strings.Contains(string(result.Templates[i].Body), want) {
			t.Errorf("the template of %s lacks %q:\n%s", result.Templates[i].Region, want, result.Templates[i].Body)
		}
		o, ok := server.Object(bucket, key)
		if !ok || result.Stores[i].Objects[0].Size != int64(len(o.Body)) || result.Stores[i].Objects[0].VersionID != o.VersionID {
			t.Errorf("%s holds %v, the result says %+v", bucket, ok, result.Stores[i].Objects[0])
		}
		if o.ChecksumSHA256 == "" {
			t.Errorf("the object in %s has no checksum that S3 verified", bucket)
		}
	}
	if len(stored) != 2 || stored[0] == stored[1] {
		t.Errorf("told of %v", stored)
	}
}

// A dry run plans and sends nothing, not even for credentials.
func TestPackageDryRun(t *testing.T) {
	server, opts := store(t)
	opts.DryRun = true
	result, err := packager.Package(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	if len(server.Requests()) > 0 || result.Stores[0].Objects[0].Action != packager.Planned {
		t.Errorf("%d requests, %+v", len(server.Requests()), result.Stores[0].Objects)
	}
}

// One failing store does not stop the other, no template comes back, and
// errors are in the order of the stores.
func TestPackageFailingStore(t *testing.T) {
	server, opts := store(t)
	server.Fail(s3test.Fault{Operation: "PutObject", Region: "us-east-1", Status: 403, Code: "AccessDenied"})
	result, err := packager.Package(t.Context(), opts)
	if result != nil || err == nil {
		t.Fatalf("result %v, error %v", result, err)
	}
	var e *problem.Error
	if all := problem.Errors(err); len(all) != 1 || !errors.As(all[0], &e) || e.Subject != "us-east-1" {
		t.Errorf("errors: %v", all)
	}
	if len(server.Keys("west")) != 1 || len(server.Keys("east")) != 0 {
		t.Errorf("stored: %v and %v", server.Keys("east"), server.Keys("west"))
	}
}

// When its context ends, so does a run, at once and with the context's error;
// a multipart upload is not left open.
func TestPackageCancelled(t *testing.T) {
	server, opts := store(t)
	noise := make([]byte, 40<<20)
	for i, x := 0, uint64(1); i < len(noise); i++ {
		x = x*6364136223846793005 + 1442695040888963407
		noise[i] = byte(x >> 56)
	}
	write(t, filepath.Dir(opts.TemplateFile), "src/large", string(noise))
	server.Fail(s3test.Fault{Operation: "UploadPart", Region: "us-west-2", Delay: time.Minute})
	ctx, cancel := context.WithCancel(t.Context())
	opts.Progress = func(e packager.Event) {
		if e.Kind == packager.Stored { // us-east-1 is done: us-west-2 hangs
			cancel()
		}
	}
	began := time.Now()
	_, err := packager.Package(ctx, opts)
	if !errors.Is(err, context.Canceled) || len(problem.Errors(err)) != 1 {
		t.Errorf("error: %v", err)
	}
	if open := server.OpenUploads("west"); len(open) > 0 {
		t.Errorf("open uploads: %v", open)
	}
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("it took %v", took)
	}
}

// All problems of the input come at once, in the template's order.
func TestPlanErrors(t *testing.T) {
	_, opts := store(t)
	write(t, filepath.Dir(opts.TemplateFile), "template.yaml", `Resources:
  A: {Type: AWS::Serverless::Function, Properties: {CodeUri: gone}}
  B: [not a resource]
  C: {Type: AWS::Serverless::Api, Properties: {DefinitionUri: gone.yaml}}
`)
	opts.Stores[1] = packager.Store{Region: "eu-west-1"}
	_, err := packager.NewPlan(t.Context(), opts)
	var got []string
	for _, err := range problem.Errors(err) {
		var e *problem.Error
		if !errors.As(err, &e) {
			t.Fatalf("%v is no *problem.Error", err)
		}
		got = append(got, e.Subject)
		if e.Line > 0 && !strings.Contains(e.Excerpt, "^") {
			t.Errorf("%v has no excerpt", e)
		}
	}
	if want := "A.CodeUri B C.DefinitionUri eu-west-1"; strings.Join(got, " ") != want {
		t.Errorf("problems of %v, want %s", got, want)
	}
}

// A file may have another path than the one that the template names: a name in
// another case, where case does not count, or a hard link. It is the same file.
func TestReadsByAnotherName(t *testing.T) {
	dir := t.TempDir()
	path, other := filepath.Join(dir, "template.yaml"), filepath.Join(dir, "other.yaml")
	if err := errors.Join(os.WriteFile(path, []byte("Resources: {}"), 0o600), os.Link(path, other)); err != nil {
		t.Fatal(err)
	}
	plan, err := packager.NewPlan(t.Context(), packager.Options{
		TemplateFile: path, DryRun: true, Stores: []packager.Store{{Region: "us-east-1", Bucket: "code"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]bool{path: true, other: true, filepath.Join(dir, "new.yaml"): false, dir: false} {
		if plan.Reads(path) != want {
			t.Errorf("Reads(%s) is %t", path, !want)
		}
	}
}

func write(t *testing.T, dir, name, content string) {
	t.Helper()
	path := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o666); err != nil {
		t.Fatal(err)
	}
}
