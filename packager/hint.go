package packager

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// maxHints bounds how many guesses a run makes: each looks at a whole folder.
const maxHints = 200

// hints guesses what to do about paths that are not there.
type hints struct {
	mu   sync.Mutex
	made int
}

// missing guesses what to do about a path that is not there: the build step that makes it
// has not run, or the name is spelled otherwise.
func (h *hints) missing(dir, path, local string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.made++; h.made > maxHints {
		return ""
	}
	if entries, err := os.ReadDir(filepath.Dir(path)); err == nil {
		for _, e := range entries {
			if problem.Similar(e.Name(), filepath.Base(path)) {
				return "there is " + filepath.ToSlash(filepath.Join(filepath.Dir(local), e.Name()))
			}
		}
	}
	if strings.HasPrefix(local, "~") || strings.Contains(local, "$") {
		return "a shell replaces ~ and variables, and nothing does so in a template"
	}
	if text, err := readSmall(filepath.Join(dir, "package.json")); err == nil {
		var npm struct{ Scripts map[string]string }
		if json.Unmarshal(text, &npm) == nil {
			for _, script := range []string{"dist", "build", "package", "bundle"} {
				if npm.Scripts[script] != "" {
					return "has `npm run " + script + "` run?"
				}
			}
		}
	}
	first, _, _ := strings.Cut(strings.TrimPrefix(filepath.ToSlash(local), "./"), "/")
	switch first {
	case "target", "dist", "build", "out", "bin", "lib", ".aws-sam", ".build":
		return "has the build step that makes it run?"
	}
	return "paths are relative to the template's folder, " + dir
}

// readSmall reads a regular file of a size that people write: a pipe would never end.
func readSmall(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > 1<<20 {
		return nil, os.ErrInvalid
	}
	return os.ReadFile(path)
}
