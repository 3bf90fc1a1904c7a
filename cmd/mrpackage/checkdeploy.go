package main

import (
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
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
		section := b.section(artifact)
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
			if packager.ValidRegion(d.region) && template != d.region && !strings.Contains(template, unknown) {
				hint, tell := rightTemplate(artifact, d.region, held), b.fail
				if hint == "" && len(regionsIn(file)) == 0 {
					tell = b.warn // one template for all: without code it serves everywhere
				}
				tell(at, d.name, hint, "this is the template for %s, and the action deploys to %s", template, d.region)
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

// section is the part of the buildspec that tells what an artifact holds.
func (b *buildCheck) section(artifact string) value {
	section := b.build.doc.root.get("artifacts")
	if own := section.get("secondary-artifacts", artifact); own.exists() {
		return own
	}
	return section
}

// someWanted tells whether a deploy action takes a file from the build that
// nothing is seen to make.
func (b *buildCheck) someWanted() bool {
	return b.someDeploy(func(d action) bool {
		text, known := b.resolve(d.config.get("TemplatePath"), true)
		artifact, file, ok := strings.Cut(text, "::")
		return ok && known && isText(file) && slices.Contains(b.action.outputs, artifact) && !b.build.made[path.Base(file)] && !b.isSource(b.section(artifact), file)
	})
}

// isSource tells whether a file of an artifact may be one of the repository.
func (b *buildCheck) isSource(section value, file string) bool {
	paths := []string{file, path.Join(section.get("base-directory").text(), file)}
	for _, pattern := range first(section.get("files").list(), maxItems) {
		p := pattern.text()
		switch {
		case !section.get("discard-paths").isYes():
		case strings.Contains(p, "**"):
			return true
		case matchGlob(path.Base(p), path.Base(file)):
			paths = append(paths, path.Join(path.Dir(p), path.Base(file)))
		}
	}
	return slices.ContainsFunc(paths, func(p string) bool {
		_, err := os.Stat(filepath.Join(b.root, filepath.FromSlash(p)))
		return err == nil && filepath.IsLocal(filepath.FromSlash(p))
	})
}

// explain tells why the artifact does not hold the file that an action asks
// for, as far as anybody knows.
func (b *buildCheck) explain(d action, at, section value, held []collected, file string) {
	base := path.Base(file)
	if len(b.build.packagings) == 0 && section.get("files").exists() || b.build.made[base] {
		return
	}
	for _, h := range held {
		if path.Base(h.name) == base {
			if !b.build.moves && !strings.ContainsAny(section.get("base-directory").text(), "*$") {
				b.fail(at, d.name, "discard-paths decides whether folders stay in an artifact", "the artifact holds this template as %s", h.name)
			}
			return
		}
	}
	for _, o := range b.outputs {
		if !matchGlob(path.Base(o.path), base) {
			continue
		}
		switch {
		case b.build.moves || strings.Contains(o.path, unknown) || path.IsAbs(o.path) || strings.HasPrefix(o.path, "../"):
		case !section.get("files").exists():
			b.fail(b.build.doc.root, "artifacts", "list the packaged templates under artifacts.files", "the build hands over no files, and %s takes %s from it", d.name, file)
		default:
			b.fail(section.get("files"), "artifacts", "", "%s, which %s asks for, is not among the files that are handed over", o.path, d.name)
		}
		return
	}
	regions, all := b.built()
	for _, o := range b.outputs {
		for _, r := range append(regionsIn(base), d.region) {
			if o.region == unknown || slices.Contains(regions, r) || strings.ReplaceAll(path.Base(o.path), o.region, r) != base {
				continue
			}
			right := rightTemplate(strings.Join(b.action.outputs[:1], ""), d.region, held)
			switch {
			case all:
			case r == d.region:
				b.fail(d.regionAt, d.name, b.builtHint(r), "the build packages for %s, and not for %s", list(regions), r)
			case right != "":
				b.fail(at, d.name, right, "this is the template for %s, and the action deploys to %s", r, d.region)
			default:
				b.fail(at, d.name, b.builtHint(r), "the build packages for %s, and not for %s", list(regions), r)
			}
			return
		}
	}
	if b.isSource(section, file) {
		return
	}
	if !section.get("files").exists() && b.build.doc.root.get("batch").exists() {
		return // each build of a batch hands over files of its own
	}
	if !section.get("files").exists() {
		b.fail(b.build.doc.root, "artifacts", "list the packaged templates under artifacts.files", "the build hands over no files, and %s takes %s from it", d.name, file)
		return
	}
	hint := rightTemplate(strings.Join(b.action.outputs[:1], ""), d.region, held)
	for _, o := range b.outputs {
		if hint == "" && o.region == d.region {
			hint = fmt.Sprintf("for %s it writes %s", o.region, o.path)
		}
	}
	tell := b.fail
	if b.build.opaque != "" {
		tell = b.warn // it may make the file
	}
	tell(at, d.name, hint, "the build hands over no file %s", file)
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
			if b.build.made[path.Base(name)] {
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
		if deployed[o.region] || told[o.region] || !packager.ValidRegion(o.region) {
			continue
		}
		told[o.region] = true
		const hint = "add a deploy action, or take the region out of the build"
		to := &b.problems
		if o.at.maybe || b.varies || b.open || b.project.used > 1 || b.takenElsewhere() {
			to = &b.warnings // another one may deploy there
		}
		of := slices.IndexFunc(b.variables, func(v variable) bool { return v.name == packager.BucketVariable(o.region) })
		if o.at.regions == nil && of >= 0 {
			*to = append(*to, b.variables[of].at.problem(b.project.logicalID, hint, "the build packages for %s, and no action deploys there", o.region))
		} else {
			*to = append(*to, o.at.at(o.region, hint, "the build packages for this region, and no action deploys there"))
		}
	}
}

// takenElsewhere tells whether an action that is none of CloudFormation's takes
// what the build hands over.
func (b *buildCheck) takenElsewhere() bool {
	return slices.ContainsFunc(slices.Concat(b.others, b.builds), func(a action) bool {
		return slices.ContainsFunc(a.inputs, func(in string) bool { return slices.Contains(b.action.outputs, in) })
	})
}
