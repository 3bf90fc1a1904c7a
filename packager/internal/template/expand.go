package template

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/syntax"
)

// expandable tells whether a tree holds what CloudFormation refuses or readers
// take in different ways: aliases, merge keys, and keys that stand twice.
func expandable(r *syntax.Resolver, n *syntax.Node) bool {
	if n.Kind == syntax.Alias {
		return true
	}
	seen := make(map[string]bool, len(n.Keys))
	for _, k := range n.Keys {
		if k.IsMerge() || expandable(r, k) || k.Kind == syntax.Scalar && seen[r.Identity(k)] {
			return true
		}
		seen[r.Identity(k)] = true
	}
	return slices.ContainsFunc(n.Values, func(v *syntax.Node) bool { return expandable(r, v) })
}

// An expander writes out aliases and merge keys, and drops keys that are given
// again, in the tree and in the text.
type expander struct {
	t     *Template
	open  map[*syntax.Node]bool // anchored nodes that are being read: an alias inside has no end
	count int                   // values in the copies that take the place of aliases
	bytes int                   // and their bytes
	edits []syntax.Edit
	errs  []error
}

func (x *expander) fail(n *syntax.Node, format string, args ...any) {
	if len(x.errs) >= maxProblems {
		x.t.unlisted++
		return
	}
	x.errs = append(x.errs, x.t.errorf(n, "", format, args...))
}

// tree returns n with everything written out. inText is whether n stands in
// the text as it is: what is written out there is an edit. It is none in the
// copy that takes an alias's place.
func (x *expander) tree(n *syntax.Node, inText bool) *syntax.Node {
	if !inText && x.tooMuch(n) {
		return &syntax.Node{}
	}
	if n.Kind == syntax.Alias {
		return x.alias(n, inText)
	}
	if n.Anchor != "" {
		x.open[n] = true
		defer delete(x.open, n)
	}
	out := *n
	out.Keys, out.Values = nil, nil
	if !inText {
		out.Anchor = ""
	}
	if n.Kind == syntax.Mapping {
		x.entries(&out, n, inText)
		return &out
	}
	for _, v := range n.Values {
		out.Values = append(out.Values, x.tree(v, inText))
	}
	return &out
}

// tooMuch counts a value that a copy has, and tells whether copies have too many.
func (x *expander) tooMuch(n *syntax.Node) bool {
	if x.count > maxExpanded || x.bytes > maxTemplate {
		return true
	}
	x.count++
	x.bytes += len(n.Value)
	if x.count > maxExpanded || x.bytes > maxTemplate {
		x.fail(n, "the aliases of this template stand for more than %d values or %d bytes", maxExpanded, maxTemplate)
		return true
	}
	return false
}

// alias returns what an alias stands for.
func (x *expander) alias(n *syntax.Node, inText bool) *syntax.Node {
	if n.Target == nil || x.open[n.Target] {
		x.fail(n, "the alias *%s stands inside what it refers to", n.Value)
		return &syntax.Node{}
	}
	copied := x.tree(n.Target, false)
	if inText {
		x.edits = append(x.edits, syntax.Edit{Start: n.Offset, End: n.Offset + 1 + len(n.Value), Text: x.t.doc.FlowText(copied)})
	}
	return copied
}

// entries adds to out the entries of the mapping n, each key once, and what merge keys
// bring in.
func (x *expander) entries(out, n *syntax.Node, inText bool) {
	own := make(map[string]int, len(n.Keys)) // where a key stands last
	for i, k := range n.Keys {
		if k.Kind == syntax.Scalar && !k.IsMerge() {
			own[x.t.doc.Resolver.Identity(k)] = i
		}
	}
	merged := x.merges(n, own)
	for i, k := range n.Keys {
		switch {
		case k.IsMerge():
			out.Keys = append(out.Keys, merged[i].Keys...)
			out.Values = append(out.Values, merged[i].Values...)
			if inText {
				x.writeMerge(n, i, merged[i])
			}
		case k.Kind == syntax.Scalar && own[x.t.doc.Resolver.Identity(k)] != i:
			if inText {
				later := n.Keys[own[x.t.doc.Resolver.Identity(k)]]
				line, column := x.t.where(later)
				x.t.warn(k, "the key %q stands twice in this mapping: the one in line %d, column %d, counts, and this one is left out", k.Value, line, column)
				x.remove(n, i)
			}
		default:
			out.Keys = append(out.Keys, x.tree(k, inText))
			out.Values = append(out.Values, x.tree(n.Values[i], inText))
		}
	}
}

