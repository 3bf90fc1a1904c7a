package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/symphoniacloud/multi-region-codepipeline/packager"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

const checkName = "check"

const checkHelp = `check reads a pipeline's template and the buildspec that it names, and tells
where they do not fit together: regions, artifact stores, bucket variables, what
the build packages and hands over, and what the deploy actions ask for. It makes
no request and runs nothing.

PIPELINE is the template with the AWS::CodePipeline::Pipeline in it; default:
deployment-pipeline/pipeline.yaml, else pipeline.yaml. The buildspec's path starts
in this folder, or else in one above the template.

It is silent where all is well. An error is what cannot work; where a program that
the build runs might make it work, or only a deployment knows, it is a warning.
Exit status: 0 nothing is wrong; 1 something is; 2 wrong usage.`

// checkCommand is mrpackage check.
func checkCommand(u *ui) *cobra.Command {
	var buildspec string
	var strict bool
	cmd := &cobra.Command{
		Use:   checkName + " [flags] [PIPELINE]",
		Short: "Tell where a pipeline's template and its buildspec do not fit together",
		Long:  checkHelp,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usageError{fmt.Errorf("unexpected argument %q: check takes one template", args[1])}
			}
			return nil
		},
		SilenceUsage: true, SilenceErrors: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			problems, warnings := checkPipeline(cmd.Context(), strings.Join(args, ""), buildspec)
			if strict {
				problems, warnings = append(problems, warnings...), nil
			}
			sortByPlace(problems)
			sortByPlace(warnings)
			for _, w := range warnings {
				u.warn(w)
			}
			for _, p := range problems {
				u.problem(p, "")
			}
			if len(problems) > 0 {
				u.printf("mrpackage: %s\n", plural(len(problems), "problem"))
				return errReported{}
			}
			return cmd.Context().Err()
		},
	}
	cmd.Flags().StringVar(&buildspec, "buildspec", "", "the `buildspec` (default: the one that the pipeline's project names)")
	cmd.Flags().BoolVar(&strict, "strict", false, "take warnings for errors")
	cmd.Flags().BoolP("help", "h", false, "print this help")
	return cmd
}

// sortByPlace puts errors in the order of their files and places.
func sortByPlace(errs []error) {
	slices.SortStableFunc(errs, func(x, y error) int {
		var a, b *problem.Error
		if !errors.As(x, &a) || !errors.As(y, &b) {
			return 0
		}
		return cmp.Or(strings.Compare(a.File, b.File), a.Line-b.Line, a.Column-b.Column)
	})
}

// A checker holds one pipeline against its builds.
type checker struct {
	*pipeline
	root, buildspec    string
	problems, warnings []error
}

// checkPipeline returns what is wrong, and what may be.
func checkPipeline(ctx context.Context, file, buildspec string) (problems, warnings []error) {
	for _, standard := range []string{"deployment-pipeline/pipeline.yaml", "pipeline.yaml"} {
		if _, err := os.Stat(standard); file == "" && err == nil {
			file = standard
		}
	}
	if file == "" {
		return []error{&problem.Error{File: "deployment-pipeline/pipeline.yaml", Message: "no such file", Hint: "name the pipeline's template: mrpackage check PIPELINE"}}, nil
	}
	doc, err := readDocument(file)
	if err != nil {
		return []error{err}, nil
	}
	pipelines := readPipelines(doc)
	if len(pipelines) == 0 {
		return []error{&problem.Error{File: doc.name, Message: "there is no AWS::CodePipeline::Pipeline in this template"}}, nil
	}
	for _, p := range pipelines {
		if ctx.Err() != nil {
			break
		}
		c := checker{pipeline: p, root: ".", buildspec: buildspec}
		c.checkStores()
		c.checkActions()
		c.checkBuckets()
		for _, a := range p.builds {
			c.checkBuild(a)
		}
		problems, warnings = append(problems, c.problems...), append(warnings, c.warnings...)
	}
	return once(problems), once(warnings)
}

// once leaves out what several pipelines of a template have in common.
func once(errs []error) []error {
	told := make(map[string]bool)
	return slices.DeleteFunc(errs, func(err error) bool {
		again := told[err.Error()]
		told[err.Error()] = true
		return again
	})
}

func (c *checker) fail(v value, subject, hint, format string, args ...any) {
	c.problems = append(c.problems, v.problem(subject, hint, format, args...))
}

func (c *checker) warn(v value, subject, hint, format string, args ...any) {
	c.warnings = append(c.warnings, v.problem(subject, hint, format, args...))
}

// store is the region's artifact store; nil where there is none.
func (c *checker) store(region string) *artifactStore {
	for i := range c.stores {
		if c.stores[i].region == region {
			return &c.stores[i]
		}
	}
	return nil
}

