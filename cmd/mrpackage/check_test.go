package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// ours is a file of this repository.
func ours(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// writeAll writes files into this folder.
func writeAll(t testing.TB, files map[string]string) {
	t.Helper()
	for name, text := range files {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestCheckIsBounded: strangers' files, small enough to be read, must not keep
// check for ever or exhaust its memory.
func TestCheckIsBounded(t *testing.T) {
	const head = "Resources:\n  P:\n    Type: AWS::CodePipeline::Pipeline\n    Properties:\n"
	build := func(commands string) string {
		return "phases: {build: {commands: " + commands + "}}\n"
	}
	for name, file := range map[string]struct{ pipeline, buildspec, script string }{
		"aliases of stages":         {pipeline: head + "      Stages:\n      - &s\n        Actions:\n        - &a {Name: y}\n" + strings.Repeat("        - *a\n", 20_000) + strings.Repeat("      - *s\n", 20_000)},
		"an alias within itself":    {pipeline: head + "      ArtifactStores: [{Region: &a !Join ['', [x" + strings.Repeat(", *a", 20) + "]]}]\n"},
		"merges within themselves":  {pipeline: head + "      Stages: [&a {<<: [" + strings.Repeat("*a, ", 1000) + "*a]}]\n"},
		"brackets":                  {pipeline: "a: " + strings.Repeat("[", 900_000)},
		"commands":                  {buildspec: "phases:\n  build:\n    commands:\n" + strings.Repeat("    - mrpackage -x\n", 40_000)},
		"one line":                  {buildspec: build("[" + strings.Repeat("mrpackage -x, ", 60_000) + "x]")},
		"a script that runs itself": {script: strings.Repeat("sh a.sh; ./a.sh; mrpackage\n", 1000)},
		"brackets of a script":      {script: strings.Repeat("$(", 60_000)},
		"a growing variable":        {script: "a=aaaaaaaa\n" + strings.Repeat("a=$a$a$a$a\n", 60) + "mrpackage $a\n"},
		"calls of a function":       {script: "f() { " + strings.Repeat("mrpackage $1; ", 1000) + "}\n" + strings.Repeat("f a\n", 20_000)},
		"a long script":             {script: strings.Repeat("f() { mrpackage; }\n", 50_000)},
	} {
		t.Run(name, func(t *testing.T) {
			if file.pipeline == "" {
				file.pipeline = ours(t, "deployment-pipeline/pipeline.yaml")
			}
			t.Chdir(t.TempDir())
			if file.buildspec == "" {
				file.buildspec = build("[./a.sh]")
			}
			writeAll(t, map[string]string{"pipeline.yaml": file.pipeline, "buildspec.yaml": file.buildspec, "a.sh": file.script})
			begun := time.Now()
			problems, warnings := checkPipeline(context.Background(), "pipeline.yaml", "buildspec.yaml")
			if took := time.Since(begun); took > 20*time.Second {
				t.Errorf("%d problems and %d warnings took %v", len(problems), len(warnings), took)
			}
		})
	}
}

// FuzzCheck: whatever the files hold, check ends, and what it says has a place
// that exists.
func FuzzCheck(f *testing.F) {
	read := func(name string) string { return ours(f, name) }
	pipeline, buildspec := read("deployment-pipeline/pipeline.yaml"), read("buildspec.yaml")
	f.Add(pipeline, buildspec, read("multiregion-build.sh"))
	f.Add(pipeline, "phases: {build: {commands: [bash a.sh]}}\nartifacts: {files: ['**/*']}", "for r in a b; do mrpackage -r $r; done")
	f.Add(strings.ReplaceAll(pipeline, "!Sub", "!Join"), "phases: {build: {commands: &a [*a, a.sh]}}", "f() { f \"$1\"; mrpackage $1; }; f a")
	f.Add(pipeline, buildspec, " () { f \"$1\"; }; f a")
	f.Add("Resources: {P: {Type: AWS::CodePipeline::Pipeline, Properties: {ArtifactStores: [{Region: &a !Join ['', [*a]]}]}}}", "a: |\n", "")
	f.Fuzz(func(t *testing.T, pipeline, buildspec, script string) {
		dir := t.TempDir()
		t.Chdir(dir)
		writeAll(t, map[string]string{"pipeline.yaml": pipeline, "buildspec.yaml": buildspec, "a.sh": script, "create-artifact-buckets.sh": script})
		problems, warnings := checkPipeline(context.Background(), "pipeline.yaml", "buildspec.yaml")
		for _, err := range append(problems, warnings...) {
			var e *problem.Error
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
