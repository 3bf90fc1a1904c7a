package check

import (
	"cmp"
	"slices"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/check/internal/codepipeline"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// checkProvider finds a provider that AWS does not have: nothing else is known of
// such an action.
func (c *checker) checkProvider(a codepipeline.Action) {
	at := a.At.Get("ActionTypeId", "Provider")
	if _, written := at.Scalar(); !written || a.Provider == "" || a.Owner != "" && a.Owner != "AWS" {
		return
	}
	all := codepipeline.Providers()
	switch near := nearest(a.Provider, all); {
	case slices.Contains(all, a.Provider):
	case near != "" && len(a.Provider) > 3: // ECS and EKS are one letter apart
		c.fail(at.Problem(a.Name, "there is "+near, "AWS has no provider %q", a.Provider))
	case a.Owner != "":
		c.warn(at.Problem(a.Name, "is the Owner ThirdParty or Custom?", "AWS has no provider %q, as far as check knows", a.Provider))
	}
}

// checkMode finds an ActionMode that CloudFormation's actions do not have.
func (c *checker) checkMode(a codepipeline.Action) {
	at := a.Config.Get("ActionMode")
	text, all := c.Default(at), codepipeline.ActionModes()
	if a.IsStackSet() || a.AddsInstances() || !text.Fixed() || slices.Contains(all, text.String()) {
		return
	}
	hint := "there are " + list(all)
	if near := nearest(text.String(), all); near != "" {
		hint = "there is " + near
	}
	c.fail(at.Problem(a.Name, assuming(hint, text), "CloudFormation has no ActionMode %q", text))
}

// checkPrimary finds a build with several inputs that does not say which one it runs
// in.
func (c *checker) checkPrimary(a codepipeline.Action) {
	if len(a.Inputs) < 2 || c.Varies || c.Open || a.Config.Get("PrimarySource").Exists() || a.Config.Get("Fn::Transform").Exists() {
		return
	}
	c.fail(a.At.Get("InputArtifacts").Problem(a.Name, "set PrimarySource in its Configuration to the artifact that the build runs in",
		"the build has %s, and no PrimarySource", problem.Count(len(a.Inputs), "input artifact")))
}

// checkProjectName finds a project that is none of the template's resources.
func (c *checker) checkProjectName(a codepipeline.Action) {
	name, projects, missing := c.MissingProject(a)
	if !missing {
		return
	}
	hint := ""
	if near := nearest(name, projects); near != "" || len(projects) == 1 {
		hint = "there is " + cmp.Or(near, projects[0])
	} else if len(projects) > 1 {
		hint = "there are " + list(projects)
	}
	c.fail(a.Config.Get("ProjectName").Problem(a.Name, hint, "the template has no resource and no parameter %q", name))
}

// nearest is the name that is meant by one that is none of them; "" where nothing
// tells.
func nearest(name string, names []string) string {
	for _, other := range names {
		if problem.Similar(other, name) || problem.SameLetters(other, name) {
			return other
		}
	}
	return ""
}

// similarFile is a file of the artifact that may be meant by one which it does not
// hold; "" where there is none.
func (d delivery) similarFile(file string) string {
	var names []string
	for _, h := range d.held {
		names = append(names, h.Name.String())
	}
	for _, pattern := range d.artifact.Patterns() {
		names = append(names, pattern.Text())
	}
	names = slices.DeleteFunc(names, func(name string) bool { return strings.ContainsAny(name, "*$") || name == file })
	return nearest(file, names)
}
