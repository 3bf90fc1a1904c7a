package packager_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/symphoniacloud/multi-region-codepipeline/packager"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/imagetest"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/registrytest"
)

const imageTemplate = `Resources:
  First: {Type: AWS::Serverless::Function, Properties: {CodeUri: src}}
  Second: {Type: AWS::Lambda::Function, Properties: {Code: other.js}}
  Saved: {Type: AWS::Serverless::Function, Properties: {PackageType: Image, ImageUri: saved.tar}} # docker save
  Layout:
    Type: AWS::Lambda::Function
    Properties:
      PackageType: Image
      Code:
        ImageUri: ./layout
  Again: {Type: AWS::Serverless::Function, Properties: {PackageType: Image, ImageUri: saved.tar}}
`

// imageApp is an application with two images, the stores of three regions and their
// repositories.
func imageApp(t *testing.T) (*registrytest.Server, packager.Options) {
	t.Helper()
	server, opts := store(t)
	server.CreateBucket("eu-west-1", "europe", "")
	opts.Stores = append(opts.Stores, packager.Store{Region: "eu-west-1", Bucket: "europe"})
	opts.Hurry(time.Minute)
	registries := registrytest.New(registrytest.Options{})
	t.Cleanup(registries.Close)
	opts.InPlaceOfECR(registries.URL())
	for _, s := range opts.Stores {
		at := registrytest.Place{Region: s.Region, Name: "app"}
		registries.CreateRepository(at, true)
		opts.Repositories = append(opts.Repositories, packager.Repository{Region: s.Region, Address: at.Host() + "/app"})
	}
	dir := filepath.Dir(opts.TemplateFile)
	write(t, dir, "template.yaml", imageTemplate)
	write(t, dir, "other.js", "exports.handler = async () => 2\n")
	saved := imagetest.Image{Layers: [][]byte{imagetest.Layer("var/task/app.py", []byte("def handler(): pass\n")), imagetest.Layer("opt/lib", bytes.Repeat([]byte("lib "), 200_000))}, Names: []string{"app:1"}}
	write(t, dir, "saved.tar", string(imagetest.DockerSave(saved).Tar()))
	layout := imagetest.Image{Layers: [][]byte{imagetest.Layer("var/task/b.py", []byte("def b(): pass\n"))}, Compression: "gzip"}
	if err := imagetest.Buildx(layout).Write(filepath.Join(dir, "layout")); err != nil {
		t.Fatal(err)
	}
	return registries, opts
}

// pushed tells how often each operation was asked for, and forgets it.
func pushed(registries *registrytest.Server) map[string]int {
	n := make(map[string]int)
	for _, r := range registries.Requests() {
		n[r.Operation]++
	}
	registries.ResetRequests()
	return n
}

