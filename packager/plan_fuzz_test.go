package packager_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/symphoniacloud/multi-region-codepipeline/packager"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/imagetest"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// FuzzPlan: whatever the template holds, it is planned for two regions, or refused with
// problems that have a place and are not of our own making. What was packaged is
// packaged already: planned again, it refers to nothing. So it is with one template for both.
func FuzzPlan(f *testing.F) {
	scripts, err := filepath.Glob("../testdata/script/*.txtar")
	if err != nil || len(scripts) == 0 {
		f.Fatalf("no scripts: %v", err)
	}
	for _, path := range scripts {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range archive.Files {
			switch filepath.Ext(file.Name) {
			case ".yaml", ".yml", ".json", ".template":
				f.Add(file.Data)
			}
		}
	}
	dir := f.TempDir()
	for name, content := range map[string]string{
		"src/app.js": "exports.handler = async () => 'hello'\n",
		"one.py":     "def handler(event, context): pass\n",
		"image.tar":  string(imagetest.DockerSave(imagetest.Image{Layers: [][]byte{imagetest.Layer("a", nil)}}).Tar()),
		"child.yaml": "Resources:\n  F:\n    Type: AWS::Serverless::Function\n    Properties: {CodeUri: src}\n",
	} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(content), 0o600)); err != nil {
			f.Fatal(err)
		}
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		if len(src) > 64<<10 || strings.Contains(string(src), "..") || strings.Contains(string(src), "/") && !strings.Contains(string(src), "src/") {
			return // a template may name any folder, and the others are not ours
		}
		for _, one := range []bool{false, true} {
			planAgain(t, filepath.Join(dir, "template.yaml"), src, one)
		}
	})
}

// planAgain plans a template, and the last of the packaged ones.
func planAgain(t *testing.T, path string, src []byte, one bool) {
	t.Helper()
	opts := packager.Options{TemplateFile: path, OneTemplate: one, Stores: []packager.Store{{Region: "us-east-1", Bucket: "east"}, {Region: "cn-north-1", Bucket: "north"}}}
	opts.ImageEngine = "no-such-engine" // which a template could have do much
	for _, s := range opts.Stores {
		opts.Repositories = append(opts.Repositories, packager.Repository{Region: s.Region, Address: "localhost:5000/" + s.Bucket})
	}
	for range 2 {
		if err := os.WriteFile(path, src, 0o600); err != nil {
			t.Fatal(err)
		}
		plan, err := packager.NewPlan(t.Context(), opts)
		for _, err := range problem.Errors(err) {
			var e *problem.Error
			if !errors.As(err, &e) {
				t.Errorf("not a *problem.Error: %v", err)
			} else if strings.HasPrefix(e.Message, "internal error") {
				t.Errorf("%v\n%s", err, src)
			}
		}
		if err != nil {
			return
		}
		src = plan.Templates[len(plan.Templates)-1].Body
	}
}
