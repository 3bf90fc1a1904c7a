package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/s3test"
)

// TestCorpusOneTemplate packages real templates for all regions, and for each region.
// What is refused of them with --one-template alone is what no function can stand in. The rest is
// compared by testdata/onetemplate.py, which carries out the functions by itself; where
// SAM's translator and cfn-lint are installed, so is what these make of both.
func TestCorpusOneTemplate(t *testing.T) {
	corpus := corpusFolder(t)
	script, err := filepath.Abs("testdata/onetemplate.py")
	must(t, err)
	server := s3test.New()
	defer server.Close()
	regions := []string{"us-east-1", "cn-north-1"}
	for _, region := range regions {
		server.CreateBucket(region, "code-"+region, "")
	}
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_ENDPOINT_URL_S3": server.URL(),
	} {
		t.Setenv(name, value)
	}
	results := t.TempDir()
	cases, err := os.ReadDir(filepath.Join(corpus, "cases"))
	must(t, err)
	packaged, refused, failing := 0, 0, 0
	for _, c := range cases {
		template, to := enterCase(t, filepath.Join(corpus, "cases", c.Name())), filepath.Join(results, c.Name())
		attempt := func(more ...string) (exit int, said string) {
			var stdout, stderr strings.Builder
			exit = run(t.Context(), append([]string{
				"--regions", strings.Join(regions, ","), "--s3-bucket", "code-{region}", "--quiet", "--template-file", template,
			}, more...), &stdout, &stderr)
			return exit, stderr.String()
		}
		exit, _ := attempt("--output-template-file", filepath.Join(to, "{region}.template"))
		oneExit, said := attempt("--one-template", "--output-template-file", filepath.Join(to, "all.template"))
		switch {
		case exit != exitDone:
			failing++
			if oneExit == exitDone {
				t.Errorf("%s: it is packaged with --one-template alone", c.Name())
			}
		case oneExit == exitDone:
			packaged++
		default:
			refused++
			if !onlyRefuses(said) {
				t.Errorf("%s: %s", c.Name(), said)
			}
		}
	}
	for _, region := range regions {
		for _, key := range server.Keys("code-" + region) {
			o, _ := server.Object("code-"+region, key)
			path := filepath.Join(results, "objects", "code-"+region, filepath.FromSlash(key))
			must(t, os.MkdirAll(filepath.Dir(path), 0o777))
			must(t, os.WriteFile(path, o.Body, 0o666))
		}
	}
	t.Logf("%d of %d cases have one template, %d cannot, and %d are refused for each region, too", packaged, len(cases), refused, failing)

	counts := compareOneTemplate(t, script, results)
	if counts["compared"]+counts["with loops, not compared"] != (packaged-counts["not read by PyYAML"])*len(regions) {
		t.Errorf("%d templates were packaged, and %v", packaged, counts)
	}
}

// compareOneTemplate has the script compare what is in a folder, and returns what it counted.
func compareOneTemplate(t *testing.T, script, folder string) map[string]int {
	t.Helper()
	arguments := []string{script, folder}
	if _, err := exec.LookPath("cfn-lint"); err == nil {
		arguments = append(arguments, "lint")
	}
	cmd := exec.Command("python3", arguments...)
	var errs strings.Builder
	cmd.Stderr = &errs
	text, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, errs.String())
	}
	var result struct {
		Problems []string
		Counts   map[string]int
	}
	must(t, json.Unmarshal(text, &result))
	for _, problem := range result.Problems {
		t.Error(problem)
	}
	t.Log(result.Counts)
	return result.Counts
}

// everySAM has each property of SAM's that is packaged and takes a function.
const everySAM = `Transform: AWS::Serverless-2016-10-31
Parameters: {Stage: {Type: String, Default: live}}
Conditions: {Live: !Equals [!Ref Stage, live]}
Globals:
  Function: {Runtime: nodejs22.x, Handler: app.handler, CodeUri: src}
Resources:
  Own: {Type: AWS::Serverless::Function, Properties: {CodeUri: ./src, AutoPublishAlias: live}}
  Global: {Type: AWS::Serverless::Function, Properties: {AutoPublishAlias: live}}
  If: {Type: AWS::Serverless::Function, Properties: {CodeUri: !If [Live, src, s3://bucket/key.zip]}}
  Layer: {Type: AWS::Serverless::LayerVersion, Properties: {ContentUri: src}}
  Api: {Type: AWS::Serverless::Api, Properties: {StageName: live, DefinitionUri: api.json}}
  Http: {Type: AWS::Serverless::HttpApi, Properties: {DefinitionUri: api.json}}
  Machine: {Type: AWS::Serverless::StateMachine, Properties: {DefinitionUri: api.json, Role: 'arn:aws:iam::123456789012:role/machine'}}
  Graph:
    Type: AWS::Serverless::GraphQLApi
    Properties:
      SchemaInline: "type Query { a: String }"
      Auth: {Type: AWS_IAM}
      Functions: {First: {CodeUri: api.json, DataSource: NONE, Runtime: {Name: APPSYNC_JS, Version: 1.0.0}}}
      Resolvers: {Query: {a: {CodeUri: api.json, Runtime: {Name: APPSYNC_JS, Version: 1.0.0}, Pipeline: [First]}}}
  Job: {Type: AWS::Glue::Job, Properties: {Role: role, Command: {Name: glueetl, ScriptLocation: api.json}}}
`

// SAM's translator makes the same of the template for all regions as of each region's own,
// but for the digests in logical IDs, and cfn-lint finds nothing new in it.
func TestOneTemplateTranslated(t *testing.T) {
	if err := exec.Command("python3", "-c", "import yaml, samtranslator").Run(); err != nil {
		t.Skip("there is no Python with PyYAML and SAM's translator: ", err)
	}
	script, err := filepath.Abs("testdata/onetemplate.py")
	must(t, err)
	dir := t.TempDir()
	for name, text := range map[string]string{"template.yaml": everySAM, "api.json": "{}", "src/app.js": "// app\n", "results/sam/README": ""} {
		must(t, os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o777))
		must(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666))
	}
	t.Chdir(dir)
	for _, more := range [][]string{{"--output-template-file", "results/sam/{region}.template"}, {"--one-template", "--output-template-file", "results/sam/all.template"}} {
		var stdout, stderr strings.Builder
		if exit := run(t.Context(), append([]string{"--dry-run", "-q", "-r", "us-east-1,cn-north-1", "--s3-bucket", "code-{region}"}, more...), &stdout, &stderr); exit != exitDone {
			t.Fatal(stderr.String())
		}
	}
	if counts := compareOneTemplate(t, script, "results"); counts["compared"] != 2 || counts["translated"] != 2 {
		t.Error("not all was compared")
	}
}

// onlyRefuses tells whether all problems are values in whose place no function can stand.
func onlyRefuses(said string) bool {
	var problems []string
	for line := range strings.Lines(said) {
		if regexp.MustCompile(`^[^ ].*:[0-9]+:[0-9]+: `).MatchString(line) && !strings.Contains(line, ": warning: ") {
			problems = append(problems, line)
		}
	}
	return len(problems) > 0 && !slices.ContainsFunc(problems, func(line string) bool {
		return !regexp.MustCompile(`: this template is one for all regions, and (SAM takes|what is included|what publishes)`).MatchString(line)
	})
}
