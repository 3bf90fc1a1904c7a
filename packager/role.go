package packager

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/region"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/role"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/s3store"
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

// openRoles opens the roles of a run. None is assumed yet.
func (o Options) openRoles(cfg aws.Config, retrying func(region string, err error, delay time.Duration)) *role.Roles {
	return role.Open(role.Config{AWS: cfg, Backoff: o.backoff, Retrying: retrying})
}

// copyable tells whether S3 may copy from one of two stores to the other: the request is
// signed once, so that one role must be allowed to read here and to write there, and no
// request crosses partitions.
func copyable(a, b s3store.Store) bool {
	return a.Role == b.Role && region.Partition(a.Region) == region.Partition(b.Region)
}

// copyMode is what becomes of a way to choose copies where no store could have one.
func (r *run) copyMode(mode Copy) Copy {
	for i, a := range r.buckets {
		for _, b := range r.buckets[i+1:] {
			if copyable(a.Store, b.Store) {
				return mode
			}
		}
	}
	return CopyNever
}
