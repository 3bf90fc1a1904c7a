package packager

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
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

// rewrite returns the template with every reference replaced by its location,
// and the tree of it. The result is proved: read again, by every reader that
// understands the source, it means what the source meant but for those values.
func (t *template) rewrite(locate func(*reference) location) ([]byte, *node, error) {
	edits := make([]edit, len(t.refs))
	wants := make([]*node, len(t.refs))
	for i, r := range t.refs {
		var err error
		if edits[i], wants[i], err = t.replace(r, locate(r)); err != nil {
			return nil, nil, err
		}
	}
	out, err := apply(t.src, edits)
	if err != nil {
		return nil, nil, t.internal(err)
	}
	var result *node
	for i, reader := range t.readers {
		before := reader.source.clone()
		targets := make([]*node, len(t.refs))
		agrees := true
		for j, r := range t.refs {
			targets[j] = before.at(r.path)
			agrees = agrees && reader.agrees(targets[j], r.node)
		}
		if !agrees {
			continue
		}
		for j, r := range t.refs {
			r.expect(targets[j], wants[j])
		}
		after, err := reader.read(out)
		if err != nil {
			return nil, nil, t.internal(fmt.Errorf("reading the packaged template again as %s: %w", reader.name, err))
		}
		if where, same := reader.same(before, after, ""); !same {
			return nil, nil, t.internal(fmt.Errorf("read again as %s, the packaged template differs at %s", reader.name, where))
		}
		if i == 0 {
			result = after
		}
	}
	if result == nil {
		return nil, nil, t.internal(errors.New("the packaged template could not be proved"))
	}
	return out, result, nil
}

func (t *template) internal(err error) error {
	return &Error{
		File: t.path, Message: "internal error, nothing is written: " + err.Error(), Err: err,
		Hint: "please report it with this template at https://github.com/symphoniacloud/multi-region-codepipeline/issues",
	}
}

// A reader is one way to read a template; the first of a template's readers is
// the one that found the references.
type reader struct {
	name   string
	read   func([]byte) (*node, error)
	strict bool  // it tells plain scalars, tags and anchors as they are written
	source *node // the template as this reader understands it

	resolver *resolver
}

// openReaders fills in the readers that can read the template at all.
func (t *template) openReaders() {
	all := []reader{{name: "YAML", read: readYAML, strict: true}, {name: "YAML by the second reader", read: readGoccy}}
	if t.json {
		all = append([]reader{{name: "JSON", read: readJSON, strict: true}}, all...)
	}
	for i, r := range all {
		var err error
		r.resolver = t.resolver
		if r.source = t.root; i > 0 {
			r.source, err = r.read(t.src)
		}
		if err == nil {
			t.readers = append(t.readers, r)
		}
	}
}

// agrees tells whether a reader understands the place of a reference as the
// first reader does.
func (r reader) agrees(theirs, ours *node) bool {
	if theirs == nil || theirs.kind != ours.kind || len(theirs.keys) != len(ours.keys) {
		return false
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
	start, end, err := n.span(t.src)
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
		value += headerComment(t.src[start:])
	}
	if start == end && start > 0 && !isYAMLSpace(rune(t.src[start-1])) {
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
	if old != nil && old.kind == scalar && old.start < len(t.src) {
		switch {
		case old.plain || old.block:
		case t.src[old.start] == '\'':
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
	first := n.keys[0]
	at := t.entry(first)
	begin, column := place(t.src, t.lines, at)
	line := t.src[t.lines[begin-1]:at]
	ownLine := len(bytes.Trim(line, " \t")) == 0
	flow := n.flow
	switch {
	case !flow:
		indent := strings.Repeat(" ", column-1)
		if ownLine {
			indent = string(line)
		}
		entry += t.newline() + indent
	case ownLine:
		entry += "," + t.newline() + string(line)
	default:
		entry += ", "
	}
	return edit{at, at, entry}
}

// entry is where an entry of a mapping begins: at its key, or at the mark of a
// complex key before it.
func (t *template) entry(key *node) int {
	before := bytes.TrimRight(t.src[:key.offset], " \t\r\n")
	if len(before) < key.offset && bytes.HasSuffix(before, []byte("?")) {
		if mark := len(before) - 1; mark == 0 || strings.IndexByte(" \t\r\n{,-?:", before[mark-1]) >= 0 {
			return mark
		}
	}
	return key.offset
}

// newline is the line ending that the template uses first.
func (t *template) newline() string {
	if i := bytes.IndexByte(t.src, '\n'); i > 0 && t.src[i-1] == '\r' {
		return "\r\n"
	}
	return "\n"
}

// span returns where a scalar's text stands in the source, quotes included.
func (n *node) span(src []byte) (start, end int, err error) {
	start = n.start
	rest := src[start:]
	switch {
	case n.plain && n.tag == "" && n.value == "":
		return start, start, nil
	case n.block:
		header := bytes.IndexAny(rest, lineEnds)
		if header < 0 {
			header = len(rest) // the template ends behind the header
		}
		end, err = textEnd(rest[header:], n.value)
		return start, start + header + end, err
	case n.plain:
		end, err = textEnd(rest, n.value)
		return start, start + end, err
	case bytes.HasPrefix(rest, []byte(`"`)):
		for i := 1; i < len(rest); i++ {
			switch rest[i] {
			case '\\':
				i++
			case '"':
				return start, start + i + 1, nil
			}
		}
	case bytes.HasPrefix(rest, []byte(`'`)):
		for i := 1; i < len(rest); i++ {
			if rest[i] != '\'' {
				continue
			}
			if i+1 < len(rest) && rest[i+1] == '\'' {
				i++
				continue
			}
			return start, start + i + 1, nil
		}
	}
	return 0, 0, errors.New("the end of this value was not found")
}

// textEnd returns where value ends in src. A scalar without quotes has no
// escapes, so apart from white space, which YAML folds, its characters stand
// in the source as they are.
func textEnd(src []byte, value string) (int, error) {
	at := 0
	for _, want := range value {
		if isYAMLSpace(want) {
			continue
		}
		for {
			if at >= len(src) {
				return 0, errors.New("this value ends too early")
			}
			r, size := utf8.DecodeRune(src[at:])
			at += size
			if r == want {
				break
			}
			if !isYAMLSpace(r) {
				return 0, fmt.Errorf("this value holds %q where %q was read", r, want)
			}
		}
	}
	return at, nil
}

// headerComment returns the comment behind a block scalar's indicator.
func headerComment(src []byte) string {
	line := string(src)
	if end := strings.IndexAny(line, lineEnds); end >= 0 {
		line = strings.TrimRight(line[:end], " \t")
	}
	if i := strings.IndexByte(line, '#'); i > 0 {
		return line[len(strings.TrimRight(line[:i], " \t")):]
	}
	return ""
}

// lineEnds holds what ends a line in YAML 1.1.
const lineEnds = "\r\n\u0085\u2028\u2029"

// isYAMLSpace tells what a YAML 1.1 reader folds or takes as the end of a line.
func isYAMLSpace(r rune) bool {
	return strings.ContainsRune(" \t\r\n\u0085\u2028\u2029", r)
}
