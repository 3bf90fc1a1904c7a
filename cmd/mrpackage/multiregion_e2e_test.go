//go:build e2e

package main_test

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// oldScript is what multiregion-build.sh did before there was mrpackage.
const oldScript = `
if [ -z "$US_EAST_1_ARTIFACT_BUCKET" ] || [ -z "$US_WEST_2_ARTIFACT_BUCKET" ]; then
  echo "Artifact bucket environment variables are not set correctly"
  exit 1
fi
npm run clean
npm install --production
npm run dist
package() {
  aws cloudformation package --region "$1" --s3-bucket "$2" --template-file template.yaml \
    --output-template-file "target/packaged-template-$1.yaml"
}
package us-east-1 "$US_EAST_1_ARTIFACT_BUCKET"
package us-west-2 "$US_WEST_2_ARTIFACT_BUCKET"
`

// oldBuildspec is that of a fork that keeps calling the script, without its upgrade of the AWS CLI.
const oldBuildspec = `
version: 0.2
phases:
  build:
    commands:
      - chmod +x ./multiregion-build.sh
      - ./multiregion-build.sh
artifacts:
  type: zip
  discard-paths: yes
  files:
    - target/packaged-template-us-east-1.yaml
    - target/packaged-template-us-west-2.yaml
`

func (e *e2e) testMultiregionBuild(t *testing.T) {
	programs, ok := image(t)
	if !ok {
		return
	}
	t.Run("Variables", e.testVariables)

	url, digest := release(t, map[string]string{"mrpackage": readFile(t, e.program)})
	dir := checkout(t)
	p := readPipeline(t, dir, "script")
	e.createStores(t, p)
	project := codeBuild{programs, "bash", append(p.variables, "MRPACKAGE_URL="+url, "MRPACKAGE_SHA256="+digest)}
	want := e.build(t, project, dir, p.buildspec)
	want.wantExit(t, 0)

	fork := checkout(t)
	writeFile(t, filepath.Join(fork, p.buildspec), oldBuildspec)
	check(t, os.Chmod(filepath.Join(fork, "multiregion-build.sh"), 0o644))
	b := e.build(t, project, fork, p.buildspec)
	b.wantNothingStored(t, 0) // the buildspec's build has stored it
	if !maps.Equal(b.artifact, want.artifact) {
		t.Errorf("the script's artifact is\n%q, the buildspec's\n%q", b.artifact, want.artifact)
	}

	other := checkout(t)
	r := e.script(t, project, other, t.TempDir(), `"$CODEBUILD_SRC_DIR/multiregion-build.sh"`)
	r.wantNothingStored(t, 0)
	for _, region := range []string{east, west} {
		if readFile(t, output(other, region)) != want.artifact[outputName(region)] {
			t.Errorf("from another folder, the script writes another template for %s", region)
		}
	}
}

// Without all of its variables the script does nothing at all. It learns from pipeline.yaml which ones those are.
func (e *e2e) testVariables(t *testing.T) {
	programs, _ := image(t)
	addProgram(t, programs, "npm", `: >"$HOME/ran"`)
	addProgram(t, programs, "mrpackage", `: >"$HOME/ran"`)
	one, two := "US_EAST_1_ARTIFACT_BUCKET=one", "US_WEST_2_ARTIFACT_BUCKET=two"
	tests := []struct {
		name      string
		variables []string
		third     bool // in pipeline.yaml
		missing   string
	}{
		{"None", nil, false, "US_EAST_1_ARTIFACT_BUCKET US_WEST_2_ARTIFACT_BUCKET"},
		{"First", []string{one}, false, "US_WEST_2_ARTIFACT_BUCKET"},
		{"Second", []string{two}, false, "US_EAST_1_ARTIFACT_BUCKET"},
		{"Empty", []string{one, "US_WEST_2_ARTIFACT_BUCKET="}, false, "US_WEST_2_ARTIFACT_BUCKET"},
		{"ThirdRegion", []string{one, two}, true, "EU_WEST_1_ARTIFACT_BUCKET"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := checkout(t)
			if tt.third {
				addRegion(t, dir)
			}
			r := e.script(t, codeBuild{programs, "bash", tt.variables}, dir, dir,
				`./multiregion-build.sh; exit=$?; [ ! -e "$HOME/ran" ] || echo "it went on" >&2; exit $exit`)
			r.wantNothingStored(t, 1)
			if want := "Artifact bucket environment variables are not set correctly: " + tt.missing + "\n"; r.stderr != want {
				t.Errorf("stderr is %q, want %q", r.stderr, want)
			}
			if len(r.requests) != 0 {
				t.Errorf("it sent %q", r.requests)
			}
		})
	}
}

