package template

import (
	"slices"
	"sort"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/syntax"
)

// nameOf is the logical ID and property of a node, or its path in another
// section; "" where it is not in the tree.
func (t *Template) nameOf(n *syntax.Node) string {
	if n == nil {
		return ""
	}
	path, _ := pathTo(t.doc.Root, n)
	slices.Reverse(path)
	if len(path) > 1 && path[0] == "Resources" {
		path = path[1:]
		if len(path) > 2 && path[1] == "Properties" {
			path = append(path[:1:1], path[2:]...)
		}
	}
	return strings.Join(slices.DeleteFunc(path, func(s string) bool { return s == "" }), ".")
}

// pathTo returns the steps from a node back to the one that it is found below.
//
// Nodes stand in the order of their offsets, so it is found by halving: the last child
// that does not begin behind it holds it. An empty value may begin where its neighbour
// does, which then comes before it.
func pathTo(below, wanted *syntax.Node) (path []string, found bool) {
	if below == wanted {
		return nil, true
	}
	behind := func(nodes []*syntax.Node) int {
		return sort.Search(len(nodes), func(i int) bool { return nodes[i].Offset > wanted.Offset })
	}
	for i := behind(below.Keys) - 1; i >= 0; i-- {
		if below.Keys[i] == wanted {
			return []string{cut(wanted.Value, maxName)}, true
		}
		if below.Keys[i].Offset < wanted.Offset {
			break
		}
	}
	for i := behind(below.Values) - 1; i >= 0; i-- {
		if path, found := pathTo(below.Values[i], wanted); found {
			return append(path, cut(below.Step(i), maxName)), true
		}
		if below.Values[i].Offset < wanted.Offset {
			break
		}
	}
	return nil, false
}
