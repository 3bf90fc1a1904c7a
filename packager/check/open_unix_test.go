//go:build unix

package check_test

import (
	"context"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/check"
)

// A pipe in the place of a file that check reads must not hang it: nobody writes into
// it. Nor does a file whose end never comes.
func TestRunOpensRegularFilesOnly(t *testing.T) {
	pipeline := ours(t, "deployment-pipeline/pipeline.yaml")
	const spec = "version: 0.2\nphases: {build: {commands: [. ./helper.sh, ./a.sh, sh b.sh, npm run x, mrpackage]}}\nartifacts: {files: [target/*], discard-paths: yes}\n"
	for name, options := range map[string]check.Options{
		"pipeline.yaml":                      {Pipeline: "pipeline.yaml"},
		"buildspec.yaml":                     {Buildspec: "buildspec.yaml"},
		"deployment-pipeline/buildspec.yaml": {},
		"helper.sh":                          {},
		"a.sh":                               {},
		"b.sh":                               {},
		"package.json":                       {},
		"deployment-pipeline/pipeline.yaml":  {},
		"deployment-pipeline/create-artifact-buckets.sh": {},
	} {
		for kind, put := range map[string]func(name string) error{
			"pipe":   func(name string) error { return syscall.Mkfifo(name, 0o600) },
			"device": func(name string) error { return os.Symlink("/dev/zero", name) },
			"folder": func(name string) error { return os.Mkdir(name, 0o700) },
		} {
			t.Run(name+" is a "+kind, func(t *testing.T) {
				t.Chdir(t.TempDir())
				if err := os.Mkdir("deployment-pipeline", 0o700); err != nil {
					t.Fatal(err)
				}
				writeAll(t, map[string]string{
					"deployment-pipeline/pipeline.yaml": pipeline, "deployment-pipeline/buildspec.yaml": spec,
					"helper.sh": "A=1", "a.sh": "true", "b.sh": "true", "package.json": `{"scripts": {"x": "true"}}`,
				})
				if err := os.Remove(name); err != nil && !os.IsNotExist(err) {
					t.Fatal(err)
				}
				if err := put(name); err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				options.Parse = parse
				check.Run(ctx, options)
				if ctx.Err() != nil {
					t.Error("check waits for it")
				}
			})
		}
	}
}
