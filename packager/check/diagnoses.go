package check

import (
	"fmt"
	"path"
	"slices"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/check/internal/buildspec"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/check/internal/codepipeline"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/region"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// A missing file is one that a deploy action asks for, and that the artifact is not
// seen to hold.
type missing struct {
	*buildCheck
	from   delivery
	deploy codepipeline.Action
	file   string // within the artifact
}

// A diagnosis is one reason why a file may be missing.
type diagnosis struct {
	reason  string
	warning bool // it is not sure that the file is missing

	// find tells whether this is the reason, and what to say of it: nil, where the
	// file may be there all the same.
	find func(missing) (e *problem.Error, found bool)
}

// diagnoses are all reasons, the more certain ones first: the first that is found is
// told.
func diagnoses() []diagnosis {
	return []diagnosis{
		{reason: "a command may make it", find: missing.mayBeMade},
		{reason: "it is there, in a folder", find: missing.inFolder},
		{reason: "it is written, and not handed over", find: missing.notListed},
		{reason: "it may arrive in the build's input", find: missing.inInput},
		{reason: "the build leaves its region out", find: missing.notBuilt},
		{reason: "it may be one of the source", find: missing.inSource},
		{reason: "a build of the batch may hand it over", find: missing.inBatch},
		{reason: "nothing is handed over", find: missing.nothingListed},
		{reason: "a program may make it that cannot be looked into", find: missing.perhapsMade, warning: true},
		{reason: "nothing makes it", find: missing.notMade},
	}
}

// diagnose tells why the artifact does not hold the file that a deploy action asks
// for, as far as anybody knows.
func (b *buildCheck) diagnose(d codepipeline.Action, from delivery, file string) {
	m := missing{b, from, d, file}
	for _, d := range diagnoses() {
		e, found := d.find(m)
		switch {
		case !found:
			continue
		case e == nil:
		case d.warning:
			b.warn(e)
		default:
			b.fail(e)
		}
		return
	}
}

// base is the file's name without its folder.
func (m missing) base() string { return path.Base(m.file) }

// problem is one of the action's TemplatePath.
func (m missing) problem(hint, format string, args ...any) *problem.Error {
	at := m.deploy.Config.Get("TemplatePath")
	return at.Problem(m.deploy.Name, assuming(hint, m.Default(at)), format, args...)
}

func (m missing) mayBeMade() (*problem.Error, bool) {
	noPackaging := len(m.build.Packagings) == 0 && m.from.artifact.Files.Exists()
	return nil, noPackaging || m.build.Makes(m.file)
}

func (m missing) inFolder() (*problem.Error, bool) {
	i := slices.IndexFunc(m.from.held, func(h buildspec.Held) bool { return h.Name.Base().String() == m.base() })
	if i < 0 || m.build.Moves || m.from.artifact.FolderUnknown() {
		return nil, i >= 0
	}
	return m.problem("discard-paths decides whether folders stay in an artifact", "the artifact holds this template as %s", m.from.held[i].Name), true
}

func (m missing) notListed() (*problem.Error, bool) {
	i := slices.IndexFunc(m.templates, func(t buildspec.Template) bool { return t.Path.Base().Matches(m.base()) })
	switch {
	case i < 0:
		return nil, false
	case m.build.Moves || m.templates[i].Elsewhere():
		return nil, true
	case !m.from.artifact.Files.Exists():
		return m.nothingListed()
	}
	return m.from.artifact.Files.Problem("artifacts", "", "%s, which %s asks for, is not among the files that are handed over", m.templates[i].Path, m.deploy.Name), true
}

// notBuilt finds that the file has the name that the template of another region would
// have.
func (m missing) notBuilt() (*problem.Error, bool) {
	regions, all := m.built()
	to := to(m.deploy)
	other, found := m.otherRegion(append(region.In(m.base()), to), regions)
	if !found || !all {
		return nil, found
	}
	right := m.from.templateFor(to)
	switch {
	case other == to:
		first := m.deploy.Stacks[0]
		return first.At.Problem(m.deploy.Name, assuming(m.builtHint(other), first.Region), "the build packages for %s, and not for %s", list(regions), other), true
	case right != "":
		return m.problem(right, "this is the template for %s, and the action deploys to %s", other, to), true
	}
	return m.problem(m.builtHint(other), "the build packages for %s, and not for %s", list(regions), other), true
}

// otherRegion is the first of the candidates that is none of the regions and whose
// template would have the file's name.
func (m missing) otherRegion(candidates, regions []string) (name string, found bool) {
	for _, t := range m.templates {
		for _, r := range candidates {
			if !t.Region.Unknown() && !slices.Contains(regions, r) && path.Base(t.For(r)) == m.base() {
				return r, true
			}
		}
	}
	return "", false
}

func (m missing) inSource() (*problem.Error, bool) {
	return nil, m.from.artifact.FromSource(m.file)
}

func (m missing) inInput() (*problem.Error, bool) {
	return nil, m.arrives() && m.from.artifact.MayHold(m.file)
}

// inBatch: each build of a batch hands over files of its own.
func (m missing) inBatch() (*problem.Error, bool) {
	return nil, !m.from.artifact.Files.Exists() && m.build.Spec.Root.Get("batch").Exists() && m.RunsBatch(m.action)
}

func (m missing) nothingListed() (*problem.Error, bool) {
	if m.from.artifact.Files.Exists() {
		return nil, false
	}
	return m.build.Spec.Root.Problem("artifacts", "list the packaged templates under artifacts.files",
		"the build hands over no files, and %s takes %s from it", m.deploy.Name, m.file), true
}

func (m missing) perhapsMade() (*problem.Error, bool) {
	if m.build.Opaque == nil && m.build.Brings == nil {
		return nil, false
	}
	return m.notMade()
}

func (m missing) notMade() (*problem.Error, bool) {
	to := to(m.deploy)
	hint := m.from.templateFor(to)
	for _, t := range m.templates {
		if hint == "" && t.Region.String() == to {
			hint = fmt.Sprintf("for %s it writes %s", to, t.Path)
		}
	}
	if near := m.from.similarFile(m.file); hint == "" && near != "" {
		hint = "it hands over " + near
	}
	return m.problem(hint, "the build hands over no file %s", m.file), true
}
