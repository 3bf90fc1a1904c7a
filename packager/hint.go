package packager

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
)

// missingHint guesses what to do about a path that is not there: the build
// step that makes it has not run, or the name is spelled otherwise.
func missingHint(dir, path, local string) string {
	if entries, err := os.ReadDir(filepath.Dir(path)); err == nil {
		for _, e := range entries {
			if slip(strings.ToLower(e.Name()), strings.ToLower(filepath.Base(path))) {
				return "there is " + filepath.ToSlash(filepath.Join(filepath.Dir(local), e.Name()))
			}
		}
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

// slip tells whether one name is the other with a slip of the finger: one
// character more or less, another one, or two neighbours exchanged.
func slip(a, b string) bool {
	x, y := []rune(a), []rune(b)
	for len(x) > 0 && len(y) > 0 && x[0] == y[0] {
		x, y = x[1:], y[1:]
	}
	for len(x) > 0 && len(y) > 0 && x[len(x)-1] == y[len(y)-1] {
		x, y = x[:len(x)-1], y[:len(y)-1]
	}
	exchanged := len(x) == 2 && len(y) == 2 && x[0] == y[1] && x[1] == y[0]
	return len(x) <= 1 && len(y) <= 1 && len(a) > 2 && len(b) > 2 || exchanged
}
