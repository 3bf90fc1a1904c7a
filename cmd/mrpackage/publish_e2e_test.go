//go:build e2e

package main_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// cdkBuckets are the buckets of CDK's bootstrap that the assembly in testdata names, by account and region.
func cdkBuckets() map[[2]string]string {
	buckets := make(map[[2]string]string)
	for _, at := range [][2]string{{"111111111111", east}, {"111111111111", third}, {"222222222222", west}, {"333333333333", east}} {
		buckets[at] = "cdk-hnb659fds-assets-" + at[0] + "-" + at[1]
	}
	return buckets
}

// cdkAssembly is a copy of the assembly that CDK made, whose images are left out: their command needs Docker. Without
// roles everything is reached by the caller.
func cdkAssembly(t *testing.T, withRoles bool) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "cdk.out")
	check(t, os.CopyFS(dir, os.DirFS(filepath.Join("..", "..", "testdata", "cdk", "cdk.out"))))
	check(t, filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".assets.json") {
			return err
		}
		var manifest map[string]any
		check(t, json.Unmarshal([]byte(readFile(t, path)), &manifest))
		manifest["dockerImages"] = map[string]any{}
		for _, asset := range manifest["files"].(map[string]any) {
			for _, to := range asset.(map[string]any)["destinations"].(map[string]any) {
				if !withRoles {
					delete(to.(map[string]any), "assumeRoleArn")
					delete(to.(map[string]any), "assumeRoleExternalId")
					delete(to.(map[string]any), "assumeRoleAdditionalOptions")
				}
			}
		}
		writeFile(t, path, indented(manifest))
		return nil
	}))
	return dir
}

// An assembly that CDK made is published to a real S3 server in three regions, again with nothing sent, and whatever its
// templates refer to is there.
func (e *e2e) testPublish(t *testing.T) {
	dir := cdkAssembly(t, false)
	stored := make(map[string]map[string][]byte) // by bucket
	for at, bucket := range cdkBuckets() {
		e.createBucket(t, at[1], bucket)
	}
	env := []string{"AWS_ACCOUNT_ID=333333333333", "AWS_REGION=" + east}
	// All buckets are the owner's here, and that is told of the one that is to be the caller's.
	refused := e.mrpackage(t, filepath.Dir(dir), env, "publish")
	refused.wantExit(t, 1)
	for at, bucket := range cdkBuckets() {
		if n := len(e.objects(t, at[1], bucket)); n != 0 || strings.Count(refused.stderr, "does not belong to the account 333333333333") != 1 {
			t.Errorf("%s holds %d objects:\n%s", bucket, n, refused.stderr)
		}
	}
	first := e.mrpackage(t, filepath.Dir(dir), env, "publish", "--cross-account")
	first.wantExit(t, 0)
	again := e.mrpackage(t, filepath.Dir(dir), env, "publish", "--cross-account")
	again.wantExit(t, 0)
	if again.stdout != first.stdout || strings.Count(again.stderr, "0 uploaded") != 4 {
		t.Errorf("the second run sent something:\n%s", again.stderr)
	}
	for _, request := range again.requests {
		if strings.HasPrefix(request, "PUT") {
			t.Errorf("the second run: %s", request)
		}
	}
	for at, bucket := range cdkBuckets() {
		stored[bucket] = e.objects(t, at[1], bucket)
	}
	lines := 0
	for _, objects := range stored {
		lines += len(objects)
	}
	if n := strings.Count(first.stdout, "\n"); n != lines {
		t.Errorf("%d lines of results, and %d objects", n, lines)
	}
	resolved := 0
	check(t, filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".template.json") {
			return err
		}
		var document any
		check(t, json.Unmarshal([]byte(readFile(t, path)), &document))
		for _, at := range references(document) {
			resolved++
			body := stored[at[0]][at[1]]
			if body == nil {
				t.Errorf("%s refers to s3://%s/%s, which is not there", filepath.Base(path), at[0], at[1])
			} else if z, err := zip.NewReader(bytes.NewReader(body), int64(len(body))); err != nil || len(z.File) == 0 {
				t.Errorf("s3://%s/%s is no zip with files: %v", at[0], at[1], err)
			}
		}
		return nil
	}))
	if resolved < 16 {
		t.Errorf("%d references in the templates", resolved)
	}
	// What is sent once more is the same, byte for byte, on whatever path.
	moved := filepath.Join(t.TempDir(), "elsewhere")
	check(t, os.Rename(dir, moved))
	e.mrpackage(t, t.TempDir(), env, "publish", "--cross-account", "--force-upload", "-q", moved).wantExit(t, 0)
	for at, bucket := range cdkBuckets() {
		if now := e.objects(t, at[1], bucket); !maps.EqualFunc(now, stored[bucket], bytes.Equal) {
			t.Errorf("%s holds other bytes", bucket)
		}
	}
}

// references are the bucket and key of each S3 object that a template of CDK's names, with the placeholders of the account
// and the region that this test publishes to.
func references(value any) (all [][2]string) {
	text := func(value any) string {
		if sub, ok := value.(map[string]any); ok {
			value = sub["Fn::Sub"]
		}
		name, _ := value.(string)
		return strings.NewReplacer("${AWS::AccountId}", "333333333333", "${AWS::Region}", east).Replace(name)
	}
	switch v := value.(type) {
	case map[string]any:
		bucket, key := text(v["S3Bucket"]), text(v["S3Key"])
		if bucket != "" && key != "" {
			all = append(all, [2]string{bucket, key})
		}
		for _, key := range slices.Sorted(maps.Keys(v)) {
			all = append(all, references(v[key])...)
		}
	case []any:
		for _, item := range v {
			all = append(all, references(item)...)
		}
	}
	return all
}

// On a server that plays AWS, with accounts, each destination is reached by the role that CDK's bootstrap makes.
func TestE2EPublishByRoles(t *testing.T) {
	m := startMoto(t)
	if m == nil {
		return
	}
	program := buildProgram(t)
	for at, bucket := range cdkBuckets() {
		account, region := at[0], at[1]
		m.createBucketAs(t, "arn:aws:iam::"+account+":role/bootstrap", region, bucket)
	}
	m.mu.Lock()
	m.calls = nil
	m.mu.Unlock()
	publish := func(args ...string) string {
		cmd := exec.CommandContext(t.Context(), program, append([]string{"publish", cdkAssembly(t, true)}, args...)...)
		cmd.Dir = t.TempDir()
		cmd.Env = append(environment(), "AWS_ENDPOINT_URL="+m.endpoint, "AWS_ACCESS_KEY_ID=x", "AWS_SECRET_ACCESS_KEY=y", "AWS_REGION="+east,
			"AWS_ACCOUNT_ID=333333333333", "AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v:\n%s", err, out)
		}
		return string(out)
	}
	if out := publish(); strings.Count(out, "8 uploaded") != 4 {
		t.Errorf("not everything was uploaded:\n%s", out)
	}
	roles := make(map[string]int)
	for _, c := range m.calls {
		if c.action == "AssumeRole" {
			roles[c.form.Get("RoleArn")+" "+c.region]++
		}
	}
	if len(roles) != 4 || slices.Max(slices.Collect(maps.Values(roles))) != 1 {
		t.Errorf("assumed %v", roles)
	}
	if out := publish("--verbose"); strings.Count(out, "0 uploaded") != 4 || strings.Contains(out, "archived") {
		t.Errorf("the second run sent something:\n%s", out)
	}
}
