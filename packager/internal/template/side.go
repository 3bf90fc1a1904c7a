package template

import (
	"cmp"
	"slices"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/syntax"
)

// A side is one of two templates that are compared.
type side struct {
	t      *Template
	placed map[*syntax.Node]int      // the values that are locations, and their places
	beside map[*syntax.Node]*meaning // what they say besides
	fixed  map[*syntax.Node]bool     // the values in them that only name what is stored
	tables map[string]bool           // the mappings that serve to find locations, and nothing else
}

// side reads a template in a stack. Where the stack's region is not known, one for several
// regions is read in any of these; in another one nothing is a location that depends on it.
func (p *Packaged) side(in Stack) side {
	s := side{
		t: p.t, placed: make(map[*syntax.Node]int), beside: make(map[*syntax.Node]*meaning),
		fixed: make(map[*syntax.Node]bool), tables: make(map[string]bool),
	}
	if regions := p.Regions(); len(regions) > 0 {
		in.Region = cmp.Or(in.Region, regions[0])
	}
	for i, uses := range p.ByPlace(in) {
		if n := p.places[i].node; n != nil && slices.ContainsFunc(uses, func(u Use) bool { return u.Location.isKnown() }) {
			s.placed[n] = i
			s.beside[n] = besideReader{s, p.certain(in, p.places[i].loops), p.places[i].row}.of(n)
		}
	}
	for n := range s.fixed {
		for _, name := range p.mappingsOf(n, false) {
			s.tables[name] = true
		}
	}
	s.usedElsewhere(p.t.doc.Root)
	return s
}

// usedElsewhere takes out of the tables those that something else looks into, too: all of
// them where it is not known which.
func (s side) usedElsewhere(n *syntax.Node) {
	if s.fixed[n] || len(s.tables) == 0 {
		return
	}
	if name, argument := functionOf(n); name == "FindInMap" && len(argument.Values) > 0 {
		if isText(argument.Values[0]) {
			delete(s.tables, argument.Values[0].Value)
		} else {
			clear(s.tables)
		}
	}
	for _, v := range n.Values {
		s.usedElsewhere(v)
	}
}

func (s side) read() *meaning {
	r := meaningReader{doc: s.t.doc, isPlaced: func(n *syntax.Node) bool { _, is := s.placed[n]; return is }, beside: s.beside}
	return r.of(s.t.doc.Root)
}

// certain is an evaluator that knows what a stack's region tells, and one value of each loop
// around a place, but no parameter: these have other values in the next deployment.
func (p *Packaged) certain(in Stack, loops []loop) *evaluator {
	e := p.evaluator(Stack{Region: in.Region})
	for name := range e.known {
		if p.t.doc.Root.Get("Parameters").Get(name) != nil {
			delete(e.known, name)
		}
	}
	for _, l := range loops {
		if len(l.values) > 0 {
			e.known[l.variable] = l.values[0]
		}
	}
	return e
}

// A besideReader reads what the value of a location says besides: which condition chooses
// it, what else a function's Code holds, and what only a deployment makes a location.
type besideReader struct {
	side
	certain *evaluator
	row     Row
}

// of returns what a value says beside a location; it is a blank if that is nothing.
func (r besideReader) of(n *syntax.Node) *meaning {
	name, argument := functionOf(n)
	switch {
	case isIf(n):
		m := &meaning{node: n, kind: syntax.Mapping, function: title(name)}
		choice := &meaning{node: n, kind: syntax.Sequence, values: []*meaning{r.whole(argument.Values[0]), r.of(argument.Values[1]), r.of(argument.Values[2])}}
		m.add(m.function, choice.finished())
		return m.finished()
	case name == "" && n.Kind == syntax.Mapping:
		return r.ofParts(n)
	case n.Kind == syntax.Sequence && name == "" || len(r.certain.outcome(n).holes()) > 0:
		return r.whole(n)
	}
	r.fixed[n] = true
	return blankAt(n)
}

// ofParts reads a mapping with a bucket and a key: its other keys stay, and all of them where
// one of these is not certain.
func (r besideReader) ofParts(n *syntax.Node) *meaning {
	m, parts := &meaning{node: n, kind: syntax.Mapping}, r.parts(n)
	for i, k := range n.Keys {
		v := n.Values[i]
		if !slices.Contains(parts, k.Value) {
			m.add(k.Value, r.whole(v))
			continue
		}
		switch beside := r.of(v); {
		case beside.function != "" && isIf(v):
			m.add(k.Value, beside)
		case !beside.blank:
			for _, v := range n.Values {
				delete(r.fixed, v)
			}
			return r.whole(n)
		}
	}
	m.blank = len(m.keys) == 0
	return m.finished()
}

// parts are the keys of a location that is a mapping.
func (r besideReader) parts(n *syntax.Node) []string {
	for _, f := range []form{r.row.form, pointerForm(), {bucket: "S3Bucket", key: "S3Key", version: "S3ObjectVersion"}} {
		if f.bucket != "" && n.Get(f.bucket) != nil && n.Get(f.key) != nil {
			return []string{f.bucket, f.key, f.version}
		}
	}
	return nil
}

// whole is all that a value means.
func (r besideReader) whole(n *syntax.Node) *meaning {
	all := meaningReader{doc: r.t.doc, isPlaced: func(*syntax.Node) bool { return false }}
	m := all.of(n, "", "", "", "")
	m.whole = true
	return m
}

// blankAt stands for a location and nothing else.
func blankAt(n *syntax.Node) *meaning {
	m := &meaning{node: n, kind: syntax.Mapping, blank: true}
	return m.finished()
}
