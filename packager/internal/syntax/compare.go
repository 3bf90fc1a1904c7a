package syntax

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// A Reader is one way to read a text, and to compare what was read so.
type Reader struct {
	Name     string
	Read     func(context.Context, *problem.Source) (*Node, error)
	strict   bool // it tells plain scalars, tags and anchors as they are written
	resolver *Resolver
}

// Readers are all ways to read a document. The first one read its root.
func (d *Document) Readers() []Reader {
	all := []Reader{{"YAML", ReadYAML, true, d.Resolver}}
	if len(d.Source.Text) <= maxSecondText && widest(d.Root) <= maxSecondWidth {
		all = append(all, Reader{"YAML by the second reader", ReadSecond, false, d.Resolver})
	}
	if d.JSON {
		all = append([]Reader{{"JSON", ReadJSON, true, d.Resolver}}, all...)
	}
	return all
}

// The second reader calls itself once for each entry of a mapping, and copies all entries
// behind it. So it is not asked about what CloudFormation does not take either: more than
// 1 MB of text, and mappings of far more entries than its quota of 500 resources.
const (
	maxSecondText  = 1 << 20
	maxSecondWidth = 1000
)

// widest is how many entries the largest mapping has.
func widest(n *Node) int {
	most := len(n.Keys)
	for _, v := range n.Values {
		most = max(most, widest(v))
	}
	return most
}

// Agrees tells whether a reader understands the place of a reference as the
// first reader does.
func (r Reader) Agrees(theirs, ours *Node) bool {
	if theirs == nil || theirs.Kind != ours.Kind || len(theirs.Keys) != len(ours.Keys) {
		return false
	}
	if strings.HasPrefix(theirs.Tag, "!") && theirs.Tag != ours.Tag {
		return false // a tag may be written in several ways
	}
	for i, k := range ours.Keys {
		if k.Kind != theirs.Keys[i].Kind || k.Value != theirs.Keys[i].Value {
			return false
		}
	}
	return ours.Kind != Scalar || ours.IsNull() || theirs.Value == ours.Value
}

// Same compares two trees of this reader; where they differ, it says where.
func (r Reader) Same(a, b *Node) (where string, same bool) {
	var steps []string
	if same = r.same(a, b, &steps); !same {
		slices.Reverse(steps)
		where = cmp.Or(strings.Join(slices.DeleteFunc(steps, func(s string) bool { return s == "" }), "."), "the top")
	}
	return where, same
}

// same adds to steps the way from the first difference back to the top.
func (r Reader) same(a, b *Node, steps *[]string) bool {
	if a.Kind != b.Kind || a.Tag != b.Tag || len(a.Keys) != len(b.Keys) || len(a.Values) != len(b.Values) || !r.sameText(a, b) {
		return false
	}
	if r.strict && a.Anchor != b.Anchor {
		return false
	}
	for i, k := range a.Keys {
		if !r.same(k, b.Keys[i], steps) {
			*steps = append(*steps, k.Value)
			return false
		}
	}
	for i, v := range a.Values {
		if !r.same(v, b.Values[i], steps) {
			*steps = append(*steps, a.Step(i))
			return false
		}
	}
	return true
}

// sameText compares two scalars' values. Quotes matter only where a plain
// scalar is no string.
func (r Reader) sameText(a, b *Node) bool {
	if a.Value != b.Value {
		return r.strict && a.IsNull() && b.IsNull()
	}
	if !r.strict || a.Plain == b.Plain || a.Tag != "" {
		return true
	}
	return r.resolver.typeOf(a.Value) == stringType
}

// Dotted joins two steps of a path through a document, either of which may be "".
func Dotted(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "." + b
}
