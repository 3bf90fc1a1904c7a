package check

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/check/internal/buildspec"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/check/internal/codepipeline"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/check/internal/document"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/region"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// checkVariables holds the bucket variables against the artifact stores, and against
// each other.
func (b *buildCheck) checkVariables() {
	names, buckets := make(map[string]bool), make(map[string]string)
	for _, v := range b.variables {
		if !region.NamesBucket(v.Name) {
			continue
		}
		regions := region.OfVariables([]string{v.Name + "="})
		if len(regions) == 0 || region.BucketVariable(regions[0]) != v.Name {
			b.checkName(v)
			continue
		}
		if names[v.Name] {
			b.checker.fail(v.At.Problem(b.project.LogicalID, "", "%s is set twice", v.Name))
		} else if v.Value.Readable() {
			b.checkValue(v, regions[0], buckets)
		}
		names[v.Name] = true
		if !v.Value.Empty() {
			buckets[v.Value.String()] = v.Name
		}
	}
}

// checkValue holds the bucket of a region's variable against the region's artifact
// store, and against the buckets of the variables before it.
func (b *buildCheck) checkValue(v codepipeline.Variable, own string, buckets map[string]string) {
	bucket, store := v.Value.String(), b.store(own)
	tell, at, hint, message := b.checker.fail, v.ValueAt, "", ""
	switch {
	case bucket == "":
		if !b.readsVariables() {
			return
		}
		at, message = v.At, v.Name+" is empty"
	case codepipeline.Unfilled(v.ValueAt):
		hint, message = subHint, fmt.Sprintf(asItStands, bucket)
	case buckets[bucket] != "":
		hint, message = oneRegion, fmt.Sprintf("%s and %s are one bucket: %s", buckets[bucket], v.Name, bucket)
	case store != nil && !store.Location.Empty() && store.Location.String() != bucket && region.Other(store.Location.String(), own) == "":
		tell, message = b.warn, fmt.Sprintf("%s is %s, and the artifact store of %s is %s", v.Name, bucket, own, store.Location)
	case region.Other(b.defaultOf(v).String(), own) != "":
		text := b.defaultOf(v)
		tell, hint = b.warn, assuming("CloudFormation takes code from a bucket in the stack's own region only", text)
		message = fmt.Sprintf("the bucket of %s is named after %s: %s", v.Name, region.Other(text.String(), own), text)
	default:
		return
	}
	tell(at.Problem(b.project.LogicalID, hint, "%s", message))
}

// defaultOf is a variable's value where each parameter has its default.
func (b *buildCheck) defaultOf(v codepipeline.Variable) codepipeline.Text {
	if v.At == v.ValueAt {
		return v.Value // it stands in a JSON text, among others
	}
	return b.Default(v.ValueAt)
}

// readsVariables tells whether the build runs mrpackage with the buckets that the
// variables name.
func (b *buildCheck) readsVariables() bool {
	return b.build != nil && slices.ContainsFunc(b.build.Packagings, func(p buildspec.Packaging) bool {
		return p.Mrpackage && len(p.Buckets) == 0
	})
}

// checkName finds a bucket variable that mrpackage does not read, as it is
// misspelled.
func (b *buildCheck) checkName(v codepipeline.Variable) {
	if !b.readsVariables() || !region.MeantAsVariable(v.Name) || b.mentions(v.Name) {
		return // the build has a use for it, or none for any
	}
	hint := "eu-west-1's variable is " + region.BucketVariable("eu-west-1")
	for _, d := range b.Deploys {
		for _, to := range d.Stacks {
			if want := region.BucketVariable(to.Region.String()); sameName(want, v.Name) {
				hint = "it should be " + want
			}
		}
	}
	b.fail(v.At.Problem(b.project.LogicalID, hint, "%q names no region, so mrpackage does not read it", v.Name))
}

// sameName tells whether two variables' names may be meant for one region's bucket.
func sameName(a, b string) bool {
	singular := strings.NewReplacer("S", "", "s", "") // ARTIFACTS_BUCKET
	return problem.SameLetters(singular.Replace(a), singular.Replace(b))
}

// maxLines bounds the lines of a script that are looked through for variables.
const maxLines = 10_000

