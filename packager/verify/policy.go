package verify

import (
	"context"
	"errors"
	"path"
	"slices"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/packaged"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/registry"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/role"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/s3store"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/template"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// Policy returns, as JSON, the least IAM policy with which [Run] proves these templates. It
// makes no request: the region of each template must be said, or in its name. Nested
// templates are not read, and are taken to name what is beside them. The policy is the
// caller's: where a role reaches a region, that may be assumed.
func Policy(ctx context.Context, opts Options) ([]byte, error) {
	table, err := tableOf(opts.Properties)
	if err != nil {
		return nil, err
	}
	given, errs := packaged.Arguments(opts.Templates, opts.Outputs)
	var n needs
	for _, g := range given {
		t, problems := packaged.Read(ctx, g, opts.Stdin, table)
		if errs = append(errs, problems...); t == nil {
			continue
		}
		if t.How == packaged.Unfound {
			errs = append(errs, &problem.Error{File: t.File, Message: "no request is made, so its region cannot be found out", Hint: "name it: us-east-1=" + t.File})
		}
		for _, region := range t.Regions {
			var access Access
			if opts.Access != nil {
				access = opts.Access(region)
			}
			n.add(t, template.Stack{Region: region, Parameters: opts.Parameters, Endpoint: opts.EndpointURL}, access)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	var more []any
	for _, s := range role.Policy(distinctOf(n.roles)) {
		more = append(more, s)
	}
	for _, s := range registry.ReadPolicy(distinctOf(n.repositories)) {
		more = append(more, s)
	}
	return s3store.ReadPolicy(distinctOf(n.stores), opts.Refresh, more)
}

// needs are what a policy must allow.
type needs struct {
	stores       []s3store.Store
	repositories []registry.Store
	roles        []role.Role
}

// add adds what a template needs in a region. Where a role reaches that, it is assumed, and
// what it must be allowed is not the caller's matter.
func (n *needs) add(t *packaged.Template, in template.Stack, access Access) {
	if n.roles = append(n.roles, access.role()); access.RoleARN != "" {
		return
	}
	for _, u := range t.Uses(in) {
		switch l := u.Location; {
		case l.Repository != "":
			repository, _ := registry.Address(l.Repository)
			n.repositories = append(n.repositories, registry.Store{Region: in.Region, Repository: repository})
		case l.Bucket != "":
			n.stores = append(n.stores, s3store.Store{Region: in.Region, Bucket: l.Bucket, Prefix: strings.TrimPrefix(path.Dir(l.Key), "."), KMSKey: access.KMSKey})
		}
	}
}

// distinctOf is a list without what stands in it twice.
func distinctOf[T comparable](all []T) (once []T) {
	for _, v := range all {
		if !slices.Contains(once, v) {
			once = append(once, v)
		}
	}
	return once
}
