package packager

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

func (t *template) internal(err error) error {
	return &problem.Error{
		File: t.path, Message: "internal error, nothing is written: " + err.Error(), Err: err,
		Hint: "please report it with this template at https://github.com/symphoniacloud/multi-region-codepipeline/issues",
	}
}

// A reader is one way to read a template; the first of a template's readers is
// the one that found the references.
type reader struct {
	name   string
	read   func(*problem.Source) (*node, error)
	strict bool  // it tells plain scalars, tags and anchors as they are written
	source *node // the template as this reader understands it; nil before it was asked

	resolver *resolver
}

// openReaders fills in the readers; the first one's reading is there already.
func (t *template) openReaders() {
	t.readers = []reader{{name: "YAML", read: readYAML, strict: true}, {name: "YAML by the second reader", read: readGoccy}}
	if t.json {
		t.readers = append([]reader{{name: "JSON", read: readJSON, strict: true}}, t.readers...)
	}
	for i := range t.readers {
		t.readers[i].resolver = t.resolver
	}
	t.readers[0].source = t.root
}

// prove reads the packaged template with every reader that understands the
// source, all at once, and compares it with what the changes make of the
// source's tree.
func (t *template) prove(out []byte, changes []change) error {
	sources, results := make([]*node, len(t.readers)), make([]*node, len(t.readers))
	unread, unreadable := make([]error, len(t.readers)), make([]error, len(t.readers))
	text := problem.NewSource(out)
	var group errgroup.Group
	for i, r := range t.readers {
		group.Go(func() error {
			if sources[i] = r.source; r.source == nil {
				sources[i], unread[i] = r.read(t.src)
			}
			return nil
		})
		group.Go(func() error {
			results[i], unreadable[i] = r.read(text)
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for i := range t.readers {
		r := &t.readers[i]
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
			return t.internal(fmt.Errorf("reading the packaged template again as %s: %w", r.name, unreadable[i]))
		}
		if where, same := r.same(before, results[i], ""); !same {
			return t.internal(fmt.Errorf("read again as %s, the packaged template differs at %s", r.name, where))
		}
	}
	return nil
}

// expected returns the source's tree with the changes made, and whether the
// reader understands the places of all of them.
func (r reader) expected(changes []change) (*node, bool) {
	tree := r.source.clone()
	targets := make([]*node, len(changes))
	for i, c := range changes {
		if targets[i] = tree.at(c.path); !r.agrees(targets[i], c.node) {
			return nil, false
		}
	}
	for i, c := range changes {
		c.expect(targets[i])
	}
	return tree, true
}

// agrees tells whether a reader understands the place of a reference as the
// first reader does.
func (r reader) agrees(theirs, ours *node) bool {
	if theirs == nil || theirs.kind != ours.kind || len(theirs.keys) != len(ours.keys) {
		return false
	}
	if strings.HasPrefix(theirs.tag, "!") && theirs.tag != ours.tag {
		return false // a tag may be written in several ways
	}
	for i, k := range ours.keys {
		if k.kind != theirs.keys[i].kind || k.value != theirs.keys[i].value {
			return false
		}
	}
	return ours.kind != scalar || ours.isNull() || theirs.value == ours.value
}

// same compares two trees of this reader; where they differ, it says where.
func (r reader) same(a, b *node, at string) (string, bool) {
	here := cmp.Or(at, "the top")
	if a.kind != b.kind || a.tag != b.tag || len(a.keys) != len(b.keys) || len(a.values) != len(b.values) || !r.sameText(a, b) {
		return here, false
	}
	if r.strict && a.anchor != b.anchor {
		return here, false
	}
	for i, k := range a.keys {
		if where, same := r.same(k, b.keys[i], dotted(at, k.value)); !same {
			return where, false
		}
	}
	for i, v := range a.values {
		step := fmt.Sprint(i)
		if a.kind == mapping {
			step = a.keys[i].value
		}
		if where, same := r.same(v, b.values[i], dotted(at, step)); !same {
			return where, false
		}
	}
	return "", true
}

// sameText compares two scalars' values. Quotes matter only where a plain
// scalar is no string.
func (r reader) sameText(a, b *node) bool {
	if a.value != b.value {
		return r.strict && a.isNull() && b.isNull()
	}
	if !r.strict || a.plain == b.plain || a.tag != "" {
		return true
	}
	return r.resolver.typeOf(a.value) == stringType
}

func (n *node) clone() *node {
	c := *n
	c.keys, c.values = make([]*node, len(n.keys)), make([]*node, len(n.values))
	for i, k := range n.keys {
		c.keys[i] = k.clone()
	}
	for i, v := range n.values {
		c.values[i] = v.clone()
	}
	return &c
}

// expect changes a source tree to what the packaged template must read as.
func (r *reference) expect(target, want *node) {
	key := &node{value: r.row.path, plain: !r.template.json}
	props := &node{kind: mapping, keys: []*node{key}, values: []*node{want}}
	switch r.place {
	case replaceValue:
		tag := target.tag
		*target = *want
		if r.node.kind == scalar && !r.node.isNull() && want.kind == scalar {
			target.tag = tag // which each reader tells in its own way
		}
	case replaceProperties:
		*target = *props
	case insertProperty:
		target.keys, target.values = slices.Insert(target.keys, 0, key), slices.Insert(target.values, 0, want)
	case insertProperties:
		key := &node{value: "Properties", plain: !r.template.json}
		target.keys, target.values = slices.Insert(target.keys, 0, key), slices.Insert(target.values, 0, props)
	}
}
