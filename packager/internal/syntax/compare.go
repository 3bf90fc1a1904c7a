package syntax

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// A Reader is one way to read a text, and to compare what was read so.
type Reader struct {
	Name     string
	Read     func(*problem.Source) (*Node, error)
	strict   bool // it tells plain scalars, tags and anchors as they are written
	resolver *Resolver
}

// Readers are all ways to read a document. The first one read its root.
func (d *Document) Readers() []Reader {
	all := []Reader{
		{"YAML", ReadYAML, true, d.Resolver},
		{"YAML by the second reader", ReadSecond, false, d.Resolver},
	}
	if d.JSON {
		all = append([]Reader{{"JSON", ReadJSON, true, d.Resolver}}, all...)
	}
	return all
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
func (r Reader) Same(a, b *Node, at string) (string, bool) {
	here := cmp.Or(at, "the top")
	if a.Kind != b.Kind || a.Tag != b.Tag || len(a.Keys) != len(b.Keys) || len(a.Values) != len(b.Values) || !r.sameText(a, b) {
		return here, false
	}
	if r.strict && a.Anchor != b.Anchor {
		return here, false
	}
	for i, k := range a.Keys {
		if where, same := r.Same(k, b.Keys[i], Dotted(at, k.Value)); !same {
			return where, false
		}
	}
	for i, v := range a.Values {
		step := fmt.Sprint(i)
		if a.Kind == Mapping {
			step = a.Keys[i].Value
		}
		if where, same := r.Same(v, b.Values[i], Dotted(at, step)); !same {
			return where, false
		}
	}
	return "", true
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
