package main

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager"
)

// built are the regions that the build packages for, sorted; all tells that
// there may be others.
func (b *buildCheck) built() (regions []string, all bool) {
	set := make(map[string]bool)
	for _, o := range b.outputs {
		set[o.region] = true
	}
	all = len(b.outputs) == 0
	for region := range maps.Keys(set) {
		if strings.Contains(region, unknown) {
			all = true
		} else {
			regions = append(regions, region)
		}
	}
	slices.Sort(regions)
	return regions, all
}

// checkDeploys holds the templates that the deploy actions ask for against
// those that the build hands over.
func (b *buildCheck) checkDeploys() {
	deployed := make(map[string]bool)
	anywhere := false // an action in the pipeline's own region, whichever that is
	for _, artifact := range b.action.outputs {
		section := b.build.doc.root.get("artifacts")
		if own := section.get("secondary-artifacts", artifact); own.exists() {
			section = own
		}
		b.checkPatterns(section)
		held := collect(section, b.outputs)
		b.checkNames(section, held)
		for _, d := range b.deploys {
			at := d.config.get("TemplatePath")
			text, _ := b.resolve(at, true)
			from, file, ok := strings.Cut(text, "::")
			if !ok || from != artifact {
				continue
			}
			if !isText(d.region) {
				anywhere = true
			}
			deployed[d.region] = true
			if !isText(file) || strings.Contains(file, "#{") {
				anywhere = true
				continue
			}
			found := slices.IndexFunc(held, func(h collected) bool { return h.name == file || matchGlob(h.name, file) })
			if found < 0 {
				b.explain(d, at, section, held, file)
				continue
			}
			template := held[found].from.region
			deployed[template] = true
			if isText(d.region) && template != d.region && !strings.Contains(template, unknown) {
				b.fail(at, d.name, rightTemplate(artifact, d.region, held), "this is the template for %s, and the action deploys to %s", template, d.region)
			}
		}
	}
	if len(deployed) > 0 && !anywhere {
		b.checkUndeployed(deployed)
	}
}

func rightTemplate(artifact, region string, held []collected) string {
	for _, h := range held {
		if h.from.region == region {
			return fmt.Sprintf("the template for %s is %s::%s", region, artifact, h.name)
		}
	}
	return ""
}

// explain tells why the artifact does not hold the file that an action asks
// for.
func (b *buildCheck) explain(d action, at, section value, held []collected, file string) {
	regions, all := b.built()
	if isText(d.region) && !all && !slices.Contains(regions, d.region) {
		b.fail(d.regionAt, d.name, b.builtHint(d.region), "the build packages for %s, and not for %s", list(regions), d.region)
		return
	}
	if !section.get("files").exists() {
		b.fail(b.build.doc.root, "artifacts", "list the packaged templates under artifacts.files", "the build hands over no files, and %s takes %s from it", d.name, file)
		return
	}
	for _, h := range held {
		if path.Base(h.name) == path.Base(file) {
			b.fail(at, d.name, "discard-paths decides whether folders stay in an artifact", "the artifact holds this template as %s", h.name)
			return
		}
	}
	for _, o := range b.outputs {
		if path.Base(o.path) == path.Base(file) || matchGlob(path.Base(o.path), path.Base(file)) {
			b.fail(section.get("files"), "artifacts", "", "%s, which %s asks for, is not among the files that are handed over", o.path, d.name)
			return
		}
	}
	if len(b.outputs) == 0 { // nobody knows what the build writes
		for _, pattern := range first(section.get("files").list(), maxItems) {
			if matchGlob(path.Base(pattern.text()), path.Base(file)) {
				return
			}
		}
	}
	hint := rightTemplate(strings.Join(b.action.outputs[:1], ""), d.region, held)
	for _, o := range b.outputs {
		if hint == "" && o.region == d.region {
			hint = fmt.Sprintf("for %s it writes %s", o.region, o.path)
		}
	}
	b.fail(at, d.name, hint, "the build hands over no file %s", file)
}

// checkPatterns finds files that are listed for a region which the build does
// not package for: CodeBuild fails where a listed file is not there.
func (b *buildCheck) checkPatterns(section value) {
	regions, all := b.built()
	for _, pattern := range first(section.get("files").list(), maxItems) {
		name := strings.TrimPrefix(pattern.text(), "./")
		for _, o := range b.outputs {
			region := otherRegion(name, o.region)
			if all || region == "" || slices.Contains(regions, region) || strings.ReplaceAll(o.path, o.region, region) != name {
				continue
			}
			b.fail(pattern, "artifacts", b.builtHint(region), "the build writes no template for %s, and fails where a listed file is missing", region)
			break
		}
	}
}

// checkNames finds templates that would be one file in the artifact.
func (b *buildCheck) checkNames(section value, held []collected) {
	paths := make(map[string]string)
	for _, h := range held {
		if first := paths[h.name]; first != "" && first != h.from.path && !strings.Contains(h.name, unknown) {
			b.fail(section.get("files"), "artifacts", "give the templates names of their own: discard-paths keeps only those", "%s and %s are both %s in the artifact", first, h.from.path, h.name)
			return
		}
		paths[h.name] = h.from.path
	}
}

// checkUndeployed finds regions that the build packages for, and no action
// deploys to.
func (b *buildCheck) checkUndeployed(deployed map[string]bool) {
	for _, d := range b.deploys {
		deployed[d.region] = true
	}
	told := make(map[string]bool)
	for _, o := range b.outputs {
		if deployed[o.region] || told[o.region] || strings.Contains(o.region, unknown) {
			continue
		}
		told[o.region] = true
		const hint = "add a deploy action, or take the region out of the build"
		of := slices.IndexFunc(b.variables, func(v variable) bool { return v.name == packager.BucketVariable(o.region) })
		if o.at.regions == nil && of >= 0 {
			b.fail(b.variables[of].at, b.project.logicalID, hint, "the build packages for %s, and no action deploys there", o.region)
		} else {
			b.problems = append(b.problems, o.at.at(o.region, hint, "the build packages for this region, and no action deploys there"))
		}
	}
}