// Images go to the repository of every region, once each, under one digest; archives go
// where they ever went; and a second run sends nothing.
func TestImages(t *testing.T) {
	registries, opts := imageApp(t)
	result, err := packager.Package(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	if len(result.Images) != 2 || len(result.Images[0].References) != 2 {
		t.Fatalf("images: %+v", result.Images)
	}
	for i, s := range result.Stores {
		at := registrytest.Place{Region: s.Region, Name: "app"}
		for j, image := range s.Images {
			m, there := registries.Manifest(at, image.Digest)
			if !there || imagetest.Digest(m.Body) != image.Digest || image.Action != packager.Uploaded || image.Digest != result.Images[j].Digest {
				t.Errorf("%s, image %d: %s, there %v", s.Region, j, image.Action, there)
			}
			if tag := strings.TrimPrefix(image.Digest, "sha256:"); registries.Tags(at)[tag] != image.Digest {
				t.Errorf("%s: tags %v", s.Region, registries.Tags(at))
			}
		}
		address := at.Host() + "/app@"
		want := strings.NewReplacer("ImageUri: saved.tar", fmt.Sprintf("ImageUri: %q", address+result.Images[0].Digest), "ImageUri: ./layout", fmt.Sprintf("ImageUri: %q", address+result.Images[1].Digest),
			"CodeUri: src", fmt.Sprintf("CodeUri: %q", "s3://"+s.Bucket+"/"+s.Objects[0].Key), "Code: other.js", "Code: {S3Bucket: "+s.Bucket+", S3Key: "+s.Objects[1].Key+"}").Replace(imageTemplate)
		if got := string(result.Templates[i].Body); got != want {
			t.Errorf("%s:\n%s\nwant\n%s", s.Region, got, want)
		}
	}
	if n := pushed(registries); n["PutManifest"] != 6 {
		t.Errorf("requests: %v", n)
	}

	opts.OneTemplate = true
	again, err := packager.Package(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range again.Stores {
		for _, image := range s.Images {
			if image.Action != packager.Reused {
				t.Errorf("%s: %s", s.Region, image.Action)
			}
		}
	}
	if n := pushed(registries); n["PutManifest"]+n["StartUpload"]+n["UploadPart"] > 0 {
		t.Errorf("requests of a second run: %v", n)
	}
	want := `ImageUri: !Sub ["${Repository}@` + result.Images[0].Digest + `", {Repository: !FindInMap [ArtifactBuckets, !Ref "AWS::Region", Repository]}]`
	if got := string(again.Templates[0].Body); !strings.Contains(got, want) {
		t.Errorf("for all regions:\n%s", got)
	}
}

// A plan needs no network: its digests are those that a run pushes.
func TestImagesOfDryRun(t *testing.T) {
	registries, opts := imageApp(t)
	opts.DryRun = true
	dry, err := packager.Package(t.Context(), opts)
	if err != nil || len(registries.Requests()) > 0 {
		t.Fatalf("%v, %d requests", err, len(registries.Requests()))
	}
	opts.DryRun = false
	real, err := packager.Package(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	for i := range real.Templates {
		if !bytes.Equal(dry.Templates[i].Body, real.Templates[i].Body) {
			t.Errorf("the templates differ:\n%s\n%s", dry.Templates[i].Body, real.Templates[i].Body)
		}
	}
}

// Every problem of the images is found before anything is sent, all of them at once.
func TestImagesThatCannotBe(t *testing.T) {
	registries, opts := imageApp(t)
	dir := filepath.Dir(opts.TemplateFile)
	properties := map[string]string{
		"A": "gone.tar", "B": "saved.tar#other:1", "C": "111111111111.dkr.ecr.us-east-1.amazonaws.com/app:1", "D": "public.ecr.aws/lambda/python:3.14", "E": "empty.tar",
	}
	write(t, dir, "empty.tar", "")
	text := "Resources:\n"
	for _, id := range []string{"A", "B", "C", "D", "E"} {
		text += "  " + id + ": {Type: AWS::Serverless::Function, Properties: {PackageType: Image, ImageUri: '" + properties[id] + "'}}\n"
	}
	text += "  F: {Type: AWS::Serverless::Function, Properties: {PackageType: Image, Architectures: [arm64], ImageUri: saved.tar}}\n"
	write(t, dir, "template.yaml", text)
	opts.Repositories = opts.Repositories[1:]
	_, err := packager.Package(t.Context(), opts)
	wants := []string{
		"A.ImageUri: \"gone.tar\": no such file or folder", "B.ImageUri: \"saved.tar#other:1\": ", "this image is in us-east-1, and Lambda in us-west-2",
		"this image is in us-east-1, and Lambda in eu-west-1", "D.ImageUri: \"public.ecr.aws/lambda/python:3.14\": Lambda takes images from private", "E.ImageUri: \"empty.tar\" is empty",
		"F.ImageUri: \"saved.tar\" is for linux/amd64", "us-east-1: no repository for container images: US_EAST_1_IMAGE_REPOSITORY is not set",
	}
	all := problem.Errors(err)
	if len(all) != len(wants) {
		t.Errorf("%d problems, want %d", len(all), len(wants))
	}
	for i, e := range all {
		if i < len(wants) && !strings.Contains(e.Error(), wants[i]) {
			t.Errorf("problem %d is %v, want %s", i, e, wants[i])
		}
	}
	if n := pushed(registries); len(n) > 0 {
		t.Errorf("requests: %v", n)
	}
}

// A repository that is missing is found before anything is sent, and one region's failure
// leaves the others alone.
func TestImagesWhereSomethingFails(t *testing.T) {
	registries, opts := imageApp(t)
	opts.Repositories[1].Address = strings.Replace(opts.Repositories[1].Address, "/app", "/other", 1)
	_, err := packager.Package(t.Context(), opts)
	var missing *problem.Error
	if all := problem.Errors(err); len(all) != 1 || !strings.Contains(all[0].Error(), "us-west-2") || !strings.Contains(all[0].Error(), "other") {
		t.Errorf("%v, %v", err, missing)
	}
	if n := pushed(registries); n["PutManifest"]+n["StartUpload"] > 0 {
		t.Errorf("requests: %v", n)
	}
	opts.Repositories[1].Address = strings.Replace(opts.Repositories[1].Address, "/other", "/app", 1)
	registries.Fail(registrytest.Fault{Operation: "StartUpload", Region: "us-west-2", Status: 403, Code: "DENIED"})
	plan, err := packager.NewPlan(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	result, err := plan.Upload(t.Context())
	if all := problem.Errors(err); len(all) != 1 || !strings.HasPrefix(all[0].Error(), "us-west-2: ") {
		t.Errorf("%v", err)
	}
	for i, want := range []packager.Action{packager.Uploaded, packager.Planned, packager.Uploaded} {
		for _, image := range result.Stores[i].Images {
			if image.Action != want {
				t.Errorf("%s: %s, want %s", result.Stores[i].Region, image.Action, want)
			}
		}
	}
}

// An image that changes after it was planned is told, and nothing of it is pushed.
func TestImageChanges(t *testing.T) {
	registries, opts := imageApp(t)
	plan, err := packager.NewPlan(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	other := imagetest.Image{Layers: [][]byte{imagetest.Layer("var/task/app.py", []byte("def handler(): return 1\n"))}, Names: []string{"app:1"}}
	if err := os.WriteFile(filepath.Join(filepath.Dir(opts.TemplateFile), "saved.tar"), imagetest.DockerSave(other).Tar(), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := plan.Upload(t.Context()); err == nil || !strings.Contains(err.Error(), "Saved.ImageUri: \"saved.tar\": the image changed") {
		t.Errorf("got %v", err)
	}
	at := registrytest.Place{Region: "us-east-1", Name: "app"}
	if _, there := registries.Manifest(at, plan.Images[0].Digest); there {
		t.Error("it is pushed")
	}
}

// An interrupt while an image is read leaves no temporary file: NewPlan waits until they are
// gone, since a program ends then.
func TestInterruptWhileAnImageIsRead(t *testing.T) {
	_, opts := imageApp(t)
	dir := filepath.Dir(opts.TemplateFile)
	large := imagetest.Image{Layers: [][]byte{imagetest.Layer("opt/large", bytes.Repeat([]byte("some text of a program "), 4<<20))}}
	write(t, dir, "saved.tar", string(imagetest.DockerSave(large).Tar()))
	temp := t.TempDir()
	for _, name := range []string{"TMPDIR", "TMP"} {
		t.Setenv(name, temp)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		for ctx.Err() == nil {
			if found, _ := filepath.Glob(filepath.Join(temp, "mrpackage-image-*")); len(found) > 0 {
				cancel()
			}
			time.Sleep(time.Millisecond)
		}
	}()
	if _, err := packager.NewPlan(ctx, opts); !errors.Is(err, context.Canceled) {
		t.Fatalf("%v, want that it was interrupted", err)
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
		t.Errorf("%v are left (%v)", left, err)
	}
}
