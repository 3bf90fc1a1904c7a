package verify

import (
	"context"
	"errors"
	"fmt"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/template"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// Bounds on what strangers nest: how deep, and how many templates a run reads.
const (
	maxDepth = 16
	maxNodes = 10_000
)

// descend opens the template that a property names, in each region where it is deployed.
func (r *run) descend(ctx context.Context, n *node, u *named) {
	t := u.target
	if !u.Nested || t.content == nil {
		return
	}
	d := n.deployment
	if t.packaged == nil {
		if t.unread == nil {
			r.readNested(ctx, t)
		}
		if len(t.unread) > 0 {
			t.packaged = nil
			for _, err := range t.unread {
				r.wrong(d, placed(err, t, u))
			}
			return
		}
	}
	regions := []string{u.Stack.Region}
	if own := t.packaged.Regions(); u.Spread && len(own) > 0 {
		regions = own
	}
	for _, region := range regions {
		child := r.nest(n, u, region)
		if region == u.Stack.Region || u.child == nil {
			u.child = child
		}
	}
}

// placed is a problem with a nested template, with the property that names it where it is about
// no line.
func placed(err error, t *target, u *named) error {
	var e *problem.Error
	if !errors.As(err, &e) || e.Line > 0 {
		return err
	}
	at := u.Errorf("%s in %s: %s", t.url(), t.view.Region, e.Message)
	at.Err, at.Hint = err, "is it a template?"
	return at
}

// readNested reads a nested template, or finds out why that cannot be read.
func (r *run) readNested(ctx context.Context, t *target) {
	t.packaged, t.unread = template.ReadPackaged(ctx, t.content, t.url(), r.table)
	if err := t.packaged.Hollow(); len(t.unread) == 0 && err != nil {
		t.unread = []error{err}
	}
	r.result.Warnings = append(r.result.Warnings, t.packaged.Warnings...)
}

// nest returns the node of a nested template in a region, and opens it where nobody has
// looked at it; nil where it has no end.
func (r *run) nest(n *node, u *named, region string) *node {
	d, t := n.deployment, u.target
	stack := u.Stack
	stack.Region = region
	name := fmt.Sprintf("%p %+v", t.packaged, stack)
	for above := n; above != nil; above = above.parent {
		if above.packaged == t.packaged {
			r.wrong(d, u.Errorf("%s nests itself", t.url()))
			return nil
		}
	}
	if known := d.nodes[name]; known != nil {
		return known
	}
	if r.read++; n.depth+1 > maxDepth || r.read > maxNodes {
		r.unknown(d, u.Errorf("%s is nested in more than %d templates, or is one of more than %d", t.url(), maxDepth, maxNodes))
		return nil
	}
	d.nested++
	child := &node{deployment: d, packaged: t.packaged, stack: stack, parent: n, depth: n.depth + 1}
	d.nodes[name] = child
	r.open = append(r.open, child)
	return child
}
