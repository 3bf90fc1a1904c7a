package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/symphoniacloud/multi-region-codepipeline/packager"
)

// FuzzCheck: whatever the files hold, check ends, and what it says has a place
// that exists.
func FuzzCheck(f *testing.F) {
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(name)))
		if err != nil {
			f.Fatal(err)
		}
		return string(text)
	}
	pipeline, buildspec := read("deployment-pipeline/pipeline.yaml"), read("buildspec.yaml")
	f.Add(pipeline, buildspec, read("multiregion-build.sh"))
	f.Add(pipeline, "phases: {build: {commands: [bash a.sh]}}\nartifacts: {files: ['**/*']}", "for r in a b; do mrpackage -r $r; done")
	f.Add(strings.ReplaceAll(pipeline, "!Sub", "!Join"), "phases: {build: {commands: &a [*a, a.sh]}}", "f() { f \"$1\"; mrpackage $1; }; f a")
	f.Add(pipeline, buildspec, " () { f \"$1\"; }; f a")
	f.Add("Resources: {P: {Type: AWS::CodePipeline::Pipeline, Properties: {ArtifactStores: [{Region: &a !Join ['', [*a]]}]}}}", "a: |\n", "")
	f.Fuzz(func(t *testing.T, pipeline, buildspec, script string) {
		dir := t.TempDir()
		t.Chdir(dir)
		for name, text := range map[string]string{"pipeline.yaml": pipeline, "buildspec.yaml": buildspec, "a.sh": script, "create-artifact-buckets.sh": script} {
			if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		problems, warnings := checkPipeline(context.Background(), "pipeline.yaml", "buildspec.yaml")
		for _, err := range append(problems, warnings...) {
			var e *packager.Error
			if !errors.As(err, &e) {
				t.Fatalf("%v has no place", err)
			}
			text, err := os.ReadFile(filepath.FromSlash(e.File))
			if err == nil && e.Line > len(newDocument("", text).lines) {
				t.Errorf("%v is behind the end of the file", e)
			}
		}
	})
}
