package document

import (
	"slices"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/syntax"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// A Value is one value of a YAML file. The zero Value is an absent one, of which
// all questions are answered with nothing.
type Value struct {
	file     *File
	node     *syntax.Node // nil where the value is absent
	untagged bool         // its tag is taken off
}

// A Pair is a key of a mapping with its value.
type Pair struct{ Key, Value Value }

// Name is the key's text.
func (p Pair) Name() string { return p.Key.Text() }

// File is the file that the value stands in.
func (v Value) File() *File { return v.file }

// Place is where the value begins.
func (v Value) Place() Place {
	if v.node == nil {
		return v.file.At(0, 0)
	}
	return v.file.At(v.node.Line, v.node.Column)
}

// Line is the line in which the value begins, 0 where it is absent.
func (v Value) Line() int { return v.Place().line }

// IsBlock tells whether the value is a text that begins below its mark, | or >.
func (v Value) IsBlock() bool {
	return v.node != nil && v.node.Block
}

// Problem is an error at the value's place.
func (v Value) Problem(subject, hint, format string, args ...any) *problem.Error {
	return v.Place().Problem(subject, hint, format, args...)
}

// resolved is the node behind aliases.
func (v Value) resolved() *syntax.Node {
	n := v.node
	for range 100 { // an alias may refer to itself
		if n == nil || n.Kind != syntax.Alias {
			return n
		}
		n = n.Target
	}
	return nil
}

func (v Value) is(kind syntax.Kind) bool {
	n := v.resolved()
	return n != nil && n.Kind == kind
}

// Exists tells whether there is a value.
func (v Value) Exists() bool { return v.resolved() != nil }

// IsSequence tells whether the value is a sequence, with a tag or without.
func (v Value) IsSequence() bool { return v.is(syntax.Sequence) }

// IsMapping tells whether the value is a mapping, with a tag or without.
func (v Value) IsMapping() bool { return v.is(syntax.Mapping) }

// tag is the tag as it is written, "!Sub"; YAML's own, "!!str", count as none.
func (v Value) tag() string {
	n := v.resolved()
	if v.untagged || n == nil || strings.HasPrefix(n.Tag, "!!") {
		return ""
	}
	return n.Tag
}

// Tagged takes the tag off: "!Sub" and what it stands before.
func (v Value) Tagged() (tag string, untagged Value) {
	tag = v.tag()
	v.untagged = v.untagged || tag != ""
	return tag, v
}

// Scalar is the text of a scalar without a tag.
func (v Value) Scalar() (text string, ok bool) {
	n := v.resolved()
	switch {
	case n == nil || n.Kind != syntax.Scalar || v.tag() != "":
		return "", false
	case n.Tag == "!!null" || n.Plain && n.Tag == "" && slices.Contains([]string{"~", "null", "Null", "NULL"}, n.Value):
		return "", true
	}
	return n.Value, true
}

// Text is the text of a scalar without a tag, and "" of any other value.
func (v Value) Text() string {
	text, _ := v.Scalar()
	return text
}

// IsYes tells what YAML 1.1 takes as true; the reader knows only 1.2.
func (v Value) IsYes() bool {
	switch strings.ToLower(v.Text()) {
	case "yes", "true", "on", "y":
		return true
	}
	return false
}

// Items are those of a sequence without a tag.
func (v Value) Items() (all []Value) {
	if v.is(syntax.Sequence) && v.tag() == "" {
		for _, child := range v.resolved().Values {
			all = append(all, v.of(child))
		}
	}
	return all
}

// List are a sequence's items, or the one text that stands in place of a sequence:
// CodeBuild takes both.
func (v Value) List() []Value {
	if text, ok := v.Scalar(); ok && text != "" {
		return []Value{v}
	}
	return v.Items()
}

// Get follows keys from mapping to mapping.
func (v Value) Get(keys ...string) Value {
	for _, key := range keys {
		found := Value{file: v.file}
		for _, p := range v.Pairs() {
			if p.Name() == key {
				found = p.Value
			}
		}
		v = found
	}
	return v
}

// GetInAnyCase is Get of a key that may be written in other letters, a and A: it is
// not known whether CodeBuild takes that.
func (v Value) GetInAnyCase(key string) Value {
	if exact := v.Get(key); exact.Exists() {
		return exact
	}
	for _, p := range v.Pairs() {
		if strings.EqualFold(p.Name(), key) {
			return p.Value
		}
	}
	return v.Get(key)
}

// Pairs are those of a mapping without a tag, in their order. What merge keys bring
// in stands before the mapping's own pairs, as the last one of a name counts.
func (v Value) Pairs() []Pair {
	if !v.is(syntax.Mapping) || v.tag() != "" {
		return nil
	}
	var merged, own []Pair
	for _, p := range v.written() {
		if p.Key.node.IsMerge() {
			budget := maxPairs
			merged = p.Value.merged(merged, &budget)
		} else {
			own = append(own, p)
		}
	}
	return append(merged, own...)
}

// maxPairs bounds what merge keys make of a mapping.
const maxPairs = 10_000

// merged adds what a merge key's value brings in. Merges may hold each other, which
// the budget bounds.
func (v Value) merged(all []Pair, budget *int) []Pair {
	n := v.resolved()
	if *budget--; n == nil || *budget < 0 {
		return all
	}
	if n.Kind == syntax.Sequence {
		for i := len(n.Values) - 1; i >= 0 && *budget > 0; i-- { // the first one counts
			all = v.of(n.Values[i]).merged(all, budget)
		}
		return all
	}
	for _, p := range v.written() {
		switch {
		case *budget <= 0:
			return all
		case p.Key.node.IsMerge():
			all = p.Value.merged(all, budget)
		default:
			all = append(all, p)
			*budget--
		}
	}
	return all
}

// written are a mapping's pairs as they stand there.
func (v Value) written() (all []Pair) {
	n := v.resolved()
	if n == nil || n.Kind != syntax.Mapping {
		return nil
	}
	for i, key := range n.Keys {
		all = append(all, Pair{v.of(key), v.of(n.Values[i])})
	}
	return all
}

// of is a value that stands within this one.
func (v Value) of(n *syntax.Node) Value { return Value{file: v.file, node: n} }
