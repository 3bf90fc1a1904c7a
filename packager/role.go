package packager

import (
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/role"
)

// A Role is one that the caller assumes: once in each region that it is needed in, by that
// region's STS, and again before its credentials expire.
type Role struct {
	ARN string
	// ExternalID is what the role's trust policy may ask for. Empty means none.
	ExternalID string
	// SessionName is under which CloudTrail shows what was done. Empty means mrpackage.
	SessionName string
}

// Account is the account that the role is in; "" where the ARN is none of a role.
func (r Role) Account() string { return r.inner().Account() }

func (r Role) inner() role.Role {
	return role.Role{ARN: r.ARN, ExternalID: r.ExternalID, SessionName: r.SessionName}
}
