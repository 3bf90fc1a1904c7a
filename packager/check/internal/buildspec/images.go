package buildspec

import (
	"path/filepath"
	"regexp"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/check/internal/document"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/check/internal/shell"
)

// imageBuild is what a call is named, where it needs Docker to build container images; ""
// where it does not.
func (r *reader) imageBuild(c shell.Call) string {
	words := c.Arguments()
	for len(words) > 0 && strings.HasPrefix(words[0].String(), "-") {
		words = words[1:]
	}
	if len(words) == 0 {
		return ""
	}
	switch first := words[0].String(); {
	case c.Program().Is("docker") && words[0].Is("build"):
		return "docker build"
	case c.Program().Is("docker") && len(words) > 1 && words[0].Is("buildx", "image", "compose") && words[1].Is("build", "bake"):
		return "docker " + first + " " + words[1].String()
	case c.Program().Is("sam") && first == "build":
		return r.samBuild(c)
	}
	return ""
}

// samBuild tells whether sam build needs Docker: for containers to build in, or for
// functions that are images.
func (r *reader) samBuild(c shell.Call) string {
	template := ""
	for i, w := range c.Words {
		name, value, ok := strings.Cut(w.String(), "=")
		if !ok && i+1 < len(c.Words) {
			value = c.Words[i+1].String()
		}
		switch name {
		case "--use-container", "-u":
			return "sam build --use-container"
		case "--template", "--template-file", "-t":
			template = value
		}
	}
	names := []string{template}
	if template == "" {
		names = []string{"template.yaml", "template.yml"}
	}
	for _, name := range names {
		f, err := document.ReadText(r.root, filepath.FromSlash(name))
		if err == nil && regexp.MustCompile(`(?m)^\s*PackageType:\s*["']?Image\b`).MatchString(f.Text()) {
			return "sam build, of functions that are images,"
		}
	}
	return ""
}
