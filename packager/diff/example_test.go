package diff_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/diff"
)

func ExampleRun() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	for file, timeout := range map[string]int{"old.yaml": 10, "new.yaml": 20} {
		text := fmt.Sprintf("Resources:\n  Orders:\n    Type: AWS::Serverless::Function\n    Properties: {Timeout: %d, CodeUri: s3://shop/v1.zip}\n", timeout)
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
			fmt.Println(err)
			return
		}
	}
	result, err := diff.Run(context.Background(), diff.Options{Old: filepath.Join(dir, "old.yaml"), New: filepath.Join(dir, "new.yaml")})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(result.Code[0].References[0], "has the", result.Code[0].Status, "code")
	for _, c := range result.Changes {
		fmt.Println(c.Path, c.Old.Text, "→", c.New.Text)
	}
	// Output:
	// Orders.CodeUri has the same code
	// [Resources Orders Properties Timeout] 10 → 20
}
