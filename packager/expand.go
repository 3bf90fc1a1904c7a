package packager

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// expandable tells whether a tree holds what CloudFormation refuses or readers
// take in different ways: aliases, merge keys, and keys that stand twice.
func (r *resolver) expandable(n *node) bool {
	if n.kind == alias {
		return true
	}
	seen := make(map[string]bool, len(n.keys))
	for _, k := range n.keys {
		if k.isMerge() || r.expandable(k) || k.kind == scalar && seen[r.identity(k)] {
			return true
		}
		seen[r.identity(k)] = true
	}
	return slices.ContainsFunc(n.values, r.expandable)
}

// identity tells two keys apart as YAML does: the number 1 and the string "1"
// are two.
func (r *resolver) identity(key *node) string {
	if !r.isString(key) {
		return "plain " + key.value
	}
	return "text " + key.value
}

// isMerge tells YAML 1.1's merge key (yaml.org/type/merge.html); quoted it is
// a key like any other.
func (n *node) isMerge() bool {
	return n.kind == scalar && n.plain && n.tag == "" && n.value == "<<"
}

// maxExpanded bounds what aliases may expand to, in nodes: a short text can
// stand for an endless one.
const maxExpanded = 500_000

// An expander writes out aliases and merge keys, and drops keys that are given
// again, in the tree and in the text.
type expander struct {
	t     *template
	open  map[*node]bool // anchored nodes that are being read: an alias inside has no end
	count int
	edits []edit
	errs  []error
}

func (x *expander) fail(n *node, format string, args ...any) {
	x.errs = append(x.errs, x.t.errorf(n, "", format, args...))
}

// tree returns n with everything written out. inText is whether n stands in
// the text as it is: what is written out there is an edit. It is none in the
// copy that takes an alias's place.
func (x *expander) tree(n *node, inText bool) *node {
	if x.count++; x.count > maxExpanded {
		if x.count == maxExpanded+1 {
			x.fail(n, "the aliases of this template stand for more than %d values", maxExpanded)
		}
		return &node{}
	}
	if n.kind == alias {
		if n.target == nil || x.open[n.target] {
			x.fail(n, "the alias *%s stands inside what it refers to", n.value)
			return &node{}
		}
		copied := x.tree(n.target, false)
		if inText {
			x.edits = append(x.edits, edit{n.offset, n.offset + 1 + len(n.value), x.t.flowText(copied)})
		}
		return copied
	}
	if n.anchor != "" {
		x.open[n] = true
		defer delete(x.open, n)
	}
	out := *n
	out.keys, out.values = nil, nil
	if !inText {
		out.anchor = ""
	}
	if n.kind != mapping {
		for _, v := range n.values {
			out.values = append(out.values, x.tree(v, inText))
		}
		return &out
	}
	own := make(map[string]int, len(n.keys)) // where a key stands last
	for i, k := range n.keys {
		if k.kind == scalar && !k.isMerge() {
			own[x.t.resolver.identity(k)] = i
		}
	}
	merged := x.merges(n, own)
	for i, k := range n.keys {
		switch {
		case k.isMerge():
			out.keys = append(out.keys, merged[i].keys...)
			out.values = append(out.values, merged[i].values...)
			if inText {
				x.writeMerge(n, i, merged[i])
			}
		case k.kind == scalar && own[x.t.resolver.identity(k)] != i:
			if inText {
				later := n.keys[own[x.t.resolver.identity(k)]]
				line, column := x.t.place(later)
				x.t.warn(k, "the key %q stands twice in this mapping: the one in line %d, column %d, counts, and this one is left out", k.value, line, column)
				x.remove(n, i)
			}
		default:
			out.keys = append(out.keys, x.tree(k, inText))
			out.values = append(out.values, x.tree(n.values[i], inText))
		}
	}
	return &out
}

// merges returns what each merge key of a mapping stands for, by its index:
// entries that are not the mapping's own; of several merge keys the last one's
// and in a list of mappings the first one's.
func (x *expander) merges(n *node, own map[string]int) map[int]*node {
	merged := make(map[int]*node)
	taken := make(map[string]bool)
	for i, k := range slices.Backward(n.keys) {
		if !k.isMerge() {
			continue
		}
		value := x.tree(n.values[i], false)
		sources := []*node{value}
		if value.kind == sequence {
			sources = value.values
		}
		merged[i] = &node{kind: mapping}
		for _, source := range sources {
			if source.kind != mapping || source.tag != "" && source.tag != "!!map" {
				x.fail(n.values[i], "a merge key takes a mapping, or a list of mappings")
				break
			}
			for j, k := range source.keys {
				id := x.t.resolver.identity(k)
				if _, is := own[id]; !is && !taken[id] {
					taken[id] = true
					merged[i].keys = append(merged[i].keys, k)
					merged[i].values = append(merged[i].values, source.values[j])
				}
			}
		}
	}
	return merged
}

