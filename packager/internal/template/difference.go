package template

import (
	"cmp"
	"context"
	"slices"
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
	All   []Difference
	More  int // so many are not listed
	Pairs []Pair
}

// A Pair is a packaged property that names what is stored, in two templates, by its numbers
// there; see [Packaged.ByPlace]. One is -1 where a template has none in the other's place.
type Pair struct{ Old, New int }

// maxBrief bounds a value's text, and maxDifferences how many are listed: a stranger's
// template may differ in each of a million values.
const (
	maxBrief       = 160
	maxDifferences = maxProblems
)

// Compare returns how two packaged templates differ, as CloudFormation reads them, in a stack
// each. Locations are not compared, but paired: by the place where both have one. What is said
// beside a location is compared, and so is what only a deployment makes one. A mapping in
// which locations are found, and nothing else, belongs to them.
func Compare(ctx context.Context, before, after *Packaged, old, now Stack) Differences {
	c := comparison{ctx: ctx, before: before.side(old), after: after.side(now)}
	a, b := c.before.read(), c.after.read()
	inA, inB := a.index(), b.index()
	for _, name := range sectionsOf(a, b) {
		c.section(name, inA[name], inB[name])
	}
	c.unpaired()
	return c.found
}

// unpaired adds what only one template has, and puts the pairs in the order of the new one.
func (c *comparison) unpaired() {
	inOld, inNew := make(map[int]bool), make(map[int]bool)
	for _, p := range c.found.Pairs {
		inOld[p.Old], inNew[p.New] = true, true
	}
	for _, i := range c.before.placed {
		if !inOld[i] {
			c.found.Pairs = append(c.found.Pairs, Pair{i, -1})
		}
	}
	for _, i := range c.after.placed {
		if !inNew[i] {
			c.found.Pairs = append(c.found.Pairs, Pair{-1, i})
		}
	}
	// What was removed stands last: -1 is the largest number.
	slices.SortFunc(c.found.Pairs, func(a, b Pair) int {
		return cmp.Or(cmp.Compare(uint(a.New), uint(b.New)), cmp.Compare(a.Old, b.Old))
	})
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
		serve := c.serves(a, b)
		a, b = without(a, serve), without(b, serve)
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
		c.found.Pairs = append(c.found.Pairs, Pair{c.before.placed[a.node], c.after.placed[b.node]})
		c.values(a.beside, b.beside)
	case a.placed || b.placed || a.whole != b.whole || a.kind != b.kind || a.function != b.function || a.kind == syntax.Scalar:
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
