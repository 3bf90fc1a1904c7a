package publish_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/publish"
)

// A plan says what goes where, without a request.
func ExampleNewPlan() {
	dir, err := os.MkdirTemp("", "cdk.out")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	manifest := filepath.Join(dir, "Shop.assets.json")
	for path, text := range map[string]string{
		manifest: `{"version": "48.0.0", "files": {"7e01": {"source": {"path": "Shop.template.json", "packaging": "file"}, "destinations": {
			"current": {"bucketName": "assets-${AWS::AccountId}-${AWS::Region}", "objectKey": "7e01.json"}}}}}`,
		filepath.Join(dir, "Shop.template.json"): `{"Resources": {}}`,
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			panic(err)
		}
	}
	plan, err := publish.NewPlan(context.Background(), publish.Options{
		Path: manifest, Regions: []string{"us-east-1", "eu-west-1"},
		Account: func(context.Context) (string, error) { return "123456789012", nil },
	})
	if err != nil {
		panic(err)
	}
	for _, store := range plan.Stores {
		for _, o := range store.Objects {
			fmt.Printf("%s: s3://%s/%s\n", store.Region, store.Bucket, o.Key)
		}
	}
	// plan.Upload stores what is missing.

	// Output:
	// us-east-1: s3://assets-123456789012-us-east-1/7e01.json
	// eu-west-1: s3://assets-123456789012-eu-west-1/7e01.json
}
