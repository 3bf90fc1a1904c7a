//go:build e2e

package main_test

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// The pipeline's build stage, from a checkout to the artifact that the deploy actions take.
func (e *e2e) testPipeline(t *testing.T) {
	programs, ok := image(t)
	if !ok {
		return
	}
	t.Run("FromSource", e.testFromSource)
	t.Run("Install", func(t *testing.T) { e.testInstall(t, programs) })
	t.Run("Failures", func(t *testing.T) { e.testFailures(t, programs) })
	t.Run("ThirdRegion", e.testThirdRegion)
	t.Run("New", e.testNewPipeline)
}

// The new pipeline's build, from this repository's source: one template, and requests that its role may send.
func (e *e2e) testNewPipeline(t *testing.T) {
	programs, ok := image(t, "go")
	if !ok {
		return
	}
	p := pipelineV2(t, nil)
	var variables []string
	for _, v := range list(mapping(p.properties("CodeBuildProject")["Environment"])["EnvironmentVariables"]) {
		variables = append(variables, fmt.Sprintf("%s=%s", mapping(v)["Name"], mapping(v)["Value"]))
	}
	buckets := map[string]string{}
	for _, v := range list(p.properties("CodePipeline")["ArtifactStores"]) {
		region, store := mapping(v)["Region"].(string), mapping(mapping(v)["ArtifactStore"])
		buckets[region] = store["Location"].(string)
		e.createBucket(t, region, buckets[region])
	}
	b := e.build(t, codeBuild{programs, "bash", variables}, checkout(t), "deployment-pipeline/buildspec-v2.yaml")
	b.wantExit(t, 0)
	if names := slices.Sorted(maps.Keys(b.artifact)); !slices.Equal(names, []string{"packaged-template.yaml"}) {
		t.Fatalf("the artifact holds %q", names)
	}
	for region, bucket := range buckets {
		code := mapping(newStack(t, b.artifact["packaged-template.yaml"], region, nil).properties("MyLambdaFunction")["CodeUri"])
		if _, ok := e.objects(t, region, bucket)[fmt.Sprint(code["Key"])]; !ok || code["Bucket"] != bucket {
			t.Errorf("in %s the code is %v, and the bucket %s has not got it", region, code, bucket)
		}
	}
	statements := p.statements("CodeBuildRole")
	for _, request := range b.requests {
		fields := strings.Fields(request) // METHOD REGION URI
		path, _, _ := strings.Cut(strings.TrimPrefix(fields[2], "/"), "?")
		path = strings.TrimSuffix(path, "/")
		action := map[string]string{http.MethodHead: "s3:GetObject", http.MethodGet: "s3:GetObject", http.MethodPut: "s3:PutObject", http.MethodPost: "s3:PutObject"}[fields[0]]
		if !strings.Contains(path, "/") {
			action = "s3:ListBucket"
		}
		if len(allows(statements, action, "arn:aws:s3:::"+path)) == 0 {
			t.Errorf("the build's role may not %s: %s", action, request)
		}
	}
	if len(b.requests) == 0 {
		t.Error("the build sent nothing")
	}
	again := e.build(t, codeBuild{programs, "bash", variables}, checkout(t), "deployment-pipeline/buildspec-v2.yaml")
	again.wantNothingStored(t, 0)
}

// This repository as it is: mrpackage is built from it. Both of its buildspecs do the same.
func (e *e2e) testFromSource(t *testing.T) {
	programs, ok := image(t, "go")
	if !ok {
		return
	}
	first := checkout(t)
	p := readPipeline(t, first, "from-source")
	e.createStores(t, p)
	project := codeBuild{programs, "bash", p.variables}

	b := e.build(t, project, first, p.buildspec)
	b.wantExit(t, 0)
	e.wantDeployable(t, p, b.artifact)

	second := checkout(t)
	again := e.build(t, project, second, "buildspec.yaml")
	again.wantNothingStored(t, 0)
	if !maps.Equal(b.artifact, again.artifact) {
		t.Errorf("another build of the same code has the artifact\n%q, want\n%q", again.artifact, b.artifact)
	}
}

