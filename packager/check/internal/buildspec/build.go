// Package buildspec is what a build does, as far as that stands in its buildspec
// ("Build specification reference for CodeBuild") and in the scripts that it runs:
// which templates it packages for which regions, and what its artifacts hold.
// Nothing of it is run.
package buildspec

import (
	"context"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/check/internal/document"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/check/internal/shell"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// A Build is what one buildspec says.
type Build struct {
	Spec       *document.File
	Files      []*document.File // what was read of it, the buildspec and its scripts
	Environ    map[string]shell.Text
	Packagings []Packaging
	Opaque     *Opaque // the first of what cannot be looked into; nil where all can
	Brings     *Opaque // the first of what may bring in files of unknown names; nil where nothing does
	Images     *Opaque // the first that needs Docker, to build container images; nil where none does
	Moves      bool    // it changes its working folder
	Relocates  bool    // it may put files of the repository into other folders
	SetsMore   bool    // it may set variables whose names are not known
	Problems   []*problem.Error
	Warnings   []*problem.Error
	Missing    []*problem.Error // scripts that it runs and that are not in the folder that is checked

	root    string            // the folder that it runs in
	made    map[string]bool   // names of files that a command may make
	written map[string]string // files whose whole text stands in the commands, by their paths
}

// Opaque is a command of which it cannot be seen whether it writes a template.
type Opaque struct {
	Command string
	Place   document.Place
}

// Makes tells whether a command may make a file of this name, in whatever folder.
func (b *Build) Makes(name string) bool { return b.made[path.Base(name)] }

// Options are what a build runs with.
type Options struct {
	Root    string // the top of the repository, which it runs in
	Environ map[string]shell.Text
	Windows bool
	Batch   bool // it may run as a batch
	Parse   Parse
}

// maxCommands bounds the commands that are read of a build, scripts included.
const maxCommands = 10_000

// Read reads a buildspec, until the context ends.
func Read(ctx context.Context, spec *document.File, o Options) *Build {
	b := &Build{
		Spec: spec, Files: []*document.File{spec}, Environ: make(map[string]shell.Text),
		root: o.Root, made: make(map[string]bool), written: make(map[string]string),
	}
	env := spec.Root.Get("env")
	for _, v := range env.Get("variables").Pairs() {
		b.Environ[v.Name()] = shell.Pattern(v.Value.Text())
	}
	maps.Copy(b.Environ, o.Environ)
	for _, from := range []string{"parameter-store", "secrets-manager"} {
		for _, v := range env.Get(from).Pairs() {
			b.Environ[v.Name()] = shell.Unknown()
		}
	}
	b.Environ["CODEBUILD_SRC_DIR"] = shell.Pattern(".")
	if _, set := b.Environ["HOME"]; !set {
		b.Environ["HOME"] = shell.Pattern("/root")
	}
	b.checkSchema(ctx, o.Batch)
	r := reader{Build: b, ctx: ctx, parse: o.Parse}
	phases := spec.Root.GetInAnyCase("phases")
	switch batch := spec.Root.Get("batch"); {
	case batch.Exists() && o.Batch: // each build of a batch has a buildspec of its own
		r.cannotSee("a batch", batch.Place())
	case isWindows(env.Get("shell").Text(), o.Windows):
		r.cannotSee("a Windows shell", phases.Place())
	}
	if b.Opaque != nil {
		b.SetsMore, b.Moves = true, true
		return b
	}
	for _, phase := range phaseNames() {
		for _, list := range []string{"commands", "finally"} {
			for _, command := range phases.GetInAnyCase(phase).GetInAnyCase(list).List() {
				r.command(command)
			}
		}
	}
	return b
}

// isWindows tells whether commands are written for a Windows shell, which is the
// default of a Windows project.
func isWindows(named string, project bool) bool {
	return project && named == "" || slices.ContainsFunc([]string{"powershell", "pwsh", "cmd"}, func(windows string) bool {
		return strings.HasPrefix(named, windows)
	})
}