// merges returns what each merge key of a mapping stands for, by its index:
// entries that are not the mapping's own; of several merge keys the last one's
// and in a list of mappings the first one's.
func (x *expander) merges(n *syntax.Node, own map[string]int) map[int]*syntax.Node {
	merged := make(map[int]*syntax.Node)
	taken := make(map[string]bool)
	for i, k := range slices.Backward(n.Keys) {
		if !k.IsMerge() {
			continue
		}
		value := x.tree(n.Values[i], false)
		sources := []*syntax.Node{value}
		if value.Kind == syntax.Sequence {
			sources = value.Values
		}
		merged[i] = &syntax.Node{Kind: syntax.Mapping}
		for _, source := range sources {
			if source.Kind != syntax.Mapping || source.Tag != "" && source.Tag != "!!map" {
				x.fail(n.Values[i], "a merge key takes a mapping, or a list of mappings")
				break
			}
			for j, k := range source.Keys {
				id := x.t.doc.Resolver.Identity(k)
				if _, is := own[id]; !is && !taken[id] {
					taken[id] = true
					merged[i].Keys = append(merged[i].Keys, k)
					merged[i].Values = append(merged[i].Values, source.Values[j])
				}
			}
		}
	}
	return merged
}

// writeMerge puts entries in the place of the merge key i.
func (x *expander) writeMerge(n *syntax.Node, i int, merged *syntax.Node) {
	if len(merged.Keys) == 0 {
		x.remove(n, i)
		return
	}
	end, err := x.t.doc.End(n.Values[i])
	if err != nil {
		x.fail(n.Values[i], "%v", err)
		return
	}
	start, separator := x.t.doc.EntryStart(n, i), ", "
	if !n.Flow {
		_, column := x.t.doc.Source.Place(start)
		separator = x.t.doc.Newline() + strings.Repeat(" ", column-1)
	}
	entries := make([]string, len(merged.Keys))
	for j, k := range merged.Keys {
		entries[j] = x.t.doc.FlowText(k) + ": " + x.t.doc.FlowText(merged.Values[j])
	}
	x.edits = append(x.edits, syntax.Edit{Start: start, End: end, Text: strings.Join(entries, separator)})
}

// remove takes the entry i out of the mapping's text.
func (x *expander) remove(n *syntax.Node, i int) {
	start := x.t.doc.EntryStart(n, i)
	if i+1 < len(n.Keys) {
		x.edits = append(x.edits, syntax.Edit{Start: start, End: x.t.doc.EntryStart(n, i+1), Text: ""})
		return
	}
	end, err := x.t.doc.End(n.Values[i])
	if err != nil {
		x.fail(n.Keys[i], "%v", err)
		return
	}
	switch {
	case i > 0:
		before, err := x.t.doc.End(n.Values[i-1])
		if err != nil {
			x.fail(n.Keys[i], "%v", err)
			return
		}
		// In block style the comment of the entry before stays.
		if text := x.t.doc.Source.Text[before:start]; !n.Flow {
			before = start - len(text) + len(bytes.TrimRight(text, " \t\r\n"))
		}
		x.edits = append(x.edits, syntax.Edit{Start: before, End: end, Text: ""})
	case n.Flow:
		if rest := bytes.TrimLeft(x.t.doc.Source.Text[end:], " \t\r\n"); bytes.HasPrefix(rest, []byte(",")) {
			end = len(x.t.doc.Source.Text) - len(rest) + 1
		}
		x.edits = append(x.edits, syntax.Edit{Start: start, End: end, Text: ""})
	default:
		x.edits = append(x.edits, syntax.Edit{Start: start, End: end, Text: "{}"})
	}
}

// expand writes out in the template's text what CloudFormation refuses, and
// takes the result as the template from here on. The new text must mean what
// the tree says.
func (t *Template) expand(ctx context.Context) []error {
	x := expander{t: t, open: make(map[*syntax.Node]bool)}
	want := x.tree(t.doc.Root, true)
	if len(x.errs) > 0 {
		return x.errs
	}
	if ctx.Err() != nil {
		return []error{ctx.Err()}
	}
	got, err := t.doc.Edited(ctx, x.edits)
	if ctx.Err() != nil {
		return []error{ctx.Err()}
	}
	if err != nil {
		return []error{t.internal(fmt.Errorf("reading the template without its aliases: %w", err))}
	}
	if where, same := t.doc.Readers()[0].Same(want, got.Root); !same {
		return []error{t.internal(fmt.Errorf("without its aliases the template differs at %s", where))}
	}
	slices.SortStableFunc(x.edits, func(a, b syntax.Edit) int { return cmp.Compare(a.Start, b.Start) })
	t.doc = got
	grown := 0
	for _, e := range x.edits {
		t.expanded = append(t.expanded, expansion{begin: e.Start + grown, end: e.Start + grown + len(e.Text), from: e.Start, to: e.End})
		grown += len(e.Text) - (e.End - e.Start)
	}
	return nil
}

// An expansion is what stands in the document in the place of an alias, a merge key or a
// key that is given again, and where these are in the file.
type expansion struct{ begin, end, from, to int }

// where is the line and column of a value in the file as it was read: what an alias stood
// for is where the alias is.
func (t *Template) where(n *syntax.Node) (line, column int) {
	i := sort.Search(len(t.expanded), func(i int) bool { return t.expanded[i].begin > n.Offset }) - 1
	if i < 0 {
		return t.file.Place(n.Offset)
	}
	if e := t.expanded[i]; n.Offset >= e.end {
		return t.file.Place(e.to + n.Offset - e.end)
	}
	return t.file.Place(t.expanded[i].from)
}
