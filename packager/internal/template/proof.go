package template

import (
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
}

// prove reads the packaged template with every reader that understands the
// source, all at once, and compares it with what the changes make of the
// source's tree.
func (t *Template) prove(out []byte, changes []change) error {
	sources, results := make([]*syntax.Node, len(t.proofs)), make([]*syntax.Node, len(t.proofs))
	unread, unreadable := make([]error, len(t.proofs)), make([]error, len(t.proofs))
	text := problem.NewSource(out)
	var group errgroup.Group
	for i, r := range t.proofs {
		group.Go(func() error {
			if sources[i] = r.source; r.source == nil {
				sources[i], unread[i] = r.Read(t.doc.Source)
			}
			return nil
		})
		group.Go(func() error {
			results[i], unreadable[i] = r.Read(text)
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for i := range t.proofs {
		r := &t.proofs[i]
		if r.source = sources[i]; unread[i] != nil {
			continue // this reader cannot judge the template
		}
		before, agrees := r.expected(changes)
		switch {
		case !agrees && i == 0:
			return t.internal(errors.New("a reference is not where it was found"))
		case !agrees:
			continue // nor can this one
		case unreadable[i] != nil:
			return t.internal(fmt.Errorf("reading the packaged template again as %s: %w", r.Name, unreadable[i]))
		}
		if where, same := r.Same(before, results[i], ""); !same {
			return t.internal(fmt.Errorf("read again as %s, the packaged template differs at %s", r.Name, where))
		}
	}
	return nil
}

// expected returns the source's tree with the changes made, and whether the
// reader understands the places of all of them.
func (r proof) expected(changes []change) (*syntax.Node, bool) {
	tree := r.source.Clone()
	targets := make([]*syntax.Node, len(changes))
	for i, c := range changes {
		if targets[i] = tree.At(c.path); !r.Agrees(targets[i], c.node) {
			return nil, false
		}
		if c.choice != nil && !c.choice.agrees(r.Reader, targets[i]) {
			return nil, false
		}
	}
	for i, c := range changes {
		c.apply(targets[i])
	}
	return tree, true
}
