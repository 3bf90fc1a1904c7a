package template

import (
	"context"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/syntax"
)

// A Difference is one thing that differs between two templates, as CloudFormation reads
// them. What is new as a whole, as a resource, is one difference.
type Difference struct {
	Path     []string // the section, in it the logical ID, and what leads from there
	Old, New *Value   // nil where there is nothing
}

// A Value is what a template has in a place, in short.
type Value struct {
	Text         string // in YAML's flow style, cut where it is long
	Line, Column int
}

// Differences are how two templates differ.
type Differences struct {
	All    []Difference
	More   int      // so many are not listed
	Placed [][2]int // of the locations that stand in one place, those of the old and the new template, by index
}

// maxBrief bounds a value's text, and maxDifferences how many are listed: a stranger's
// template may differ in each of a million values.
const (
	maxBrief       = 160
	maxDifferences = maxProblems
)

// compare returns how two templates differ. Locations are not compared, but paired: by a
// place that both have.
func compare(ctx context.Context, before, after side) Differences {
	c := comparison{ctx: ctx, before: before, after: after, found: Differences{}}
	a, b := before.read(), after.read()
	for _, name := range sectionsOf(a, b) {
		c.section(name, a.index()[name], b.index()[name])
	}
	return c.found
}

// A side is one of two templates that are compared.
type side struct {
	t      *Template
	placed map[*syntax.Node]int // the values that are locations, and which
	tables map[string]bool      // the mappings that serve to find locations, and nothing else
}

func (s side) read() *meaning {
	r := meaningReader{doc: s.t.doc, isPlaced: func(n *syntax.Node) bool { _, is := s.placed[n]; return is }}
	return r.of(s.t.doc.Root)
}

// sectionsOf are the keys of two mappings, each once: those of the new one in its order, and
// behind them what only the old one has.
func sectionsOf(a, b *meaning) []string {
	all := append([]string(nil), b.keys...)
	known := b.index()
	for _, k := range a.keys {
		if known[k] == nil {
			all = append(all, k)
		}
	}
	return all
}

type comparison struct {
	ctx           context.Context
	before, after side
	path          []string
	found         Differences
}

// section compares a section of a template. One that is not there has no entries.
func (c *comparison) section(name string, a, b *meaning) {
	isEntries := func(m *meaning) bool { return m != nil && m.kind == syntax.Mapping && m.function == "" }
	empty := &meaning{kind: syntax.Mapping}
	switch {
	case a == nil && isEntries(b):
		a = empty
	case b == nil && isEntries(a):
		b = empty
	}
	if name == "Mappings" && isEntries(a) && isEntries(b) {
		a, b = without(a, c.serves(a, b)), without(b, c.serves(a, b))
	}
	c.path = []string{name}
	c.values(a, b)
}

// serves are the mappings that serve to find locations in both templates, or in that one
// which has them.
func (c *comparison) serves(a, b *meaning) map[string]bool {
	serve := make(map[string]bool)
	inA, inB := a.index(), b.index()
	for _, name := range sectionsOf(a, b) {
		serve[name] = (inA[name] == nil || c.before.tables[name]) && (inB[name] == nil || c.after.tables[name])
	}
	return serve
}

// without returns a mapping without some keys.
func without(m *meaning, keys map[string]bool) *meaning {
	rest := &meaning{node: m.node, kind: m.kind}
	for i, k := range m.keys {
		if !keys[k] {
			rest.add(k, m.values[i])
		}
	}
	return rest.finished()
}

// differ adds a difference.
func (c *comparison) differ(a, b *meaning) {
	if len(c.found.All) >= maxDifferences {
		c.found.More++
		return
	}
	d := Difference{Path: append([]string(nil), c.path...)}
	if a != nil {
		d.Old = c.before.value(a, len(c.path))
	}
	if b != nil {
		d.New = c.after.value(b, len(c.path))
	}
	if a != nil && b != nil && d.Old.Text == d.New.Text {
		d.Old.Text, d.New.Text = apart(a.brief(maxLong), b.brief(maxLong))
	}
	c.found.All = append(c.found.All, d)
}

// maxLong is how much of two values is searched for where they differ.
const maxLong = 1 << 20

// apart returns two texts from a little before where they differ.
func apart(a, b string) (string, string) {
	const before = 40
	at := 0
	for at < len(a) && at < len(b) && a[at] == b[at] {
		at++
	}
	at = max(0, at-before)
	for at > 0 && !utf8.RuneStart(a[at]) {
		at--
	}
	return "…" + cutEnd(a[at:], maxBrief), "…" + cutEnd(b[at:], maxBrief)
}

// value is a meaning for a person. Of a whole resource it is the type.
func (s side) value(m *meaning, depth int) *Value {
	v := &Value{Text: m.brief(maxBrief)}
	if typ := m.index()["Type"]; depth == 2 && typ != nil && typ.kind == syntax.Scalar {
		v.Text = strings.Trim(typ.brief(maxBrief), `"`)
	}
	v.Line, v.Column = s.t.where(m.node)
	return v
}

// values compares two values, of which one may be nil.
func (c *comparison) values(a, b *meaning) {
	switch {
	case c.ctx.Err() != nil || a == nil && b == nil:
	case a == nil || b == nil:
		c.differ(a, b)
	case a.sum == b.sum && a.places == 0 && b.places == 0:
	case a.placed && b.placed:
		c.found.Placed = append(c.found.Placed, [2]int{c.before.placed[a.node], c.after.placed[b.node]})
	case a.placed || b.placed || a.kind != b.kind || a.function != b.function || a.kind == syntax.Scalar:
		c.differ(a, b)
	case a.function != "" && (a.values[0].kind == syntax.Scalar || b.values[0].kind == syntax.Scalar):
		c.differ(a, b) // of !Ref A and !Ref B, the whole says more than A and B
	case a.kind == syntax.Sequence:
		c.items(a, b)
	default:
		inA, inB := a.index(), b.index()
		for _, key := range sectionsOf(a, b) {
			c.below(key, inA[key], inB[key])
		}
	}
}

func (c *comparison) below(step string, a, b *meaning) {
	c.path = append(c.path, step)
	c.values(a, b)
	c.path = c.path[:len(c.path)-1]
}

// items compares the items of two lists. An item has the number that it has in the new
// list, and one that was removed that of the old one.
func (c *comparison) items(a, b *meaning) {
	for _, p := range align(a.values, b.values) {
		var x, y *meaning
		number := p.b
		if p.a >= 0 {
			x = a.values[p.a]
		}
		if p.b >= 0 {
			y = b.values[p.b]
		} else {
			number = p.a
		}
		c.below(strconv.Itoa(number), x, y)
	}
}
