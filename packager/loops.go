package packager

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// A loop is an Fn::ForEach (AWS::LanguageExtensions) around a resource.
type loop struct {
	variable string
	values   []string // nil where the collection is not a list of literals
}

// loopOf reads [variable, collection, body].
func (r *resolver) loopOf(n *node) loop {
	l := loop{variable: n.values[0].value}
	for _, v := range n.values[1].values {
		if v.kind != scalar || v.tag != "" || !r.isString(v) {
			return loop{variable: l.variable}
		}
		l.values = append(l.values, v.value)
	}
	if n.values[1].kind != sequence || n.values[1].tag != "" {
		l.values = nil
	}
	return l
}

// in tells whether a text holds the loop's variable.
func (l loop) in(text string) bool {
	return strings.Contains(text, "${"+l.variable+"}") || strings.Contains(text, "&{"+l.variable+"}")
}

// fill puts a value in the variable's place; &{} takes its letters and digits
// alone.
func (l loop) fill(text, value string) string {
	text = strings.ReplaceAll(text, "${"+l.variable+"}", value)
	return strings.ReplaceAll(text, "&{"+l.variable+"}", regexp.MustCompile(`[^A-Za-z0-9]`).ReplaceAllString(value, ""))
}

// inLoop adds a reference whose path holds loop variables: one variant for
// each value, or each pair of values of two loops. CloudFormation expands the
// loop later, so the body then finds its location in a mapping.
func (c *collector) inLoop(r *reference, used []loop) {
	for _, l := range used {
		if l.values == nil {
			c.fail(r.node, r.subject(), "%q holds the loop variable %s, whose values are not written out: a path must be known here", r.local, l.variable)
			return
		}
		for _, v := range l.values {
			if !regexp.MustCompile(`^[A-Za-z0-9.-]+$`).MatchString(v) {
				c.fail(r.node, r.subject(), "%q holds the loop variable %s, and its value %q cannot be a key of a mapping: use letters, digits, dots and dashes", r.local, l.variable, v)
				return
			}
		}
	}
	if len(used) > 2 {
		c.fail(r.node, r.subject(), "%q holds %d loop variables, and a mapping has room for two", r.local, len(used))
		return
	}
	texts := []string{r.local}
	for _, l := range used {
		var filled []string
		for _, text := range texts {
			for _, v := range l.values {
				filled = append(filled, l.fill(text, v))
			}
		}
		texts = filled
	}
	r.loops = used
	for _, text := range texts {
		variant := *r
		variant.local, variant.loops = text, nil
		r.variants = append(r.variants, &variant)
	}
	c.t.refs = append(c.t.refs, r)
}

// leaves are the references that each name one artifact.
func (t *template) leaves() (leaves []*reference) {
	for _, r := range t.refs {
		if r.variants == nil {
			leaves = append(leaves, r)
		}
		leaves = append(leaves, r.variants...)
	}
	return leaves
}

// loopMapping returns the mapping that holds the locations of a reference's
// variants, and the text that finds one of them there.
func (r *reference) loopMapping(name string, values []string) (entry, find *node) {
	text := func(s string) *node { return &node{value: s} }
	word := func(s string) *node { return &node{value: s, plain: !r.template.json} }
	entry, find = &node{kind: mapping}, &node{kind: mapping, keys: []*node{text("Fn::FindInMap")}}
	steps := []*node{word(name)}
	for _, l := range r.loops {
		steps = append(steps, &node{kind: mapping, keys: []*node{word("Ref")}, values: []*node{text(l.variable)}})
	}
	second := []string{"Value"} // no key that YAML takes for a number or the like
	if len(r.loops) > 1 {
		second = r.loops[1].values
	} else {
		steps = append(steps, text("Value"))
	}
	find.values = []*node{{kind: sequence, values: steps}}
	for i, first := range r.loops[0].values {
		inner := &node{kind: mapping}
		for j, key := range second {
			inner.keys = append(inner.keys, text(key))
			inner.values = append(inner.values, text(values[i*len(second)+j]))
		}
		entry.keys = append(entry.keys, text(first))
		entry.values = append(entry.values, inner)
	}
	return entry, find
}

// replaceLoop returns the change that puts the lookup in a reference's place,
// and the mapping's name and content.
func (t *template) replaceLoop(r *reference, locate func(*reference) location, taken *node) (change, *node, *node, error) {
	var values []string
	var pairs [][2]string
	for _, variant := range r.variants {
		text, p := r.row.form.value(locate(variant))
		if pairs = p; p != nil {
			text = p[1][1] // the key; the bucket is the same for all
		}
		values = append(values, text)
	}
	base := "Mrpackage" + regexp.MustCompile(`[^A-Za-z0-9]`).ReplaceAllString(r.logicalID+r.name, "")
	name := base
	for i := 2; taken.get(name) != nil; i++ {
		name = fmt.Sprint(base, i)
	}
	entry, want := r.loopMapping(name, values)
	if pairs != nil {
		want = &node{
			kind:   mapping,
			keys:   []*node{{value: pairs[0][0], plain: !t.json}, {value: pairs[1][0], plain: !t.json}},
			values: []*node{{value: pairs[0][1]}, want},
		}
	}
	n := r.node
	_, end, err := n.span(t.src.Text)
	if err != nil {
		return change{}, nil, nil, t.internal(fmt.Errorf("line %d, column %d: %w", n.line, n.column, err))
	}
	text := t.flowText(want)
	if n.block {
		text += headerComment(t.src.Text[n.start:])
	}
	c := change{edit: edit{n.offset, end, text}, node: n, path: r.path, expect: func(target *node) { *target = *want }}
	return c, &node{value: name, plain: !t.json}, entry, nil
}

// addMappings returns the change that adds mappings to the template.
func (t *template) addMappings(added *node) (change, error) {
	if i := t.root.index("Mappings"); i >= 0 {
		section := t.root.values[i]
		if section.kind != mapping || len(section.keys) == 0 {
			return change{}, t.errorf(section, "Mappings", "this section is empty, and the locations of a loop's artifacts need it: leave it out")
		}
		parts := make([]string, len(added.keys))
		for j, k := range added.keys {
			parts[j] = t.flowText(k) + ": " + t.flowText(added.values[j])
		}
		return change{
			edit: t.insert(section, strings.Join(parts, t.separator(section))), node: section, path: []int{i},
			expect: func(target *node) {
				target.keys, target.values = append(slices.Clone(added.keys), target.keys...), append(slices.Clone(added.values), target.values...)
			},
		}, nil
	}
	key := &node{value: "Mappings", plain: !t.json}
	return change{
		edit: t.insert(t.root, t.flowText(key)+": "+t.flowText(added)), node: t.root,
		expect: func(target *node) {
			target.keys, target.values = slices.Insert(target.keys, 0, key), slices.Insert(target.values, 0, added)
		},
	}, nil
}
