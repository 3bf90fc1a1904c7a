package template

import (
	"maps"
	"slices"

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
	// Nested tells that another stack makes this one, so that what it does not give has its
	// default for certain; and Guessed are those parameters that have the value that defaults
	// of that stack's parameters give them.
	Nested  bool
	Guessed []string
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
	Doubted  bool   // conditions choose it only if parameters have other values than their defaults
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

// Place is the number of the property among the template's packaged ones: templates of the
// same source have the same properties.
func (u Use) Place() int { return u.place }

// Uses returns what the template names in a stack, in its order, each location of a
// property once. What Globals name is left out where nothing takes it.
//
// A parameter's default does not say which value the stack is deployed with. So what
// conditions choose with another value is named, too: as far as the template says what that
// is, whatever the parameters.
func (p *Packaged) Uses(in Stack) (all []Use) {
	e, doubter := p.evaluator(in), p.evaluator(in.doubted(p))
	e.doubter = doubter
	type named struct {
		Location
		local, unknown string
	}
	for i, a := range p.places {
		if a.idle {
			continue
		}
		told := make(map[named]bool)
		add := func(u Use) {
			if name := (named{u.Location, u.Local, u.Unknown}); !told[name] {
				told[name] = true
				all = append(all, u)
			}
		}
		for _, u := range e.usesAt(p, i, a) {
			add(u)
		}
		for _, u := range doubter.usesAt(p, i, a) {
			if u.Doubted = true; u.Unknown == "" || u.Unknown == tooMuch {
				add(u)
			}
		}
	}
	return all
}

// doubted is the stack in which nothing is known of parameters that only have their defaults,
// or what these give.
func (in Stack) doubted(p *Packaged) Stack {
	in.Parameters = maps.Clone(in.Parameters)
	for _, name := range in.Guessed {
		delete(in.Parameters, name)
	}
	in.Open = slices.Concat(in.Open, in.Guessed)
	if parameters := p.t.doc.Root.Get("Parameters"); parameters != nil && !in.Nested {
		for _, k := range parameters.Keys {
			if _, given := in.Parameters[k.Value]; !given {
				in.Open = append(in.Open, k.Value)
			}
		}
	}
	return in
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
			if e.doubter != nil {
				u.Stack.Guessed = e.doubter.nestedStack(a).Open
			}
		}
	}
	return all
}
