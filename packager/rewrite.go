package packager

import (
	"fmt"
	"slices"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/syntax"
)

// A change is an edit and what it makes of the tree.
type change struct {
	edit   syntax.Edit
	node   *syntax.Node // of the source: the value, or the mapping that gets an entry
	path   []int        // from the root to it
	expect func(target *syntax.Node)
	manner string // in which the value is written
}

// changes returns what puts every reference's location in its place.
func (t *template) changes(locate func(*reference) location) ([]change, error) {
	all := make([]change, 0, len(t.refs)+1)
	mappings := &syntax.Node{Kind: syntax.Mapping}
	if known := t.Root.Get("Mappings"); known != nil {
		mappings.Keys = slices.Clone(known.Keys)
		mappings.Values = slices.Clone(known.Values)
	}
	own := len(mappings.Keys)
	for _, r := range t.refs {
		if r.variants != nil {
			c, name, entry, err := t.replaceLoop(r, locate, mappings)
			if err != nil {
				return nil, err
			}
			mappings.Keys, mappings.Values = append(mappings.Keys, name), append(mappings.Values, entry)
			all = append(all, c)
			continue
		}
		e, want, err := t.replace(r, locate(r))
		if err != nil {
			return nil, err
		}
		all = append(all, change{e, r.node, r.path, func(target *syntax.Node) { r.expect(target, want) }, manner(want)})
	}
	if len(mappings.Keys) > own {
		c, err := t.addMappings(&syntax.Node{Kind: syntax.Mapping, Keys: mappings.Keys[own:], Values: mappings.Values[own:]})
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}

// rewrite returns the template with every reference replaced by its location,
// and the changes that make it so. The result is proved: read again, by every
// reader that understands the source, it means what the source meant but for
// those values.
//
// Of several regions' templates one proof is enough where every value is
// written in the same manner, plain or quoted: they differ only in letters
// inside of scalars, which no reader takes otherwise.
func (t *template) rewrite(locate func(*reference) location) ([]byte, []change, error) {
	changes, err := t.changes(locate)
	if err != nil {
		return nil, nil, err
	}
	edits := make([]syntax.Edit, len(changes))
	manner := make([]string, len(changes))
	for i, c := range changes {
		edits[i], manner[i] = c.edit, c.manner
	}
	out, err := syntax.Apply(t.Source.Text, edits)
	if err != nil {
		return nil, nil, t.internal(err)
	}
	t.proving.Lock()
	defer t.proving.Unlock()
	if all := strings.Join(manner, " "); !t.proved[all] {
		if err := t.prove(out, changes); err != nil {
			return nil, nil, err
		}
		if t.proved == nil {
			t.proved = make(map[string]bool)
		}
		t.proved[all] = true
	}
	return out, changes, nil
}

// manner tells which scalars of a value are written plain.
func manner(want *syntax.Node) string {
	m := "q"
	if want.Plain {
		m = "p"
	}
	for _, v := range want.Values {
		m += manner(v)
	}
	return m
}

// replace returns the edit that puts a location in a reference's place, and
// the value it must then be read as.
func (t *template) replace(r *reference, l location) (syntax.Edit, *syntax.Node, error) {
	n := r.node
	text, pairs := r.row.form.value(l)
	inline := t.JSON || n.Flow || r.place != replaceValue && r.place != insertProperty
	var value string
	want := &syntax.Node{}
	if pairs == nil {
		value = t.Quote(text, n, inline)
		want.Value, want.Plain = text, value == text
		if r.place == replaceValue {
			want.Tag = n.Tag
		}
	} else {
		want.Kind = syntax.Mapping
		var parts []string
		for _, p := range pairs {
			v := t.Quote(p[1], nil, true)
			want.Keys = append(want.Keys, &syntax.Node{Value: p[0], Plain: !t.JSON})
			want.Values = append(want.Values, &syntax.Node{Value: p[1], Plain: v == p[1]})
			parts = append(parts, t.Key(p[0])+": "+v)
		}
		value = "{" + strings.Join(parts, ", ") + "}"
	}

	switch r.place {
	case insertProperty, insertProperties:
		entry := t.Key(r.row.path) + ": " + value
		if r.place == insertProperties {
			entry = t.Key("Properties") + ": {" + entry + "}"
		}
		return t.InsertEntry(n, entry), want, nil
	case replaceProperties:
		value = "{" + t.Key(r.row.path) + ": " + value + "}"
	}
	start, end, err := n.Span(t.Source.Text)
	if err != nil {
		return syntax.Edit{}, nil, t.internal(fmt.Errorf("line %d, column %d: %w", n.Line, n.Column, err))
	}
	switch {
	case pairs != nil || r.place == replaceProperties:
		start = n.Offset // neither a tag nor an anchor of the text is one of the mapping
	default:
		want.Anchor = n.Anchor
	}
	if n.Block {
		value += syntax.HeaderComment(t.Source.Text[start:])
	}
	if start == end && start > 0 && !syntax.IsSpace(rune(t.Source.Text[start-1])) {
		value = " " + value
	}
	return syntax.Edit{Start: start, End: end, Text: value}, want, nil
}
