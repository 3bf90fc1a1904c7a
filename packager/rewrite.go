package packager

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/s3store"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/template"
)

// An object is what one store must hold.
type object struct {
	key      string
	artifact *artifact // nil: body is a nested template
	nested   *template.Template
	body     []byte
}

// rewrite fills in the plan's packaged templates and what each store must hold, for all
// stores in parallel.
func (p *planner) rewrite(ctx context.Context, plan *Plan, stores []s3store.Store, root *template.Template) error {
	if err := p.packageForAll(ctx, stores, root); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, s := range stores {
		group.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			began := time.Now()
			body, objects, err := p.packageFor(ctx, s, root)
			objects = slices.DeleteFunc(objects, func(o object) bool { return !p.opts.Shard.stores(o) })
			plan.objects[i] = objects
			plan.Stores[i] = contents(s, objects)
			plan.Stores[i].Times.Rewrite.add(began, time.Now())
			plan.Templates[i] = Template{Region: s.Region, Regions: []string{s.Region}, Body: body, JSON: root.IsJSON() || p.opts.UseJSON}
			return err
		})
	}
	if err := group.Wait(); err != nil || !p.opts.OneTemplate {
		return err
	}
	one := Template{Body: plan.Templates[0].Body, JSON: plan.Templates[0].JSON}
	for _, s := range stores {
		one.Regions = append(one.Regions, s.Region)
	}
	plan.Templates = []Template{one}
	return nil
}

// packageFor rewrites the templates for one store, nested ones first, since
// their packaged form holds the store's bucket and so decides their key. It
// returns the root's bytes and all that the store must hold, each key once.
func (p *planner) packageFor(ctx context.Context, s s3store.Store, root *template.Template) ([]byte, []object, error) {
	var objects []object
	keys := make(map[string]bool)
	add := func(o object) string {
		if !keys[o.key] {
			keys[o.key] = true
			objects = append(objects, o)
		}
		return o.key
	}
	for _, a := range p.distinct {
		add(object{key: s.Key(a.name), artifact: a})
	}
	addNested := func(t *template.Template, body []byte) string {
		return add(object{key: s.Key(nestedName(body)), nested: t, body: body})
	}
	stored := make(map[*template.Template]string) // the keys of nested templates
	var rewrite func(t *template.Template) ([]byte, error)
	rewrite = func(t *template.Template) ([]byte, error) {
		spread := make(map[*template.Template]string)
		for _, r := range t.References() {
			nested := p.nested[r]
			switch {
			case nested == nil:
			case p.isForAll(r):
				for _, below := range p.below(nested) {
					spread[below] = addNested(below, p.forAll[below])
				}
			case stored[nested] == "":
				body, err := rewrite(nested)
				if err != nil {
					return nil, err
				}
				stored[nested] = addNested(nested, body)
			}
		}
		if p.opts.OneTemplate {
			return p.forAll[t], nil
		}
		return t.Rewrite(ctx, t == root && p.opts.UseJSON, func(r *template.Reference) template.Location {
			l := template.Location{Region: s.Region, Bucket: s.Bucket}
			switch {
			case r.Stored != nil:
				return *r.Stored
			case p.nested[r] == nil:
				l.Key = s.Key(p.targets[r].name)
			case p.isForAll(r):
				l.Key = spread[p.nested[r]]
			default:
				l.Key = stored[p.nested[r]]
			}
			return l
		})
	}
	body, err := rewrite(root)
	return body, objects, err
}

// nestedName is the name of a nested template's object: its key without a store's prefix.
func nestedName(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:]) + ".template"
}
