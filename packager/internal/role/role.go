// Package role is whom requests to AWS are signed as: the caller, whom the AWS
// configuration knows, or a role that the caller assumes. A role is assumed once in each
// region that it is needed in, by that region's own STS, and again before its credentials
// expire. A role that cannot be assumed is explained, with the statements that it lacks.
package role

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/region"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// A Role is one that is assumed. The zero value is none: the caller acts. Roles that are
// equal are one role.
type Role struct {
	ARN string
	// ExternalID is what the role's trust policy may ask for. Empty means none.
	ExternalID string
	// SessionName is under which CloudTrail shows what was done. Empty means mrpackage.
	SessionName string

	more string // what With took in
}

// form is the form of a role's ARN as a regular expression.
const form = `^arn:(aws[a-z-]*):iam::([0-9]{12}):role/([\x21-\x7e]*/)?([A-Za-z0-9_+=,.@-]{1,64})$`

// parts are those of the ARN; nil where it is none of a role.
func (r Role) parts() []string { return regexp.MustCompile(form).FindStringSubmatch(r.ARN) }

// Account is the account that the role is in; "" where the ARN is none of a role.
func (r Role) Account() string {
	if parts := r.parts(); parts != nil {
		return parts[2]
	}
	return ""
}

// Check finds what is amiss with what is said of the role, for a region.
func (r Role) Check(in string) error {
	fail := func(hint, format string, args ...any) error {
		return &problem.Error{Subject: in, Message: fmt.Sprintf(format, args...), Hint: hint}
	}
	parts := r.parts()
	switch {
	case r == Role{}:
		return nil
	case parts == nil:
		return fail("an ARN is like arn:aws:iam::123456789012:role/deployment", "%q is not the ARN of a role", r.ARN)
	case region.Valid(in) && parts[1] != region.Partition(in):
		return fail("no role of one partition acts in another: name one of "+region.Partition(in), "the role %s is of the partition %s, and %s is in %s", r.ARN, parts[1], in, region.Partition(in))
	case r.ExternalID != "" && (len(r.ExternalID) < 2 || len(r.ExternalID) > 1224 || regexp.MustCompile(`[^A-Za-z0-9_+=,.@:/-]`).MatchString(r.ExternalID)):
		return fail("it has 2 to 1224 letters, digits and _+=,.@:/-", "the external ID for the role %s is none", r.ARN)
	case r.SessionName != "" && !isSessionName(r.SessionName):
		return fail("it has 2 to 64 letters, digits and _+=,.@-", "%q, the session's name for the role %s, is none", r.SessionName, r.ARN)
	}
	return nil
}

// A Statement is one of an IAM policy.
type Statement struct {
	Sid      string
	Effect   string
	Action   []string
	Resource []string
}

// Policy returns the statements by which the caller may assume these roles; none where
// there are none.
func Policy(roles []Role) (all []Statement) {
	for _, r := range roles {
		if r == (Role{}) {
			continue
		}
		i := slices.IndexFunc(all, func(s Statement) bool { return slices.Equal(s.Action, r.actions()) })
		if i < 0 {
			i = len(all)
			all = append(all, Statement{Sid: "AssumeRoles", Effect: "Allow", Action: r.actions()})
			if i > 0 {
				all[i].Sid += strconv.Itoa(i + 1)
			}
		}
		all[i].Resource = append(all[i].Resource, r.ARN)
	}
	for i := range all {
		slices.Sort(all[i].Resource)
		all[i].Resource = slices.Compact(all[i].Resource)
	}
	return all
}

// actions are what it takes to assume the role: to tag a session, and to give it a source
// identity, are actions of their own (IAM guide, "Pass session tags in AWS STS").
func (r Role) actions() []string {
	actions, o := []string{"sts:AssumeRole"}, r.options()
	if len(o.Tags) > 0 {
		actions = append(actions, "sts:TagSession")
	}
	if o.SourceIdentity != "" {
		actions = append(actions, "sts:SetSourceIdentity")
	}
	return actions
}

// isSessionName tells whether STS takes it for a session's name.
func isSessionName(s string) bool {
	return regexp.MustCompile(`^[A-Za-z0-9_+=,.@-]{2,64}$`).MatchString(s)
}

// sessionName is under which CloudTrail shows what was done.
func (r Role) sessionName() string {
	return cmp.Or(r.options().RoleSessionName, r.SessionName, "mrpackage")
}

// cdk are qualifier, account and region of a role that CDK's bootstrap makes.
func (r Role) cdk() (qualifier, account, region string, ok bool) {
	parts := r.parts()
	if parts == nil {
		return "", "", "", false
	}
	m := regexp.MustCompile(`^cdk-([a-z0-9]+)-[a-z-]+-role-([0-9]{12})-([a-z0-9-]+)$`).FindStringSubmatch(parts[4])
	if m == nil {
		return "", "", "", false
	}
	return m[1], m[2], m[3], true
}

// principal is whom a trust policy must name for a caller: of a session, its role. The
// path of that role is nowhere in the session's ARN.
func principal(caller string) string {
	if m := regexp.MustCompile(`^arn:([a-z-]+):sts::([0-9]{12}):assumed-role/([^/]+)/`).FindStringSubmatch(caller); m != nil {
		return fmt.Sprintf("arn:%s:iam::%s:role/%s", m[1], m[2], m[3])
	}
	return caller
}

// accountOf is the account in an ARN.
func accountOf(arn string) string {
	if parts := strings.Split(arn, ":"); len(parts) > 4 {
		return parts[4]
	}
	return ""
}
