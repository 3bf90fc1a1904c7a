package packager

import (
	"errors"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/registry"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/role"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/s3store"
)

// Policy returns, as JSON, the least IAM policy with which a run with these
// options can do all that it does: store, prove what is stored, refresh it, and
// clean up after an interrupted upload. The template is read only with
// Options.CopyImages, for the repositories that it copies images from.
//
// The policy is the caller's. Where stores have roles, it says that the caller may assume
// them; what a role must be allowed, Policy returns for its stores without it.
func Policy(opts Options) ([]byte, error) {
	// The template is not read: it may name images alone.
	stores, errs := opts.stores(func(region string) bool { return !opts.hasRepository(region) })
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	var repositories []registry.Store
	var own []s3store.Store // that the caller itself reaches
	var roles []role.Role
	for _, s := range stores {
		if roles = append(roles, s.Role); s.Role != (role.Role{}) {
			continue
		}
		own = append(own, s)
		told := make(map[string]bool)
		for _, r := range append([]Repository{{}}, opts.Repositories...) {
			if address := opts.repositoryOf(s.Region, r.LogicalID); address != "" && !told[address] {
				told[address] = true
				repositories = append(repositories, registry.Store{Region: s.Region, Repository: address})
			}
		}
	}
	if errs := registry.Complete(repositories); len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	var sources []string
	if opts.CopyImages {
		var err error
		if sources, err = addresses(opts); err != nil {
			return nil, err
		}
	}
	var more []any
	for _, s := range role.Policy(roles) {
		more = append(more, s)
	}
	for _, s := range registry.Policy(repositories, sources) {
		more = append(more, s)
	}
	return s3store.Policy(own, len(opts.Tags) > 0, more)
}
