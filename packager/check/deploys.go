package check

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/check/internal/buildspec"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/check/internal/codepipeline"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/region"
)

// built are the regions that the build packages for, sorted; all tells that it
// packages for no others.
func (b *buildCheck) built() (regions []string, all bool) {
	all = len(b.templates) > 0
	for _, t := range b.templates {
		if t.Region.Known() {
			regions = append(regions, t.Region.String())
		} else {
			all = false
		}
	}
	slices.Sort(regions)
	return slices.Compact(regions), all
}

// A delivery is one artifact of the build with the packaged templates in it.
type delivery struct {
	name     string
	artifact buildspec.Artifact
	held     []buildspec.Held
}

// templateFor says which template is a region's, as a hint; "" where there is none.
func (d delivery) templateFor(region string) string {
	for _, h := range d.held {
		if h.Template.Region.String() == region {
			return fmt.Sprintf("the template for %s is %s::%s", region, d.name, h.Name)
		}
	}
	return ""
}

// templates are those that a file of the artifact may be: several, where one file is
// for several regions.
func (d delivery) templates(file string) (all []buildspec.Template) {
	for _, h := range d.held {
		if h.Name.Matches(file) && (len(all) == 0 || all[0].Path == h.Template.Path && all[0].Packaging.Place == h.Template.Packaging.Place) {
			all = append(all, h.Template)
		}
	}
	return all
}

// checkDeploys holds the templates that the deploy actions ask for against those that
// the build hands over.
func (b *buildCheck) checkDeploys() {
	deployed := make(map[string]bool)
	anywhere := false // an action may deploy to any region, or any template
	for _, name := range b.action.Outputs {
		artifact := b.build.Artifact(name)
		from := delivery{name, artifact, artifact.Holds(b.templates)}
		b.checkPatterns(artifact)
		b.checkNames(from)
		for _, d := range b.Deploys {
			of, file, ok := b.Default(d.Config.Get("TemplatePath")).Cut("::")
			if !ok || of.String() != name {
				b.checkSourced(d, of.String(), file.String(), from)
				continue
			}
			anywhere = anywhere || b.deploysAnywhere(d)
			deployed[to(d)] = true
			if !file.Fixed() || file.VariesByExecution() {
				anywhere = true
				continue
			}
			found := from.templates(file.String())
			if len(found) == 0 {
				b.diagnose(d, from, file.String())
				continue
			}
			if !found[0].Packaging.OneTemplate { // else each region is told by itself
				deployed[found[0].Region.String()] = true
			}
			b.checkTemplate(d, from, file, found)
		}
	}
	if len(deployed) > 0 && !anywhere {
		b.checkUndeployed(deployed)
	}
}

// to is the region that an action deploys to, or the first one.
func to(d codepipeline.Action) string {
	if len(d.Stacks) == 0 {
		return ""
	}
	return d.Stacks[0].Region.String()
}

// deploysAnywhere tells whether an action may deploy to regions that are not known.
func (b *buildCheck) deploysAnywhere(d codepipeline.Action) bool {
	all := b.Destinations(d)
	return len(all) == 0 || slices.ContainsFunc(all, func(to codepipeline.Destination) bool { return !to.Region.Fixed() })
}

// checkSourced finds a packaged template that a deploy action takes from the source,
// where it can only be an old one.
func (b *buildCheck) checkSourced(d codepipeline.Action, artifact, file string, from delivery) {
	source := slices.ContainsFunc(b.Actions, func(a codepipeline.Action) bool {
		return a.IsSource() && slices.Contains(a.Outputs, artifact)
	})
	if !source || !slices.Contains(d.Inputs, artifact) {
		return
	}
	for _, h := range from.held {
		if t := h.Template; t.Region.Known() && h.Name.Known() && path.Base(file) == h.Name.Base().String() {
			b.warn(d.Config.Get("TemplatePath").Problem(d.Name, fmt.Sprintf("the build's is %s::%s", from.name, h.Name),
				"%s is the source, and the build makes this template", artifact))
			return
		}
	}
}

