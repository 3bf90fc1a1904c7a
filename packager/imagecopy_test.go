package packager_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/symphoniacloud/multi-region-codepipeline/packager"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/imagetest"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/registrytest"
)

// A sources is where images are that somebody else pushed.
type sources struct {
	*registrytest.Server
	ecr, open registrytest.Place // a repository of another account in another region, and one of a registry that is not ECR
}

// copyApp is an application whose images are copied to three regions.
func copyApp(t *testing.T) (sources, packager.Options) {
	t.Helper()
	registries, opts := imageApp(t)
	opts.CopyImages = true
	s := sources{registries, registrytest.Place{Region: "eu-central-1", Account: "111111111111", Name: "team/base"}, registrytest.Place{Name: "library/base"}}
	registries.CreateRepository(s.ecr, false)
	for _, at := range []registrytest.Place{s.open, {Name: "one"}, {Name: "two"}} {
		registries.CreateRepository(at, false)
	}
	return s, opts
}

// in is the address of a repository.
func (s sources) in(at registrytest.Place) string {
	if at.Region == "" {
		return s.Host() + "/" + at.Name
	}
	return at.Host() + "/" + at.Name
}

// put stores an image, or an index and all that it names, and returns the digest.
func (s sources) put(at registrytest.Place, files imagetest.Files, d imagetest.Descriptor, tags ...string) string {
	for _, body := range files {
		s.PutBlob(at, body)
		for _, mediaType := range []string{imagetest.OCIManifest, imagetest.OCIIndex} {
			if bytes.Contains(body, []byte(`"schemaVersion":2`)) && bytes.Contains(body, []byte(`"mediaType":"`+mediaType+`","schemaVersion"`)) {
				s.PutManifest(at, registrytest.Manifest{MediaType: mediaType, Body: body})
			}
		}
	}
	digest := d["digest"].(string)
	s.PutManifest(at, registrytest.Manifest{MediaType: d["mediaType"].(string), Body: files["blobs/sha256/"+strings.TrimPrefix(digest, "sha256:")]}, tags...)
	return digest
}

func imageOf(architecture, text string) imagetest.Image {
	return imagetest.Image{Architecture: architecture, Compression: "gzip", Layers: [][]byte{imagetest.Layer("var/task/app.py", []byte(text)), imagetest.Layer("opt/lib", bytes.Repeat([]byte(text), 50_000))}}
}

// putImage stores an image of one platform.
func (s sources) putImage(at registrytest.Place, architecture, text string, tags ...string) string {
	files := imagetest.Files{}
	return s.put(at, files, files.Image(imageOf(architecture, text)), tags...)
}

// functions is a template of functions with these images, A, B and so on.
func functions(images ...string) string {
	text := "Resources:\n"
	for i, image := range images {
		text += fmt.Sprintf("  %c: {Type: AWS::Serverless::Function, Properties: {PackageType: Image, ImageUri: %s}}\n", 'A'+i, image)
	}
	return text
}

// there tells in which regions the repository has an image, whole and under its tag.
func (s sources) there(opts packager.Options, digest string) (regions []string) {
	for _, store := range opts.Stores {
		at := registrytest.Place{Region: store.Region, Name: "app"}
		m, ok := s.Manifest(at, digest)
		for _, word := range strings.Split(string(m.Body), `"`) {
			if strings.HasPrefix(word, "sha256:") {
				_, _, there := s.Blob(at, word)
				ok = ok && there
			}
		}
		if ok && s.Tags(at)[strings.TrimPrefix(digest, "sha256:")] == digest {
			regions = append(regions, store.Region)
		}
	}
	return regions
}

