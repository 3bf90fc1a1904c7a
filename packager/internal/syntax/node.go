// Package syntax turns a text into one tree, whichever of its readers reads it:
// YAML, JSON, and YAML by a second reader that shares no code with the first. It
// knows which bytes of the text belong to which node, what plain scalars mean in
// YAML 1.1, and how a value is written so that every reader takes it for the same.
//
// It knows nothing of templates.
package syntax

import "strconv"

// Kind tells nodes apart.
type Kind uint8

// The kinds of nodes.
const (
	Scalar Kind = iota
	Mapping
	Sequence
	Alias
)

// A Node is one value of a document as one reader understood it. All readers make
// the same kind of tree, so that one comparison serves for all of them.
type Node struct {
	Kind   Kind
	Tag    string // the tag as written, "!Sub"; "" where there is none
	Plain  bool   // an unquoted scalar: YAML's rules decide what it means
	Block  bool   // a literal or folded block scalar
	Flow   bool   // a flow collection, or a scalar inside one
	Value  string // a scalar's text, an alias's name
	Anchor string
	Keys   []*Node // a mapping's keys, as long as values
	Values []*Node // a mapping's values, a sequence's items
	Target *Node   // what an alias refers to

	Line, Column int // 1-based, in characters
	Offset       int // the byte where the node begins, tag and anchor included
	Start        int // the byte where its text begins, behind tag and anchor
}

// Get returns the value of a mapping's key, nil where there is none.
func (n *Node) Get(key string) *Node {
	if i := n.Index(key); i >= 0 {
		return n.Values[i]
	}
	return nil
}

// Index returns where a mapping's key stands among its keys, -1 where it does not.
func (n *Node) Index(key string) int {
	if n == nil || n.Kind != Mapping {
		return -1
	}
	for i, k := range n.Keys {
		if k.Kind == Scalar && k.Value == key {
			return i
		}
	}
	return -1
}

// At follows a path of child indices; nil where the path leads nowhere.
func (n *Node) At(path []int) *Node {
	for _, i := range path {
		if n == nil || i >= len(n.Values) {
			return nil
		}
		n = n.Values[i]
	}
	return n
}

// Step is what leads from a node to its i-th value: a key, or the number of an item.
func (n *Node) Step(i int) string {
	if n.Kind == Mapping {
		return n.Keys[i].Value
	}
	return strconv.Itoa(i)
}

// Clone returns a copy of the tree.
func (n *Node) Clone() *Node {
	c := *n
	c.Keys, c.Values = make([]*Node, len(n.Keys)), make([]*Node, len(n.Values))
	for i, k := range n.Keys {
		c.Keys[i] = k.Clone()
	}
	for i, v := range n.Values {
		c.Values[i] = v.Clone()
	}
	return &c
}

// IsMerge tells YAML 1.1's merge key (yaml.org/type/merge.html); quoted it is
// a key like any other.
func (n *Node) IsMerge() bool {
	return n.Kind == Scalar && n.Plain && n.Tag == "" && n.Value == "<<"
}