// checkTemplate holds the region of the template that a deploy action asks for, or
// the regions where it is one for several, against those that the action deploys to.
func (b *buildCheck) checkTemplate(d codepipeline.Action, from delivery, file codepipeline.Text, found []buildspec.Template) {
	if slices.ContainsFunc(found, func(t buildspec.Template) bool { return !t.Region.Known() }) {
		return
	}
	for _, dest := range b.Destinations(d) {
		to := dest.Region.String()
		switch {
		case !region.Valid(to) || slices.ContainsFunc(found, func(t buildspec.Template) bool { return t.Region.String() == to }):
		case !found[0].Packaging.OneTemplate:
			b.otherTemplate(d, from, file, found[0], dest)
		default:
			regions, _ := b.built()
			b.fail(dest.At.Problem(d.Name, assuming(b.builtHint(to), dest.Region), "the build packages for %s, and not for %s", list(regions), to))
		}
	}
}

// otherTemplate tells that an action deploys the template of another region.
func (b *buildCheck) otherTemplate(d codepipeline.Action, from delivery, file codepipeline.Text, t buildspec.Template, dest codepipeline.Destination) {
	to := dest.Region.String()
	hint, tell := from.templateFor(to), b.fail
	if hint == "" && len(region.In(file.String())) == 0 {
		tell = b.warn // one template for all: without code it serves everywhere
	}
	if d.IsStackSet() {
		tell(dest.At.Problem(d.Name, assuming("a stack set has one template: give each region an action with its own", file, dest.Region),
			"%s is the template for %s, whose code a stack in %s cannot read", file, t.Region, to))
		return
	}
	tell(d.Config.Get("TemplatePath").Problem(d.Name, assuming(hint, file, dest.Region),
		"this is the template for %s, and the action deploys to %s", t.Region, to))
}

// checkPatterns finds files that are listed for a region which the build does not
// package for: CodeBuild fails where a listed file is not there.
func (b *buildCheck) checkPatterns(artifact buildspec.Artifact) {
	regions, all := b.built()
	if !all || b.arrives() {
		return
	}
	for _, pattern := range artifact.Patterns() {
		name := strings.TrimPrefix(pattern.Text(), "./")
		if b.build.Makes(name) {
			continue
		}
		for _, t := range b.templates {
			other := region.Other(name, t.Region.String())
			if other == "" || slices.Contains(regions, other) || t.For(other) != name {
				continue
			}
			b.fail(pattern.Problem("artifacts", b.builtHint(other),
				"the build writes no template for %s, and fails where a listed file is missing", other))
			break
		}
	}
}

// checkNames finds templates that would be one file in the artifact.
func (b *buildCheck) checkNames(from delivery) {
	paths := make(map[string]string)
	for _, h := range from.held {
		name, own := h.Name.String(), h.Template.Path.String()
		if other := paths[name]; other != "" && other != own && h.Name.Known() {
			b.fail(from.artifact.Files.Problem("artifacts", "give the templates names of their own: discard-paths keeps only those",
				"%s and %s are both %s in the artifact", other, own, name))
			return
		}
		paths[name] = own
	}
}

// checkUndeployed finds regions that the build packages for, and no action deploys
// to.
func (b *buildCheck) checkUndeployed(deployed map[string]bool) {
	for _, d := range b.Deploys {
		for _, to := range d.Stacks {
			deployed[to.Region.String()] = true
			if !to.Region.Fixed() && (d.IsStackSet() || d.AddsInstances()) {
				return
			}
		}
	}
	for _, t := range b.templates {
		name := t.Region.String()
		if deployed[name] || !region.Valid(name) {
			continue
		}
		deployed[name] = true // once is enough
		const hint = "add a deploy action, or take the region out of the build"
		tell := b.fail
		if t.Packaging.Maybe || b.Varies || b.Open || b.project.Used > 1 || b.isTakenElsewhere() {
			tell = b.warn // another one may deploy there
		}
		of := slices.IndexFunc(b.variables, func(v codepipeline.Variable) bool { return v.Name == region.BucketVariable(name) })
		if t.Packaging.Regions == nil && of >= 0 {
			tell(b.variables[of].At.Problem(b.project.LogicalID, hint, "the build packages for %s, and no action deploys there", name))
		} else {
			tell(t.Packaging.Place.Problem(name, hint, "the build packages for this region, and no action deploys there"))
		}
	}
}

// isTakenElsewhere tells whether an action that is none of CloudFormation's takes
// what the build hands over.
func (b *buildCheck) isTakenElsewhere() bool {
	return slices.ContainsFunc(b.Actions, func(a codepipeline.Action) bool {
		return len(a.Stacks) == 0 && slices.ContainsFunc(a.Inputs, func(in string) bool { return slices.Contains(b.action.Outputs, in) })
	})
}
