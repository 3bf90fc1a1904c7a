package buildspec

import (
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/check/internal/document"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/check/internal/glob"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/check/internal/shell"
)

// An Artifact is what a build hands over under one name.
type Artifact struct {
	Files document.Value // the list of patterns; absent where it hands over none

	section document.Value
	root    string // the build's folder
}

// Artifact is the one of this name: a secondary one, or else the primary one, which
// the pipeline may call as it likes.
func (b *Build) Artifact(name string) Artifact {
	section := b.Spec.Root.GetInAnyCase("artifacts")
	if own := section.Get("secondary-artifacts", name); own.Exists() {
		section = own
	}
	return Artifact{section.GetInAnyCase("files"), section, b.root}
}

// maxPatterns bounds what is read of a list of files, as aliases can make much of
// little.
const maxPatterns = 1000

// Patterns are the files that are listed.
func (a Artifact) Patterns() []document.Value { return patterns(a.Files) }

func patterns(list document.Value) []document.Value {
	all := list.List()
	return all[:min(len(all), maxPatterns)]
}

// folder is the artifact's base-directory.
func (a Artifact) folder() string { return a.section.Get("base-directory").Text() }

// FolderUnknown tells whether only the build knows the folder that the artifact is
// taken from.
func (a Artifact) FolderUnknown() bool { return strings.ContainsAny(a.folder(), "*$") }

func (a Artifact) discardsPaths() bool { return a.section.Get("discard-paths").IsYes() }

// A Held is a packaged template that an artifact holds.
type Held struct {
	Name     shell.Text // within the artifact
	Template Template
}

// Holds returns those of the templates that get into the artifact.
func (a Artifact) Holds(templates []Template) (all []Held) {
	folder := path.Clean("/" + a.folder())[1:]
	for _, t := range templates {
		relative := t.Path
		if folder != "" {
			inside, ok := strings.CutPrefix(t.Path.String(), folder+"/")
			if !ok && !a.FolderUnknown() {
				continue
			}
			relative = shell.Pattern(inside)
		}
		if len(matching(a.section.Get("exclude-paths"), relative)) > 0 {
			continue
		}
		for _, name := range matching(a.Files, relative) {
			if a.discardsPaths() {
				name = name.Base()
			}
			all = append(all, Held{name, t})
		}
	}
	return all[:min(len(all), 10*maxPatterns)]
}

// matching are the names by which a list of patterns names a path: the path itself,
// or patterns that it may be, where it is not known whole.
func matching(list document.Value, name shell.Text) (names []shell.Text) {
	for _, pattern := range patterns(list) {
		p := strings.TrimPrefix(pattern.Text(), "./")
		switch {
		case glob.Match(p, name.String()):
			return []shell.Text{name}
		case name.Matches(p):
			names = append(names, shell.Pattern(p))
		}
	}
	return names
}

// FromSource tells whether a file of the artifact may be one of the repository.
func (a Artifact) FromSource(file string) bool {
	paths := []string{file, path.Join(a.folder(), file)}
	for _, pattern := range a.Patterns() {
		p := pattern.Text()
		switch {
		case !a.discardsPaths():
		case strings.Contains(p, "**"):
			return true
		case glob.Match(path.Base(p), path.Base(file)):
			paths = append(paths, path.Join(path.Dir(p), path.Base(file)))
		}
	}
	return slices.ContainsFunc(paths, func(p string) bool {
		_, err := os.Stat(filepath.Join(a.root, filepath.FromSlash(p)))
		return err == nil && filepath.IsLocal(filepath.FromSlash(p))
	})
}

// MayHold tells whether the artifact holds a file of this name, if the build has it.
func (a Artifact) MayHold(file string) bool {
	return slices.ContainsFunc(a.Patterns(), func(pattern document.Value) bool {
		p := strings.TrimPrefix(pattern.Text(), "./")
		if a.discardsPaths() {
			p = path.Base(p)
		}
		return strings.Contains(p, "$") || glob.Match(p, file)
	})
}
