package template

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/syntax"
)

// A change is an edit of the text and what it makes of the tree: either a value takes
// a node's place, or entries stand before a mapping's first one.
type change struct {
	edit    syntax.Edit
	node    *syntax.Node // of the document
	path    []int        // from the root to it
	value   *syntax.Node // what takes the node's place; nil where entries are inserted
	keepTag bool         // the value has the node's tag, which each reader tells in its own way
	entries *syntax.Node // the mapping whose entries are inserted
	choice  *written     // the value is made of the branches of the Fn::If in the node's place
}

// apply makes the change in a reader's tree, in which target stands where node stands
// in the document's.
func (c change) apply(target *syntax.Node) {
	if c.entries != nil {
		entries := c.entries.Clone()
		target.Keys = slices.Concat(entries.Keys, target.Keys)
		target.Values = slices.Concat(entries.Values, target.Values)
		return
	}
	if c.choice != nil {
		*target = *c.choice.value(target)
		return
	}
	tag := target.Tag
	*target = *c.value.Clone()
	if c.keepTag {
		target.Tag = tag
	}
}

// manner tells which scalars of a change are written without quotes.
func (c change) manner() string {
	if c.entries != nil {
		return manner(c.entries)
	}
	return manner(c.value)
}

// changes returns what puts every reference's location in its place, in their order, and
// behind that what adds mappings.
func (w *writer) changes() ([]change, error) {
	t := w.t
	all := make([]change, 0, len(t.refs)+1)
	for _, r := range t.refs {
		var c change
		var err error
		if r.choice != nil {
			c, err = w.replaceChoice(r)
		} else {
			c, err = t.replace(r, w.location(r))
		}
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	if added := w.added(); len(added.Keys) > 0 {
		c, err := t.addMappings(added)
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}

// Rewrite returns the template with every reference replaced by its location, as JSON
// where that is asked for. The result is proved: read again, by every reader that
// understands the source, it means what the source meant but for those values; see
// [Template.prove]. It is safe for concurrent use.
func (t *Template) Rewrite(ctx context.Context, asJSON bool, locate func(*Reference) Location) ([]byte, error) {
	out, changes, err := newWriter(t, locate, nil).write(ctx)
	if err != nil {
		return nil, err
	}
	return t.format(out, changes, asJSON)
}

// write returns the packaged template, which is proved, and what was changed for it.
func (w *writer) write(ctx context.Context) ([]byte, []change, error) {
	changes, err := w.changes()
	if err != nil {
		return nil, nil, err
	}
	edits := make([]syntax.Edit, len(changes))
	manners := make([]string, len(changes))
	for i, c := range changes {
		edits[i], manners[i] = c.edit, c.manner()
	}
	out, err := syntax.Apply(w.t.doc.Source.Text, edits)
	if err != nil {
		return nil, nil, w.t.internal(err)
	}
	return out, changes, w.t.prove(ctx, strings.Join(manners, " "), out, changes)
}

// format is a packaged template in the format that is asked for.
func (t *Template) format(out []byte, changes []change, asJSON bool) ([]byte, error) {
	if !asJSON || t.doc.JSON {
		return out, nil
	}
	tree, _, _ := t.proofs[0].expected(changes) // it was proved
	return t.toJSON(tree)
}

// manner tells which scalars of a value are written plain, and how they lie in it.
func manner(want *syntax.Node) string {
	m := "q"
	if want.Plain {
		m = "p"
	}
	if want.Kind != syntax.Scalar {
		m += want.Tag + "("
		for _, v := range want.Values {
			m += manner(v)
		}
		m += ")"
	}
	return m
}

// replace returns the change that puts a location in a reference's place.
func (t *Template) replace(r *Reference, value *syntax.Node) (change, error) {
	n, c := r.node, change{node: r.node, path: r.path}
	text := t.written(r, value)
	property := t.doc.Key(r.row.path) + ": " + text
	switch r.placement {
	case insertProperty:
		c.entries = t.mappingOf(r.row.path, value)
		c.edit = t.doc.InsertEntry(n, property)
		return c, nil
	case insertProperties:
		c.entries = t.mappingOf("Properties", t.mappingOf(r.row.path, value))
		c.edit = t.doc.InsertEntry(n, t.doc.Key("Properties")+": {"+property+"}")
		return c, nil
	case replaceProperties:
		text, value = "{"+property+"}", t.mappingOf(r.row.path, value)
	case replaceValue:
	}
	start := n.Start
	end, err := t.doc.End(n)
	if err != nil {
		return c, t.internal(fmt.Errorf("line %d, column %d: %w", n.Line, n.Column, err))
	}
	if value.Kind != syntax.Scalar || r.function {
		start = n.Offset // neither a tag nor an anchor of the text is one of what is written
	} else {
		value.Tag, value.Anchor = n.Tag, n.Anchor
		c.keepTag = n.Kind == syntax.Scalar && !n.IsNull()
	}
	if n.Block {
		text += syntax.HeaderComment(t.doc.Source.Text[start:])
	}
	if start == end && start > 0 && !syntax.IsSpace(rune(t.doc.Source.Text[start-1])) {
		text = " " + text
	}
	c.value, c.edit = value, syntax.Edit{Start: start, End: end, Text: text}
	return c, nil
}

// written is the text of a value, in the style of what stands in the reference's place.
func (t *Template) written(r *Reference, value *syntax.Node) string {
	if value.Kind != syntax.Scalar {
		return t.doc.FlowText(value)
	}
	inline := t.doc.JSON || r.node.Flow || r.placement == insertProperties || r.placement == replaceProperties
	text := t.doc.Quote(value.Value, r.node, inline)
	value.Plain = text == value.Value
	return text
}

// keyNode is a key of ours, as it is read.
func (t *Template) keyNode(key string) *syntax.Node {
	return &syntax.Node{Value: key, Plain: !t.doc.JSON}
}

// mappingOf is a mapping of one entry.
func (t *Template) mappingOf(key string, value *syntax.Node) *syntax.Node {
	return &syntax.Node{Kind: syntax.Mapping, Keys: []*syntax.Node{t.keyNode(key)}, Values: []*syntax.Node{value}}
}
