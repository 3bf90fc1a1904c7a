package publish_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"go.uber.org/goleak"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/publish"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/s3test"
)

// No goroutine outlives a run.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A dict is a JSON object.
type dict = map[string]any

// newAssembly writes a manifest of assets, with other files, into a new folder, and returns its path.
func newAssembly(t *testing.T, manifest dict, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	manifest["version"] = "48.0.0"
	text, err := json.Marshal(manifest)
	if err != nil {
		t.Fatal(err)
	}
	files = maps.Clone(files)
	if files == nil {
		files = make(map[string]string)
	}
	files["shop.assets.json"] = string(text)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(files[name]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "shop.assets.json")
}

// file is a file asset that goes to places, each REGION/BUCKET/KEY.
func file(path, packaging string, places ...string) dict {
	to := dict{}
	for _, place := range places {
		parts := strings.SplitN(place, "/", 3)
		to[place] = dict{"region": parts[0], "bucketName": parts[1], "objectKey": parts[2]}
	}
	return dict{"source": dict{"path": path, "packaging": packaging}, "destinations": to}
}

// options are those of a run against a server.
func options(s *s3test.Server, path string) publish.Options {
	return publish.Options{
		Path: path, EndpointURL: s.URL(),
		AWS: &aws.Config{Region: "us-east-1", Credentials: aws.NewCredentialsCache(credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", ""))},
	}
}

func newServer(t *testing.T, buckets ...string) *s3test.Server {
	s := s3test.New()
	t.Cleanup(s.Close)
	for _, bucket := range buckets {
		region, name, _ := strings.Cut(bucket, "/")
		s.CreateBucket(region, name, "")
	}
	return s
}

// count counts the requests of an operation.
func count(s *s3test.Server, operation string) (n int) {
	for _, r := range s.Requests() {
		if r.Operation == operation {
			n++
		}
	}
	return n
}

// run publishes an assembly.
func run(t *testing.T, opts publish.Options) *publish.Result {
	t.Helper()
	plan, err := publish.NewPlan(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	result, err := plan.Upload(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// fail has a region refuse an operation.
func fail(s *s3test.Server, operation, region string) {
	s.Fail(s3test.Fault{Operation: operation, Region: region, Status: 403, Code: "AccessDenied"})
}

// remove removes a file beside a manifest.
func remove(t *testing.T, manifest, name string) {
	t.Helper()
	if err := os.Remove(filepath.Join(filepath.Dir(manifest), filepath.FromSlash(name))); err != nil {
		t.Fatal(err)
	}
}

func account(context.Context) (string, error) { return "111111111111", nil }

func asProblem(err error, e **problem.Error) bool { return errors.As(err, e) }
