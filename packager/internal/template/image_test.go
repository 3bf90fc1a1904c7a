package template

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// What names a container image is a local one, by its path or its name, or an address that
// stays as it is; what can be neither is refused. A function's own PackageType says that its
// package is an image.
func TestImageValues(t *testing.T) {
	const local, address, left, warned, refused = "local", "address", "left", "warned of", "refused"
	dir := t.TempDir()
	for _, name := range []string{"app.tar", "images.d/app"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for value, want := range map[string]string{
		"app.tar": local, "./app.tar": local, "../app.tar": local, "gone/app.tar": local, "images.d/app": local, "images.d/gone.tar": local, "images.d/gone.tar.gz#app:v1": local,
		"orders": local, "orders:v1": local, "team/orders:v1": local, "sha256:0123": local, "orders@sha256:0123": local, "!Sub ./app.tar": local, "!Join ['', [app, .tar]]": local,
		"111111111111.dkr.ecr.us-east-1.amazonaws.com/orders:v1": address, "public.ecr.aws/lambda/nodejs:22": address, "localhost:5000/orders": address, "localhost/orders": address,
		"registry:5000/orders:v1": address, "127.0.0.1:5000/orders": address, "images.e/gone": address,
		"images.d/gone": local, "images.d/gone:v1": address, ".aws-sam/build/gone": local, "..data/gone": local, // a host's name begins otherwise, and no folder is called like one
		"!Sub '${AWS::AccountId}.dkr.ecr.${AWS::Region}.amazonaws.com/orders'": left, "!Ref Image": left, "!GetAtt Build.Image": left, "'{{resolve:ssm:image}}'": left,
		"https://host/orders": refused, "s3://bucket/key": refused, "docker://orders": refused, "s3:/bucket/key": refused, "arn:aws:ecr:us-east-1:111111111111:repository/orders": refused,
		"12": refused, "[app.tar]": refused, "{Uri: app.tar}": refused, "''": refused, "~": refused,
	} {
		for _, typ := range []string{"AWS::Serverless::Function", "AWS::Lambda::Function"} {
			for _, isImage := range []bool{true, false} {
				property := "ImageUri: " + value
				if typ == "AWS::Lambda::Function" {
					property = "Code: {" + property + "}"
				}
				if isImage {
					property += "\n      PackageType: Image"
				}
				tmpl := &Template{Path: "template.yaml", Dir: dir, table: Table()}
				errs := tmpl.parse(t.Context(), []byte("Resources:\n  F:\n    Type: "+typ+"\n    Properties:\n      "+property+"\n"))
				images := slices.DeleteFunc(tmpl.References(), func(r *Reference) bool { return !r.IsImage() })
				got := left
				switch {
				case len(errs) > 0:
					got = refused
				case len(tmpl.Warnings) > 0:
					got = warned
				case len(images) == 1 && images[0].IsAddress():
					got = address
				case len(images) == 1:
					got = local
				}
				want := want
				if !isImage && want == local {
					want = warned
				}
				if !isImage && (value == "''" || value == "~") {
					want = left
				}
				if got != want {
					t.Errorf("%s, an image %v: %s is %s and must be %s: %v %v", typ, isImage, value, got, want, errs, tmpl.Warnings)
				}
			}
		}
	}
}

// A function whose package is an image names one; sam build writes its name.
func TestImageIsMissing(t *testing.T) {
	for src, want := range map[string]string{
		"Properties: {PackageType: Image}": "needs this property", "Properties: {PackageType: Image, ImageUri: ''}": "needs this property",
		"Metadata: {Dockerfile: Dockerfile, DockerContext: ./src, DockerTag: v1}\n    Properties: {PackageType: Image}": "is not built yet",
		"Properties: {PackageType: Zip, InlineCode: a}":                                                                 "", "Properties: {PackageType: !Ref Type, InlineCode: a}": "",
	} {
		_, errs := readText(t, "Resources:\n  F:\n    Type: AWS::Serverless::Function\n    "+src+"\n")
		if len(errs) > 1 || len(errs) == 1 != (want != "") || want != "" && !strings.Contains(errs[0].Error(), want) {
			t.Errorf("%s: %v, want %q", src, errs, want)
		}
	}
}

// What CloudFormation carries out above a property, the property's path is followed through.
// SAM reads its own resources before.
func TestBranchesAboveAProperty(t *testing.T) {
	for src, want := range map[string][]string{
		"F: {Type: AWS::Lambda::Function, Properties: {PackageType: Image, Code: !If [A, {ImageUri: a.tar}, {ImageUri: b.tar}]}}":                        {"a.tar", "b.tar"},
		"F: {Type: AWS::Lambda::Function, Properties: {PackageType: Image, Code: {Fn::If: [A, {ImageUri: a.tar}, !If [B, {ImageUri: b.tar}, !Ref C]]}}}": {"a.tar", "b.tar"},
		"F: {Type: AWS::Lambda::Function, Properties: {PackageType: Image, Code: !If [A, {ImageUri: !If [B, a.tar, b.tar]}, {Ref: AWS::NoValue}]}}":      {"a.tar", "b.tar"},
		"F: {Type: AWS::Lambda::Function, Properties: {Code: !If [A, {S3Bucket: b, S3Key: k}, {ZipFile: x}]}}":                                           nil,
		"J: {Type: AWS::Glue::Job, Properties: {Command: !If [A, {Name: x, ScriptLocation: a.py}, {Name: y, ScriptLocation: b.py}]}}":                    {"a.py", "b.py"},
		"R: {Type: AWS::CodeCommit::Repository, Properties: {Code: !If [A, {S3: a}, !Ref AWS::NoValue]}}":                                                {"a"},
		"O: {Type: My::Own::Type, Properties: {A: !If [A, {B: a.bin}, {B: b.bin}]}}":                                                                     {"a.bin", "b.bin"},
		"O: {Type: My::Own::Type, Properties: {Deep: {X: !If [A, {B: a.bin}, {Y: {B: b.bin}}]}}}":                                                        {"a.bin", "b.bin"},
	} {
		table := Table()
		for _, path := range []string{"A.B", "Deep.**.B"} {
			row, err := NewRow("My::Own::Type", path, "s3", false)
			if err != nil {
				t.Fatal(err)
			}
			table = append(table, row)
		}
		path := filepath.Join(t.TempDir(), "template.yaml")
		if err := os.WriteFile(path, []byte("Resources:\n  "+src+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		tmpl, errs := Read(t.Context(), path, path, table)
		var got []string
		for _, r := range tmpl.References() {
			got = append(got, r.Local)
		}
		if len(errs) > 0 || !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q; %v", src, got, want, errs)
		}
	}
}

// An image is named by its repository in the store's region and its digest; what is an
// address stays to the byte. The template for all regions finds the repository by region, and
// has the digest as a text: a function publishes a version when that changes.
func TestImageIsWritten(t *testing.T) {
	src := `Resources:
  F: {Type: AWS::Serverless::Function, Properties: {PackageType: Image, ImageUri: ./f.tar}} # one
  G:
    Type: AWS::Lambda::Function
    Properties:
      PackageType: Image
      Code:
        ImageUri: "g:v1"
  H: {Type: AWS::Serverless::Function, Properties: {PackageType: Image, ImageUri: !If [A, h.tar, 'localhost:5000/h:v1']}}
  I: {Type: AWS::Serverless::Function, Properties: {PackageType: Image, ImageUri: localhost:5000/i}}
`
	digest := func(r *Reference) string {
		if r.IsAddress() {
			return ""
		}
		return "sha256:" + r.LogicalID
	}
	tmpl, errs := readText(t, src)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	stores := []Store{
		{Region: "us-east-1", Repository: "1.dkr.ecr.us-east-1.amazonaws.com/app", Repositories: map[string]string{"G": "1.dkr.ecr.us-east-1.amazonaws.com/g"}},
		{Region: "cn-north-1", Repository: "1.dkr.ecr.cn-north-1.amazonaws.com.cn/app", Repositories: map[string]string{"G": "1.dkr.ecr.cn-north-1.amazonaws.com.cn/g"}},
	}
	one, err := tmpl.Rewrite(t.Context(), false, locator(stores[0], digest))
	if err != nil {
		t.Fatal(err)
	}
	want := strings.NewReplacer("./f.tar", `"1.dkr.ecr.us-east-1.amazonaws.com/app@sha256:F"`, `"g:v1"`, `"1.dkr.ecr.us-east-1.amazonaws.com/g@sha256:G"`,
		"h.tar", `"1.dkr.ecr.us-east-1.amazonaws.com/app@sha256:H"`).Replace(src)
	if string(one) != want {
		t.Errorf("got\n%s\nwant\n%s", one, want)
	}
	all, err := tmpl.RewriteForAll(t.Context(), false, stores, digest)
	if err != nil {
		t.Fatal(err)
	}
	find := func(id, key string) string {
		return `!Sub ["${Repository}@sha256:` + id + `", {Repository: !FindInMap [ArtifactBuckets, !Ref "AWS::Region", ` + key + `]}]`
	}
	wants := strings.NewReplacer("./f.tar", find("F", "Repository"), `"g:v1"`, find("G", "RepositoryG"), "h.tar", find("H", "Repository")).Replace(src)
	if !strings.Contains(string(all), strings.TrimPrefix(wants, "Resources:\n")) {
		t.Errorf("got\n%s\nwant\n%s", all, wants)
	}
}
