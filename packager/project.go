package packager

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/archive"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/template"
)

// A project is where an application's files are expected. What is packaged from elsewhere
// is told.
type project struct {
	folders []string        // real paths, the first one holds the template
	bounded bool            // they are known to be all: there is a repository, or a build of CodeBuild
	told    map[string]bool // paths outside of them that were told
}

// newProject finds the project of a template.
//
// It is the template's folder, or one above it: the working directory, if the template
// lies below it, since there the build was started; or the top of the repository, since
// the parts of an application lie beside each other there. The highest counts, so that
// what is meant is not warned of. In CodeBuild, where there is no repository, each source of a build
// has a folder of its own, which the variables CODEBUILD_SRC_DIR and CODEBUILD_SRC_DIR_<name>
// tell ("Environment variables in build environments").
func newProject(templateFile string) *project {
	dir := archive.RealPath(filepath.Dir(absolute(templateFile)))
	p := &project{folders: []string{dir}, told: make(map[string]bool)}
	if wd, err := os.Getwd(); err == nil {
		p.raise(archive.RealPath(wd))
	}
	for at, above := dir, ""; at != above; at, above = filepath.Dir(at), at {
		if _, err := os.Lstat(filepath.Join(at, ".git")); err == nil {
			p.bounded = true
			p.raise(at)
			break
		}
	}
	for _, variable := range os.Environ() {
		name, value, _ := strings.Cut(variable, "=")
		if (name == "CODEBUILD_SRC_DIR" || strings.HasPrefix(name, "CODEBUILD_SRC_DIR_")) && value != "" {
			p.bounded = true
			p.folders = append(p.folders, archive.RealPath(absolute(value)))
		}
	}
	return p
}

func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}

// raise takes a folder for the project's if that lies in it.
func (p *project) raise(folder string) {
	if archive.Within(p.folders[0], folder) {
		p.folders[0] = folder
	}
}

// named takes a path that a template names, relative to itself, for the project's, where
// nothing tells how far that reaches: an application that is no repository is a folder that
// holds all its parts. But it is not a folder that holds everybody's: /home, or /home/me.
func (p *project) named(r *template.Reference) {
	if p.bounded || !strings.Contains(r.Local, "..") {
		return
	}
	path := filepath.Join(archive.RealPath(r.Template.Dir), filepath.FromSlash(r.Local))
	folder := p.folders[0]
	for !archive.Within(path, folder) && folder != filepath.Dir(folder) {
		folder = filepath.Dir(folder)
	}
	home, err := os.UserHomeDir()
	if strings.Count(filepath.ToSlash(folder), "/") > 1 && (err != nil || !archive.Within(archive.RealPath(home), folder)) {
		p.folders[0] = folder
	}
}

// foreign tells whether a real path lies in none of the project's folders, once for each path.
func (p *project) foreign(real string) bool {
	for _, folder := range p.folders {
		if archive.Within(real, folder) {
			return false
		}
	}
	first := !p.told[real]
	p.told[real] = true
	return first
}

// foreign warns of what a template takes from outside of the project: files and folders
// that it names, and links in a folder that lead out. They are packaged all the same: a
// link to a shared folder is often meant, and one to a file with passwords never.
func (p *planner) foreign(t *template.Template) (warnings []error) {
	warn := func(r *template.Reference, format string, args ...any) {
		e := r.Errorf("%q: %s is outside of the project, whose folder is %s", r.Local, fmt.Sprintf(format, args...), p.project.folders[0])
		e.Hint = "is it meant to be packaged?"
		warnings = append(warnings, e)
	}
	for _, r := range t.References() {
		if nested := p.nested[r]; nested != nil {
			if real := p.paths[nested]; p.project.foreign(real) {
				warn(r, "%s", real)
			}
			continue
		}
		a := p.targets[r]
		if a == nil || a.refs[0] != r {
			continue
		}
		if p.project.foreign(a.path) {
			warn(r, "%s", a.path)
		}
		for _, link := range a.links {
			if !archive.Within(link.Target, a.path) && p.project.foreign(link.Target) {
				warn(r, "the link %s leads to %s, which", link.Path, link.Target)
			}
		}
	}
	return warnings
}
