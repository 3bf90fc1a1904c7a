package template

import (
	"slices"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/syntax"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// A Stack is where a packaged template is deployed, as far as it decides what the template
// names.
type Stack struct {
	Region string // "" where that is not known
	// Parameters have these values. Others have their defaults, but for those that are Open:
	// they have values that nobody knows.
	Parameters map[string]string
	Open       []string
	Endpoint   string // an S3 server in the place of AWS's, whose URLs name objects, too
}

// A Use is what a packaged property names in a stack. A property has several where Fn::If
// chooses, or a loop repeats it.
type Use struct {
	LogicalID, Property string
	Line, Column        int
	// Location is the object or the image. It has neither bucket nor repository where Local
	// or Unknown says why.
	Location Location
	Local    string // a local path still stands there: this property is not packaged
	Unknown  string // why nobody can know it from the template
	Chosen   bool   // a condition of which nothing is known decides whether it is used
	Nested   bool   // the object is a template
	Spread   bool   // that is deployed in all of its regions
	Image    bool   // it is an image
	Stack    Stack  // where that is deployed
	place    int    // the property's index
	packaged *Packaged
}

// Errorf returns an Error at the place of the property.
func (u Use) Errorf(format string, args ...any) *problem.Error {
	a := u.packaged.places[u.place]
	return u.packaged.t.errorf(a.at(), a.subject(), format, args...)
}

// Where is the file of the template, as messages call it.
func (u Use) Where() string { return u.packaged.t.Path }

// File is what messages call the template.
func (p *Packaged) File() string { return p.t.Path }

// Conditional tells whether a condition has a part in what the property names.
func (u Use) Conditional() bool {
	a := u.packaged.places[u.place]
	var holds func(n *syntax.Node) bool
	holds = func(n *syntax.Node) bool { return isIf(n) || slices.ContainsFunc(n.Values, holds) }
	return a.condition != "" || a.node != nil && holds(a.node)
}

// Place is the number of the property among the template's packaged ones: templates of the
// same source have the same properties.
func (u Use) Place() int { return u.place }

// Uses returns what the template names in a stack, in its order, each location of a
// property once. What Globals name is left out where nothing takes it.
func (p *Packaged) Uses(in Stack) (all []Use) {
	e := p.evaluator(in)
	type named struct {
		Location
		local, unknown string
	}
	for i, a := range p.places {
		if a.idle {
			continue
		}
		told := make(map[named]bool)
		for _, u := range e.usesAt(p, i, a) {
			name := named{u.Location, u.Local, u.Unknown}
			if !told[name] {
				told[name] = true
				all = append(all, u)
			}
		}
	}
	return all
}

// ByPlace returns what each packaged property names in a stack, by its number, whatever the
// conditions: once for each outcome of those in it and for each value of the loops around it,
// in an order that is that of the template.
func (p *Packaged) ByPlace(in Stack) [][]Use {
	e := p.evaluator(in)
	e.whatever = true
	all := make([][]Use, len(p.places))
	for i, a := range p.places {
		all[i] = e.usesAt(p, i, a)
	}
	return all
}

// usesAt are what a place names, with all that is known of the place.
func (e *evaluator) usesAt(p *Packaged, place int, a spot) []Use {
	all := e.uses(a)
	for i := range all {
		u := &all[i]
		u.place, u.packaged = place, p
		u.LogicalID, u.Property = a.id, a.name
		u.Nested, u.Spread, u.Image = a.row.nested, a.row.spread, a.row.form.image
		u.Line, u.Column = p.t.where(a.at())
		if u.Nested && u.Location.Bucket != "" {
			u.Stack = e.nestedStack(a)
		}
	}
	return all
}
