package check

import (
	"maps"
	"slices"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/check/internal/codepipeline"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/region"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// checkActions holds the actions against the artifact stores and the artifacts.
func (c *checker) checkActions() {
	type name struct{ stage, action string }
	names := make(map[name]bool)
	made := c.checkOutputs()
	for _, a := range c.Actions {
		own := name{a.Stage, a.Name}
		if names[own] && a.Name != "" && !c.Varies {
			c.fail(a.At.Get("Name").Problem(a.Name, "", "the stage %s has two actions of this name", a.Stage))
		}
		names[own] = true
		c.checkInputs(a, made)
		c.checkMentions(a)
		c.checkRegion(a)
		c.checkProvider(a)
	}
	for _, a := range c.Builds {
		c.checkPrimary(a)
		c.checkProjectName(a)
	}
	for _, a := range c.Deploys {
		c.checkMode(a)
		c.checkTemplatePath(a)
		c.checkDestinations(a)
	}
	c.checkStacks()
}

// checkOutputs finds artifacts that two actions make, and returns the actions that
// make each one.
func (c *checker) checkOutputs() map[string][]codepipeline.Action {
	made := make(map[string][]codepipeline.Action)
	for _, a := range c.Actions {
		for _, artifact := range a.Outputs {
			if earlier := made[artifact]; len(earlier) > 0 && !c.Varies && !c.Open {
				c.fail(a.At.Get("OutputArtifacts").Problem(a.Name, "an artifact's name is its own in the whole pipeline",
					"%s has the output artifact %q already", earlier[0].Name, artifact))
			}
			made[artifact] = append(made[artifact], a)
		}
	}
	return made
}

// checkInputs finds input artifacts that no action makes, or none that runs before.
func (c *checker) checkInputs(a codepipeline.Action, made map[string][]codepipeline.Action) {
	for _, artifact := range a.Inputs {
		makers := made[artifact]
		switch at := a.At.Get("InputArtifacts"); {
		case c.Open:
		case len(makers) == 0:
			hint := ""
			for _, other := range slices.Sorted(maps.Keys(made)) {
				if problem.Similar(other, artifact) {
					hint = "there is " + other
				}
			}
			c.fail(at.Problem(a.Name, hint, "no action has the output artifact %q", artifact))
		case !slices.ContainsFunc(makers, func(m codepipeline.Action) bool { return m.Precedes(a) }):
			c.fail(at.Problem(a.Name, "a later stage or a higher RunOrder runs after it",
				"%s makes the artifact %q, and does not run before this action", makers[0].Name, artifact))
		}
	}
}

// checkMentions finds artifacts that the configuration names and that are not among
// the action's inputs.
func (c *checker) checkMentions(a codepipeline.Action) {
	for _, m := range c.Mentions(a) {
		if !slices.Contains(a.Inputs, m.Artifact.String()) && !c.Open {
			c.fail(m.At.Problem(a.Name, assuming("", m.Artifact), "%q is not among the action's input artifacts: %s", m.Artifact, list(a.Inputs)))
		}
	}
}

// checkRegion holds an action's region against the artifact stores, and that of one
// that runs in the pipeline's own region only against it.
func (c *checker) checkRegion(a codepipeline.Action) {
	name := a.Region.String()
	const only = "a source action, a third party's and a custom one run in the pipeline's own region only"
	switch {
	case !a.Region.Fixed():
	case !region.Valid(name):
		c.fail(a.RegionAt.Problem(a.Name, assuming(regionHint, a.Region), noRegion, name))
	case c.store(name) == nil && len(c.Stores) > 0 && !c.Open:
		tell := c.fail
		if slices.ContainsFunc(c.Stores, func(s codepipeline.Store) bool { return !s.Fixed }) {
			tell = c.warn // a parameter's default decides
		}
		hint := "CodePipeline copies the action's input to a bucket there: add it to ArtifactStores"
		if a.StaysAtHome() {
			hint = only + ": leave Region out"
		}
		tell(a.RegionAt.Problem(a.Name, assuming(hint, a.Region), "there is no artifact store in %s", name))
	case a.StaysAtHome() && c.home() != name && !c.Varies:
		c.fail(a.RegionAt.Problem(a.Name, assuming("leave Region out", a.Region), "%s, and another such action is in %s", only, c.home()))
	}
}

// home is the pipeline's own region, as far as an action tells that can run nowhere
// else; "" where none does.
func (c *checker) home() string {
	for _, a := range c.Actions {
		if a.StaysAtHome() && a.Region.Fixed() {
			return a.Region.String()
		}
	}
	return ""
}

// checkDestinations finds regions of a stack set's action that are none.
func (c *checker) checkDestinations(a codepipeline.Action) {
	if !a.IsStackSet() && !a.AddsInstances() {
		return // its one region is the action's
	}
	for _, to := range a.Stacks {
		if name := to.Region.String(); to.Region.Readable() && !region.Valid(name) && (to.Region.Fixed() || name == "") {
			c.fail(to.At.Problem(a.Name, assuming("Regions is like us-east-1,us-west-2", to.Region), noRegion, name))
		}
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
	if a.IsStackSet() {
		mode = a.Provider
	}
	needed := slices.Contains([]string{"CREATE_UPDATE", "REPLACE_ON_FAILURE", "CHANGE_SET_REPLACE"}, mode) || a.IsStackSet()
	switch {
	case !at.Exists() && needed && !a.Config.Get("Fn::Transform").Exists():
		c.fail(a.Config.Problem(a.Name, hint, "there is no TemplatePath, and %s needs one", mode))
	case !text.Readable() || !artifact.Fixed() || artifact.VariesByExecution():
	case !divided:
		c.fail(at.Problem(a.Name, assuming(hint, text), "this TemplatePath names no artifact"))
	case !slices.Contains(a.Inputs, artifact.String()) && !c.Open:
		c.fail(at.Problem(a.Name, assuming("", text), "%q is not among the action's input artifacts: %s", artifact, list(a.Inputs)))
	}
}
