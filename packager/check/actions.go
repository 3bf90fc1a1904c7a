package check

import (
	"cmp"
	"slices"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/check/internal/codepipeline"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/region"
)

// checkActions holds the actions against the artifact stores and the artifacts.
func (c *checker) checkActions() {
	made := make(map[string]bool)
	for _, a := range slices.Concat(c.Others, c.Builds, c.Deploys) {
		for _, artifact := range a.Outputs {
			made[artifact] = true
		}
	}
	type name struct{ stage, action string }
	names := make(map[name]bool)
	for _, a := range slices.Concat(c.Builds, c.Deploys) {
		own := name{a.Stage, a.Name}
		if names[own] && a.Name != "" && !c.Varies {
			c.fail(a.At.Get("Name").Problem(a.Name, "", "the stage %s has two actions of this name", a.Stage))
		}
		names[own] = true
		for _, artifact := range a.Inputs {
			if !made[artifact] && !c.Open {
				c.fail(a.At.Get("InputArtifacts").Problem(a.Name, "", "no action has the output artifact %q", artifact))
			}
		}
		c.checkRegion(a)
	}
	for _, a := range c.Deploys {
		c.checkTemplatePath(a)
	}
	c.checkStacks()
}

// checkRegion holds an action's region against the artifact stores.
func (c *checker) checkRegion(a codepipeline.Action) {
	name := a.Region.String()
	switch {
	case !a.Region.Fixed():
	case !region.Valid(name):
		c.fail(a.RegionAt.Problem(a.Name, regionHint, noRegion, name))
	case c.store(name) == nil && len(c.Stores) > 0 && !c.Open:
		tell := c.fail
		if slices.ContainsFunc(c.Stores, func(s codepipeline.Store) bool { return !s.Fixed }) {
			tell = c.warn // a parameter's default decides
		}
		tell(a.RegionAt.Problem(a.Name, "CodePipeline copies the action's input to a bucket there: add it to ArtifactStores",
			"there is no artifact store in %s", name))
	}
}

// checkTemplatePath holds the template that a deploy action asks for against the
// action's input.
func (c *checker) checkTemplatePath(a codepipeline.Action) {
	const hint = "it is ARTIFACT::FILE"
	at := a.Config.Get("TemplatePath")
	text := c.Default(at)
	artifact, _, divided := text.Cut("::")
	mode := a.Config.Get("ActionMode").Text()
	needed := mode == "CREATE_UPDATE" || mode == "REPLACE_ON_FAILURE" || mode == "CHANGE_SET_REPLACE"
	switch {
	case !at.Exists() && needed && !a.Config.Get("Fn::Transform").Exists():
		c.fail(a.Config.Problem(a.Name, hint, "there is no TemplatePath, and %s needs one", mode))
	case !text.Readable() || !artifact.Fixed() || artifact.VariesByExecution():
	case !divided:
		c.fail(at.Problem(a.Name, hint, "this TemplatePath names no artifact"))
	case !slices.Contains(a.Inputs, artifact.String()) && !c.Open:
		c.fail(at.Problem(a.Name, "", "%q is not among the action's input artifacts: %s", artifact, list(a.Inputs)))
	}
}

// A stack is what makes it one and the same: the region, the name, and the account,
// which the roles decide.
type stack struct{ region, name, role, actionRole string }

// stackOf is the stack that an action deploys.
func (c *checker) stackOf(a codepipeline.Action) (s stack, known bool) {
	name, role, own := c.Text(a.Config.Get("StackName")), c.Text(a.Config.Get("RoleArn")), c.Text(a.At.Get("RoleArn"))
	known = name.Readable() && (role.Readable() || role.Absent()) && (own.Readable() || own.Absent()) &&
		(a.Region.Readable() || a.Region.Absent())
	return stack{a.Region.String(), name.String(), role.String(), own.String()}, known
}

// checkStacks finds a stack that two actions deploy. In stages that follow each
// other that may be meant.
func (c *checker) checkStacks() {
	deployed := make(map[stack]codepipeline.Action)
	for _, a := range c.Deploys {
		s, known := c.stackOf(a)
		mode := a.Config.Get("ActionMode").Text()
		if !known || mode != "CREATE_UPDATE" && mode != "REPLACE_ON_FAILURE" {
			continue
		}
		earlier, again := deployed[s]
		if !again {
			deployed[s] = a
			continue
		}
		tell := c.fail
		if c.Varies || earlier.Stage != a.Stage || earlier.RunOrder != a.RunOrder {
			tell = c.warn
		}
		if earlier.Name != a.Name || earlier.Stage != a.Stage {
			tell(a.At.Problem(a.Name, "does it name the right Region?", "%s deploys this stack to %s already",
				earlier.Name, cmp.Or(s.region, "the pipeline's own region")))
		}
	}
}
