//go:build e2e

// The built program against a real S3 server, versitygw: one process for each region, behind one endpoint.
//
//	go test -tags e2e -run E2E ./cmd/mrpackage
//
// The first run installs the server into the user's cache folder, which takes a minute or two.
package main_test

import (
	"encoding/json"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	serverVersion   = "v1.8.0"
	registryVersion = "v3.0.0"

	east  = "us-east-1"
	west  = "us-west-2"
	third = "eu-west-1" // the one that a pipeline gets later

	// To versitygw an access key is the account's id, and the root user's account owns the buckets.
	ownerAccount = "111111111111"
	ownerSecret  = "owner-secret"
	guestAccount = "222222222222"
	guestSecret  = "guest-secret"
)

// TestE2E holds all end-to-end tests: they share the built program and the servers, and each has buckets of its own.
func TestE2E(t *testing.T) {
	e := &e2e{
		program: buildProgram(t),
		server:  installServer(t),
		routes:  map[string]http.Handler{},
		homes:   map[string]string{},
	}
	e.start(t)

	t.Run("SampleApplication", e.testSampleApplication)
	t.Run("BuildStage", e.testBuildStage)
	t.Run("MissingBucket", e.testMissingBucket)
	t.Run("BucketElsewhere", e.testBucketElsewhere)
	t.Run("RefusedWrites", e.testRefusedWrites)
	t.Run("LargeArchive", e.testLargeArchive)
	t.Run("SameAsAWS", e.testSameAsAWS)
	t.Run("Pipeline", e.testPipeline)
	t.Run("MultiregionBuild", e.testMultiregionBuild)
	t.Run("OldScript", e.testOldScript)
	t.Run("ExpectedOwner", e.testExpectedOwner)
	t.Run("ForbiddenBucket", e.testForbiddenBucket)
	t.Run("WriteOnly", e.testWriteOnly)
	t.Run("ChecksumRefused", e.testChecksumRefused)
	t.Run("InterruptAborts", e.testInterruptAborts)
	t.Run("Images", e.testImages)
	t.Run("ImagesInterrupted", e.testImagesInterrupted)
	t.Run("ImagesRegistryRestarts", e.testImagesRegistryRestarts)
	t.Run("ECR", e.testECR)
	t.Run("ECRLogin", e.testECRLogin)
	t.Run("Verify", e.testVerify)
	t.Run("Diff", e.testDiff)
	t.Run("DiffOfAWS", e.testDiffOfAWS)
	t.Run("Publish", e.testPublish)
	t.Run("DiffOfNested", e.testDiffOfNested)
}

func (e *e2e) testSampleApplication(t *testing.T) {
	buckets := e.createBuckets(t, "sample")
	app := sampleApp(t)

	r := e.mrpackage(t, app, nil, append(flags(buckets), "--report", "report.json")...)
	r.wantExit(t, 0)

	stored := e.objects(t, east, buckets[east])
	if there := e.objects(t, west, buckets[west]); !reflect.DeepEqual(stored, there) {
		t.Errorf("%s holds %v, %s holds %v, or their bytes differ", east, keys(stored), west, keys(there))
	}
	forms := map[string]int{}
	var executables []string
	for key, data := range stored {
		forms[filepath.Ext(key)]++
		if filepath.Ext(key) == ".zip" {
			for name, f := range unpack(t, data) {
				if f.Executable {
					executables = append(executables, name)
				}
			}
		}
	}
	if want := map[string]int{".zip": 4, ".yaml": 1, ".json": 1}; !maps.Equal(forms, want) {
		t.Errorf("stored objects by extension: %v, want %v", forms, want)
	}
	if want := []string{"bin/migrate"}; !slices.Equal(executables, want) {
		t.Errorf("executable files in the archives: %q, want %q", executables, want)
	}

	source := readFile(t, filepath.Join(app, "template.yaml"))
	lines := strings.Split(strings.TrimSpace(r.stdout), "\n")
	if len(lines) != 2 {
		t.Fatalf("stdout has %d lines, want one for each template:\n%s", len(lines), r.stdout)
	}
	report := readFile(t, filepath.Join(app, "report.json"))
	if !json.Valid([]byte(report)) {
		t.Errorf("the report is not JSON:\n%s", report)
	}
	for i, region := range []string{east, west} {
		if rest := strings.Replace(lines[i], outputName(region), "", 1); rest == lines[i] || !strings.Contains(rest, region) {
			t.Errorf("line %d of stdout is %q, want %s and the path of its template", i+1, lines[i], region)
		}
		values := rewrittenValues(t, source, readFile(t, output(app, region)))
		for _, key := range keys(stored) {
			if !strings.Contains(report, key) {
				t.Errorf("the report does not name %s", key)
			}
			if !slices.ContainsFunc(values, func(v string) bool {
				return strings.Contains(v, key) && strings.Contains(v, buckets[region])
			}) {
				t.Errorf("no value of the template of %s names %s in %s: %q", region, key, buckets[region], values)
			}
		}
	}
}

