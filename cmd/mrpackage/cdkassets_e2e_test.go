//go:build e2e

package main

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/registrytest"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/s3test"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/ststest"
)

// TestE2ECDKAssets publishes the same cloud assembly with CDK's own cdk-assets into one AWS, and with mrpackage into another.
// Both must end with the same: the same buckets, keys and contents, after unpacking, types and encryption, and the same
// images under the same tags. Each bucket lets in its own environment's role alone.
//
// cdk-assets is what MRPACKAGE_CDK_ASSETS names, or what is on the PATH.
func TestE2ECDKAssets(t *testing.T) {
	cdkAssets, err := exec.LookPath("cdk-assets")
	if named := os.Getenv("MRPACKAGE_CDK_ASSETS"); named != "" {
		cdkAssets, err = exec.LookPath(named)
	}
	if err == nil {
		_, err = exec.LookPath("node")
	}
	if err != nil || runtime.GOOS == "windows" {
		t.Log("this was not tested:", err, runtime.GOOS)
		return
	}
	theirs, ours := newCDKWorld(t), newCDKWorld(t)
	manifests, err := filepath.Glob(filepath.Join(theirs.assembly, "*.assets.json"))
	fatal(t, err)
	nested, err := filepath.Glob(filepath.Join(theirs.assembly, "*", "*.assets.json"))
	fatal(t, err)
	if len(manifests) != 3 || len(nested) != 1 {
		t.Fatalf("the assembly has %d and %d manifests", len(manifests), len(nested))
	}
	for _, manifest := range append(manifests, nested...) {
		theirs.run(t, cdkAssets, "publish", "--path", manifest, "--verbose")
	}
	ours.run(t, "mrpackage", "publish", ours.assembly)

	want := theirs.objects(t)
	if len(want) != 32 {
		t.Errorf("cdk-assets stored %d objects", len(want))
	}
	got := ours.objects(t)
	for _, at := range slices.Sorted(mapKeys(want, got)) {
		if want[at] != got[at] {
			t.Errorf("%s: cdk-assets\n%s\nmrpackage\n%s", at, want[at], got[at])
		}
	}
	pushed := theirs.pushedByDocker(t)
	if len(pushed) != 2 {
		t.Errorf("cdk-assets pushed %q", pushed)
	}
	if images := ours.pushed(t); !slices.Equal(pushed, images) {
		t.Errorf("cdk-assets pushed %q, mrpackage %q", pushed, images)
	}

	// A second run sends nothing, and one after cdk-assets neither.
	for name, world := range map[string]*cdkWorld{"itself": ours, "cdk-assets": theirs} {
		world.s3.ResetRequests()
		world.run(t, "mrpackage", "publish", world.assembly)
		for _, r := range world.s3.Requests() {
			if strings.HasPrefix(r.Operation, "Put") || strings.HasPrefix(r.Operation, "Create") || strings.HasPrefix(r.Operation, "Copy") {
				t.Errorf("after %s: %s %s/%s", name, r.Operation, r.Bucket, r.Key)
			}
		}
	}
}

// A cdkWorld is an AWS that was bootstrapped for the environments of the assembly.
type cdkWorld struct {
	s3       *s3test.Server
	sts      *ststest.Server
	ecr      *registries
	dir      string
	assembly string
	env      []string
}

// cdkEnvironments are those of the assembly: account and region. The last one is where the stack goes that is bound to none.
var cdkEnvironments = [][2]string{
	{ststest.Account, "us-east-1"}, {ststest.Account, "eu-west-1"}, {"222222222222", "us-west-2"}, {ststest.Account, "eu-central-1"},
}

func newCDKWorld(t *testing.T) *cdkWorld {
	t.Helper()
	w := &cdkWorld{s3: s3test.New(), sts: ststest.New(), dir: t.TempDir()}
	t.Cleanup(w.s3.Close)
	t.Cleanup(w.sts.Close)
	var err error
	w.ecr, err = startRegistries(registrytest.Options{})
	fatal(t, err)
	t.Cleanup(w.ecr.stop)
	w.ecr.Guard(func(accessKey, token string) (string, string) {
		arn, code := w.sts.Signer(accessKey, token)
		if !strings.Contains(arn, "-image-publishing-role-") {
			return "", "AccessDeniedException"
		}
		return strings.Split(arn, ":")[4], code
	})
	for i, env := range cdkEnvironments {
		role := func(kind string) string {
			name := fmt.Sprintf("cdk-hnb659fds-%s-publishing-role-%s-%s", kind, env[0], env[1])
			r := ststest.Role{ARN: "arn:aws:iam::" + env[0] + ":role/" + name}
			if env[0] != ststest.Account {
				r.ExternalID = "shop"
			}
			w.sts.CreateRole(r)
			return r.ARN
		}
		bucket := fmt.Sprintf("cdk-hnb659fds-assets-%s-%s", env[0], env[1])
		w.s3.CreateBucket(env[1], bucket, env[0])
		w.s3.Guard(bucket, w.sts.Only(role("file")))
		if i%2 == 0 { // as newer bootstraps leave it, and older ones
			w.s3.SetEncryption(bucket, "aws:kms", "arn:aws:kms:"+env[1]+":"+env[0]+":key/11111111-2222-3333-4444-555555555555")
		}
		role("image")
		w.ecr.CreateRepository(registrytest.Place{Region: env[1], Account: env[0], Name: fmt.Sprintf("cdk-hnb659fds-container-assets-%s-%s", env[0], env[1])}, true)
	}
	w.assembly = filepath.Join(w.dir, "cdk.out")
	fatal(t, os.CopyFS(w.assembly, os.DirFS("../../testdata/cdk/cdk.out")))
	bundle := filepath.Join(w.dir, "authority.pem")
	fatal(t, os.WriteFile(bundle, w.ecr.authority, 0o600))
	w.env = append(os.Environ(), "AWS_ACCESS_KEY_ID=AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY=secret-example", "AWS_SESSION_TOKEN=", "AWS_REGION=eu-central-1",
		"AWS_CONFIG_FILE="+os.DevNull, "AWS_SHARED_CREDENTIALS_FILE="+os.DevNull, "AWS_EC2_METADATA_DISABLED=true",
		"AWS_ENDPOINT_URL_S3="+w.s3.URL(), "AWS_ENDPOINT_URL_STS="+w.sts.URL(), "AWS_ENDPOINT_URL_ECR="+w.ecr.URL(),
		"AWS_CA_BUNDLE="+bundle, "HTTPS_PROXY="+w.ecr.proxy.URL, "HOME="+w.dir,
		"PATH="+w.docker(t)+string(os.PathListSeparator)+os.Getenv("PATH"))
	return w
}