// checkStores holds the artifact stores against each other.
func (c *checker) checkStores() {
	if c.single.exists() {
		regions := make(map[string]bool) // "" is the pipeline's own, whichever that is
		for _, a := range slices.Concat(c.builds, c.deploys) {
			regions[a.region] = isText(a.region)
		}
		_, own := regions[""]
		maps.DeleteFunc(regions, func(_ string, named bool) bool { return !named })
		named := list(slices.Sorted(maps.Keys(regions)))
		const hint = "use ArtifactStores, with one for each region"
		switch {
		case len(regions) > 1:
			c.fail(c.single, "ArtifactStore", hint, "there are actions in %s, and an artifact store for one region", named)
		case len(regions) == 1 && own && c.someDeploy(func(d action) bool { return d.region == "" }):
			c.warn(c.single, "ArtifactStore", hint, "there are actions in %s and in the pipeline's own region; one artifact store is enough only if that is the same", named)
		}
	}
	locations := make(map[string]string) // the store's region, by location
	for i, s := range c.stores {
		switch {
		case !isText(s.region):
		case !packager.ValidRegion(s.region):
			c.fail(s.at, "ArtifactStores", "a region's name is like us-east-1", "%q is not the name of a region", s.region)
		case c.store(s.region) != &c.stores[i] && !c.varies:
			c.fail(s.at, "ArtifactStores", "", "%s has two artifact stores", s.region)
			continue
		}
		if s.location == "" {
			continue
		}
		if unfilled(s.name) {
			c.fail(s.name, "ArtifactStores", "write !Sub before it", "this is taken as it stands here: %s", s.location)
			continue
		}
		if other := otherRegion(s.location, s.region); other != "" {
			c.fail(s.name, "ArtifactStores", "the bucket must be in the store's own region", "the artifact store of %s is a bucket of %s: %s", s.region, other, s.location)
		} else if other := locations[s.location]; isText(other) && isText(s.region) && other != s.region && !c.varies {
			c.fail(s.name, "ArtifactStores", "a bucket is in one region", "the artifact stores of %s and %s are one bucket: %s", other, s.region, s.location)
		}
		locations[s.location] = s.region
	}
}

// isText tells whether a value was resolved: it holds no parameter that has no
// default.
func isText(s string) bool { return s != "" && !strings.Contains(s, "${") }

// unfilled tells whether a text holds ${Name} and nothing that fills it in: no
// bucket's name may.
func unfilled(v value) bool {
	text, plain := v.scalar()
	return plain && strings.Contains(text, "${")
}

// someDeploy tells whether a deploy action is so.
func (c *checker) someDeploy(so func(action) bool) bool { return slices.ContainsFunc(c.deploys, so) }

// otherRegion returns the region that a bucket's name holds, where it is
// another one than the bucket should be in.
func otherRegion(bucket, region string) string {
	found := regionsIn(bucket)
	if len(found) == 0 || slices.Contains(found, region) || !packager.ValidRegion(region) {
		return ""
	}
	return found[0]
}

// regionsIn are the names of regions that a name holds as words.
func regionsIn(name string) (found []string) {
	words := strings.FieldsFunc(name, func(r rune) bool { return r != '-' && (r < 'a' || r > 'z') && (r < '0' || r > '9') })
	for _, word := range words {
		parts := strings.Split(word, "-")
		for i := range parts {
			for _, length := range []int{3, 4} {
				if i+length <= len(parts) && isRegion(parts[i:i+length]) {
					found = append(found, strings.Join(parts[i:i+length], "-"))
				}
			}
		}
	}
	return found
}

// isRegion tells whether the parts are those of a region's name: us-east-1,
// us-gov-west-1. A name with as many digits as an account's is none.
func isRegion(parts []string) bool {
	area, middle, number := parts[0], parts[1:len(parts)-1], parts[len(parts)-1]
	direction := middle[len(middle)-1]
	if rest := strings.TrimPrefix(strings.TrimPrefix(direction, "north"), "south"); rest != "" {
		direction = rest
	}
	return slices.Contains([]string{"us", "eu", "ap", "sa", "ca", "me", "af", "il", "mx", "cn", "eusc"}, area) &&
		(len(middle) == 1 || slices.Contains([]string{"gov", "iso", "isob", "isoe", "isof", "de"}, middle[0])) &&
		slices.Contains([]string{"north", "south", "east", "west", "central"}, direction) &&
		len(number) < 3 && strings.Trim(number, "0123456789") == "" && number != ""
}

