package packager

import (
	"context"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/s3store"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/template"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// A template is one for all regions where Options.OneTemplate says so, and where a stack
// set names it: its stacks are in any of them.

// forAllRoots are the templates of which it is said that they are one for all regions. What
// they nest is, too.
func (p *planner) forAllRoots(root *template.Template) (all []*template.Template) {
	if p.opts.OneTemplate {
		return []*template.Template{root}
	}
	for _, t := range p.order {
		for _, r := range t.References() {
			if nested := p.nested[r]; nested != nil && r.IsSpread() {
				all = append(all, nested)
			}
		}
	}
	return all
}

// checkForAll finds what keeps the templates that are one for all regions from it.
func (p *planner) checkForAll(stores []s3store.Store, root *template.Template) {
	checked := make(map[*template.Template]bool)
	for _, t := range p.forAllRoots(root) {
		for _, below := range p.below(t) {
			if !checked[below] {
				p.errs[below] = append(p.errs[below], below.CheckForAll(placesOf(stores))...)
			}
			checked[below] = true
		}
	}
	for _, t := range p.order {
		told := make(map[string]bool) // in a loop, one value may be several references
		for _, r := range t.References() {
			nested := p.nested[r]
			if nested == nil || !r.IsSpread() {
				continue
			}
			for _, err := range p.spread(r, nested, stores) {
				if !told[err.Error()] {
					p.errs[t] = append(p.errs[t], err)
				}
				told[err.Error()] = true
			}
		}
	}
}

// spread returns what keeps a stack set's template from finding its code in the regions of
// its stacks.
func (p *planner) spread(r *template.Reference, nested *template.Template, stores []s3store.Store) (errs []error) {
	if !nested.IsLocated() {
		return nil // it refers to no code
	}
	if samePrefix(stores) != nil && !p.opts.OneTemplate { // which says so by itself
		e := r.Errorf("%q: the template of a stack set is one for all regions, and the prefixes give its code another key in each", r.Local)
		e.Hint = "give all regions one prefix: without {region} in it"
		errs = append(errs, e)
	}
	return append(errs, r.SpreadTo(placesOf(stores))...)
}

// samePrefix returns an error where the stores have several prefixes, and so the same
// object another key in each.
func samePrefix(stores []s3store.Store) error {
	for _, s := range stores {
		if s.Prefix != stores[0].Prefix {
			return &problem.Error{
				Subject: s.Region, Hint: "leave the region out of the prefix; it may stand in the bucket's name",
				Message: "the prefix is " + s.Prefix + ", and that of " + stores[0].Region + " is " + stores[0].Prefix + ": one template for all regions has one key for each object",
			}
		}
	}
	return nil
}

// packageForAll rewrites the templates that are one for all regions, nested ones first.
func (p *planner) packageForAll(ctx context.Context, stores []s3store.Store, root *template.Template) error {
	key := func(r *template.Reference) string {
		if named := p.nested[r]; named != nil {
			return stores[0].Key(p.forAll[named].name)
		}
		return stores[0].Key(p.targets[r].name)
	}
	for _, t := range p.forAllRoots(root) {
		for _, below := range p.below(t) {
			if p.forAll[below].body != nil {
				continue
			}
			body, err := below.RewriteForAll(ctx, below == root && p.opts.UseJSON, placesOf(stores), key)
			if err != nil {
				return err
			}
			p.forAll[below] = newNested(body)
		}
	}
	return nil
}

// isForAll tells whether the template that a reference names is one for all regions.
func (p *planner) isForAll(r *template.Reference) bool { return p.opts.OneTemplate || r.IsSpread() }

// below are a template and those that it nests, deepest first, each once.
func (p *planner) below(t *template.Template) (all []*template.Template) {
	seen := make(map[*template.Template]bool)
	var visit func(t *template.Template)
	visit = func(t *template.Template) {
		if seen[t] {
			return
		}
		seen[t] = true
		for _, r := range t.References() {
			if nested := p.nested[r]; nested != nil {
				visit(nested)
			}
		}
		all = append(all, t)
	}
	visit(t)
	return all
}

// placesOf are the regions of the stores and their buckets.
func placesOf(stores []s3store.Store) (places []template.Store) {
	for _, s := range stores {
		places = append(places, template.Store{Region: s.Region, Bucket: s.Bucket})
	}
	return places
}