// docker is a folder with a docker that knows one image, and notes what it is told to push where.
func (w *cdkWorld) docker(t *testing.T) string {
	t.Helper()
	images, err := filepath.Glob("../../testdata/cdk/cdk.out/asset.*.tar")
	fatal(t, err)
	if len(images) != 1 {
		t.Fatalf("images %q", images)
	}
	image, err := filepath.Abs(images[0])
	fatal(t, err)
	dir := filepath.Join(w.dir, "bin")
	fatal(t, os.Mkdir(dir, 0o700))
	fatal(t, os.WriteFile(filepath.Join(dir, "docker"), []byte(`#!/bin/sh
case $1 in
  load) echo "Loaded image: shop:contained" ;;
  login) cat >/dev/null ;;
  tag) echo "$3 $2" >>"`+w.dir+`/tagged" ;;
  push) grep "^$2 " "`+w.dir+`/tagged" >>"`+w.dir+`/pushed" ;;
  image | save) exec cat "`+image+`" ;;
  *) exit 1 ;;
esac
`), 0o700))
	return dir
}

func (w *cdkWorld) run(t *testing.T, program string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Env, cmd.Dir = w.env, w.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %q: %v\n%s", program, args, err, out)
	}
}

// objects are what the buckets hold, by bucket and key: of a zip what is in it.
func (w *cdkWorld) objects(t *testing.T) map[string]string {
	t.Helper()
	all := make(map[string]string)
	for _, env := range cdkEnvironments {
		bucket := fmt.Sprintf("cdk-hnb659fds-assets-%s-%s", env[0], env[1])
		for _, key := range w.s3.Keys(bucket) {
			o, _ := w.s3.Object(bucket, key)
			all[bucket+"/"+key] = fmt.Sprintf("%s %s %s\n%s", o.ContentType, o.ServerSideEncryption, o.SSEKMSKeyID, unpacked(t, o.Body))
		}
	}
	return all
}

// unpacked are the files of a zip, with their permissions to be executed; of other files the bytes.
func unpacked(t *testing.T, body []byte) string {
	t.Helper()
	files, err := zip.NewReader(bytes.NewReader(body), int64(len(body)))
	if err != nil {
		return string(body)
	}
	var lines []string
	for _, f := range files.File {
		if strings.HasSuffix(f.Name, "/") {
			continue
		}
		r, err := f.Open()
		fatal(t, err)
		text, err := io.ReadAll(r)
		fatal(t, err)
		lines = append(lines, fmt.Sprintf("%s %t %q", f.Name, f.Mode()&0o111 != 0, text))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// imageOfAssembly is the ID by which Docker knows the assembly's image: the digest of its configuration.
const imageOfAssembly = "sha256:8632b25e2248717f7c77a8a16297473a3c5276320d2eee3c05079b5209a56d2d"

// pushedByDocker are the addresses to which docker was told to push that image, with their tags.
func (w *cdkWorld) pushedByDocker(t *testing.T) (all []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(w.dir, "pushed"))
	fatal(t, err)
	for line := range strings.Lines(string(text)) {
		address, image, _ := strings.Cut(strings.TrimSpace(line), " ")
		if image == "shop:contained" {
			image = imageOfAssembly
		}
		all = append(all, address+" "+image)
	}
	slices.Sort(all)
	return all
}

// pushed are the addresses under which the registries have an image, with their tags.
func (w *cdkWorld) pushed(t *testing.T) (all []string) {
	t.Helper()
	for _, env := range cdkEnvironments {
		at := registrytest.Place{Region: env[1], Account: env[0], Name: fmt.Sprintf("cdk-hnb659fds-container-assets-%s-%s", env[0], env[1])}
		for tag, digest := range w.ecr.Tags(at) {
			m, _ := w.ecr.Manifest(at, digest)
			var of struct{ Config struct{ Digest string } }
			fatal(t, json.Unmarshal(m.Body, &of))
			all = append(all, at.Host()+"/"+at.Name+":"+tag+" "+of.Config.Digest)
		}
	}
	slices.Sort(all)
	return all
}

// mapKeys are the keys of some maps, each as often as it is there.
func mapKeys(maps ...map[string]string) func(func(string) bool) {
	return func(yield func(string) bool) {
		seen := make(map[string]bool)
		for _, m := range maps {
			for key := range m {
				if !seen[key] && !yield(key) {
					return
				}
				seen[key] = true
			}
		}
	}
}

func fatal(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
