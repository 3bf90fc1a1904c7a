package packager_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/symphoniacloud/multi-region-codepipeline/packager"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// Whatever happens to a packaged file between the plan and the archive, the run ends
// with one problem that names the file, and stores nothing of it: in a folder and as a
// file that is stored as it is, in one block and in many.
func TestFilesThatChange(t *testing.T) {
	changes := map[string]func(t *testing.T, path string, content []byte) error{
		"other content": func(_ *testing.T, p string, c []byte) error { return os.WriteFile(p, flipped(c), 0o600) },
		"one byte more": func(_ *testing.T, p string, c []byte) error { return os.WriteFile(p, append(c, '\n'), 0o600) },
		"one byte less": func(_ *testing.T, p string, c []byte) error { return os.WriteFile(p, c[:len(c)-1], 0o600) },
		"empty":         func(_ *testing.T, p string, _ []byte) error { return os.Truncate(p, 0) },
		"much longer":   func(_ *testing.T, p string, c []byte) error { return os.WriteFile(p, bytes.Repeat(c, 3), 0o600) },
		"gone":          func(_ *testing.T, p string, _ []byte) error { return os.Remove(p) },
		"a folder": func(_ *testing.T, p string, _ []byte) error {
			return replaced(p, func() error { return os.Mkdir(p, 0o700) })
		},
		"a link to air": func(_ *testing.T, p string, _ []byte) error {
			return replaced(p, func() error { return os.Symlink("nowhere", p) })
		},
		"its folder gone": func(_ *testing.T, p string, _ []byte) error { return os.RemoveAll(filepath.Dir(p)) },
	}
	if runtime.GOOS == "windows" {
		delete(changes, "a link to air") // links need a privilege there
	}
	for name, change := range changes {
		for _, size := range []int{100, 3 << 20} {
			for _, property := range []string{"Function, Properties: {CodeUri: src}", "Api, Properties: {DefinitionUri: src/data.yaml}"} {
				t.Run(fmt.Sprintf("%s/%d/%s", name, size, property[:3]), func(t *testing.T) {
					server, opts := store(t)
					opts.Hurry(time.Minute)
					dir := filepath.Dir(opts.TemplateFile)
					content := bytes.Repeat([]byte("abcdefghij"), size/10)
					write(t, dir, "src/data.yaml", string(content))
					write(t, dir, "template.yaml", "Resources:\n  A: {Type: AWS::Serverless::"+property+"}\n")
					plan, err := packager.NewPlan(t.Context(), opts)
					if err != nil {
						t.Fatal(err)
					}
					if err := change(t, filepath.Join(dir, "src", "data.yaml"), content); err != nil {
						t.Fatal(err)
					}
					result, err := plan.Upload(t.Context())
					if all := problem.Errors(err); len(all) != 1 || !strings.Contains(err.Error(), filepath.Join(dir, "src")) {
						t.Errorf("problems: %v", all)
					}
					for _, bucket := range []string{"east", "west"} {
						if keys := server.Keys(bucket); len(keys) > 0 {
							t.Errorf("stored in %s: %q, %+v", bucket, keys, result)
						}
					}
				})
			}
		}
	}
}

func flipped(content []byte) []byte {
	other := bytes.Clone(content)
	other[len(other)/2] ^= 1
	return other
}

func replaced(path string, by func() error) error {
	if err := os.Remove(path); err != nil {
		return err
	}
	return by()
}

// Whatever happens while archives are on their way to the files that a run made itself, or
// to those that it has read already: nothing else is stored than what the plan says, and
// what is wrong is told with its file.
func TestFilesThatChangeMeanwhile(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("nobody removes there what is open")
	}
	spool := func(do func(path string) error) func(dir, temp string) error {
		return func(_, temp string) error {
			found, err := filepath.Glob(filepath.Join(temp, "*", "archive*"))
			for _, path := range found {
				err = errors.Join(err, do(path))
			}
			return err
		}
	}
	in := func(name string, do func(path string) error) func(dir, temp string) error {
		return func(dir, _ string) error { return do(filepath.Join(dir, name)) }
	}
	rewrite := func(path string) error { return os.WriteFile(path, []byte("Resources: {}\n"), 0o600) }
	scratch := func(path string) error {
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		_, err = f.WriteAt([]byte("scratched"), 50)
		return errors.Join(err, f.Close())
	}
	tests := map[string]struct {
		do    func(dir, temp string) error
		fails bool
	}{
		"the archive is cut short":      {spool(func(p string) error { return os.Truncate(p, 20) }), true},
		"the archive is empty":          {spool(func(p string) error { return os.Truncate(p, 0) }), true},
		"the archive is longer":         {spool(func(p string) error { return os.Truncate(p, 20<<20) }), false},
		"the archive is scratched":      {spool(scratch), true},
		"the archive vanishes":          {spool(os.Remove), true},
		"temporary files vanish":        {func(_, temp string) error { return os.RemoveAll(temp) }, true},
		"the template vanishes":         {in("template.yaml", os.Remove), false},
		"the template is another":       {in("template.yaml", rewrite), false},
		"a nested template vanishes":    {in("nested.yaml", os.Remove), false},
		"a nested template is another":  {in("nested.yaml", rewrite), false},
		"the source vanishes":           {in("src", os.RemoveAll), false},
		"the folder of archives is new": {in("zips", os.RemoveAll), false},
	}
	for name, tt := range tests {
		for _, size := range []int{1000, 6 << 20} { // which goes in parts
			t.Run(fmt.Sprintf("%s/%d", name, size), func(t *testing.T) {
				server, opts := store(t)
				opts.Hurry(10 * time.Second)
				opts.Copy = packager.CopyNever
				opts.InParts(5 << 20)
				temp, dir := t.TempDir(), filepath.Dir(opts.TemplateFile)
				t.Setenv("TMPDIR", temp)
				opts.ArchiveDir = filepath.Join(dir, "zips")
				write(t, dir, "src/noise.bin", string(noise(size)))
				write(t, dir, "template.yaml", "Resources:\n  N: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: nested.yaml}}\n")
				write(t, dir, "nested.yaml", "Resources:\n  F: {Type: AWS::Serverless::Function, Properties: {CodeUri: src}}\n")
				clean, err := packager.NewPlan(t.Context(), opts)
				if err != nil {
					t.Fatal(err)
				}
				opts.Progress = func(e packager.Event) {
					if e.Kind == packager.Archived {
						if err := tt.do(dir, temp); err != nil {
							t.Error(err)
						}
					}
				}
				result, err := packager.Package(t.Context(), opts)
				if (err != nil) != tt.fails {
					t.Errorf("got %v", err)
				}
				for _, problem := range problem.Errors(err) {
					if len(problem.Error()) > 600 || strings.Contains(problem.Error(), "operation error") {
						t.Errorf("it says %v", problem)
					}
				}
				if err == nil && !bytes.Equal(result.Templates[0].Body, clean.Templates[0].Body) {
					t.Errorf("the template is %s", result.Templates[0].Body)
				}
				for _, bucket := range []string{"east", "west"} {
					if o, ok := server.Object(bucket, clean.Artifacts[0].Name); ok != !tt.fails || ok && !bytes.Contains(o.Body, noise(1000)[:900]) {
						t.Errorf("in %s there is an archive: %t, of %d bytes", bucket, ok, len(o.Body))
					}
					if open := server.OpenUploads(bucket); len(open) > 0 {
						t.Errorf("parts are left in %s", bucket)
					}
				}
			})
		}
	}
}