// checkActions holds actions against the artifact stores and artifacts.
func (c *checker) checkActions() {
	made := make(map[string]bool)
	for _, a := range slices.Concat(c.others, c.builds, c.deploys) {
		for _, out := range a.outputs {
			made[out] = true
		}
	}
	names := make(map[[2]string]bool)
	for _, a := range slices.Concat(c.builds, c.deploys) {
		if names[[2]string{a.stage, a.name}] && a.name != "" && !c.varies {
			c.fail(a.at.get("Name"), a.name, "", "the stage %s has two actions of this name", a.stage)
		}
		names[[2]string{a.stage, a.name}] = true
		for _, in := range a.inputs {
			if !made[in] && !c.open {
				c.fail(a.at.get("InputArtifacts"), a.name, "", "no action has the output artifact %q", in)
			}
		}
		switch {
		case !isText(a.region):
		case !packager.ValidRegion(a.region):
			c.fail(a.regionAt, a.name, "a region's name is like us-east-1", "%q is not the name of a region", a.region)
		case c.store(a.region) == nil && len(c.stores) > 0 && !c.open:
			tell := c.fail
			if slices.ContainsFunc(c.stores, func(s artifactStore) bool { return !s.fixed }) {
				tell = c.warn // a parameter's default decides
			}
			tell(a.regionAt, a.name, "CodePipeline copies the action's input to a bucket there: add it to ArtifactStores", "there is no artifact store in %s", a.region)
		}
	}
	for _, a := range c.deploys {
		at := a.config.get("TemplatePath")
		text, known := c.resolve(at, true)
		artifact, _, ok := strings.Cut(text, "::")
		mode := a.config.get("ActionMode").text()
		needed := mode == "CREATE_UPDATE" || mode == "REPLACE_ON_FAILURE" || mode == "CHANGE_SET_REPLACE"
		switch {
		case !at.exists() && needed && !a.config.get("Fn::Transform").exists():
			c.fail(a.config, a.name, "it is ARTIFACT::FILE", "there is no TemplatePath, and %s needs one", mode)
		case !at.exists() || !known || text == "" || !isText(artifact) || strings.Contains(artifact, "#{"):
		case !ok:
			c.fail(at, a.name, "it is ARTIFACT::FILE", "this TemplatePath names no artifact")
		case !slices.Contains(a.inputs, artifact) && !c.open:
			c.fail(at, a.name, "", "%q is not among the action's input artifacts: %s", artifact, list(a.inputs))
		}
	}
	c.checkStacks()
}

// checkStacks finds a stack that two actions deploy. In stages that follow each
// other, or in two accounts, that may be meant.
func (c *checker) checkStacks() {
	stacks := make(map[[4]string]action)
	for _, a := range c.deploys {
		stack, known := c.resolve(a.config.get("StackName"), false)
		mode := a.config.get("ActionMode").text()
		role, roleKnown := c.resolve(a.config.get("RoleArn"), false)
		own, ownKnown := c.resolve(a.at.get("RoleArn"), false)
		roleKnown = roleKnown || !a.config.get("RoleArn").exists()
		ownKnown = ownKnown || !a.at.get("RoleArn").exists()
		if !known || !roleKnown || !ownKnown || a.region == "${}" || mode != "CREATE_UPDATE" && mode != "REPLACE_ON_FAILURE" {
			continue
		}
		at := [4]string{a.region, stack, role, own}
		first, again := stacks[at]
		if !again {
			stacks[at] = a
			continue
		}
		tell := c.fail
		if c.varies || first.stage != a.stage || first.runOrder != a.runOrder {
			tell = c.warn
		}
		if first.name != a.name || first.stage != a.stage {
			tell(a.at, a.name, "does it name the right Region?", "%s deploys this stack to %s already", first.name, cmp.Or(a.region, "the pipeline's own region"))
		}
	}
}

// checkBuckets holds the script that creates the buckets, where there is one
// that names its regions, against the artifact stores.
func (c *checker) checkBuckets() {
	d, err := readText(filepath.Dir(filepath.FromSlash(c.doc.name)), "create-artifact-buckets.sh")
	if err != nil {
		return
	}
	s, err := readScript(string(d.src), nil)
	if err != nil || c.open {
		return
	}
	regions, line := make(map[string]bool), 0
	for _, call := range s.calls() {
		for i, arg := range call.args {
			region, ok := strings.CutPrefix(arg, "--region=")
			if arg == "--region" && i+1 < len(call.args) {
				region, ok = call.args[i+1], true
			}
			if ok && call.called() == "aws" {
				regions[region], line = true, call.line
			}
		}
	}
	if len(regions) == 0 || regions[unknown] {
		return
	}
	for _, s := range c.stores {
		if isText(s.region) && !regions[s.region] {
			c.problems = append(c.problems, d.problemAt(line, 1, "", "add it to the script's regions",
				"this creates buckets in %s, and %s has an artifact store in %s too", list(slices.Sorted(maps.Keys(regions))), c.doc.name, s.region))
		}
	}
}

// list writes names as a sentence does.
func list(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}
