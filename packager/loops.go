package packager

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/syntax"
)

// A loop is an Fn::ForEach (AWS::LanguageExtensions) around a resource.
type loop struct {
	variable string
	values   []string // nil where the collection is not a list of literals
}

// loopOf reads [variable, collection, body].
func loopOf(r *syntax.Resolver, n *syntax.Node) loop {
	l := loop{variable: n.Values[0].Value}
	for _, v := range n.Values[1].Values {
		if v.Kind != syntax.Scalar || v.Tag != "" || !r.IsString(v) {
			return loop{variable: l.variable}
		}
		l.values = append(l.values, v.Value)
	}
	if n.Values[1].Kind != syntax.Sequence || n.Values[1].Tag != "" {
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
func (r *reference) loopMapping(name string, values []string) (entry, find *syntax.Node) {
	text := func(s string) *syntax.Node { return &syntax.Node{Value: s} }
	word := func(s string) *syntax.Node { return &syntax.Node{Value: s, Plain: !r.template.JSON} }
	entry, find = &syntax.Node{Kind: syntax.Mapping}, &syntax.Node{Kind: syntax.Mapping, Keys: []*syntax.Node{text("Fn::FindInMap")}}
	steps := []*syntax.Node{word(name)}
	for _, l := range r.loops {
		steps = append(steps, &syntax.Node{Kind: syntax.Mapping, Keys: []*syntax.Node{word("Ref")}, Values: []*syntax.Node{text(l.variable)}})
	}
	second := []string{"Value"} // no key that YAML takes for a number or the like
	if len(r.loops) > 1 {
		second = r.loops[1].values
	} else {
		steps = append(steps, text("Value"))
	}
	find.Values = []*syntax.Node{{Kind: syntax.Sequence, Values: steps}}
	for i, first := range r.loops[0].values {
		inner := &syntax.Node{Kind: syntax.Mapping}
		for j, key := range second {
			inner.Keys = append(inner.Keys, text(key))
			inner.Values = append(inner.Values, text(values[i*len(second)+j]))
		}
		entry.Keys = append(entry.Keys, text(first))
		entry.Values = append(entry.Values, inner)
	}
	return entry, find
}

// replaceLoop returns the change that puts the lookup in a reference's place,
// and the mapping's name and content.
func (t *template) replaceLoop(r *reference, locate func(*reference) location, taken *syntax.Node) (change, *syntax.Node, *syntax.Node, error) {
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
	for i := 2; taken.Get(name) != nil; i++ {
		name = fmt.Sprint(base, i)
	}
	entry, want := r.loopMapping(name, values)
	if pairs != nil {
		want = &syntax.Node{
			Kind:   syntax.Mapping,
			Keys:   []*syntax.Node{{Value: pairs[0][0], Plain: !t.JSON}, {Value: pairs[1][0], Plain: !t.JSON}},
			Values: []*syntax.Node{{Value: pairs[0][1]}, want},
		}
	}
	n := r.node
	_, end, err := n.Span(t.Source.Text)
	if err != nil {
		return change{}, nil, nil, t.internal(fmt.Errorf("line %d, column %d: %w", n.Line, n.Column, err))
	}
	text := t.FlowText(want)
	if n.Block {
		text += syntax.HeaderComment(t.Source.Text[n.Start:])
	}
	c := change{edit: syntax.Edit{Start: n.Offset, End: end, Text: text}, node: n, path: r.path, expect: func(target *syntax.Node) { *target = *want }}
	return c, &syntax.Node{Value: name, Plain: !t.JSON}, entry, nil
}

// addMappings returns the change that adds mappings to the template.
func (t *template) addMappings(added *syntax.Node) (change, error) {
	if i := t.Root.Index("Mappings"); i >= 0 {
		section := t.Root.Values[i]
		if section.Kind != syntax.Mapping || len(section.Keys) == 0 {
			return change{}, t.errorf(section, "Mappings", "this section is empty, and the locations of a loop's artifacts need it: leave it out")
		}
		parts := make([]string, len(added.Keys))
		for j, k := range added.Keys {
			parts[j] = t.FlowText(k) + ": " + t.FlowText(added.Values[j])
		}
		return change{
			edit: t.InsertEntry(section, strings.Join(parts, t.Separator(section))), node: section, path: []int{i},
			expect: func(target *syntax.Node) {
				target.Keys, target.Values = append(slices.Clone(added.Keys), target.Keys...), append(slices.Clone(added.Values), target.Values...)
			},
		}, nil
	}
	key := &syntax.Node{Value: "Mappings", Plain: !t.JSON}
	return change{
		edit: t.InsertEntry(t.Root, t.FlowText(key)+": "+t.FlowText(added)), node: t.Root,
		expect: func(target *syntax.Node) {
			target.Keys, target.Values = slices.Insert(target.Keys, 0, key), slices.Insert(target.Values, 0, added)
		},
	}, nil
}