// checkReads finds bucket variables that scripts read and nothing sets.
func (b *buildCheck) checkReads() {
	read := regexp.MustCompile(`\$(?:\{([A-Z0-9_]+_ARTIFACT_BUCKET)\}|([A-Z0-9_]+_ARTIFACT_BUCKET)\b)`)
	told := make(map[string]bool)
	for _, f := range b.build.Files {
		for i, line := range f.Lines[:min(len(f.Lines), maxLines)] {
			at := read.FindStringIndex(line)
			if at == nil || strings.HasPrefix(strings.TrimSpace(line), "#") {
				continue
			}
			name := strings.Trim(line[at[0]:at[1]], "${}")
			if told[name] || b.isSet(name) {
				continue
			}
			told[name] = true
			place := f.At(i+1, utf8.RuneCountInString(line[:at[0]])+1)
			b.fail(place.Problem("", b.unsetHint(name), "%s is not among the variables of %s", name, b.project.LogicalID))
		}
	}
}

// checkArguments finds variables that a command line of mrpackage holds and nothing
// sets. It is a warning, as the build's image may have them.
func (b *buildCheck) checkArguments() {
	if b.build.SetsMore {
		return
	}
	call := regexp.MustCompile(`^\s*(-\s+)?mrpackage\s`)
	read := regexp.MustCompile(`\$(?:\{[A-Z][A-Z0-9_]*\}|[A-Z][A-Z0-9_]*)`)
	for _, f := range b.build.Files {
		for i, line := range f.Lines[:min(len(f.Lines), maxLines)] {
			if !call.MatchString(line) {
				continue
			}
			for _, at := range read.FindAllStringIndex(line, maxArguments) {
				if name := strings.Trim(line[at[0]:at[1]], "${}"); !b.isKnown(name) {
					place := f.At(i+1, utf8.RuneCountInString(line[:at[0]])+1)
					b.warn(place.Problem("", fmt.Sprintf("add it to the variables of %s", b.project.LogicalID), "nothing sets %s, which this reads", name))
				}
			}
		}
	}
}

// maxArguments bounds the variables of one line.
const maxArguments = 100

// isKnown tells whether a variable that a command reads may be set: by the project, by
// CodeBuild, by a command. A bucket's is told of by a rule of its own.
func (b *buildCheck) isKnown(name string) bool {
	if _, set := b.build.Environ[name]; set || region.NamesBucket(name) || region.NamesRepository(name) || strings.HasPrefix(name, "AWS_") || strings.HasPrefix(name, "CODEBUILD_") {
		return true
	}
	elsewhere := regexp.MustCompile(`\b` + name + `=|\b(?:for|read|getopts|mapfile|readarray)\s.*\b` + name + `\b`)
	return slices.ContainsFunc(b.build.Files, func(f *document.File) bool { return elsewhere.MatchString(f.Text()) })
}

// isSet tells whether a variable that a script reads may be set: by the project, by
// a script; or whether it need not be, as a script looks for it before it reads it.
func (b *buildCheck) isSet(name string) bool {
	_, set := b.build.Environ[name]
	if set || b.build.SetsMore || len(region.OfVariables([]string{name})) == 0 && !region.MeantAsVariable(name) {
		return true
	}
	elsewhere := regexp.MustCompile(`\b` + name + `=|-n "?\$\{?` + name + `\b`)
	return slices.ContainsFunc(b.build.Files, func(f *document.File) bool { return elsewhere.MatchString(f.Text()) })
}

// unsetHint says how a variable that a script reads gets set.
func (b *buildCheck) unsetHint(name string) string {
	hint := fmt.Sprintf("add %s to the variables of %s", name, b.project.LogicalID)
	for _, v := range b.variables {
		if sameName(v.Name, name) {
			hint = "there is " + v.Name
		}
	}
	return hint
}

// variableHint says how a region gets its bucket.
func (b *buildCheck) variableHint(name string) string {
	want := region.BucketVariable(name)
	for _, v := range b.variables {
		if v.Name == want {
			return "" // that is not what is missing
		}
		if sameName(v.Name, want) {
			return fmt.Sprintf("there is %s; it should be %s", v.Name, want)
		}
	}
	return fmt.Sprintf("add %s to the variables of %s", want, b.project.LogicalID)
}

// builtHint says how a region gets into the build.
func (b *buildCheck) builtHint(name string) string {
	for _, p := range b.build.Packagings {
		if p.Regions != nil {
			return p.Place.String() + " names the regions"
		}
	}
	return b.variableHint(name)
}
