package publish_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/publish"
)

// FuzzPlan: whatever a manifest says, a plan either has problems, all with a place or a subject, or is whole: each object
// has an artifact and a key, no key twice, and each store a region and one of what it is for.
func FuzzPlan(f *testing.F) {
	for _, text := range []string{
		`{"version": "48.0.0", "files": {"a": {"source": {"path": "t.json"}, "destinations": {"d": {"bucketName": "bucket", "objectKey": "k", "region": "us-east-1"}}}}}`,
		`{"version": "48.0.0", "files": {"a": {"source": {"path": "code", "packaging": "zip"}, "destinations": {"d": {"bucketName": "b-${AWS::AccountId}", "objectKey": "k", "assumeRoleArn": "arn:${AWS::Partition}:iam::222222222222:role/r", "assumeRoleExternalId": "id", "assumeRoleAdditionalOptions": {"Tags": [{"Key": "a", "Value": "b"}]}}}}}}`,
		`{"version": "48.0.0", "files": {"a": {"source": {"executable": ["x"]}, "destinations": {"d": {"bucketName": "bucket", "objectKey": "k"}, "e": {"bucketName": "bucket", "objectKey": "l"}}}}}`,
		`{"version": "48.0.0", "dockerImages": {"a": {"source": {"directory": "code"}, "destinations": {"d": {"repositoryName": "repo", "imageTag": "t", "region": "us-east-1"}}}}}`,
	} {
		f.Add(text)
	}
	dir := f.TempDir()
	for name, text := range map[string]string{"t.json": "{}", "code/x.js": "x"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			f.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			f.Fatal(err)
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		manifest, err := os.CreateTemp(dir, "*.assets.json")
		if err != nil {
			t.Fatal(err)
		}
		defer os.Remove(manifest.Name())
		if _, err := manifest.WriteString(text); err != nil {
			t.Fatal(err)
		}
		if err := manifest.Close(); err != nil {
			t.Fatal(err)
		}
		opts := publish.Options{Path: manifest.Name(), Region: "us-east-1", Account: account, DryRun: true}
		plan, err := publish.NewPlan(t.Context(), opts)
		for _, err := range problem.Errors(err) {
			var e *problem.Error
			if !asProblem(err, &e) || e.Message == "" || e.File == "" && e.Subject == "" {
				t.Fatalf("a problem without a place: %#v", err)
			}
		}
		if err != nil {
			return
		}
		for _, store := range plan.Stores {
			keys := make(map[string]bool)
			for _, o := range store.Objects {
				if o.Key == "" || o.Artifact == nil || keys[o.Key] || store.Bucket == "" {
					t.Errorf("%+v in %q", o, store.Bucket)
				}
				keys[o.Key] = true
			}
			for _, i := range store.Images {
				if i.Image == nil || i.Repository == "" || i.Tag == "" {
					t.Errorf("%+v", i)
				}
			}
			if store.Region == "" || len(store.Objects)+len(store.Images) == 0 {
				t.Errorf("%+v is for nothing", store)
			}
		}
		if _, err := plan.Policy(); err != nil {
			t.Error(err)
		}
		if _, err := plan.Upload(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
