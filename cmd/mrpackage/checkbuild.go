package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/symphoniacloud/multi-region-codepipeline/packager"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// A buildCheck holds one build action against its project, its buildspec, and
// the deploy actions that take its output.
type buildCheck struct {
	*checker
	action
	project   *project
	build     *build
	variables []variable // the project's, and the action's
	regions   []string   // those whose bucket variables are set
	outputs   []output
}

// checkBuild does nothing where the project is not in the template.
func (c *checker) checkBuild(a action) {
	b := buildCheck{checker: c, action: a, project: c.projectOf(a)}
	if b.project == nil {
		return
	}
	b.variables = b.variablesOf(a)
	if b.build = b.readBuildspec(); b.build == nil {
		b.checkVariables()
		return
	}
	b.checkVariables()
	c.problems, c.warnings = append(c.problems, b.build.problems...), append(c.warnings, b.build.warnings...)
	var environ []string
	for name := range b.build.environ {
		if !strings.Contains(name, "-") { // mrpackage looks for EU_WEST_1, not for EU-WEST-1
			environ = append(environ, name+"=")
		}
	}
	b.regions = packager.RegionsOf(environ)
	b.outputs = b.build.outputs(b.regions)
	b.checkReads()
	b.checkPackagings()
	b.checkDeploys()
}

// variablesOf are the project's variables, and those that the action sets for
// this build, as a JSON text.
func (b *buildCheck) variablesOf(a action) []variable {
	all := slices.Clone(b.project.variables)
	at := a.config.get("EnvironmentVariables")
	text, _ := b.resolve(at, false)
	var own []struct{ Name, Value, Type string }
	if json.Unmarshal([]byte(text), &own) != nil {
		return all
	}
	for _, o := range first(own, maxItems) {
		v := variable{name: o.Name, text: o.Value, at: at, valueAt: at}
		v.known = (o.Type == "" || o.Type == "PLAINTEXT") && !strings.Contains(o.Value, "#{")
		all = slices.DeleteFunc(all, func(p variable) bool { return p.name == v.name })
		all = append(all, v)
	}
	return all
}

// checkVariables holds the project's bucket variables against the artifact
// stores.
func (b *buildCheck) checkVariables() {
	names, buckets := make(map[string]bool), make(map[string]string)
	for _, v := range b.variables {
		if !strings.HasSuffix(strings.ToUpper(v.name), "_ARTIFACT_BUCKET") {
			continue
		}
		regions := packager.RegionsOf([]string{v.name + "="})
		if len(regions) == 0 || packager.BucketVariable(regions[0]) != v.name {
			b.checkName(v)
			continue
		}
		region, store := regions[0], b.store(regions[0])
		other := otherRegion(v.text, region)
		switch {
		case names[v.name]:
			b.fail(v.at, b.project.logicalID, "", "%s is set twice", v.name)
		case !v.known:
		case v.text == "" && b.readsVariables():
			b.fail(v.at, b.project.logicalID, "", "%s is empty", v.name)
		case v.text == "":
		case unfilled(v.valueAt):
			b.fail(v.valueAt, b.project.logicalID, "write !Sub before it", "this is taken as it stands here: %s", v.text)
		case other != "":
			b.fail(v.valueAt, b.project.logicalID, "CloudFormation takes code from a bucket in the stack's own region only", "%s is a bucket of %s: %s", v.name, other, v.text)
		case buckets[v.text] != "":
			b.fail(v.valueAt, b.project.logicalID, "a bucket is in one region", "%s and %s are one bucket: %s", buckets[v.text], v.name, v.text)
		case store != nil && store.location != "" && store.location != v.text && otherRegion(store.location, region) == "":
			b.warn(v.valueAt, b.project.logicalID, "", "%s is %s, and the artifact store of %s is %s", v.name, v.text, region, store.location)
		}
		names[v.name] = true
		if v.known && v.text != "" {
			buckets[v.text] = v.name
		}
	}
}

// readsVariables tells whether the build runs mrpackage with the buckets that
// the variables name.
func (b *buildCheck) readsVariables() bool {
	return b.build != nil && slices.ContainsFunc(b.build.packagings, func(p packaging) bool {
		return !p.others && p.buckets.all == "" && len(p.buckets.own) == 0
	})
}