// The ways in which an image comes by its mrpackage, in both of the shells that a CodeBuild image has as its sh.
func (e *e2e) testInstall(t *testing.T, programs string) {
	url, digest := release(t, map[string]string{"mrpackage": readFile(t, e.program), "README.md": "Read me.\n"})
	realGo, err := exec.LookPath("go")
	check(t, err)
	goURL, goDigest := release(t, map[string]string{"go/bin/go": "#!/bin/sh\nexec '" + realGo + "' \"$@\"\n"})
	fromGo := []string{"GO_URL=" + goURL, "GO_SHA256=" + goDigest}

	tests := []struct {
		name      string
		program   string // one more, in the image
		script    string
		variables []string
		fork      bool // without our source
	}{
		{name: "Release", variables: []string{"MRPACKAGE_URL=" + url, "MRPACKAGE_SHA256=" + digest}},
		{name: "WithoutGo", variables: fromGo},
		{name: "WithOldGo", variables: fromGo, program: "go", script: "echo go version go1.10.3 linux/amd64; [ $1 = version ]"},
		{name: "WithMrpackage", program: "mrpackage", script: "exec '" + e.program + `' "$@"`, fork: true},
		{name: "Fork", program: "go", fork: true, variables: []string{"MRPACKAGE_VERSION=v1.2.3"}, script: `
			case $* in
			version) echo go version go1.21.0 linux/amd64 ;;
			*'install '*' github.com/symphoniacloud/multi-region-codepipeline/cmd/mrpackage@v1.2.3')
				cp '` + e.program + `' "$GOBIN/mrpackage" ;;
			*) exit 1 ;;
			esac`},
	}
	for _, tt := range tests {
		for _, shell := range []string{"bash", "dash"} {
			t.Run(tt.name+"/"+shell, func(t *testing.T) {
				if _, err := exec.LookPath(shell); err != nil {
					t.Log("this was not tested:", err)
					return
				}
				programs := programs
				if tt.program != "" {
					programs, _ = image(t)
					addProgram(t, programs, tt.program, tt.script)
				}
				dir := checkout(t)
				if tt.fork {
					removeSource(t, dir)
				}
				p := readPipeline(t, dir, "install-"+strings.ToLower(tt.name)+"-"+shell)
				e.createStores(t, p)
				b := e.build(t, codeBuild{programs, shell, append(p.variables, tt.variables...)}, dir, p.buildspec)
				b.wantExit(t, 0)
				e.wantDeployable(t, p, b.artifact)
			})
		}
	}
}

// What fails, fails where it should, has sent nothing, and leaves no artifact to deploy.
func (e *e2e) testFailures(t *testing.T, programs string) {
	url, digest := release(t, map[string]string{"mrpackage": readFile(t, e.program)})
	other := fmt.Sprintf("%064x", 0)
	ours := []string{"MRPACKAGE_URL=" + url, "MRPACKAGE_SHA256=" + digest}
	tests := []struct {
		name      string
		variables []string
		change    func(t *testing.T, dir string)
		failed    string
		stderr    []string
	}{
		{"Checksum", []string{"MRPACKAGE_URL=" + url, "MRPACKAGE_SHA256=" + other}, nil,
			"install", []string{url + " has another SHA-256 than " + other}},
		{"GoChecksum", []string{"GO_URL=" + url, "GO_SHA256=" + other}, nil, "install", []string{url + " has another SHA-256"}},
		{"UnknownChecksum", []string{"MRPACKAGE_URL=" + url}, nil, "install", []string{"MRPACKAGE_SHA256"}},
		{"UnknownURL", []string{"MRPACKAGE_SHA256=" + digest}, nil, "install", []string{"MRPACKAGE_URL"}},
		{"Fork", []string{"GO_URL=" + url, "GO_SHA256=" + digest}, removeSource,
			"install", []string{"MRPACKAGE_VERSION", "MRPACKAGE_URL"}},
		{"Application", ours, func(t *testing.T, dir string) {
			writeFile(t, filepath.Join(dir, "package.json"), `{"scripts": {"clean": "true",
				"dist": "mkdir target; echo half >target/half.js; echo no more code >&2; exit 3"}}`)
		}, "build", []string{"no more code"}},
		{"MissingBucket", ours, nil, "build", []string{west, "failures-missingbucket-us-west-2"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := checkout(t)
			p := readPipeline(t, dir, "failures-"+strings.ToLower(tt.name))
			e.createStores(t, p, east)
			if tt.change != nil {
				tt.change(t, dir)
			}
			b := e.build(t, codeBuild{programs, "bash", append(p.variables, tt.variables...)}, dir, p.buildspec)
			b.wantNothingStored(t, 1)
			b.wantError(t, tt.stderr...)
			if b.failed != tt.failed || b.artifact != nil {
				t.Errorf("failed in %q, want %q; the artifact is %q", b.failed, tt.failed, b.artifact)
			}
			if tt.name != "MissingBucket" && len(b.requests) != 0 {
				t.Errorf("the build went on, and sent %q", b.requests)
			}
		})
	}
}

