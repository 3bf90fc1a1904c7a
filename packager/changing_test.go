package packager_test

import (
	"bytes"
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