// checkName finds a bucket variable that mrpackage does not read, as it is
// misspelled.
func (b *buildCheck) checkName(v variable) {
	if !b.readsVariables() || !almostRegion(v.name) || slices.ContainsFunc(b.build.texts, func(d *document) bool { return strings.Contains(string(d.src), v.name) }) {
		return // the build has a use for it, or none for any
	}
	hint := "eu-west-1's variable is " + packager.BucketVariable("eu-west-1")
	for _, d := range b.deploys {
		if want := packager.BucketVariable(d.region); sameLetters(want, v.name) {
			hint = "it should be " + want
		}
	}
	b.fail(v.at, b.project.logicalID, hint, "%q names no region, so mrpackage does not read it", v.name)
}

// checkReads finds bucket variables that scripts read and nothing sets.
func (b *buildCheck) checkReads() {
	read := regexp.MustCompile(`\$(?:\{([A-Z0-9_]+_ARTIFACT_BUCKET)\}|([A-Z0-9_]+_ARTIFACT_BUCKET)\b)`)
	told := make(map[string]bool)
	for _, d := range b.build.texts {
		for i, line := range first(d.lines, maxCommands) {
			at := read.FindStringSubmatchIndex(line)
			if at == nil || strings.HasPrefix(strings.TrimSpace(line), "#") {
				continue
			}
			name := strings.Trim(line[at[0]:at[1]], "${}")
			_, set := b.build.environ[name]
			if set || told[name] || b.build.anyEnviron || len(packager.RegionsOf([]string{name})) == 0 && !almostRegion(name) {
				continue
			}
			elsewhere := regexp.MustCompile(`\b` + name + `=|-n "?\$\{?` + name + `\b`) // set by a script, or looked for before it is read
			if slices.ContainsFunc(b.build.texts, func(d *document) bool { return elsewhere.Match(d.src) }) {
				continue
			}
			told[name] = true
			hint := fmt.Sprintf("add %s to the variables of %s", name, b.project.logicalID)
			for _, v := range b.variables {
				if sameLetters(v.name, name) {
					hint = fmt.Sprintf("there is %s", v.name)
				}
			}
			b.problems = append(b.problems, d.problemAt(i+1, utf8.RuneCountInString(line[:at[0]])+1, "", hint, "%s is not among the variables of %s", name, b.project.logicalID))
		}
	}
}

// sameLetters tells whether two variables' names may be meant for one region.
func sameLetters(a, b string) bool {
	letters := func(name string) string {
		return strings.NewReplacer("_", "", "-", "", "S", "").Replace(strings.ToUpper(name))
	}
	return letters(a) == letters(b)
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
		return readBuild(d, b.root, b.variables, b.project.windows)
	}
	at := b.project.buildSpec
	if own := b.config.get("BuildspecOverride"); own.exists() {
		at = own
	}
	text, known := b.resolve(at, true)
	inline := strings.Contains(text, "\n") || strings.HasPrefix(strings.TrimSpace(text), "{")
	switch {
	case text == "" && (known || !at.exists()):
		text = "buildspec.yml" // CodeBuild's default
	case !known || strings.HasPrefix(text, "arn:") || !inline && !isText(text):
		b.warn(at, b.project.logicalID, "name it with --buildspec", "check cannot read this buildspec, so it does not know what the build does")
		return nil
	case inline:
		// What only a deployment fills in is known to nobody here.
		text = regexp.MustCompile(`\$\{[A-Za-z0-9:.]*[:.][A-Za-z0-9:.]*\}`).ReplaceAllString(text, "$${UNKNOWN}")
		d, err := parseDocument(b.doc.name+": the BuildSpec of "+b.project.logicalID, []byte(text))
		if err != nil {
			b.problems = append(b.problems, err)
			return nil
		}
		return readBuild(d, b.root, b.variables, b.project.windows)
	}
	if !at.exists() {
		at = b.project.at
	}
	b.root = b.repository(text)
	d, err := readWithin(b.root, text)
	var unreadable *problem.Error
	switch {
	case errors.As(err, &unreadable):
		b.problems = append(b.problems, err)
		return nil
	case errors.Is(err, os.ErrNotExist):
		const hint = "run check at the top of the repository, or name the file with --buildspec"
		if near := b.buildspecsLike(text); near != "" {
			b.fail(at, b.project.logicalID, "there is "+near, "there is no buildspec %s", text)
		} else { // the source may be another repository than the pipeline's
			b.warn(at, b.project.logicalID, hint, "there is no buildspec %s here, so check does not know what the build does", text)
		}
		return nil
	case err != nil:
		b.warn(at, b.project.logicalID, "name it with --buildspec", "check cannot read this buildspec: %s is not a file of this repository", text)
		return nil
	}
	return readBuild(d, b.root, b.variables, b.project.windows)
}

