package template

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/region"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/syntax"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// A Packaged template is one that somebody has packaged: this program, the AWS CLI or SAM
// CLI. Its packaged properties name stored objects. It is a stranger's text; nothing of it is
// looked for on this machine.
type Packaged struct {
	Warnings []error // what CloudFormation or SAM may refuse, where a property would be packaged
	t        *Template
	places   []spot
}

// A spot is where a packaged property stands.
type spot struct {
	row       Row
	id, name  string       // the logical ID, and the property's path
	node      *syntax.Node // its value; nil where it is absent and means the template's folder
	key       *syntax.Node // the key of the resource
	entry     *syntax.Node // and the resource itself
	path      []int        // child indices from the root to the value
	loops     []loop       // around it
	condition string       // of the resource, "" where it has none
	idle      bool         // nothing takes it: all functions have their own, as the AWS CLI writes it beside Globals
}

// ReadPackaged reads a packaged template, which messages call shown, and finds the
// properties in table. It is never nil; where there are errors nothing was found.
func ReadPackaged(ctx context.Context, text []byte, shown string, table []Row) (*Packaged, []error) {
	p := &Packaged{t: &Template{Path: shown, table: table}}
	if len(text) > maxTemplate {
		return p, []error{&problem.Error{File: shown, Message: fmt.Sprintf("this file has %d bytes, far more than CloudFormation takes (1 MB)", len(text)), Hint: "is it a template?"}}
	}
	errs := p.t.load(ctx, text)
	p.t.Warnings = nil // what was written out, or left out, is no matter of a reader's
	if len(errs) == 0 {
		p.find()
	}
	return p, errs
}

// Hollow is an error where the template has no resources, and nothing that could make some: it names
// nothing, but nor does any file that is no template.
func (p *Packaged) Hollow() error {
	if p.t.doc == nil {
		return nil // it cannot be read, which is told
	}
	root := p.t.doc.Root
	if root.Index("Resources") >= 0 || root.Get("Transform") != nil || root.Get("Fn::Transform") != nil {
		return nil
	}
	return p.t.errorf(root, "", "there is no Resources section: is this a template?")
}

// HasParameter tells whether the template has a parameter of this name.
func (p *Packaged) HasParameter(name string) bool {
	return p.t.doc.Root.Get("Parameters").Get(name) != nil
}

// find finds the packaged properties, in the order of the file.
func (p *Packaged) find() {
	c := &collector{t: p.t, table: p.t.table, errs: &p.Warnings, told: make(map[*syntax.Node]bool), types: make(map[string]bool)}
	c.found = func(row Row, id, name string, n *syntax.Node, path []int) {
		at := spot{row: row, id: id, name: name, node: n, key: c.keyNode, entry: c.entry, path: slices.Clone(path), loops: slices.Clone(c.loops)}
		if row.section == "Resources" {
			if v := c.entry.Get("Condition"); v != nil && v.Kind == syntax.Scalar {
				at.condition = v.Value
			}
		}
		at.idle = row.section == "Globals" && !takesGlobal(p.t.doc.Root.Get("Resources"), row)
		p.places = append(p.places, at)
	}
	c.includes(p.t.doc.Root, nil)
	c.section("Resources", c.resource)
	c.section("Globals", c.globals)
	c.section("Metadata", c.metadata)
	slices.SortStableFunc(p.places, func(a, b spot) int { return a.offset() - b.offset() })
	p.Warnings = append(p.Warnings, p.t.Warnings...)
	p.t.Warnings = nil
}

// takesGlobal tells whether a resource takes a property from Globals: it says neither that
// nor what it could say instead. What a macro makes may do so.
func takesGlobal(resources *syntax.Node, row Row) bool {
	if resources == nil || resources.Kind != syntax.Mapping {
		return true
	}
	return slices.ContainsFunc(resources.Keys, func(k *syntax.Node) bool {
		n := resources.Get(k.Value)
		if strings.HasPrefix(k.Value, "Fn::") {
			return len(n.Values) != 3 || takesGlobal(n.Values[2], row)
		}
		typ, props := n.Get("Type"), n.Get("Properties")
		says := func(name string) bool { return props.Get(name) != nil }
		return typ != nil && typ.Value == "AWS::Serverless::"+row.typ && !says(row.path) && !slices.ContainsFunc(row.instead, says) && !ignoresGlobal(n, row.path)
	})
}

// offset is where in the text the place is.
func (a spot) offset() int { return a.at().Offset }

// at is the value, or the key of what lacks it.
func (a spot) at() *syntax.Node {
	if a.node == nil {
		return a.key
	}
	return a.node
}

// Regions are those for which a template for several regions was packaged, sorted: the keys
// of the mappings in which it finds its locations by AWS::Region. There are none where it
// finds no location so.
func (p *Packaged) Regions() (all []string) {
	for _, a := range p.places {
		for _, name := range p.mappingsOf(a.node, true) {
			m := p.t.doc.Root.Get("Mappings").Get(name)
			if m == nil {
				continue
			}
			for _, k := range m.Keys {
				if region.Valid(k.Value) {
					all = append(all, k.Value)
				}
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// mappingsOf are the names of the mappings in which a value finds something: by region, or
// by whatever.
func (p *Packaged) mappingsOf(n *syntax.Node, byRegion bool) (names []string) {
	if n == nil {
		return nil
	}
	if name, argument := functionOf(n); name == "FindInMap" && argument.Kind == syntax.Sequence && len(argument.Values) >= 3 {
		key, variable := functionOf(argument.Values[1])
		if !byRegion || key == "Ref" && variable.Value == "AWS::Region" {
			names = append(names, argument.Values[0].Value)
		}
	}
	for _, v := range n.Values {
		names = append(names, p.mappingsOf(v, byRegion)...)
	}
	return names
}

// subject is the place in words.
func (a spot) subject() string {
	if a.id == "" {
		return a.name
	}
	return cut(a.id, maxName) + "." + a.name
}
