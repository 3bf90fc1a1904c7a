package check

import (
	"cmp"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/check/internal/codepipeline"
)

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
