package template

import (
	"fmt"
	"regexp"
	"slices"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/region"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/syntax"
)

// proveIn proves that in a store's region the template for all regions means what the
// region's own template means. all and own are what makes them of the source; that each
// was read again as that is proved already, by [Template.prove].
//
// The functions in the places of the references are carried out, as CloudFormation does it
// in that region, in both templates, and for each value of the loops around them. Then
// the places hold the same value or, where SAM takes a location in two forms, name
// the same object; and nothing else differs but the mappings that were added. What SAM
// reads before that is in a form that it takes.
func (t *Template) proveIn(s Store, all, own []change) error {
	different := func(format string, args ...any) error {
		return t.internal(fmt.Errorf("in "+s.Region+" the template for all regions differs "+format, args...))
	}
	a, inAll, ok := t.proofs[0].expected(all)
	b, inOwn, alsoOK := t.proofs[0].expected(own)
	if !ok || !alsoOK {
		return different("in the places of references")
	}
	left, right := evaluation{t: t, store: s, mappings: a.Get("Mappings")}, evaluation{t: t, store: s, mappings: b.Get("Mappings")}
	for i, r := range t.refs { // the changes are in their order
		here, there := place(r, inAll[i]), place(r, inOwn[i])
		if here == nil || there == nil || !r.suitsSAM(here) || !left.same(r, here, there, right) {
			return different("at %s", r.subject())
		}
		*here, *there = syntax.Node{}, syntax.Node{}
	}
	t.dropAdded(a)
	t.dropAdded(b)
	if where, same := t.proofs[0].Same(a, b); !same {
		return different("at %s", where)
	}
	return nil
}

// suitsSAM tells whether a value has no function where SAM reads it before CloudFormation
// carries that out, or makes a logical ID of its text: of the key. In a loop, whose
// variable CloudFormation replaces before, and in Fn::If the key is found by one.
func (r *Reference) suitsSAM(value *syntax.Node) bool {
	if r.row.takes.sam == samPasses {
		return true
	}
	name, _ := functionOf(value)
	key := value.Get("Key")
	isLiteral := key == nil || key.Kind == syntax.Scalar && key.Tag == ""
	return name == "" && (isLiteral || r.choice != nil || r.loops != nil)
}

// place is where a reference's value stands, below what was changed for it.
func place(r *Reference, changed *syntax.Node) *syntax.Node {
	switch r.placement {
	case insertProperties:
		changed = changed.Get("Properties").Get(r.row.path)
	case insertProperty, replaceProperties:
		changed = changed.Get(r.row.path)
	case replaceValue:
	}
	return changed
}

// dropAdded takes the mappings out of a tree that are not the source's, and the section
// where none is left.
func (t *Template) dropAdded(tree *syntax.Node) {
	i := tree.Index("Mappings")
	if i < 0 {
		return
	}
	section, own := tree.Values[i], make(map[string]bool)
	if source := t.doc.Root.Get("Mappings"); source != nil {
		for _, k := range source.Keys {
			own[k.Value] = true
		}
	}
	var keys, values []*syntax.Node
	for j, k := range section.Keys {
		if own[k.Value] {
			keys, values = append(keys, k), append(values, section.Values[j])
		}
	}
	section.Keys, section.Values = keys, values
	if len(section.Keys) == 0 {
		tree.Keys, tree.Values = slices.Delete(tree.Keys, i, i+1), slices.Delete(tree.Values, i, i+1)
	}
}

// An evaluation carries out the functions in one packaged template that find locations.
type evaluation struct {
	t        *Template
	store    Store
	mappings *syntax.Node
	values   map[string]string // of the variables of loops
}

// same tells whether a reference's value is the same in two templates, for each value of
// the loops around it.
func (e evaluation) same(r *Reference, a, b *syntax.Node, other evaluation) bool {
	for _, values := range valuesOf(r.loops) {
		e.values, other.values = values, values
		if !e.t.sameLocation(r, e.value(a), other.value(b)) {
			return false
		}
	}
	return true
}

// valuesOf are the values that loops give to their variables.
func valuesOf(loops []loop) []map[string]string {
	all := []map[string]string{{}}
	for _, l := range loops {
		var longer []map[string]string
		for _, known := range all {
			for _, v := range l.values {
				more := map[string]string{l.variable: v}
				for name, value := range known {
					more[name] = value
				}
				longer = append(longer, more)
			}
		}
		all = longer
	}
	return all
}

