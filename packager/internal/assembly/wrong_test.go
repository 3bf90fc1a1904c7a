package assembly_test

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/assembly"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

func asProblem(err error, e **problem.Error) bool { return errors.As(err, e) }

// said are the problems of reading, without the folder.
func said(t *testing.T, dir, path string) (problems, warnings []string) {
	t.Helper()
	a, err := assembly.Read(t.Context(), filepath.Join(dir, path))
	clean := func(err error) string {
		return strings.ReplaceAll(strings.ReplaceAll(err.Error(), dir+string(filepath.Separator), ""), `\`, "/")
	}
	for _, err := range problem.Errors(err) {
		problems = append(problems, clean(err))
	}
	if a != nil {
		for _, w := range a.Warnings {
			warnings = append(warnings, clean(w))
		}
	}
	return problems, warnings
}

// What is wrong with a manifest of assets is found, all of it, each with its place.
func TestWrongAssets(t *testing.T) {
	const destination = `"destinations": {"d": {"bucketName": "b", "objectKey": "k"}}`
	for text, want := range map[string][]string{
		``:                        {"1:1: the JSON text ends too early"},
		`{`:                       {"1:2: the JSON text ends too early, or a comma is missing"},
		`[]`:                      {"1:1: the manifest must be an object, and is a list"},
		`{"version": "1.0.0"}x`:   {"1:21: something follows the closing brace"},
		"{\"version\": \"\xff\"}": {" this file is not UTF-8, and so not JSON"},
		`{}`:                      {`1:1: the manifest has no "version"`},
		`{"version": 36}`:         {`1:13: "version" of the manifest must be a string, and is a number`},
		`{"version": ""}`:         {`1:13: "version" of the manifest is empty`},
		`{"version": "new"}`:      {`1:13: "new" is not a version of a manifest, which is like 55.0.0`},
		`{"version": "1.0.0", "version": "2.0.0"}`: {`1:22: the manifest has "version" twice`},
		`{"version": "1.0.0", "files": [], "dockerImages": "x"}`: {
			`1:31: the file assets must be an object, and is a list`, `1:51: the image assets must be an object, and is a string`,
		},
		`{"version": "1.0.0", "files": {"a": true}}`: {`1:37: the asset a must be an object, and is a boolean`},
		`{"version": "1.0.0", "files": {"a": {}}}`:   {`1:37: the asset a has no "source"`, `1:37: the asset a has no "destinations"`},
		`{"version": "1.0.0", "files": {"a": {"source": {}, ` + destination + `}}}`: {
			`1:48: the source of the asset a has neither "path" nor "executable"`,
		},
		`{"version": "1.0.0", "files": {"a": {"source": {"path": "p", "executable": ["x"]}, ` + destination + `}}}`: {
			`1:76: the source of the asset a has both "path" and "executable"`,
		},
		`{"version": "1.0.0", "files": {"a": {"source": {"path": ""}, ` + destination + `}}}`: {
			`1:57: "path" of the source of the asset a is empty`,
		},
		`{"version": "1.0.0", "files": {"a": {"source": {"path": "p", "packaging": "tar"}, ` + destination + `}}}`: {
			`1:75: the packaging "tar" is unknown: there are "file" and "zip"`,
		},
		`{"version": "1.0.0", "files": {"a": {"source": {"executable": []}, ` + destination + `}}}`: {
			`1:63: "executable" of the source of the asset a names no program`,
		},
		`{"version": "1.0.0", "files": {"a": {"source": {"executable": ["make", 1, null]}, ` + destination + `}}}`: {
			`1:72: "executable" of the source of the asset a must hold strings, and this is a number`,
			`1:75: "executable" of the source of the asset a must hold strings, and this is null`,
		},
		`{"version": "1.0.0", "files": {"a": {"source": {"executable": "make"}, ` + destination + `}}}`: {
			`1:63: "executable" of the source of the asset a must be a list of strings, and is a string`,
		},
		`{"version": "1.0.0", "files": {"a": {"source": {"path": "p"}, "destinations": {"d": {}, "e": {"bucketName": 1, "objectKey": null, "region": {}}}}}}`: {
			`1:85: the destination d has no "bucketName"`, `1:85: the destination d has no "objectKey"`,
			`1:94: the destination e has no "objectKey"`, `1:109: "bucketName" of the destination e must be a string, and is a number`,
			`1:141: "region" of the destination e must be a string, and is an object`,
		},
		`{"version": "1.0.0", "files": {"a": {"source": {"path": "p"}, "destinations": {"d": {"bucketName": "b", "objectKey": "k", "assumeRoleAdditionalOptions": {"RoleArn": "x"}}}}}}`: {
			`1:155: RoleArn cannot stand in assumeRoleAdditionalOptions: a destination has a field for it`,
		},
		`{"version": "1.0.0", "dockerImages": {"a": {"source": {"platform": "x"}, "destinations": {"d": {"repositoryName": "r"}}}}}`: {
			`1:55: the source of the image a has neither "directory" nor "executable"`, `1:96: the destination d has no "imageTag"`,
		},
		`{"version": "1.0.0", "artifacts": {}}`: {`1:1: this is the manifest of a cloud assembly, not one of assets`},
	} {
		dir := unpack(t, "-- a.assets.json --\n")
		write(t, filepath.Join(dir, "a.assets.json"), text)
		got, _ := said(t, dir, "a.assets.json")
		for i := range want {
			want[i] = "a.assets.json:" + want[i]
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s\n got %q\nwant %q", text, got, want)
		}
	}
}

// A manifest with endless problems is not listed without an end.
func TestManyProblems(t *testing.T) {
	dir := unpack(t, "-- a.assets.json --\n")
	write(t, filepath.Join(dir, "a.assets.json"), `{"version": "1.0.0", "files": {"a": {}`+strings.Repeat(`, "a": {}`, 5000)+`}}`)
	if got, _ := said(t, dir, "a.assets.json"); len(got) != 1001 || !strings.HasSuffix(got[1000], "no more problems are listed") {
		t.Errorf("%d: %s", len(got), got[len(got)-1])
	}
}

// A field that is not known is told of, and so is an assembly that is not final.
func TestWarnings(t *testing.T) {
	dir := unpack(t, `
-- cdk.out/manifest.json --
{"version": "99.0.0", "missing": [{"key": "availability-zones"}], "future": 1, "artifacts": {
  "a": {"type": "cdk:asset-manifest", "properties": {"file": "a.assets.json"}}, "b": {"type": "cdk:future"}}}
-- cdk.out/a.assets.json --
{"version": "99.0.0", "files": {"a": {"source": {"path": "p", "packaging": "zip", "compression": "best"}, "destinations": {"d": {"bucketName": "b", "objectKey": "k", "tags": null}}}}}
`)
	problems, warnings := said(t, dir, "cdk.out")
	want := []string{
		`cdk.out/a.assets.json:1:83: the source of the asset a has a field "compression", which this version of mrpackage does not know and leaves aside`,
		`cdk.out/a.assets.json:1:167: the destination d has a field "tags", which this version of mrpackage does not know and leaves aside`,
		`cdk.out/manifest.json:1:34: this cloud assembly lacks what CDK would have looked up in the account: its templates are not final`,
	}
	if len(problems) > 0 || !slices.Equal(warnings, want) {
		t.Errorf("problems %q\nwarnings %q\nwant %q", problems, warnings, want)
	}
}

// What is wrong with a cloud assembly is found in all its manifests.
func TestWrongAssemblies(t *testing.T) {
	for name, tt := range map[string]struct {
		path, files string
		want        []string
	}{
		"not there": {"cdk.out", ``, []string{`cdk.out: there is no such cloud assembly`}},
		"no manifest": {"cdk.out", "-- cdk.out/tree.json --\n{}", []string{
			`cdk.out/manifest.json: there is no such file`,
		}},
		"the manifest is a folder": {"cdk.out", "-- cdk.out/manifest.json/x --\n", []string{`cdk.out/manifest.json: this is not a file`}},
		"nothing in it": {"cdk.out", `-- cdk.out/manifest.json --
{"version": "1.0.0", "artifacts": {"s": {"type": "aws:cloudformation:stack"}}}`, []string{`cdk.out: this cloud assembly has no manifest of assets`}},
		"no properties": {"cdk.out", `-- cdk.out/manifest.json --
{"version": "1.0.0", "artifacts": {"a": {"type": "cdk:asset-manifest"}, "b": {"type": "cdk:cloud-assembly"}, "c": {}, "d": 1, "e": {"type": "cdk:asset-manifest", "properties": {}}}}`, []string{
			`cdk.out/manifest.json:1:41: the artifact a has no properties, which name its file`,
			`cdk.out/manifest.json:1:78: the artifact b has no properties, which name its folder`,
			`cdk.out/manifest.json:1:115: the artifact c has no "type"`,
			`cdk.out/manifest.json:1:124: the artifact d must be an object, and is a number`,
			`cdk.out/manifest.json:1:177: the artifact e has no "file"`,
		}},
		"missing files": {"cdk.out", `-- cdk.out/manifest.json --
{"version": "1.0.0", "artifacts": {
"a": {"type": "cdk:asset-manifest", "properties": {"file": "a.assets.json"}},
"b": {"type": "cdk:cloud-assembly", "properties": {"directoryName": "assembly-b"}}}}`, []string{
			`cdk.out/manifest.json:2:60: cdk.out/a.assets.json: there is no such file`,
			`cdk.out/manifest.json:3:69: cdk.out/assembly-b/manifest.json: there is no such file`,
		}},
		"ways out": {"cdk.out", `-- cdk.out/manifest.json --
{"version": "1.0.0", "artifacts": {
"a": {"type": "cdk:asset-manifest", "properties": {"file": "../a.assets.json"}},
"b": {"type": "cdk:cloud-assembly", "properties": {"directoryName": "/etc"}},
"c": {"type": "cdk:cloud-assembly", "properties": {"directoryName": "x/../.."}}}}
-- a.assets.json --
{"version": "1.0.0"}`, []string{
			`cdk.out/manifest.json:2:60: "../a.assets.json" leads out of the cloud assembly cdk.out`,
			`cdk.out/manifest.json:3:69: "/etc" leads out of the cloud assembly cdk.out`,
			`cdk.out/manifest.json:4:69: "x/../.." leads out of the cloud assembly cdk.out`,
		}},
		"a cycle": {"cdk.out", `-- cdk.out/manifest.json --
{"version": "1.0.0", "artifacts": {"b": {"type": "cdk:cloud-assembly", "properties": {"directoryName": "s"}}}}
-- cdk.out/s/manifest.json --
{"version": "1.0.0", "artifacts": {"b": {"type": "cdk:cloud-assembly", "properties": {"directoryName": "../s/.."}}}}`, []string{
			`cdk.out/s/manifest.json:1:104: this cloud assembly was read before: an assembly is in one other at most, and never in itself`,
		}},
		"in several manifests": {"cdk.out", `-- cdk.out/manifest.json --
{"version": "x", "artifacts": {
"a": {"type": "cdk:asset-manifest", "properties": {"file": "a.assets.json"}},
"b": {"type": "cdk:asset-manifest", "properties": {"file": "b.assets.json"}}}}
-- cdk.out/a.assets.json --
{}
-- cdk.out/b.assets.json --
{]`, []string{
			`cdk.out/a.assets.json:1:1: the manifest has no "version"`,
			`cdk.out/b.assets.json:1:2: the JSON text ends too early, or a comma is missing`,
			`cdk.out/manifest.json:1:13: "x" is not a version of a manifest, which is like 55.0.0`,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			if got, _ := said(t, unpack(t, tt.files), tt.path); !slices.Equal(got, tt.want) {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

// A placeholder that is not known is no text to store something under.
func TestUnknownPlaceholder(t *testing.T) {
	a := read(t, filepath.Join(unpack(t, stages), "cdk.out"))
	to := a.Manifests[0].Files[0].Destinations[0]
	for _, text := range []string{"b-${ASSET}", "b-${AWS::StackName}", "${"} {
		to.Bucket = text
		if _, err := to.Resolve(assembly.Values{Region: "us-east-1"}); err == nil || !strings.Contains(err.Error(), "is unknown") {
			t.Errorf("%s: %v", text, err)
		}
	}
}
