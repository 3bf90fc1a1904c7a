package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
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
			case p.buckets.of(region) == "" && !set:
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