// What the build stage of the pipeline does: the code lies in target, where the outputs are written too.
func (e *e2e) testBuildStage(t *testing.T) {
	buckets := e.createBuckets(t, "build")
	env := []string{"US_EAST_1_ARTIFACT_BUCKET=" + buckets[east], "US_WEST_2_ARTIFACT_BUCKET=" + buckets[west]}
	files := map[string]string{
		"template.yaml":         functionTemplate("./target"),
		"target/src/lambda.js":  "exports.handler = async () => 'hello'\n",
		"target/package.json":   "{}\n",
		"target/bin/warm":       "#!/bin/sh\nexit 0\n",
		"target/ünicode/ß.json": "{}\n",
	}
	checkout := func(file, executable os.FileMode, modified time.Time) string {
		dir := t.TempDir()
		for name, content := range files {
			path := filepath.Join(dir, name)
			writeFile(t, path, content)
			mode := file
			if name == "target/bin/warm" {
				mode = executable
			}
			check(t, os.Chmod(path, mode))
			check(t, os.Chtimes(path, modified, modified))
		}
		return dir
	}

	first := checkout(0o644, 0o755, time.Now())
	r := e.mrpackage(t, first, env, "--regions", east+","+west)
	r.wantExit(t, 0)
	stored := e.objects(t, east, buckets[east])
	if there := e.objects(t, west, buckets[west]); !reflect.DeepEqual(stored, there) {
		t.Errorf("%s holds %v, %s holds %v, or their bytes differ", east, keys(stored), west, keys(there))
	}
	if len(stored) != 1 {
		t.Fatalf("stored %v, want one archive", keys(stored))
	}
	for _, data := range stored {
		want := []string{"bin/warm", "package.json", "src/lambda.js", "ünicode/ß.json"}
		if got := slices.Sorted(maps.Keys(unpack(t, data))); !slices.Equal(got, want) {
			t.Errorf("the archive holds %q, want %q", got, want)
		}
	}

	// Now the outputs of the first run lie in the archived folder.
	e.mrpackage(t, first, env, "--regions", east+","+west).wantNothingStored(t, 0)

	second := checkout(0o600, 0o700, time.Date(2001, 2, 3, 4, 5, 7, 0, time.UTC))
	env = append(env, "TZ=Asia/Kathmandu", "GOMAXPROCS=1")
	e.command(t, second, env, "sh", "-c", `umask 077 && exec "$0"`, e.program).wantNothingStored(t, 0)
	for _, region := range []string{east, west} {
		if readFile(t, output(first, region)) != readFile(t, output(second, region)) {
			t.Errorf("two checkouts of the same code have different templates for %s", region)
		}
	}
}

func (e *e2e) testMissingBucket(t *testing.T) {
	e.createBucket(t, east, "present")
	app := sampleApp(t)

	r := e.mrpackage(t, app, nil, flags(map[string]string{east: "present", west: "absent"})...)
	r.wantNothingStored(t, 1)
	r.wantError(t, west, "absent", "NoSuchBucket|404")
	wantNoOutput(t, app)
}

func (e *e2e) testBucketElsewhere(t *testing.T) {
	buckets := e.createBuckets(t, "elsewhere")
	app := sampleApp(t)

	r := e.mrpackage(t, app, nil, flags(map[string]string{west: buckets[east]})...)
	r.wantNothingStored(t, 1)
	r.wantError(t, west, buckets[east], east)
	wantNoOutput(t, app)
}