// writeMerge puts entries in the place of the merge key i.
func (x *expander) writeMerge(n *node, i int, merged *node) {
	if len(merged.keys) == 0 {
		x.remove(n, i)
		return
	}
	end, err := x.t.end(n.values[i])
	if err != nil {
		x.fail(n.values[i], "%v", err)
		return
	}
	start, separator := x.t.entry(n, i), ", "
	if !n.flow {
		_, column := x.t.src.Place(start)
		separator = x.t.newline() + strings.Repeat(" ", column-1)
	}
	entries := make([]string, len(merged.keys))
	for j, k := range merged.keys {
		entries[j] = x.t.flowText(k) + ": " + x.t.flowText(merged.values[j])
	}
	x.edits = append(x.edits, edit{start, end, strings.Join(entries, separator)})
}

// remove takes the entry i out of the mapping's text.
func (x *expander) remove(n *node, i int) {
	start := x.t.entry(n, i)
	if i+1 < len(n.keys) {
		x.edits = append(x.edits, edit{start, x.t.entry(n, i+1), ""})
		return
	}
	end, err := x.t.end(n.values[i])
	if err != nil {
		x.fail(n.keys[i], "%v", err)
		return
	}
	switch {
	case i > 0:
		before, err := x.t.end(n.values[i-1])
		if err != nil {
			x.fail(n.keys[i], "%v", err)
			return
		}
		// In block style the comment of the entry before stays.
		if text := x.t.src.Text[before:start]; !n.flow {
			before = start - len(text) + len(bytes.TrimRight(text, " \t\r\n"))
		}
		x.edits = append(x.edits, edit{before, end, ""})
	case n.flow:
		if rest := bytes.TrimLeft(x.t.src.Text[end:], " \t\r\n"); bytes.HasPrefix(rest, []byte(",")) {
			end = len(x.t.src.Text) - len(rest) + 1
		}
		x.edits = append(x.edits, edit{start, end, ""})
	default:
		x.edits = append(x.edits, edit{start, end, "{}"})
	}
}

// flowText writes a tree in flow style, which can stand wherever an alias can.
func (t *template) flowText(n *node) string {
	tag := ""
	if n.tag != "" {
		tag = n.tag + " "
	}
	var parts []string
	switch n.kind {
	case mapping:
		for i, k := range n.keys {
			parts = append(parts, t.flowText(k)+": "+t.flowText(n.values[i]))
		}
		return tag + "{" + strings.Join(parts, ", ") + "}"
	case sequence:
		for _, v := range n.values {
			parts = append(parts, t.flowText(v))
		}
		return tag + "[" + strings.Join(parts, ", ") + "]"
	}
	switch {
	case !n.plain:
		return tag + quoteJSON(n.value)
	case n.isNull() && n.value == "":
		return "null"
	case n.tag == "" && t.resolver.typeOf(n.value) != stringType:
		return n.value // a number or the like: quotes would make it a string
	case t.resolver.word.MatchString(n.value):
		return tag + n.value
	}
	return tag + quoteJSON(n.value)
}

// expand writes out in the template's text what CloudFormation refuses, and
// takes the result as the template from here on. The new text must mean what
// the tree says.
func (t *template) expand() []error {
	x := expander{t: t, open: make(map[*node]bool)}
	want := x.tree(t.root, true)
	if len(x.errs) > 0 {
		return x.errs
	}
	body, err := apply(t.src.Text, x.edits)
	if err != nil {
		return []error{t.internal(err)}
	}
	text := problem.NewSource(body)
	read := readYAML
	if t.json {
		read = readJSON
	}
	got, err := read(text)
	if err != nil {
		return []error{t.internal(fmt.Errorf("reading the template without its aliases: %w", err))}
	}
	r := reader{strict: true, resolver: t.resolver}
	if where, same := r.same(want, got, ""); !same {
		return []error{t.internal(fmt.Errorf("without its aliases the template differs at %s", where))}
	}
	slices.SortStableFunc(x.edits, func(a, b edit) int { return cmp.Compare(a.start, b.start) })
	t.src, t.root, t.expanded = text, got, x.edits
	return nil
}

// place is where a value stands in the file as it was read: what an alias
// stood for is where the alias is.
func (t *template) place(n *node) (line, column int) {
	at, grown := n.offset, 0
	for _, e := range t.expanded {
		begin := e.start + grown
		if at < begin {
			break
		}
		if at < begin+len(e.text) {
			return t.file.Place(e.start)
		}
		grown += len(e.text) - (e.end - e.start)
	}
	return t.file.Place(at - grown)
}
