package packager_test

import (
	"context"
	"fmt"
	"go/build"
	"os"
	"path/filepath"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/symphoniacloud/multi-region-codepipeline/packager"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/s3test"
)

// benchOptions packages folders of Go's own source, as functions, for as many
// regions.
func benchOptions(b *testing.B, regions int) packager.Options {
	b.Helper()
	dir := b.TempDir()
	template := "Transform: AWS::Serverless-2016-10-31\nResources:\n"
	for i, folder := range []string{"net", "go", "encoding", "cmd/compile/internal/ssa"} {
		template += fmt.Sprintf("  F%d: {Type: AWS::Serverless::Function, Properties: {CodeUri: %q}}\n", i, filepath.Join(build.Default.GOROOT, "src", folder))
	}
	options := packager.Options{TemplateFile: filepath.Join(dir, "template.yaml")}
	if err := os.WriteFile(options.TemplateFile, []byte(template), 0o600); err != nil {
		b.Fatal(err)
	}
	for i := range regions {
		options.Stores = append(options.Stores, packager.Store{Region: fmt.Sprintf("us-east-%d", i+1), Bucket: fmt.Sprintf("bench-%d", i+1)})
	}
	return options
}

// setSize has the results say how many bytes of code a second are packaged.
func setSize(b *testing.B, p *packager.Plan) {
	b.Helper()
	var size int64
	for _, a := range p.Artifacts {
		size += a.Size
	}
	b.SetBytes(size)
}

// Walking and digesting: what every run does.
func BenchmarkPlan(b *testing.B) {
	options := benchOptions(b, 1)
	for b.Loop() {
		plan, err := packager.NewPlan(b.Context(), options)
		if err != nil {
			b.Fatal(err)
		}
		setSize(b, plan)
	}
}

// Archiving alone, into a folder.
func BenchmarkArchive(b *testing.B) {
	options := benchOptions(b, 1)
	options.DryRun, options.ArchiveDir = true, b.TempDir()
	plan, err := packager.NewPlan(b.Context(), options)
	if err != nil {
		b.Fatal(err)
	}
	setSize(b, plan)
	for b.Loop() {
		if _, err := plan.Upload(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}

// A run after which nothing has changed, and one that stores everything; the
// server is in the same process.
func BenchmarkPackage(b *testing.B) {
	for _, regions := range []int{1, 4, 16} {
		for name, force := range map[string]bool{"unchanged": false, "all": true} {
			b.Run(fmt.Sprintf("%d regions/%s", regions, name), func(b *testing.B) {
				options := benchOptions(b, regions)
				server := s3test.New()
				defer server.Close()
				for _, s := range options.Stores {
					server.CreateBucket(s.Region, s.Bucket, "")
				}
				options.EndpointURL = server.URL()
				options.AWS = &aws.Config{Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", "")}
				if _, err := packager.Package(context.Background(), options); err != nil {
					b.Fatal(err)
				}
				options.ForceUpload = force
				for b.Loop() {
					result, err := packager.Package(b.Context(), options)
					if err != nil {
						b.Fatal(err)
					}
					setSize(b, result.Plan)
				}
			})
		}
	}
}
