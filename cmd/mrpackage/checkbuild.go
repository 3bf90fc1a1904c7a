package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager"
)

// A buildCheck holds one build action against its project, its buildspec, and
// the deploy actions that take its output.
type buildCheck struct {
	*checker
	action
	project   *project
	build     *build
	variables []string // the regions whose bucket variables are set
	outputs   []output
}

// checkBuild does nothing where the project is not in the template.
func (c *checker) checkBuild(a action) {
	b := buildCheck{checker: c, action: a, project: c.projectOf(a)}
	if b.project == nil {
		return
	}
	b.checkVariables()
	if b.build = b.readBuildspec(); b.build == nil {
		return
	}
	c.problems = append(c.problems, b.build.problems...)
	var environ []string
	for name := range b.build.environ {
		environ = append(environ, name+"=")
	}
	b.variables = packager.RegionsOf(environ)
	b.outputs = b.build.outputs(b.variables)
	b.checkPackagings()
	b.checkDeploys()
}

// checkVariables holds the project's bucket variables against the artifact
// stores.
func (b *buildCheck) checkVariables() {
	names, buckets := make(map[string]bool), make(map[string]string)
	for _, v := range b.project.variables {
		if !strings.HasSuffix(strings.ToUpper(v.name), "_ARTIFACT_BUCKET") {
			continue
		}
		regions := packager.RegionsOf([]string{v.name + "="})
		if len(regions) == 0 {
			if almostRegion(v.name) {
				b.fail(v.at, b.project.logicalID, "us-east-1's variable is "+packager.BucketVariable("us-east-1"), "%q names no region, so mrpackage does not read it", v.name)
			}
			continue
		}
		region, store := regions[0], b.store(regions[0])
		other := otherRegion(v.text, region)
		switch {
		case names[v.name]:
			b.fail(v.at, b.project.logicalID, "", "%s is set twice", v.name)
		case !v.known:
		case v.text == "":
			b.fail(v.at, b.project.logicalID, "", "%s is empty", v.name)
		case other != "":
			b.fail(v.valueAt, b.project.logicalID, "CloudFormation takes code from a bucket in the stack's own region only", "%s is a bucket of %s: %s", v.name, other, v.text)
		case buckets[v.text] != "":
			b.fail(v.valueAt, b.project.logicalID, "a bucket is in one region", "%s and %s are one bucket: %s", buckets[v.text], v.name, v.text)
		case store != nil && store.location != "" && store.location != v.text:
			b.warn(v.valueAt, b.project.logicalID, "", "%s is %s, and the artifact store of %s is %s", v.name, v.text, region, store.location)
		}
		names[v.name] = true
		if v.known && v.text != "" {
			buckets[v.text] = v.name
		}
	}
}

// almostRegion tells whether a bucket variable's name looks as if it were meant
// for a region.
func almostRegion(variable string) bool {
	name := strings.TrimSuffix(strings.ToUpper(variable), "_ARTIFACT_BUCKET")
	for _, area := range []string{"US", "EU", "AP", "SA", "CA", "ME", "AF", "IL", "MX", "CN"} {
		rest, ok := strings.CutPrefix(name, area)
		rest = strings.TrimLeft(rest, "_-")
		for _, direction := range []string{"NORTH", "SOUTH", "EAST", "WEST", "CENTRAL", "GOV", "ISO"} {
			if ok && strings.HasPrefix(rest, direction) {
				return true
			}
		}
	}
	return false
}

// readBuildspec returns nil where there is nothing to read.
func (b *buildCheck) readBuildspec() *build {
	if b.buildspec != "" {
		d, err := readDocument(b.buildspec)
		if err != nil {
			b.problems = append(b.problems, err)
			return nil
		}
		return readBuild(d, b.root, b.project.variables)
	}
	text, known := b.resolve(b.project.buildSpec, true)
	switch {
	case !b.project.buildSpec.exists():
		text = "buildspec.yml" // CodeBuild's default
	case !known || strings.HasPrefix(text, "arn:"):
		b.warn(b.project.buildSpec, b.project.logicalID, "name it with --buildspec", "check cannot read this buildspec, so it does not know what the build does")
		return nil
	case strings.Contains(text, "\n"):
		d, err := parseDocument(b.doc.name+": the BuildSpec of "+b.project.logicalID, []byte(text))
		if err != nil {
			b.problems = append(b.problems, err)
			return nil
		}
		return readBuild(d, b.root, b.project.variables)
	}
	b.root = b.repository(text)
	d, err := readDocument(filepath.Join(b.root, filepath.FromSlash(text)))
	switch {
	case errors.Is(err, os.ErrNotExist):
		at := b.project.buildSpec
		if !at.exists() {
			at = b.project.at
		}
		b.fail(at, b.project.logicalID, "run check at the top of the repository, or name the file with --buildspec", "there is no buildspec %s", text)
		return nil
	case err != nil:
		b.problems = append(b.problems, err)
		return nil
	}
	return readBuild(d, b.root, b.project.variables)
}

