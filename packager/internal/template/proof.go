package template

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/syntax"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

func (t *Template) internal(err error) error {
	return &problem.Error{
		File: t.Path, Message: "internal error, nothing is written: " + err.Error(), Err: err,
		Hint: "please report it with this template at https://github.com/symphoniacloud/multi-region-codepipeline/issues",
	}
}

// A proof is a reader's part in proving what is written.
type proof struct {
	syntax.Reader
	source *syntax.Node // the document as this reader understands it; nil before it was asked
	unread bool         // it does not understand the document
}

// prove compares what readers understand of the packaged template with what the changes
// make of the source's tree.
//
// The first reader, by which the template was read, proves every region's. The others
// prove one of those whose values are written in the same manner: such templates differ
// in letters inside of scalars of which the first reader has just shown that they hold
// these letters and no others. A plain one is a word or a URL of harmless characters
// (syntax.Resolver), which no reader takes otherwise than another such one, and one in
// quotes has its quotes and line ends escaped.
func (t *Template) prove(ctx context.Context, manner string, out []byte, changes []change) error {
	text := problem.NewSource(out)
	var group errgroup.Group
	group.Go(func() error { return t.proveBy(ctx, &t.proofs[0], text, changes) })
	group.Go(func() error {
		t.proving.Lock()
		defer t.proving.Unlock()
		if t.proved[manner] {
			return nil
		}
		var others errgroup.Group
		for i := range t.proofs[1:] {
			others.Go(func() error { return t.proveBy(ctx, &t.proofs[1+i], text, changes) })
		}
		if err := others.Wait(); err != nil {
			return err
		}
		if t.proved == nil {
			t.proved = make(map[string]bool)
		}
		t.proved[manner] = true
		return nil
	})
	return group.Wait()
}

// proveBy has one reader read the packaged template, if it understands the source.
func (t *Template) proveBy(ctx context.Context, r *proof, text *problem.Source, changes []change) error {
	if r.source == nil && !r.unread {
		var err error
		if r.source, err = r.Read(ctx, t.doc.Source); ctx.Err() != nil {
			return ctx.Err()
		}
		r.unread = err != nil
	}
	if r.unread {
		return nil // this reader cannot judge the template
	}
	before, _, agrees := r.expected(changes)
	switch {
	case !agrees && r == &t.proofs[0]:
		return t.internal(errors.New("a reference is not where it was found"))
	case !agrees:
		return nil // nor can this one
	}
	result, err := r.Read(ctx, text)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return t.internal(fmt.Errorf("reading the packaged template again as %s: %w", r.Name, err))
	}
	if where, same := r.Same(before, result); !same {
		return t.internal(fmt.Errorf("read again as %s, the packaged template differs at %s", r.Name, where))
	}
	return nil
}

// expected returns the source's tree with the changes made, where in it they were made,
// and whether the reader understands the places of all of them.
func (r proof) expected(changes []change) (tree *syntax.Node, targets []*syntax.Node, agrees bool) {
	tree = r.source.Clone()
	targets = make([]*syntax.Node, len(changes))
	for i, c := range changes {
		if targets[i] = tree.At(c.path); !r.Agrees(targets[i], c.node) {
			return nil, nil, false
		}
		if c.choice != nil && !c.choice.agrees(r.Reader, targets[i]) {
			return nil, nil, false
		}
	}
	for i, c := range changes {
		c.apply(targets[i])
	}
	return tree, targets, true
}