// repository is the folder that a buildspec's path starts in: this one, else the
// nearest one above the pipeline's template that has such a file.
func (b *buildCheck) repository(buildspec string) string {
	for _, dir := range b.above() {
		if _, err := os.Stat(filepath.Join(dir, filepath.FromSlash(buildspec))); err == nil {
			return dir
		}
	}
	return "."
}

// above are the folders that may be the repository's top.
func (b *buildCheck) above() []string {
	of := filepath.Dir(filepath.FromSlash(b.doc.name))
	return []string{".", of, filepath.Join(of, ".."), filepath.Join(of, "..", "..")}
}

// buildspecsLike is a buildspec of nearly the same name, or the same in another
// folder: then this is the repository that is built.
func (b *buildCheck) buildspecsLike(missing string) string {
	stem := func(name string) string {
		return strings.TrimSuffix(strings.TrimSuffix(path.Base(name), ".yaml"), ".yml")
	}
	for _, dir := range append([]string{path.Dir(missing)}, b.above()[:2]...) {
		beside, _ := filepath.Glob(filepath.Join(dir, "*.y*ml"))
		for _, name := range beside {
			if stem(filepath.ToSlash(name)) == stem(missing) && filepath.IsLocal(missing) {
				return filepath.ToSlash(name)
			}
		}
	}
	return ""
}

// checkPackagings holds the commands that package against the variables.
func (b *buildCheck) checkPackagings() {
	stored := false
	for _, p := range b.build.packagings {
		stored = stored || !p.dryRun
		if all := p.buckets.all; len(p.regions) > 1 && all != "" && len(p.buckets.own) == 0 && !strings.Contains(all, "{region}") && !strings.Contains(all, unknown) {
			b.problems = append(b.problems, p.at("", "a bucket is in one region: write --s3-bucket NAME-{region}", "%s have one bucket: %s", list(p.regions), all))
		}
		for _, region := range p.regions {
			_, set := b.build.environ[packager.BucketVariable(region)]
			switch {
			case strings.Contains(region, unknown):
			case !packager.ValidRegion(region):
				b.problems = append(b.problems, p.at("", "a region's name is like us-east-1", "%q is not the name of a region", region))
			case p.buckets.of(region) == "" && !set:
				e := p.at(region, b.variableHint(region), "no bucket: %s is not among the variables of %s", packager.BucketVariable(region), b.project.logicalID)
				if p.maybe || b.build.anyEnviron {
					b.warnings = append(b.warnings, e)
				} else {
					b.problems = append(b.problems, e)
				}
			}
		}
	}
	switch {
	case len(b.build.packagings) == 0:
		if !b.someWanted() {
			return
		}
		if b.build.opaque != "" {
			b.warnings = append(b.warnings, b.build.opaqueAt("", "", "check cannot see what %s does, so it does not know which templates the build writes", b.build.opaque))
		} else {
			b.fail(b.build.doc.root.get("phases"), "phases", "run mrpackage after the build", "no command packages the template")
		}
	case !stored && b.build.opaque == "":
		b.problems = append(b.problems, b.build.packagings[0].at("", "", "with --dry-run nothing is stored, and no stack can be deployed"))
	}
}

// variableHint says how a region gets its bucket.
func (b *buildCheck) variableHint(region string) string {
	want := packager.BucketVariable(region)
	for _, v := range b.variables {
		if v.name == want {
			return "" // that is not what is missing
		}
		if sameLetters(v.name, want) {
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
