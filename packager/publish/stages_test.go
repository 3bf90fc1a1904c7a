package publish_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/publish"
)

// A stage names what the application has, too, by another path. It is the same asset, by CDK's ID, also where that is
// all that is known of it; what has another ID, or other content, is not.
func TestSameInStage(t *testing.T) {
	image := func(command, tag string) dict {
		return dict{"source": dict{"executable": []string{"load", command}}, "destinations": dict{"d": dict{"repositoryName": "repo", "imageTag": tag, "region": "us-east-1"}}}
	}
	made := func(command string) dict {
		return dict{"source": dict{"executable": []string{"zip", command}}, "destinations": dict{"d": dict{"bucketName": "bucket", "objectKey": "m", "region": "us-east-1"}}}
	}
	for name, tt := range map[string]struct {
		app, stage     dict
		images, stored int
		want           string // the problem
	}{
		"the same": {
			dict{"files": dict{"a": file("t.json", "file", "us-east-1/bucket/a")}, "dockerImages": dict{"i": image("x.tar", "i")}},
			dict{"files": dict{"a": file("../t.json", "file", "us-east-1/bucket/a")}, "dockerImages": dict{"i": image("../x.tar", "i")}}, 1, 1, "",
		},
		"commands":      {dict{"files": dict{"m": made("x")}}, dict{"files": dict{"m": made("../x")}}, 0, 1, ""},
		"another":       {dict{"dockerImages": dict{"i": image("x.tar", "i")}}, dict{"dockerImages": dict{"j": image("x.tar", "i")}}, 0, 0, "j and i are different images, and both get the tag i of repo"},
		"other content": {dict{"files": dict{"a": file("t.json", "file", "us-east-1/bucket/a")}}, dict{"files": dict{"a": file("u.json", "file", "us-east-1/bucket/a")}}, 0, 0, "a and a ("},
		"other command": {dict{"files": dict{"m": made("x")}}, dict{"files": dict{"n": made("x y")}}, 0, 0, "n and m ("},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write := func(path string, content any) {
				t.Helper()
				text, err := json.Marshal(content)
				if err == nil {
					err = os.MkdirAll(filepath.Dir(filepath.Join(dir, path)), 0o700)
				}
				if err == nil {
					err = os.WriteFile(filepath.Join(dir, path), text, 0o600)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			tt.app["version"], tt.stage["version"] = "48.0.0", "48.0.0"
			manifest := func(more dict) dict {
				more["a.assets"] = dict{"type": "cdk:asset-manifest", "properties": dict{"file": "a.assets.json"}}
				return dict{"version": "48.0.0", "artifacts": more}
			}
			write("manifest.json", manifest(dict{"s": dict{"type": "cdk:cloud-assembly", "properties": dict{"directoryName": "assembly-s"}}}))
			write("a.assets.json", tt.app)
			write("assembly-s/manifest.json", manifest(dict{}))
			write("assembly-s/a.assets.json", tt.stage)
			write("t.json", "one")
			write("assembly-s/u.json", "two")
			plan, err := publish.NewPlan(t.Context(), publish.Options{Path: dir})
			switch {
			case tt.want != "":
				if err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("%v, want %s", err, tt.want)
				}
			case err != nil:
				t.Error(err)
			case len(plan.Images) != tt.images || len(plan.Stores) != 1 || len(plan.Stores[0].Objects) != tt.stored || len(plan.Artifacts) != tt.stored || len(plan.Stores[0].Images) != tt.images:
				t.Errorf("%d images, %+v", len(plan.Images), plan.Stores)
			}
		})
	}
}
