package packager

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// missingHint guesses what to do about a path that is not there: the build
// step that makes it has not run, or the name is spelled otherwise.
func missingHint(dir, path, local string) string {
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
	if text, err := os.ReadFile(filepath.Join(dir, "package.json")); err == nil {
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
