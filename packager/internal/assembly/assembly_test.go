package assembly_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/assembly"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// unpack makes the files of a txtar text in a new folder.
func unpack(t *testing.T, text string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for _, f := range txtar.Parse([]byte(text)).Files {
		path := filepath.Join(dir, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, f.Data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// stages is what CDK writes for a stack, and for a stage with another one, whose asset lies
// in the application's folder.
const stages = `
-- cdk.out/manifest.json --
{"version": "48.0.0", "artifacts": {
  "Tree": {"type": "cdk:tree", "properties": {"file": "tree.json"}},
  "Shop.assets": {"type": "cdk:asset-manifest", "properties": {"file": "Shop.assets.json"}},
  "Shop": {"type": "aws:cloudformation:stack", "environment": "aws://111111111111/us-east-1", "properties": {"templateFile": "Shop.template.json"},
    "dependencies": ["Shop.assets"], "displayName": "Shop"},
  "assembly-Prod": {"type": "cdk:cloud-assembly", "properties": {"directoryName": "assembly-Prod", "displayName": "Prod"}}
}}
-- cdk.out/Shop.assets.json --
{"version": "48.0.0", "files": {
  "aaaa": {"displayName": "Shop/Code", "source": {"path": "asset.aaaa", "packaging": "zip"}, "destinations": {
    "111111111111-us-east-1": {
      "bucketName": "cdk-hnb659fds-assets-111111111111-us-east-1", "objectKey": "aaaa.zip", "region": "us-east-1",
      "assumeRoleArn": "arn:${AWS::Partition}:iam::111111111111:role/cdk-hnb659fds-file-publishing-role-111111111111-us-east-1",
      "assumeRoleExternalId": "us", "assumeRoleAdditionalOptions": {"Tags": [{"Key": "a", "Value": "${AWS::Region}"}], "DurationSeconds": 900}}}}
}, "dockerImages": {
  "bbbb": {"source": {"directory": "asset.bbbb", "platform": "linux/arm64"}, "destinations": {
    "current": {"repositoryName": "assets-${AWS::AccountId}-${AWS::Region}", "imageTag": "bbbb"}}}
}}
-- cdk.out/assembly-Prod/manifest.json --
{"version": "48.0.0", "artifacts": {
  "ProdOrders.assets": {"type": "cdk:asset-manifest", "properties": {"file": "ProdOrders.assets.json"}},
  "ProdOrders": {"type": "aws:cloudformation:stack", "properties": {"templateFile": "ProdOrders.template.json", "stackName": "Prod-Orders"},
    "dependencies": ["ProdOrders.assets"], "displayName": "Prod/Orders"}
}}
-- cdk.out/assembly-Prod/ProdOrders.assets.json --
{"version": "48.0.0", "files": {
  "aaaa": {"source": {"path": "../asset.aaaa", "packaging": "zip"}, "destinations": {
    "current": {"bucketName": "cdk-hnb659fds-assets-${AWS::AccountId}-${AWS::Region}", "objectKey": "aaaa.zip"}}},
  "cccc": {"source": {"executable": ["make", "zip"]}, "destinations": {}}
}, "dockerImages": {}}
`

func read(t *testing.T, path string) *assembly.Assembly {
	t.Helper()
	a, err := assembly.Read(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if len(a.Warnings) > 0 {
		t.Error(a.Warnings)
	}
	return a
}

// A cloud assembly is read with the assemblies of its stages.
func TestStages(t *testing.T) {
	dir := unpack(t, stages)
	a := read(t, filepath.Join(dir, "cdk.out"))
	if len(a.Manifests) != 2 || len(a.Stacks) != 2 {
		t.Fatalf("%d manifests, %d stacks", len(a.Manifests), len(a.Stacks))
	}
	shop, orders := a.Manifests[0], a.Manifests[1]
	code, again, made, img := shop.Files[0], orders.Files[0], orders.Files[1], shop.Images[0]
	if want := filepath.Join(dir, "cdk.out", "asset.aaaa"); code.File() != want || again.File() != want || !code.Source.Zip {
		t.Errorf("%s and %s, want %s", code.File(), again.File(), want)
	}
	if code.Label() != "Shop/Code" || again.Label() != "aaaa" {
		t.Errorf("%s, %s", code.Label(), again.Label())
	}
	if strings.Join(made.Source.Executable, " ") != "make zip" || made.File() != "" {
		t.Errorf("%q", made.Source.Executable)
	}
	if img.Image.Directory != "asset.bbbb" || img.Image.Platform != "linux/arm64" {
		t.Errorf("%+v", img.Image)
	}
	to, err := code.Destinations[0].Resolve(assembly.Values{Region: "us-east-1", Partition: "aws"})
	if err != nil {
		t.Fatal(err)
	}
	if to.RoleARN != "arn:aws:iam::111111111111:role/cdk-hnb659fds-file-publishing-role-111111111111-us-east-1" || to.ExternalID != "us" {
		t.Errorf("%+v", to)
	}
	if len(to.Options) != 2 || to.Options[0] != (assembly.Option{Name: "DurationSeconds", Value: "900"}) ||
		to.Options[1] != (assembly.Option{Name: "Tags", Value: `[{"Key":"a","Value":"us-east-1"}]`}) {
		t.Errorf("%+v", to.Options)
	}
	if code.Destinations[0].NeedsAccount() || !img.Destinations[0].NeedsAccount() {
		t.Error("whose account is needed?")
	}
	to, err = img.Destinations[0].Resolve(assembly.Values{Region: "eu-west-1", Account: "222222222222"})
	if err != nil || to.Repository != "assets-222222222222-eu-west-1" || to.Region != "eu-west-1" {
		t.Errorf("%+v, %v", to, err)
	}
}

// One manifest of a stage is read alone; its asset may lie in the application's folder.
func TestOneManifest(t *testing.T) {
	dir := unpack(t, stages)
	a := read(t, filepath.Join(dir, "cdk.out", "assembly-Prod", "ProdOrders.assets.json"))
	if want := real(t, filepath.Join(dir, "cdk.out")); len(a.Manifests) != 1 || a.Root != want {
		t.Errorf("%d manifests, in %s, want %s", len(a.Manifests), a.Root, want)
	}
}

func real(t *testing.T, path string) string {
	t.Helper()
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		t.Fatal(err)
	}
	return real
}

// Stacks are chosen by all their names.
func TestChoose(t *testing.T) {
	dir := filepath.Join(unpack(t, stages), "cdk.out")
	for patterns, want := range map[string]string{
		"":                   "Shop.assets.json ProdOrders.assets.json",
		"Shop":               "Shop.assets.json",
		"Prod/*":             "ProdOrders.assets.json",
		"Prod-Orders":        "ProdOrders.assets.json",
		"ProdOrders":         "ProdOrders.assets.json",
		"?hop":               "Shop.assets.json",
		"*":                  "Shop.assets.json ProdOrders.assets.json", // an ID has no slash
		"**/Orders":          "ProdOrders.assets.json",
		"Shop Prod/**":       "Shop.assets.json ProdOrders.assets.json",
		"Sho[p]":             "no stack matches \"Sho[p]\"; there are Shop, Prod/Orders",
		"Shpo":               "no stack matches \"Shpo\"; there is Shop",
		"Shop Nothing Never": "no stack matches \"Nothing\"; there are Shop, Prod/Orders; no stack matches \"Never\"; there are Shop, Prod/Orders",
	} {
		a := read(t, dir)
		var got []string
		sep := " "
		if err := a.Choose(strings.Fields(patterns)); err != nil {
			sep = "; "
			for _, err := range problem.Errors(err) {
				got = append(got, strings.TrimPrefix(err.Error(), a.Path+": "), hint(err))
			}
		} else {
			for _, m := range a.Manifests {
				got = append(got, filepath.Base(m.Path))
			}
		}
		if got := strings.Join(got, sep); got != want {
			t.Errorf("%s: %s, want %s", patterns, got, want)
		}
	}
	one := read(t, filepath.Join(dir, "Shop.assets.json"))
	if err := one.Choose([]string{"Shop"}); err == nil || !strings.Contains(err.Error(), "no stack can be chosen") {
		t.Error(err)
	}
}

func hint(err error) string {
	var e *problem.Error
	if asProblem(err, &e) {
		return e.Hint
	}
	return ""
}