// A region is added in pipeline.yaml and nowhere else. The buildspec may also name the regions itself.
func (e *e2e) testThirdRegion(t *testing.T) {
	programs, _ := image(t)
	addProgram(t, programs, "mrpackage", "exec '"+e.program+`' "$@"`)
	two, three := checkout(t), checkout(t)
	addRegion(t, three)
	p := readPipeline(t, three, "regions")
	if want := []string{third, east, west}; !slices.Equal(slices.Sorted(maps.Keys(p.stores)), want) {
		t.Fatalf("the regions are %v, want %v", p.stores, want)
	}
	e.createStores(t, p)
	b := e.build(t, codeBuild{programs, "bash", p.variables}, three, p.buildspec)
	b.wantExit(t, 0)
	e.wantDeployable(t, p, b.artifact)

	p = readPipeline(t, two, "regions")
	project := codeBuild{programs, "bash", p.variables}
	b = e.build(t, project, two, p.buildspec)
	b.wantExit(t, 0)
	e.wantDeployable(t, p, b.artifact)

	spec := filepath.Join(two, p.buildspec)
	edited := strings.Replace(readFile(t, spec), "- mrpackage\n", "- mrpackage --regions us-east-1,us-west-2\n", 1)
	if edited == readFile(t, spec) {
		t.Fatal("the buildspec does not run mrpackage, but something else")
	}
	writeFile(t, spec, edited)
	named := e.build(t, project, two, p.buildspec)
	named.wantExit(t, 0)
	if !maps.Equal(named.artifact, b.artifact) {
		t.Errorf("with --regions the artifact is\n%q, without\n%q", named.artifact, b.artifact)
	}
}

// wantDeployable holds an artifact against what the deploy actions take from it: for each region a template whose code
// is in that region's bucket, and the same code in all of them.
func (e *e2e) wantDeployable(t *testing.T, p pipeline, artifact map[string]string) {
	t.Helper()
	if want := slices.Sorted(maps.Values(p.templates)); !slices.Equal(slices.Sorted(maps.Keys(artifact)), want) {
		t.Errorf("the artifact holds %q, want %q", slices.Sorted(maps.Keys(artifact)), want)
	}
	codes := map[string]bool{}
	for region, name := range p.templates {
		code := e.code(t, region, p.stores[region], artifact[name])
		files := slices.DeleteFunc(slices.Sorted(maps.Keys(unpack(t, []byte(code)))), func(name string) bool {
			return name == "package-lock.json" // depends on the npm
		})
		if want := []string{"package.json", "src/lambda.js"}; !slices.Equal(files, want) {
			t.Errorf("the code of %s holds %q, want %q", region, files, want)
		}
		codes[code] = true
	}
	if len(codes) != 1 {
		t.Errorf("the regions have %d different archives", len(codes))
	}
}

// code is the archive that a packaged template names, which must be in the bucket.
func (e *e2e) code(t *testing.T, region, bucket, packaged string) string {
	t.Helper()
	key := codeKey(t, bucket, packaged)
	code, ok := e.objects(t, region, bucket)[key]
	if !ok {
		t.Fatalf("%s has no %s in %s", region, key, bucket)
	}
	return string(code)
}

// codeKey is the key of the function's code, which must be in this bucket.
func codeKey(t *testing.T, bucket, packaged string) string {
	t.Helper()
	var template struct {
		Resources struct {
			MyLambdaFunction struct {
				Properties struct {
					CodeURI string `yaml:"CodeUri"`
				} `yaml:"Properties"`
			} `yaml:"MyLambdaFunction"`
		} `yaml:"Resources"`
	}
	check(t, yaml.Unmarshal([]byte(packaged), &template))
	key, ok := strings.CutPrefix(template.Resources.MyLambdaFunction.Properties.CodeURI, "s3://"+bucket+"/")
	if !ok {
		t.Fatalf("the code is not in %s:\n%s", bucket, packaged)
	}
	return key
}

// removeSource makes a checkout a fork that has only the pipeline's files.
func removeSource(t *testing.T, dir string) {
	t.Helper()
	for _, name := range []string{"cmd", "packager", "go.mod", "go.sum"} {
		check(t, os.RemoveAll(filepath.Join(dir, name)))
	}
}