// What an address names is copied to every region, also where that could read the address:
// from ECR in any region, and from other registries, by tag and by digest. The packaged
// template names it by digest. A second run sends nothing, and asks for nothing but what the
// addresses mean.
func TestCopyImages(t *testing.T) {
	s, opts := copyApp(t)
	retried := make(map[string]int)
	opts.Progress = func(e packager.Event) {
		if e.Kind == packager.Retrying {
			retried[e.Region+e.Bucket]++
		}
	}
	for _, operation := range []string{"GetManifest", "GetBlob"} {
		s.Fail(registrytest.Fault{Operation: operation, Name: s.ecr.Name, Status: http.StatusServiceUnavailable, Times: 1, Skip: map[string]int{"GetBlob": 1}[operation]})
	}
	own := registrytest.Place{Region: "us-east-1", Name: "other"}
	s.CreateRepository(own, false)
	digests := map[string]string{
		"ECR:v1": s.putImage(s.ecr, "amd64", "ecr", "v1"), "OPEN": s.putImage(s.open, "amd64", "open"), "OWN:v2": s.putImage(own, "amd64", "own", "v2"),
		"LOOP/one:1": s.putImage(registrytest.Place{Name: "one"}, "amd64", "one", "1"), "LOOP/two:1": s.putImage(registrytest.Place{Name: "two"}, "amd64", "two", "1"),
		"TASK": s.putImage(s.open, "arm64", "task", "task"),
	}
	source := strings.NewReplacer("ECR", s.in(s.ecr), "OPEN", s.in(s.open)+"@"+digests["OPEN"], "OWN", s.in(own), "HOST", s.Host(), "TASK", s.in(s.open)+":task").Replace(`Transform: [AWS::LanguageExtensions, AWS::Serverless-2016-10-31]
Resources:
  Zip: {Type: AWS::Serverless::Function, Properties: {CodeUri: src}}
  A: {Type: AWS::Serverless::Function, Properties: {PackageType: Image, ImageUri: ECR:v1}} # another region's
  B: {Type: AWS::Lambda::Function, Properties: {PackageType: Image, Code: {ImageUri: 'OPEN'}}}
  C: {Type: AWS::Serverless::Function, Properties: {PackageType: Image, ImageUri: !Sub "OWN:v2"}}
  D: {Type: AWS::Serverless::Function, Properties: {PackageType: Image, ImageUri: ECR:v1}}
  E: {Type: AWS::Serverless::Function, Properties: {PackageType: Image, ImageUri: !Sub '${AWS::AccountId}.dkr.ecr.${AWS::Region}.amazonaws.com/app:1'}}
  Saved: {Type: AWS::Serverless::Function, Properties: {PackageType: Image, ImageUri: saved.tar}}
  T: {Type: AWS::Own::Task, Properties: {Image: TASK}}
  Fn::ForEach::Each:
    - Name
    - [one, two]
    - Function${Name}: {Type: AWS::Serverless::Function, Properties: {PackageType: Image, ImageUri: !Sub "HOST/${Name}:1"}}
`)
	write(t, filepath.Dir(opts.TemplateFile), "template.yaml", source)
	opts.Properties = []packager.Property{{Type: "AWS::Own::Task", Path: "Image", Form: packager.FormImage}}
	result, err := packager.Package(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	if len(result.Images) != 7 || len(result.Images[0].References) != 2 || result.Images[0].Architecture != "amd64" || len(result.Images[0].Layers) != 2 || result.Images[0].Size == 0 {
		t.Errorf("images: %+v", result.Images)
	}
	if want := map[string]int{s.in(s.ecr) + ":v1": 2}; !maps.Equal(retried, want) {
		t.Errorf("retried %v", retried)
	}
	for name, digest := range digests {
		if regions := s.there(opts, digest); len(regions) != 3 {
			t.Errorf("%s is in %q", name, regions)
		}
	}
	for i, store := range opts.Stores {
		text, address := string(result.Templates[i].Body), registrytest.Place{Region: store.Region}.Host()+"/app@"
		for _, want := range []string{
			fmt.Sprintf("ImageUri: %q}} # another region's", address+digests["ECR:v1"]), fmt.Sprintf("{ImageUri: '%s'}", address+digests["OPEN"]), address + digests["OWN:v2"], address + digests["TASK"],
			address + digests["LOOP/one:1"], address + digests["LOOP/two:1"], "!Sub '${AWS::AccountId}.dkr.ecr.${AWS::Region}.amazonaws.com/app:1'",
		} {
			if !strings.Contains(text, want) {
				t.Errorf("%s lacks %s:\n%s", store.Region, want, text)
			}
		}
		if strings.Contains(text, s.Host()) || strings.Contains(text, "eu-central-1") {
			t.Errorf("%s names a source:\n%s", store.Region, text)
		}
	}
	pushed(s.Server)

	opts.OneTemplate = true
	again, err := packager.Package(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	for _, store := range again.Stores {
		for _, image := range store.Images {
			if image.Action != packager.Reused {
				t.Errorf("%s: %s %s", store.Region, image.Source, image.Action)
			}
		}
	}
	// One manifest and one configuration for each image.
	if n := pushed(s.Server); n["PutManifest"]+n["StartUpload"]+n["UploadPart"]+n["PutImage"] > 3 || n["GetManifest"] != 6 || n["GetBlob"] != 6 {
		t.Errorf("requests of a second run: %v", n)
	}
	for _, digest := range digests {
		if text := string(again.Templates[0].Body); !strings.Contains(text, digest) || strings.Contains(text, s.Host()) {
			t.Errorf("for all regions:\n%s", text)
		}
	}
}

// Of an index it is the image that the function runs, without what stands beside it; where a
// property is of the user's, it must be the only one.
func TestCopyImagesOfIndex(t *testing.T) {
	s, opts := copyApp(t)
	files := imagetest.Files{}
	amd, arm := files.Image(imageOf("amd64", "amd")), files.Image(imageOf("arm64", "arm"))
	both := s.put(s.ecr, files, files.Index(amd.Platform("linux", "amd64"), files.Attestation(amd), arm.Platform("linux", "arm64")), "both")
	s.put(s.ecr, files, files.Index(arm.Platform("linux", "arm64"), files.Attestation(arm)), "one")
	text := `Globals: {Function: {Architectures: [arm64]}}
Resources:
  A: {Type: AWS::Serverless::Function, Properties: {PackageType: Image, ImageUri: ECR:both}}
  B: {Type: AWS::Lambda::Function, Properties: {PackageType: Image, Code: {ImageUri: ECR:both}}}
  C: {Type: AWS::Serverless::Function, Properties: {PackageType: Image, ImageUri: ECR@DIGEST}}
  T: {Type: AWS::Own::Task, Properties: {Image: ECR:one}}
`
	opts.Properties = []packager.Property{{Type: "AWS::Own::Task", Path: "Image", Form: packager.FormImage}}
	dir, replace := filepath.Dir(opts.TemplateFile), strings.NewReplacer("ECR", s.in(s.ecr), "DIGEST", both)
	write(t, dir, "template.yaml", replace.Replace(text))
	result, err := packager.Package(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]any{"A": arm["digest"], "B": amd["digest"], "C": arm["digest"], "T": arm["digest"]} {
		is := func(image packager.Image) bool {
			return image.Digest == want && slices.ContainsFunc(image.References, func(r packager.Reference) bool { return r.LogicalID == id })
		}
		if !slices.ContainsFunc(result.Images, is) || len(s.there(opts, want.(string))) != 3 {
			t.Errorf("%s, of %s, is in %q: %+v", id, want, s.there(opts, want.(string)), result.Images)
		}
	}
	if _, there := s.Manifest(registrytest.Place{Region: "us-east-1", Name: "app"}, both); there {
		t.Error("the index is copied, which Lambda does not take")
	}

	write(t, dir, "template.yaml", replace.Replace(strings.NewReplacer("Image: ECR:one", "Image: ECR:both", "Code: {ImageUri: ECR:both}", "Code: {ImageUri: ECR:one}").Replace(text)))
	_, err = packager.Package(t.Context(), opts)
	isEach(t, err,
		":4:86: B.Code.ImageUri: \""+s.in(s.ecr)+":one\": reading the image one from "+s.in(s.ecr)+": the index has 0 images for linux/amd64; it is of linux/arm64",
		":6:49: T.Image: \""+s.in(s.ecr)+":both\": reading the image both from "+s.in(s.ecr)+": the index has 2 images for linux; it is of linux/amd64, linux/arm64")
}

// isEach holds an error's problems against what each of them says, in order.
func isEach(t *testing.T, err error, wants ...string) (all []*problem.Error) {
	t.Helper()
	for i, e := range problem.Errors(err) {
		var p *problem.Error
		if !errors.As(e, &p) || i >= len(wants) || !strings.Contains(p.Error(), wants[i]) {
			t.Errorf("problem %d is %v", i, e)
			continue
		}
		all = append(all, p)
	}
	if len(all) != len(wants) {
		t.Fatalf("%d problems, want %d", len(all), len(wants))
	}
	return all
}

// What counts is what a tag meant when the run was planned.
func TestCopyImageWhoseTagMoves(t *testing.T) {
	s, opts := copyApp(t)
	first := s.putImage(s.open, "amd64", "first", "v1")
	write(t, filepath.Dir(opts.TemplateFile), "template.yaml", functions(s.in(s.open)+":v1"))
	plan, err := packager.NewPlan(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	second := s.putImage(s.open, "amd64", "second", "v1")
	result, err := plan.Upload(t.Context())
	if err != nil || !strings.Contains(string(result.Templates[0].Body), first) || len(s.there(opts, first)) != 3 || len(s.there(opts, second)) != 0 {
		t.Errorf("%v; the first is in %q, the second in %q", err, s.there(opts, first), s.there(opts, second))
	}
}

// What keeps an image from being copied is a problem of its place in the template, with what
// to do; all are told at once, and nothing is sent.
func TestCopyImagesThatCannotBe(t *testing.T) {
	s, opts := copyApp(t)
	files := imagetest.Files{}
	zstd, windows := imageOf("amd64", "zstd"), imageOf("amd64", "windows")
	zstd.Compression, windows.OS = "zstd", "windows"
	s.put(s.open, files, files.Image(zstd), "zstd")
	s.put(s.open, files, files.Image(windows), "windows")
	s.put(s.open, files, files.Manifest(files.Blob("application/vnd.cncf.helm.config.v1+json", []byte("{}")), files.Blob("application/gzip", []byte("chart"))), "chart")
	huge := files.Blob(imagetest.OCILayer+"+gzip", []byte("huge")).With("size", 11<<30)
	s.put(s.open, files, files.Manifest(files.Blob(imagetest.OCIConfig, imageOf("amd64", "huge").Config()), huge), "huge")
	s.putImage(s.open, "arm64", "arm", "arm")
	denied := registrytest.Place{Region: "eu-west-3", Account: "222222222222", Name: "secret"}
	s.CreateRepository(denied, false)
	s.Fail(registrytest.Fault{Region: "eu-west-3", Status: http.StatusForbidden, Code: "DENIED", Message: "User: x is not authorized to perform: ecr:BatchGetImage on resource: y"})
	missing := registrytest.Place{Region: "eu-central-1", Account: "111111111111", Name: "gone"}
	in := s.in(s.open)
	write(t, filepath.Dir(opts.TemplateFile), "template.yaml", functions(in+":gone", s.in(missing)+":v1", s.in(denied)+":v1", in+":zstd", in+":windows", in+":arm", in+":chart", in+":huge", "gone.tar"))
	_, err := packager.Package(t.Context(), opts)
	all := isEach(t, err,
		"A.ImageUri: \""+in+":gone\": reading the image gone from "+in+": MANIFEST_UNKNOWN", "B.ImageUri: \""+s.in(missing)+":v1\": there is no repository gone in eu-central-1 in the account 111111111111",
		"C.ImageUri: \""+s.in(denied)+":v1\": reading the image v1 from "+s.in(denied)+": DENIED", "D.ImageUri: \""+in+":zstd\" has a layer, 1, that is compressed with zstd",
		"E.ImageUri: \""+in+":windows\" is for Windows", "F.ImageUri: \""+in+":arm\" is for linux/arm64", "G.ImageUri: \""+in+":chart\" is no container image, but an artifact",
		"H.ImageUri: \""+in+":huge\" is too large", "I.ImageUri: \"gone.tar\": no such file")
	for i, want := range []string{"has it been pushed? correct the address", "has it been pushed? correct the address", "the repository belongs to another account"} {
		if !strings.Contains(all[i].Hint, want) {
			t.Errorf("hint %d is %q", i, all[i].Hint)
		}
	}
	if want := `{"Effect": "Allow", "Action": ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"], "Resource": "arn:aws:ecr:eu-west-3:222222222222:repository/secret"}`; all[2].Statement != want {
		t.Errorf("statement %s", all[2].Statement)
	}
	if n := pushed(s.Server); n["PutManifest"]+n["StartUpload"] > 0 {
		t.Errorf("requests: %v", n)
	}
}

// A layer that is spoiled at its source, or that may not be read, is told with the source;
// no region gets the image.
func TestCopyImageWhoseLayersFail(t *testing.T) {
	for name, c := range map[string]struct {
		fail       func(s sources, layer string)
		says, hint string
		statement  string
	}{
		"spoiled": {func(s sources, layer string) {
			s.Spoil(s.ecr, layer, bytes.Repeat([]byte("x"), len(imagetest.Gzip(imageOf("amd64", "ecr").Layers[0]))))
		}, "has other bytes than its digest's", "proxy", ""},
		"denied": {func(s sources, layer string) {
			s.Fail(registrytest.Fault{Operation: "GetBlob", Region: s.ecr.Region, Status: http.StatusForbidden, Code: "DENIED", Message: "no"})
		}, "DENIED (no, HTTP 403)", "the repository belongs to another account", `"Resource": "arn:aws:ecr:eu-central-1:111111111111:repository/team/base"`},
		"gone": {func(s sources, layer string) { s.Remove(s.ecr, layer) }, "HTTP 404", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s, opts := copyApp(t)
			digest := s.putImage(s.ecr, "amd64", "ecr", "v1")
			write(t, filepath.Dir(opts.TemplateFile), "template.yaml", functions(s.in(s.ecr)+":v1"))
			plan, err := packager.NewPlan(t.Context(), opts)
			if err != nil {
				t.Fatal(err)
			}
			layer := imagetest.Digest(imagetest.Gzip(imageOf("amd64", "ecr").Layers[0]))
			c.fail(s, layer)
			_, err = plan.Upload(t.Context())
			all := problem.Errors(err)
			if len(all) != 3 {
				t.Errorf("%d problems", len(all))
			}
			for i, e := range all {
				var p *problem.Error
				if !errors.As(e, &p) || !strings.HasPrefix(p.Error(), opts.Stores[i].Region+": uploading the layer sha256:") || !strings.Contains(p.Message, ": reading it from "+s.in(s.ecr)+": ") ||
					!strings.Contains(p.Message, c.says) || !strings.Contains(p.Hint, c.hint) || !strings.Contains(p.Statement, c.statement) {
					t.Errorf("problem %d: %v; %#v", i, e, p)
				}
			}
			for _, store := range opts.Stores {
				if _, there := s.Manifest(registrytest.Place{Region: store.Region, Name: "app"}, digest); there {
					t.Errorf("%s has it", store.Region)
				}
			}
		})
	}
}

// A dry run asks nobody. An address with a digest is all that it can know, and it says so;
// where there is none, that is an error.
func TestCopyImagesOfDryRun(t *testing.T) {
	s, opts := copyApp(t)
	opts.DryRun = true
	digest := s.putImage(s.ecr, "amd64", "ecr", "v1")
	dir := filepath.Dir(opts.TemplateFile)
	write(t, dir, "template.yaml", functions(s.in(s.ecr)+":v1@"+digest))
	dry, err := packager.Package(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	if len(dry.Warnings) != 1 || !strings.Contains(dry.Warnings[0].Error(), "A.ImageUri") || !strings.Contains(dry.Warnings[0].Error(), "if the digest is that of an index") {
		t.Errorf("warnings: %v", dry.Warnings)
	}
	write(t, dir, "other.yaml", functions(s.in(s.ecr)+":v1", s.in(s.ecr)))
	other := opts
	other.TemplateFile = filepath.Join(dir, "other.yaml")
	_, err = packager.Package(t.Context(), other)
	for _, p := range isEach(t, err, "A.ImageUri: \""+s.in(s.ecr)+":v1\": a dry run asks no registry", "B.ImageUri: \""+s.in(s.ecr)+"\": a dry run asks no registry") {
		if p.Hint != "write the image's digest behind the address: @sha256:…" {
			t.Errorf("hint %q", p.Hint)
		}
	}
	if n := pushed(s.Server); len(n) > 0 {
		t.Errorf("requests: %v", n)
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
	if len(real.Warnings) > 0 {
		t.Errorf("warnings: %v", real.Warnings)
	}
}

// Without CopyImages, an address that Lambda cannot read is an error that names the option.
func TestAddressesThatAreNotCopied(t *testing.T) {
	s, opts := copyApp(t)
	opts.CopyImages = false
	write(t, filepath.Dir(opts.TemplateFile), "template.yaml", functions(s.in(s.ecr)+":v1", "public.ecr.aws/lambda/python:3.14"))
	_, err := packager.Package(t.Context(), opts)
	in := "this image is in eu-central-1, and Lambda in "
	for _, p := range isEach(t, err, in+"us-east-1", in+"us-west-2", in+"eu-west-1", "Lambda takes images from private repositories") {
		if !strings.Contains(p.Hint, "--copy-images") {
			t.Errorf("hint %q", p.Hint)
		}
	}
}

// ECR is asked with AWS's credentials: that there are none is one problem. Other registries
// need none.
func TestCopyImagesWithoutCredentials(t *testing.T) {
	s, opts := copyApp(t)
	digest := s.putImage(s.open, "amd64", "open", "v1")
	cfg := aws.Config{Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return aws.Credentials{}, errors.New("none") })}
	opts.AWS = &cfg
	dir := filepath.Dir(opts.TemplateFile)
	write(t, dir, "template.yaml", functions(s.in(s.open)+":v1"))
	if plan, err := packager.NewPlan(t.Context(), opts); err != nil || plan.Images[0].Digest != digest {
		t.Errorf("%v", err)
	}
	write(t, dir, "template.yaml", functions(s.in(s.ecr)+":v1", s.in(s.ecr)+":v2", "gone.tar"))
	_, err := packager.NewPlan(t.Context(), opts)
	isEach(t, err, "C.ImageUri: \"gone.tar\": no such file", "getting AWS credentials: none")
}

// The least policy allows to read what is copied. For that the template is read; without
// CopyImages it is not.
func TestPolicyOfCopiedImages(t *testing.T) {
	s, opts := copyApp(t)
	write(t, filepath.Dir(opts.TemplateFile), "template.yaml", functions(s.in(s.ecr)+":v1", "public.ecr.aws/lambda/python:3.14", s.in(s.open), s.in(s.ecr)))
	policy, err := packager.Policy(opts)
	if err != nil || strings.Count(string(policy), "arn:aws:ecr:eu-central-1:111111111111:repository/team/base") != 1 || !strings.Contains(string(policy), `"Sid": "ReadImages"`) {
		t.Errorf("%v\n%s", err, policy)
	}
	if len(s.Requests()) > 0 {
		t.Errorf("%d requests", len(s.Requests()))
	}
	opts.TemplateFile = "gone.yaml"
	if _, err := packager.Policy(opts); err == nil {
		t.Error("the policy of a template that is not there")
	}
	opts.CopyImages = false
	if policy, err := packager.Policy(opts); err != nil || strings.Contains(string(policy), "ReadImages") {
		t.Errorf("%v\n%s", err, policy)
	}
}
