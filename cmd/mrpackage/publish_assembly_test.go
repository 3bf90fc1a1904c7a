package main

import (
	"encoding/json"
	"fmt"
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

// What CDK made is published to all its environments in one run, and a second one sends nothing. Whatever the assembly's
// templates then refer to is where they look for it, in each stack's region and account: code, nested templates, images.
func TestPublishedReferences(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the image is made by sh, as CDK has it")
	}
	w := newCDKWorld(t, func(folder string) { fatal(t, os.CopyFS(folder, os.DirFS("../../testdata/cdk/cdk.out"))) })
	w.run(t, "mrpackage", "publish", w.assembly)
	w.s3.ResetRequests()
	w.ecr.ResetRequests()
	w.run(t, "mrpackage", "publish", w.assembly)
	for _, r := range w.s3.Requests() {
		if !strings.HasPrefix(r.Operation, "Head") && !strings.HasPrefix(r.Operation, "Get") && !strings.HasPrefix(r.Operation, "List") {
			t.Errorf("the second run: %s %s/%s", r.Operation, r.Bucket, r.Key)
		}
	}
	for _, r := range w.ecr.Requests() {
		if r.Operation == "PutManifest" || r.Operation == "StartUpload" {
			t.Errorf("the second run: %s %+v", r.Operation, r.Place)
		}
	}
	images := w.pushed(t)
	found := make(map[string]int)
	for i, pattern := range []string{"Virginia*.template.json", "Ireland*.template.json", "*/ProductionOregon*.template.json", "Anywhere*.template.json"} {
		env := cdkEnvironments[i]
		paths, err := filepath.Glob(filepath.Join(w.assembly, pattern))
		fatal(t, err)
		for _, path := range paths {
			text, err := os.ReadFile(path)
			fatal(t, err)
			var template any
			fatal(t, json.Unmarshal(text, &template))
			for _, at := range references(template, env[0], env[1]) {
				kind, place, _ := strings.Cut(at, " ")
				found[kind]++
				bucket, key, _ := strings.Cut(place, "/")
				_, there := w.s3.Object(bucket, key)
				if kind == "image" {
					there = slices.Contains(images, place+" "+imageOfAssembly)
				}
				if !there {
					t.Errorf("%s refers to %s, which is not there", filepath.Base(path), at)
				}
			}
		}
	}
	// In each environment four functions (one of them in the nested stack) and a layer; and two functions in containers.
	if found["code"] != 20 || found["template"] != 4 || found["image"] != 2 {
		t.Errorf("the templates refer to %v", found)
	}
}

// references are those of a template, as its stack resolves them: "code BUCKET/KEY", "template BUCKET/KEY", "image ADDRESS".
func references(node any, account, region string) (all []string) {
	resolve := strings.NewReplacer("${AWS::AccountId}", account, "${AWS::Region}", region, "${AWS::Partition}", "aws", "${AWS::URLSuffix}", "amazonaws.com")
	var text func(any) string
	text = func(node any) string {
		switch v := node.(type) {
		case string:
			return v
		case map[string]any:
			if name, ok := v["Ref"].(string); ok {
				return resolve.Replace("${" + name + "}")
			}
			if sub, ok := v["Fn::Sub"].(string); ok {
				return resolve.Replace(sub)
			}
			if join, ok := v["Fn::Join"].([]any); ok {
				var parts []string
				for _, part := range join[1].([]any) {
					parts = append(parts, text(part))
				}
				return strings.Join(parts, join[0].(string))
			}
		}
		return fmt.Sprint(node)
	}
	switch v := node.(type) {
	case map[string]any:
		if v["S3Bucket"] != nil {
			all = append(all, "code "+text(v["S3Bucket"])+"/"+text(v["S3Key"]))
		}
		if url := text(v["TemplateURL"]); v["TemplateURL"] != nil {
			all = append(all, "template "+strings.TrimPrefix(url, "https://s3."+region+".amazonaws.com/"))
		}
		if v["ImageUri"] != nil {
			all = append(all, "image "+text(v["ImageUri"]))
		}
		for _, one := range v {
			all = append(all, references(one, account, region)...)
		}
	case []any:
		for _, one := range v {
			all = append(all, references(one, account, region)...)
		}
	}
	return all
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

// openBucket lets in everybody.
const openBucket = "cdk-hnb659fds-assets-open-" + ststest.Account + "-eu-central-1"

func newCDKWorld(t *testing.T, write func(folder string)) *cdkWorld {
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
	write(w.assembly)
	w.s3.CreateBucket("eu-central-1", openBucket, ststest.Account)
	bundle := filepath.Join(w.dir, "authority.pem")
	fatal(t, os.WriteFile(bundle, w.ecr.proxy.Authority, 0o600))
	w.env = append(os.Environ(), "AWS_ACCESS_KEY_ID=AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY=secret-example", "AWS_SESSION_TOKEN=", "AWS_REGION=eu-central-1",
		"AWS_CONFIG_FILE="+os.DevNull, "AWS_SHARED_CREDENTIALS_FILE="+os.DevNull, "AWS_EC2_METADATA_DISABLED=true",
		"AWS_ENDPOINT_URL_S3="+w.s3.URL(), "AWS_ENDPOINT_URL_STS="+w.sts.URL(), "AWS_ENDPOINT_URL_ECR="+w.ecr.URL(),
		"AWS_CA_BUNDLE="+bundle, "HTTPS_PROXY="+w.ecr.proxy.URL(), "HOME="+w.dir,
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

// imageOfAssembly is the ID by which Docker knows the assembly's image: the digest of its configuration.
const imageOfAssembly = "sha256:8632b25e2248717f7c77a8a16297473a3c5276320d2eee3c05079b5209a56d2d"

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

func fatal(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