// The old script beside ours, on the same application: each fault that the old one has, and ours must not have.
func (e *e2e) testOldScript(t *testing.T) {
	programs, ok := image(t)
	if !ok {
		return
	}
	if _, err := exec.LookPath("aws"); err != nil {
		t.Log("there is no AWS CLI to run the old script with:", err)
		return
	}
	addProgram(t, programs, "mrpackage", "exec '"+e.program+`' "$@"`)
	old := e.faults(t, "old", codeBuild{image: os.Getenv("PATH"), shell: "bash"}, oldScript)
	ours := e.faults(t, "ours", codeBuild{image: programs, shell: "bash"}, "./multiregion-build.sh")
	for _, fault := range slices.Sorted(maps.Keys(old)) {
		t.Logf("%s: the old script %t, ours %t", fault, old[fault], ours[fault])
		if !old[fault] {
			t.Errorf("with this AWS CLI, the old script has this fault no more, and we should not speak of it: %s", fault)
		}
		if ours[fault] {
			t.Errorf("ours has the old script's fault: %s", fault)
		}
	}
}

// faults runs a script three times, each in a checkout of its own, and looks for what can be wrong with that.
func (e *e2e) faults(t *testing.T, name string, project codeBuild, script string) map[string]bool {
	t.Helper()
	dirs := []string{checkout(t), checkout(t), checkout(t)}
	p := readPipeline(t, dirs[0], name+"-script")
	e.createStores(t, p)
	project.variables = p.variables
	keys := [2]map[string]string{{}, {}}
	for i := range keys {
		e.script(t, project, dirs[i], dirs[i], script).wantExit(t, 0)
		for region, bucket := range p.stores {
			keys[i][region] = codeKey(t, bucket, readFile(t, output(dirs[i], region)))
		}
		// A zip archive knows modification times to two seconds.
		built, err := os.Stat(filepath.Join(dirs[i], "target", "src", "lambda.js"))
		check(t, err)
		time.Sleep(time.Until(built.ModTime().Add(2 * time.Second)))
	}
	codes := map[string]string{}
	var files []string
	for region, bucket := range p.stores {
		codes[region] = e.code(t, region, bucket, readFile(t, output(dirs[0], region)))
		files = append(files, slices.Collect(maps.Keys(unpack(t, []byte(codes[region]))))...)
	}

	project.variables = slices.Concat(p.variables, []string{"US_EAST_1_ARTIFACT_BUCKET=there-is-no-such-bucket"})
	failed := e.script(t, project, dirs[2], dirs[2], script)
	left, err := filepath.Glob(output(dirs[2], "*"))
	check(t, err)
	return map[string]bool{
		"the regions run different archives": codes[east] != codes[west],
		"an archive holds a packaged template": slices.ContainsFunc(files, func(name string) bool {
			return strings.HasPrefix(name, "packaged-template")
		}),
		"a second build of the same code has other keys":  !maps.Equal(keys[0], keys[1]),
		"a region that fails leaves the other's template": len(left) != 0,
		"a first region that fails goes unnoticed":        failed.exit == 0,
	}
}
