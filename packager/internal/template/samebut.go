package template

import (
	"slices"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/syntax"
)

// SameBut tells whether two packaged templates are the same but for the locations that
// stand in packaged properties, or in mappings in which these find them. Where they are
// not, it says where they differ first.
func (p *Packaged) SameBut(other *Packaged) (where string, same bool) {
	return p.t.doc.Readers()[0].Same(p.withoutLocations(), other.withoutLocations())
}

// withoutLocations is the template with nothing in the place of locations.
func (p *Packaged) withoutLocations() *syntax.Node {
	root := p.t.doc.Root.Clone()
	var mappings []string
	for _, a := range p.places {
		if a.node == nil {
			continue
		}
		mappings = append(mappings, p.mappingsOf(a.node, false)...)
		if n := root.At(a.path); n != nil {
			*n = syntax.Node{}
		}
	}
	var empty func(n *syntax.Node)
	empty = func(n *syntax.Node) {
		if n.Kind == syntax.Scalar {
			*n = syntax.Node{}
		}
		for _, v := range n.Values {
			empty(v)
		}
	}
	slices.Sort(mappings)
	for _, name := range slices.Compact(mappings) {
		if m := root.Get("Mappings").Get(name); m != nil {
			empty(m)
		}
	}
	return root
}