// Another account owns the buckets. It lets us read both, and at first write to one only.
func (e *e2e) testRefusedWrites(t *testing.T) {
	buckets := e.createBuckets(t, "refusal")
	e.allowGuest(t, east, buckets[east], "s3:*")
	e.allowGuest(t, west, buckets[west], "s3:ListBucket", "s3:GetBucketLocation", "s3:GetObject")
	app := sampleApp(t)
	guest := []string{"AWS_ACCESS_KEY_ID=" + guestAccount, "AWS_SECRET_ACCESS_KEY=" + guestSecret}

	r := e.mrpackage(t, app, guest, flags(buckets)...)
	r.wantExit(t, 1)
	r.wantError(t, west, buckets[west], "AccessDenied", "s3:PutObject")
	wantNoOutput(t, app)
	stored := e.objects(t, east, buckets[east])
	if len(stored) != 6 {
		t.Errorf("the healthy region holds %v, want the 6 artifacts", keys(stored))
	}
	if there := e.objects(t, west, buckets[west]); len(there) != 0 {
		t.Errorf("the refusing region holds %v", keys(there))
	}

	// With the permission, running again finishes the work: what is stored is not sent again.
	e.allowGuest(t, west, buckets[west], "s3:*")
	r = e.mrpackage(t, app, guest, flags(buckets)...)
	r.wantExit(t, 0)
	if writes := r.writes(east); len(writes) != 0 {
		t.Errorf("the second run sent again to the healthy region:\n%s", strings.Join(writes, "\n"))
	}
	if there := e.objects(t, west, buckets[west]); !reflect.DeepEqual(stored, there) {
		t.Errorf("after the second run %s holds %v, want %v", west, keys(there), keys(stored))
	}
}

func (e *e2e) testLargeArchive(t *testing.T) {
	for _, region := range []string{east, west} {
		e.createBucket(t, region, "large-"+region)
	}
	app := t.TempDir()
	content := make([]byte, 40<<20)
	_, _ = rand.NewChaCha8([32]byte{}).Read(content) // it never fails
	writeFile(t, filepath.Join(app, "code", "model.bin"), string(content))
	writeFile(t, filepath.Join(app, "template.yaml"), functionTemplate("code"))

	r := e.mrpackage(t, app, nil, "--regions", east+","+west, "--s3-bucket", "large-{region}")
	r.wantExit(t, 0)
	// A multipart upload is begun and ended by a POST.
	if !slices.ContainsFunc(r.requests, func(s string) bool { return strings.HasPrefix(s, "POST ") }) {
		t.Errorf("no multipart upload:\n%s", strings.Join(r.requests, "\n"))
	}
	for _, region := range []string{east, west} {
		stored := e.objects(t, region, "large-"+region)
		if len(stored) != 1 {
			t.Errorf("%s holds %v, want one archive", region, keys(stored))
		}
		for _, data := range stored {
			if got := unpack(t, data)["model.bin"].Content; got != string(content) {
				t.Errorf("model.bin comes back from %s as %d other bytes", region, len(got))
			}
		}
	}
	e.mrpackage(t, app, nil, "--regions", east+","+west, "--s3-bucket", "large-{region}").wantNothingStored(t, 0)
}

// The real AWS CLI packages the same application for one region: the same template but for bucket and key, and the
// same contents in what is stored.
func (e *e2e) testSameAsAWS(t *testing.T) {
	cli, err := exec.LookPath("aws")
	if err != nil {
		t.Log("there is no AWS CLI to compare with:", err)
		return
	}
	e.createBucket(t, west, "ours")
	e.createBucket(t, west, "theirs")
	app := sampleApp(t)

	e.command(t, app, nil, cli, "cloudformation", "package", "--region", west, "--s3-bucket", "theirs",
		"--template-file", "template.yaml", "--output-template-file", "theirs.yaml").wantExit(t, 0)
	e.mrpackage(t, app, nil, "--regions", west, "--s3-bucket", "ours").wantExit(t, 0)

	theirs := e.packaged(t, filepath.Join(app, "theirs.yaml"), "theirs")
	ours := e.packaged(t, output(app, west), "ours")
	if !reflect.DeepEqual(ours, theirs) {
		t.Errorf("ours:\n%s\ntheirs:\n%s", indented(ours), indented(theirs))
	}
}
