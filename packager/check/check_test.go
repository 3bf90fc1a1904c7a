package check_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/check"
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

// What check finds is shown by the scripts in testdata/script, for which the command
// prints it; these are what only the library's caller sees.
func TestRun(t *testing.T) {
	files := map[string]string{
		"pipeline.yaml": ours(t, "packager/check/testdata/pipeline.yaml"),
		"one.yaml":      ours(t, "packager/check/testdata/buildspec.yaml"),
		"make.yaml":     "version: 0.2\nphases: {build: {commands: [make package]}}\nartifacts: {files: '*.yaml'}\n",
	}
	t.Chdir(t.TempDir())
	writeAll(t, files)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for name, c := range map[string]struct {
		ctx                context.Context
		options            check.Options
		problems, warnings int
	}{
		"one region is missing":         {t.Context(), check.Options{Buildspec: "one.yaml", Parse: parse}, 1, 0},
		"nothing is known of mrpackage": {t.Context(), check.Options{Buildspec: "one.yaml"}, 0, 0},
		"what make does is not known":   {t.Context(), check.Options{Buildspec: "make.yaml"}, 0, 1},
		"warnings are problems":         {t.Context(), check.Options{Buildspec: "make.yaml", Strict: true}, 1, 0},
		"there is no buildspec here":    {t.Context(), check.Options{}, 0, 1},
		"there is no such buildspec":    {t.Context(), check.Options{Buildspec: "no.yaml"}, 1, 0},
		"there is no such pipeline":     {t.Context(), check.Options{Pipeline: "no.yaml"}, 1, 0},
		"this is no pipeline":           {t.Context(), check.Options{Pipeline: "one.yaml"}, 1, 0},
		"cancelled":                     {cancelled, check.Options{Buildspec: "one.yaml", Parse: parse}, 0, 0},
	} {
		problems, warnings := check.Run(c.ctx, c.options)
		if len(problems) != c.problems || len(warnings) != c.warnings {
			t.Errorf("%s: %d problems and %d warnings: %v %v", name, len(problems), len(warnings), problems, warnings)
		}
	}
}

// Two pipelines of a template have their project in common: what is wrong with it is
// told once, and in the order of the file.
func TestFindingsAreSortedAndToldOnce(t *testing.T) {
	text := strings.ReplaceAll(ours(t, "packager/check/testdata/pipeline.yaml"), "Value: code-us-east-1", "Value: code-us-west-2")
	buildspec := ours(t, "packager/check/testdata/buildspec.yaml")
	first, second, _ := strings.Cut(text, "  Pipeline:")
	second, project, _ := strings.Cut(second, "  Project:")
	t.Chdir(t.TempDir())
	writeAll(t, map[string]string{
		"pipeline.yaml":  first + "  Project:" + project + "  First:" + second + "  Second:" + second,
		"buildspec.yaml": buildspec,
	})
	problems, _ := check.Run(t.Context(), check.Options{Pipeline: "pipeline.yaml", Buildspec: "buildspec.yaml", Parse: parse})
	var told []string
	for _, err := range problems {
		told = append(told, fmt.Sprint(err))
	}
	want := []string{
		"pipeline.yaml:8:54: Project: US_EAST_1_ARTIFACT_BUCKET and US_WEST_2_ARTIFACT_BUCKET are one bucket: code-us-west-2",
		"pipeline.yaml:36:23: West: the build packages for us-east-1, and not for us-west-2",
		"pipeline.yaml:67:23: West: the build packages for us-east-1, and not for us-west-2",
	}
	if !slices.Equal(told, want) {
		t.Errorf("it tells:\n%s", strings.Join(told, "\n"))
	}
}

// stackSets are many, with many groups, regions and buckets.
func stackSets() string {
	buckets := "        Resources:\n"
	for i := range 400 {
		buckets += fmt.Sprintf("          B%d: {Type: AWS::S3::Bucket, Properties: {BucketName: !Sub 'a-${AWS::Region}'}}\n", i)
	}
	regions := "[" + strings.Repeat("us-east-1, ", 400) + "us-west-2]"
	all := ""
	for i := range 15 {
		all += fmt.Sprintf("  S%d:\n    Type: AWS::CloudFormation::StackSet\n    Properties:\n      StackInstancesGroup:\n      - &a {Regions: %s}\n%s      TemplateBody: |\n%s", i, regions, strings.Repeat("      - *a\n", 1000), buckets)
	}
	return all
}