// repository is the folder that a buildspec's path starts in: this one, else the
// nearest one above the pipeline's template that has such a file.
func (b *buildCheck) repository(buildspec string) string {
	above := filepath.Dir(filepath.FromSlash(b.doc.name))
	for _, dir := range []string{".", above, filepath.Join(above, ".."), filepath.Join(above, "..", "..")} {
		if _, err := os.Stat(filepath.Join(dir, filepath.FromSlash(buildspec))); err == nil {
			return dir
		}
	}
	return "."
}

// checkPackagings holds the commands that package against the variables.
func (b *buildCheck) checkPackagings() {
	stored := false
	for _, p := range b.build.packagings {
		stored = stored || !p.flags.dryRun
		for _, region := range p.regions {
			_, set := b.build.environ[packager.BucketVariable(region)]
			switch {
			case strings.Contains(region, unknown):
			case !packager.ValidRegion(region):
				b.problems = append(b.problems, p.at("", "a region's name is like us-east-1", "%q is not the name of a region", region))
			case p.buckets[region] == "" && p.pattern == "" && !set:
				b.problems = append(b.problems, p.at(region, b.variableHint(region), "no bucket: %s is not among the variables of %s", packager.BucketVariable(region), b.project.logicalID))
			}
		}
	}
	root := b.build.doc.root
	switch {
	case len(b.build.packagings) == 0 && b.build.opaque != "":
		b.warn(root, "", "", "check cannot see what %s does, so it does not know which templates the build writes", b.build.opaque)
	case len(b.build.packagings) == 0:
		b.fail(root.get("phases"), "phases", "run mrpackage after the build", "no command packages the template")
	case !stored:
		b.problems = append(b.problems, b.build.packagings[0].at("", "", "with --dry-run nothing is stored, and no stack can be deployed"))
	}
}

// variableHint says how a region gets its bucket.
func (b *buildCheck) variableHint(region string) string {
	want := packager.BucketVariable(region)
	letters := func(name string) string {
		return strings.NewReplacer("_", "", "-", "", "S", "").Replace(strings.ToUpper(name))
	}
	for _, v := range b.project.variables {
		if v.name == want {
			return "" // that is not what is missing
		}
		if letters(v.name) == letters(want) {
			return fmt.Sprintf("there is %s; it should be %s", v.name, want)
		}
	}
	return fmt.Sprintf("add %s to the variables of %s", want, b.project.logicalID)
}

// builtHint says how a region gets into the build.
func (b *buildCheck) builtHint(region string) string {
	for _, p := range b.build.packagings {
		if p.regions != nil {
			at := p.at("", "", "")
			return fmt.Sprintf("%s:%d names the regions", at.File, at.Line)
		}
	}
	return b.variableHint(region)
}

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
			if d.region == "" {
				anywhere = true
			}
			deployed[d.region] = true
			found := slices.IndexFunc(held, func(h collected) bool { return h.name == file || matchGlob(h.name, file) })
			if found < 0 {
				b.explain(d, at, section, held, file)
				continue
			}
			template := held[found].from.region
			deployed[template] = true
			if d.region != "" && template != d.region && !strings.Contains(template, unknown) {
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
		for _, pattern := range section.get("files").items() {
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
	for _, pattern := range section.get("files").items() {
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
		of := slices.IndexFunc(b.project.variables, func(v variable) bool { return v.name == packager.BucketVariable(o.region) })
		if o.at.regions == nil && of >= 0 {
			b.fail(b.project.variables[of].at, b.project.logicalID, hint, "the build packages for %s, and no action deploys there", o.region)
		} else {
			b.problems = append(b.problems, o.at.at(o.region, hint, "the build packages for this region, and no action deploys there"))
		}
	}
}
