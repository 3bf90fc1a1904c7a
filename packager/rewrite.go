package packager

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// An edit puts text in the place of src[start:end].
type edit struct {
	start, end int
	text       string
}

// apply makes all edits at once. Every byte outside of them stays.
func apply(src []byte, edits []edit) ([]byte, error) {
	edits = slices.SortedStableFunc(slices.Values(edits), func(a, b edit) int { return cmp.Compare(a.start, b.start) })
	var out bytes.Buffer
	at := 0
	for _, e := range edits {
		if e.start < at || e.end < e.start || e.end > len(src) {
			return nil, fmt.Errorf("the edit of bytes %d to %d overlaps another", e.start, e.end)
		}
		out.Write(src[at:e.start])
		out.WriteString(e.text)
		at = e.end
	}
	out.Write(src[at:])
	return out.Bytes(), nil
}

// A change is an edit and what it makes of the tree.
type change struct {
	edit   edit
	node   *node // of the source: the value, or the mapping that gets an entry
	path   []int // from the root to it
	expect func(target *node)
	manner string // in which the value is written
}

// changes returns what puts every reference's location in its place.
func (t *template) changes(locate func(*reference) location) ([]change, error) {
	all := make([]change, 0, len(t.refs)+1)
	mappings := &node{kind: mapping}
	if known := t.root.get("Mappings"); known != nil {
		mappings.keys = slices.Clone(known.keys)
		mappings.values = slices.Clone(known.values)
	}
	own := len(mappings.keys)
	for _, r := range t.refs {
		if r.variants != nil {
			c, name, entry, err := t.replaceLoop(r, locate, mappings)
			if err != nil {
				return nil, err
			}
			mappings.keys, mappings.values = append(mappings.keys, name), append(mappings.values, entry)
			all = append(all, c)
			continue
		}
		e, want, err := t.replace(r, locate(r))
		if err != nil {
			return nil, err
		}
		all = append(all, change{e, r.node, r.path, func(target *node) { r.expect(target, want) }, manner(want)})
	}
	if len(mappings.keys) > own {
		c, err := t.addMappings(&node{kind: mapping, keys: mappings.keys[own:], values: mappings.values[own:]})
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
	edits := make([]edit, len(changes))
	manner := make([]string, len(changes))
	for i, c := range changes {
		edits[i], manner[i] = c.edit, c.manner
	}
	out, err := apply(t.src.Text, edits)
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
func manner(want *node) string {
	m := "q"
	if want.plain {
		m = "p"
	}
	for _, v := range want.values {
		m += manner(v)
	}
	return m
}

// replace returns the edit that puts a location in a reference's place, and
// the value it must then be read as.
func (t *template) replace(r *reference, l location) (edit, *node, error) {
	n := r.node
	text, pairs := r.row.form.value(l)
	inline := t.json || n.flow || r.place != replaceValue && r.place != insertProperty
	var value string
	want := &node{}
	if pairs == nil {
		value = t.quote(text, n, inline)
		want.value, want.plain = text, value == text
		if r.place == replaceValue {
			want.tag = n.tag
		}
	} else {
		want.kind = mapping
		var parts []string
		for _, p := range pairs {
			v := t.quote(p[1], nil, true)
			want.keys = append(want.keys, &node{value: p[0], plain: !t.json})
			want.values = append(want.values, &node{value: p[1], plain: v == p[1]})
			parts = append(parts, t.key(p[0])+": "+v)
		}
		value = "{" + strings.Join(parts, ", ") + "}"
	}

	switch r.place {
	case insertProperty, insertProperties:
		entry := t.key(r.row.path) + ": " + value
		if r.place == insertProperties {
			entry = t.key("Properties") + ": {" + entry + "}"
		}
		return t.insert(n, entry), want, nil
	case replaceProperties:
		value = "{" + t.key(r.row.path) + ": " + value + "}"
	}
	start, end, err := n.span(t.src.Text)
	if err != nil {
		return edit{}, nil, t.internal(fmt.Errorf("line %d, column %d: %w", n.line, n.column, err))
	}
	switch {
	case pairs != nil || r.place == replaceProperties:
		start = n.offset // neither a tag nor an anchor of the text is one of the mapping
	default:
		want.anchor = n.anchor
	}
	if n.block {
		value += headerComment(t.src.Text[start:])
	}
	if start == end && start > 0 && !isYAMLSpace(rune(t.src.Text[start-1])) {
		value = " " + value
	}
	return edit{start, end, value}, want, nil
}

func (t *template) key(k string) string {
	if t.json {
		return quoteJSON(k)
	}
	return k
}

// quote writes a string as the source's value was quoted; unquoted where it
// is safe outside of any bracket, or plainly a word.
func (t *template) quote(s string, old *node, inline bool) string {
	if t.json {
		return quoteJSON(s)
	}
	if old != nil && old.kind == scalar && old.start < len(t.src.Text) {
		switch {
		case old.plain || old.block:
		case t.src.Text[old.start] == '\'':
			return "'" + strings.ReplaceAll(s, "'", "''") + "'"
		default:
			return quoteJSON(s)
		}
	}
	if t.resolver.word.MatchString(s) && t.resolver.typeOf(s) == stringType || !inline && t.resolver.url.MatchString(s) {
		return s
	}
	return quoteJSON(s)
}

// insert puts an entry before a mapping's first one, on a line of its own
// where that has one.
func (t *template) insert(n *node, entry string) edit {
	if len(n.keys) == 0 {
		return edit{n.start + 1, n.start + 1, entry} // {}
	}
	at := t.entry(n, 0)
	return edit{at, at, entry + t.separator(n)}
}

// separator is what stands between an entry that is put before a mapping's
// first one, and that.
func (t *template) separator(n *node) string {
	at := t.entry(n, 0)
	begin, column := t.src.Place(at)
	line := t.src.Text[t.src.LineStart(begin):at]
	ownLine := len(bytes.Trim(line, " \t")) == 0
	switch {
	case ownLine && n.flow:
		return "," + t.newline() + string(line)
	case ownLine:
		return t.newline() + string(line)
	case n.flow:
		return ", "
	}
	return t.newline() + strings.Repeat(" ", column-1)
}
