package diff

import (
	"context"
	"slices"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/template"
)

// A differ compares versions of templates, and what these name.
type differ struct {
	*session
	table  []template.Row
	nested atomic.Int64 // how many nested templates were read
}

// templates compares two versions of a template.
func (d *differ) templates(ctx context.Context, before, after version) (*Result, []error) {
	found := template.Compare(ctx, before.packaged, after.packaged, before.stacks[0], after.stacks[0])
	r := &Result{
		Old: Template{before.name, before.regions()}, New: Template{after.name, after.regions()},
		AddedRegions: []string{}, RemovedRegions: []string{}, Code: []Code{}, Changes: []Change{}, MoreChanges: found.More,
	}
	for _, difference := range found.All {
		r.Changes = append(r.Changes, changeOf(difference))
	}
	groups := groupsOf(before, after, found.Pairs)
	errs := make([]error, len(groups))
	var reading errgroup.Group // one of each template: none waits for a slot of another's
	reading.SetLimit(d.jobs())
	for i, g := range groups {
		if g.code.Status == Changed {
			reading.Go(func() error {
				errs[i] = d.contents(ctx, g)
				return nil
			})
		}
	}
	_ = reading.Wait() // it has no error
	if before.forMany && after.forMany {
		r.AddedRegions, r.RemovedRegions = without(after.regions(), before.regions()), without(before.regions(), after.regions())
	}
	r.Different = len(found.All)+found.More+len(r.AddedRegions)+len(r.RemovedRegions) > 0
	for _, g := range groups {
		r.Code = append(r.Code, g.code)
		r.Different = r.Different || g.code.Status != Same
	}
	return r, errs
}

// without are the strings of a list that another one has not got.
func without(all, others []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(s string) bool { return slices.Contains(others, s) })
}

// contents finds out how the contents differ of what is stored under two names. The error
// is why they cannot be read.
func (d *differ) contents(ctx context.Context, g *group) error {
	a, b := g.old[0], g.now[0]
	switch {
	case a.Location.Bucket != "" && b.Location.Bucket != "" && a.Nested && b.Nested:
		return d.templatesIn(ctx, g)
	case a.Location.Bucket != "" && b.Location.Bucket != "":
		return d.archives(ctx, g)
	case a.Location.Digest != "" && b.Location.Digest != "":
		d.images(ctx, g)
	case a.Unknown != "":
		g.code.Unknown = a.Unknown
	case b.Unknown != "":
		g.code.Unknown = b.Unknown
	}
	return nil
}
