package template

import (
	"context"
	"errors"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/region"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/syntax"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// RewriteForAll returns the template with every reference replaced by its location, of
// which key is the key in all stores: one template for all their regions. It finds the
// bucket in a mapping, by the region that its stack is made in.
//
// The result is proved as Rewrite's is, and beyond that, for every region, to mean what
// the template of that region alone means; see [Template.proveIn].
func (t *Template) RewriteForAll(ctx context.Context, asJSON bool, stores []Store, key func(*Reference) string) ([]byte, error) {
	out, changes, err := forAll(t, stores, key).write(ctx)
	if err != nil {
		return nil, err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for _, s := range stores {
		group.Go(func() error {
			_, own, err := forOne(t, s, key).write(ctx)
			if err != nil {
				return err
			}
			return t.proveIn(s, changes, own)
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return t.format(out, changes, asJSON)
}

// forAll returns the writer of the template for all stores.
func forAll(t *Template, stores []Store, key func(*Reference) string) *writer {
	return newWriter(t, locator(Store{}, key), stores)
}

// forOne returns the writer of the template for one store.
func forOne(t *Template, s Store, key func(*Reference) string) *writer {
	return newWriter(t, locator(s, key), nil)
}

// locator tells where objects are whose keys are known.
func locator(s Store, key func(*Reference) string) func(*Reference) Location {
	return func(r *Reference) Location {
		if r.Stored != nil {
			return *r.Stored
		}
		return Location{Region: s.Region, Bucket: s.Bucket, Key: key(r)}
	}
}

// IsLocated tells whether the packaged template names a bucket of a region: whether it
// refers to a local artifact.
func (t *Template) IsLocated() bool {
	return slices.ContainsFunc(t.References(), func(r *Reference) bool { return r.Stored == nil })
}

// CheckForAll returns what keeps the template from being one for all regions, and adds to
// its warnings what CloudFormation's quotas say of such a one.
func (t *Template) CheckForAll(stores []Store) (errs []error) {
	if len(t.proofs) == 0 {
		return nil // it could not be read
	}
	for _, r := range t.References() {
		if r.Stored != nil {
			continue
		}
		if why, hint := t.needsLiteral(r); why != "" {
			e := r.Errorf("%q: this template is one for all regions, and %s", r.Local, why)
			e.Hint = hint
			errs = append(errs, e)
		}
	}
	if errs = append(errs, t.mergedForAll()...); len(errs) > 0 {
		return errs
	}
	w := forAll(t, stores, func(*Reference) string { return "key" })
	if _, err := w.changes(); err != nil {
		return []error{err}
	}
	if len(w.added().Keys) == 0 {
		return nil
	}
	isFilled := func(err error) bool {
		var e *problem.Error
		return errors.As(err, &e) && e.Subject == "Mappings" && e.Message == emptySection
	}
	t.Warnings = slices.DeleteFunc(t.Warnings, isFilled)
	if n := len(w.mappings.Keys); n > maxMappings {
		t.warn(t.doc.Root, "with those in which it finds its code it has %d mappings, and CloudFormation takes %d", n, maxMappings)
	}
	if len(stores) > maxAttributes {
		t.warn(t.doc.Root, "it finds its code in a mapping with %d regions, and CloudFormation takes %d attributes in a mapping: package for fewer at once", len(stores), maxAttributes)
	}
	return nil
}

// needsLiteral tells why no function can find a reference's bucket, and what to do; "" where
// one can.
func (t *Template) needsLiteral(r *Reference) (why, hint string) {
	switch section := t.doc.Root.Keys[r.path[0]].Value; {
	case r.row.literal != "" && r.row.section == "Metadata":
		return "what publishes an application takes no function here", r.row.literal
	case r.row.literal != "":
		return "SAM takes no function here, which could find the bucket", r.row.literal
	case !r.row.takes.mapped:
		return "", ""
	case section == "Transform":
		return "what is included at the top of a template is read before its mappings, in which the bucket is found", "include it in the section that it belongs to, with Fn::Transform"
	case section == "Mappings":
		return "what is included here are mappings, of which one finds the bucket", "write these mappings out"
	}
	return "", ""
}

// SpreadTo returns an error for each region that a stack set names and that none of the
// stores is in: there its template finds no code.
func (r *Reference) SpreadTo(stores []Store) (errs []error) {
	t := r.Template
	n := t.doc.Root
	for _, step := range r.path {
		if n.Get("StackInstancesGroup") != nil {
			break
		}
		n = n.Values[step]
	}
	var walk func(n *syntax.Node, within bool)
	walk = func(n *syntax.Node, within bool) {
		if n == nil {
			return
		}
		is := func(s Store) bool { return s.Region == n.Value }
		if within && n.Kind == syntax.Scalar && region.Valid(n.Value) && !slices.ContainsFunc(stores, is) {
			e := t.errorf(n, syntax.Dotted(r.LogicalID, "StackInstancesGroup"), "%s has no code: the stack set's template finds it by region, and this is none of those that it is packaged for", n.Value)
			e.Hint = "add it to the regions"
			errs = append(errs, e)
		}
		for i, v := range n.Values {
			walk(v, within || n.Kind == syntax.Mapping && n.Keys[i].Value == "Regions")
		}
	}
	walk(n.Get("StackInstancesGroup"), false)
	return errs
}