// Strangers' files, small enough to be read, must not keep check for ever or exhaust
// its memory. What grows with the square of a file, or worse, takes hours here; a busy
// machine with the race detector takes a minute.
func TestRunIsBounded(t *testing.T) {
	const head = "Resources:\n  P:\n    Type: AWS::CodePipeline::Pipeline\n    Properties:\n"
	build := func(commands string) string {
		return "phases: {build: {commands: " + commands + "}}\n"
	}
	for name, file := range map[string]struct{ pipeline, buildspec, script string }{
		"aliases of stages":         {pipeline: head + "      Stages:\n      - &s\n        Actions:\n        - &a {Name: y}\n" + strings.Repeat("        - *a\n", 20_000) + strings.Repeat("      - *s\n", 20_000)},
		"an alias within itself":    {pipeline: head + "      ArtifactStores: [{Region: &a !Join ['', [x" + strings.Repeat(", *a", 20) + "]]}]\n"},
		"merges within themselves":  {pipeline: head + "      Stages: [&a {<<: [" + strings.Repeat("*a, ", 1000) + "*a]}]\n"},
		"brackets":                  {pipeline: "a: " + strings.Repeat("[", 900_000)},
		"actions":                   {pipeline: head + "      Stages:\n      - Actions:\n" + strings.Repeat("        - {Name: a, Region: us-east-1, InputArtifacts: [{Name: x}], OutputArtifacts: [{Name: x}]}\n", 8_000)},
		"regions of a stack set":    {pipeline: head + "      Stages:\n      - Actions:\n        - {Name: a, ActionTypeId: {Provider: CloudFormationStackSet}, Configuration: {StackSetName: s, Regions: '" + strings.Repeat("a,", 300_000) + "'}}\n"},
		"stack sets":                {pipeline: head + "      ArtifactStores:\n" + strings.Repeat("      - {Region: us-east-1, ArtifactStore: {Location: a-us-east-1}}\n", 2000) + stackSets()},
		"a stack set's own aliases": {pipeline: head + "      ArtifactStores: [{Region: us-east-1, ArtifactStore: {Location: a-us-east-1}}]\n  S:\n    Type: AWS::CloudFormation::StackSet\n    Properties:\n      StackInstancesGroup: &g [{Regions: &r [us-east-1, *r]}, *g]\n      TemplateBody: |\n        Resources: &r {B: {Type: AWS::S3::Bucket, Properties: {BucketName: !Sub 'a-${AWS::Region}'}}, C: *r}\n"},
		"aliases of a schema":       {buildspec: "version: 0.2\nreports: &r\n  a: &a {files: [*a, *a, *a, *a], b: *r}\n" + strings.Repeat("  a: *a\n", 60_000)},
		"keys that are unknown":     {buildspec: "version: 0.2\nphases:\n" + strings.Repeat("  a: {b: c}\n", 60_000)},
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
			problems, warnings := check.Run(t.Context(), check.Options{Pipeline: "pipeline.yaml", Buildspec: "buildspec.yaml", Parse: parse})
			if took := time.Since(begun); took > 4*time.Minute {
				t.Errorf("%d problems and %d warnings took %v", len(problems), len(warnings), took)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			defer cancel()
			begun = time.Now()
			check.Run(ctx, check.Options{Pipeline: "pipeline.yaml", Buildspec: "buildspec.yaml", Parse: parse})
			if took := time.Since(begun); took > time.Minute {
				t.Errorf("a signal ended it after %v", took)
			}
		})
	}
}

// addScripts adds the pipelines, buildspecs and scripts of testdata/script: each
// buildspec with a pipeline and a script of the same file, or else with these.
func addScripts(f *testing.F, pipeline, script string) {
	f.Helper()
	names, err := filepath.Glob(filepath.Join("..", "..", "testdata", "script", "check*.txtar"))
	if err != nil || len(names) == 0 {
		f.Fatal("there are no scripts", err)
	}
	for _, name := range names {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			f.Fatal(err)
		}
		pipeline, script := pipeline, script
		for _, file := range archive.Files {
			switch text := string(file.Data); {
			case strings.Contains(text, "AWS::CodePipeline::Pipeline"):
				pipeline = text
				f.Add(pipeline, "phases: {build: {commands: [./a.sh]}}", script)
			case strings.HasSuffix(file.Name, ".sh"):
				script = text
			case strings.Contains(text, "phases:"):
				f.Add(pipeline, text, script)
			}
		}
	}
}

// Whatever the files hold, check ends, and what it says has a place that exists.
func FuzzCheck(f *testing.F) {
	pipeline, buildspec, script := ours(f, "deployment-pipeline/pipeline.yaml"), ours(f, "buildspec.yaml"), ours(f, "multiregion-build.sh")
	f.Add(pipeline, buildspec, script)
	f.Add(ours(f, "deployment-pipeline/pipeline-v2.yaml"), ours(f, "deployment-pipeline/buildspec-v2.yaml"), ours(f, "deployment-pipeline/install-mrpackage.sh"))
	f.Add(pipeline, "phases: {build: {commands: [bash a.sh]}}\nartifacts: {files: ['**/*']}", "for r in a b; do mrpackage -r $r; done")
	f.Add(strings.ReplaceAll(pipeline, "!Sub", "!Join"), "phases: {build: {commands: &a [*a, a.sh]}}", "f() { f \"$1\"; mrpackage $1; }; f a")
	f.Add(pipeline, buildspec, " () { f \"$1\"; }; f a")
	f.Add("Resources: {P: {Type: AWS::CodePipeline::Pipeline, Properties: {ArtifactStores: [{Region: &a !Join ['', [*a]]}]}}}", "a: |\n", "")
	f.Add(strings.ReplaceAll(pipeline, "Provider: CloudFormation", "Provider: CloudFormationStackSet"), "version: 0.3\nphases: &p {build: *p, bild: [a: b]}\ncache: [x]", "python -m npx -y x --version")
	f.Add(strings.ReplaceAll(pipeline, "ActionMode: CREATE_UPDATE", "Regions: 'us-east-1,,x'"), "batch: {build-list: {a: b}}\nenv: {variables: [a]}", "command -v x")
	addScripts(f, pipeline, script)
	f.Fuzz(func(t *testing.T, pipeline, buildspec, script string) {
		t.Chdir(t.TempDir())
		writeAll(t, map[string]string{"pipeline.yaml": pipeline, "buildspec.yaml": buildspec, "a.sh": script, "create-artifact-buckets.sh": script})
		problems, warnings := check.Run(t.Context(), check.Options{Pipeline: "pipeline.yaml", Buildspec: "buildspec.yaml", Parse: parse})
		for _, err := range append(problems, warnings...) {
			var e *problem.Error
			if !errors.As(err, &e) {
				t.Fatalf("%v has no place", err)
			}
			text, err := os.ReadFile(filepath.FromSlash(e.File))
			if err == nil && e.Line > problem.NewSource(text).Lines() {
				t.Errorf("%v is behind the end of the file", e)
			}
		}
	})
}