// sameLocation tells whether two values that were carried out are one, or name one object
// in the two forms that SAM takes.
func (t *Template) sameLocation(r *Reference, a, b *syntax.Node) bool {
	for _, n := range []*syntax.Node{a, b} {
		if bucket := n.Index("Bucket"); bucket >= 0 && r.choice != nil {
			n.Values[bucket] = chosenAlike(n.Values[bucket])
		}
	}
	if _, same := t.proofs[0].Same(a, b); same {
		return true
	}
	if r.row.takes.sam != samPointer || a.Kind != syntax.Mapping || b.Kind != syntax.Scalar {
		return false
	}
	l, ok := s3Object(b.Value)
	pairs := [][2]string{{"Bucket", l.Bucket}, {"Key", l.Key}}
	if l.Version != "" {
		pairs = append(pairs, [2]string{"Version", l.Version})
	}
	same := func(i int) bool {
		return a.Keys[i].Value == pairs[i][0] && a.Values[i].Kind == syntax.Scalar && a.Values[i].Tag == "" && a.Values[i].Value == pairs[i][1]
	}
	return ok && len(a.Keys) == len(pairs) && same(0) && same(1) && (l.Version == "" || same(2))
}

// chosenAlike is what Fn::If chooses in every case, and the function itself where that
// differs. AWS::NoValue is not counted: without a bucket there is no location.
func chosenAlike(n *syntax.Node) *syntax.Node {
	if !isIf(n) {
		return n
	}
	var alike *syntax.Node
	list, _ := branchesOf(n, nil)
	for _, branch := range list.Values[1:] {
		switch branch = chosenAlike(branch); {
		case isNoValue(branch):
		case branch.Kind != syntax.Scalar || branch.Tag != "" || alike != nil && alike.Value != branch.Value:
			return n
		default:
			alike = branch
		}
	}
	if alike == nil {
		return n
	}
	return alike
}

// value is what a value comes out as. Functions that are not ours stay. So does one that
// looks into a mapping of ours by a variable that has no value, as a branch of Fn::If may:
// then all that this mapping holds stands beside it.
func (e evaluation) value(n *syntax.Node) *syntax.Node {
	c := *n
	c.Anchor, c.Values = "", make([]*syntax.Node, len(n.Values))
	for i, v := range n.Values {
		c.Values[i] = e.value(v)
	}
	name, argument := functionOf(&c)
	switch {
	case name == "Ref" && argument.Kind == syntax.Scalar:
		if text, known := e.variable(argument.Value); known {
			return &syntax.Node{Value: text}
		}
	case name == "FindInMap" && isList(argument, 3):
		if table := e.added(argument.Values[0].Value); table != nil {
			if found := e.find(table, argument.Values[1:]); found != nil {
				return found
			}
			return list(&c, table)
		}
	case name == "Sub" && isList(argument, 2):
		if text, known := e.sub(argument.Values[0].Value, argument.Values[1]); known {
			return &syntax.Node{Value: text}
		}
	case c.Kind == syntax.Scalar && (c.Tag == "!!str" || c.Tag == "!"):
		c.Tag = ""
	}
	return &c
}

// variable is the value of a variable in the store's region.
func (e evaluation) variable(name string) (text string, known bool) {
	switch name {
	case "AWS::Region":
		return e.store.Region, true
	case "AWS::URLSuffix":
		return region.DNSSuffix(e.store.Region), true
	}
	text, known = e.values[name]
	return text, known
}

// added is a mapping of that name that was added, nil where there is none.
func (e evaluation) added(name string) *syntax.Node {
	if e.t.doc.Root.Get("Mappings").Get(name) != nil {
		return nil
	}
	return e.mappings.Get(name)
}

// find looks into a mapping; nil where it has nothing there, or a key is not known.
func (e evaluation) find(table *syntax.Node, keys []*syntax.Node) *syntax.Node {
	for _, key := range keys {
		if key.Kind != syntax.Scalar || key.Tag != "" {
			return nil
		}
		if table = table.Get(key.Value); table == nil {
			return nil
		}
	}
	return &syntax.Node{Value: table.Value}
}

// sub fills variables into a text: those of loops, which comes first, those that are given
// with it, and AWS's own. It is not known where one of them is not.
func (e evaluation) sub(text string, own *syntax.Node) (filled string, known bool) {
	known = true
	for name, value := range e.values {
		text = loop{variable: name}.fill(text, value)
	}
	filled = regexp.MustCompile(`\$\{([^}]*)\}`).ReplaceAllStringFunc(text, func(hole string) string {
		name := hole[2 : len(hole)-1]
		if v := own.Get(name); v != nil {
			known = known && v.Kind == syntax.Scalar && v.Tag == ""
			return v.Value
		}
		value, is := e.variable(name)
		known = known && is
		return value
	})
	return filled, known
}
