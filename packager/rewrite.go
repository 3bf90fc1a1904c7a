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
			plan.pushes[i] = p.pushes(s)
			for _, to := range plan.pushes[i] {
				plan.Stores[i].Images = append(plan.Stores[i].Images, to.view())
			}
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
	w := storeWriter{
		planner: p, ctx: ctx, store: s, root: root, keys: make(map[string]bool),
		stored: make(map[*template.Template]string), spread: make(map[*template.Template]string),
	}
	for _, a := range p.distinct {
		w.add(object{key: s.Key(a.name), artifact: a})
	}
	body, err := w.rewrite(root)
	return body, w.objects, err
}

// A storeWriter rewrites templates for one store, and lists what that must hold.
type storeWriter struct {
	*planner
	ctx     context.Context
	store   s3store.Store
	root    *template.Template
	objects []object
	keys    map[string]bool // theirs
	// The keys of nested templates, of the store's own and of those that are one for all
	// regions.
	stored, spread map[*template.Template]string
}

// add lists an object, and returns its key.
func (w *storeWriter) add(o object) string {
	if !w.keys[o.key] {
		w.keys[o.key] = true
		w.objects = append(w.objects, o)
	}
	return o.key
}

// addNested lists a nested template.
func (w *storeWriter) addNested(t *template.Template, n nested) string {
	return w.add(object{key: w.store.Key(n.name), nested: t, body: n.body})
}

func (w *storeWriter) rewrite(t *template.Template) ([]byte, error) {
	for _, r := range t.References() {
		named := w.nested[r]
		switch {
		case named == nil:
		case w.isForAll(r):
			if w.spread[named] == "" {
				for _, below := range w.below(named) {
					w.spread[below] = w.addNested(below, w.forAll[below])
				}
			}
		case w.stored[named] == "":
			body, err := w.rewrite(named)
			if err != nil {
				return nil, err
			}
			w.stored[named] = w.addNested(named, newNested(body))
		}
	}
	if w.opts.OneTemplate {
		return w.forAll[t].body, nil
	}
	return t.Rewrite(w.ctx, t == w.root && w.opts.UseJSON, w.locate)
}

// locate tells where what a reference names is stored.
func (w *storeWriter) locate(r *template.Reference) template.Location {
	l := template.Location{Region: w.store.Region, Bucket: w.store.Bucket}
	switch named := w.nested[r]; {
	case r.Stored != nil:
		return *r.Stored
	case r.IsImage():
		return w.imageLocation(w.store.Region, r)
	case named == nil:
		l.Key = w.store.Key(w.targets[r].name)
	case w.isForAll(r):
		l.Key = w.spread[named]
	default:
		l.Key = w.stored[named]
	}
	return l
}

// A nested is a nested template as it is stored: its bytes, and the key without a store's
// prefix.
type nested struct {
	body []byte
	name string
}

func newNested(body []byte) nested {
	sum := sha256.Sum256(body)
	return nested{body, hex.EncodeToString(sum[:]) + ".template"}
}
