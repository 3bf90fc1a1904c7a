package publish

import (
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/registry"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/role"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/s3store"
)

// Policy returns, as JSON, the least IAM policy of the caller with which the plan can be
// uploaded: it may assume the roles of the destinations, and may itself store what goes
// where no role is named.
func (p *Plan) Policy() ([]byte, error) {
	var roles []role.Role
	var own []s3store.Store
	var repositories []registry.Store
	for i, c := range p.Stores {
		if len(c.Objects) > 0 {
			if roles = append(roles, p.roles[i]); p.roles[i] == (role.Role{}) {
				own = append(own, s3store.Store{Region: c.Region, Bucket: c.Bucket})
			}
		}
		for _, push := range p.pushes[i] {
			if roles = append(roles, push.to.Role); push.to.Role == (role.Role{}) {
				repositories = append(repositories, push.to)
			}
		}
	}
	var more []any
	for _, s := range role.Policy(roles) {
		more = append(more, s)
	}
	if len(own) > 0 {
		more = append(more, s3store.ReadEncryption(own))
	}
	for _, s := range registry.Policy(repositories, nil) {
		more = append(more, s)
	}
	return s3store.Policy(own, false, more)
}
