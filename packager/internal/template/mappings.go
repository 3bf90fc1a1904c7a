package template

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/syntax"
)

// loopMapping returns the mapping that holds the locations of a reference's
// variants, and the text that finds one of them there.
func (r *Reference) loopMapping(name string, values []string) (entry, find *syntax.Node) {
	text := func(s string) *syntax.Node { return &syntax.Node{Value: s} }
	word := func(s string) *syntax.Node { return &syntax.Node{Value: s, Plain: !r.Template.doc.JSON} }
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

// lookup returns what finds a reference's location in a loop, in the property's form, and
// the mapping's name and content.
func (t *Template) lookup(r *Reference, locate func(*Reference) Location, taken *syntax.Node) (want, key, entry *syntax.Node) {
	var values []string
	var pairs [][2]string
	for _, variant := range r.variants {
		text, p := r.row.form.value(locate(variant))
		if pairs = p; p != nil {
			text = p[1][1] // the key; the bucket is the same for all
		}
		values = append(values, text)
	}
	base := "Mrpackage" + regexp.MustCompile(`[^A-Za-z0-9]`).ReplaceAllString(r.LogicalID+r.Name, "")
	name := base
	for i := 2; taken.Get(name) != nil; i++ {
		name = fmt.Sprint(base, i)
	}
	entry, want = r.loopMapping(name, values)
	if pairs != nil {
		want = &syntax.Node{
			Kind:   syntax.Mapping,
			Keys:   []*syntax.Node{{Value: pairs[0][0], Plain: !t.doc.JSON}, {Value: pairs[1][0], Plain: !t.doc.JSON}},
			Values: []*syntax.Node{{Value: pairs[0][1]}, want},
		}
	}
	return want, &syntax.Node{Value: name, Plain: !t.doc.JSON}, entry
}

// replaceLoop returns the change that puts the lookup in a reference's place.
func (t *Template) replaceLoop(r *Reference, want *syntax.Node) (change, error) {
	n := r.node
	end, err := t.doc.End(n)
	if err != nil {
		return change{}, t.internal(fmt.Errorf("line %d, column %d: %w", n.Line, n.Column, err))
	}
	text := t.doc.FlowText(want)
	if n.Block {
		text += syntax.HeaderComment(t.doc.Source.Text[n.Start:])
	}
	return change{edit: syntax.Edit{Start: n.Offset, End: end, Text: text}, node: n, path: r.path, value: want}, nil
}

// addMappings returns the change that adds mappings to the template.
func (t *Template) addMappings(added *syntax.Node) (change, error) {
	if i := t.doc.Root.Index("Mappings"); i >= 0 {
		section := t.doc.Root.Values[i]
		if section.IsNull() {
			return t.fillMappings(section, i, added)
		}
		separator := ", "
		if len(section.Keys) > 0 {
			separator = t.doc.Separator(section)
		}
		parts := make([]string, len(added.Keys))
		for j, k := range added.Keys {
			parts[j] = t.doc.FlowText(k) + ": " + t.doc.FlowText(added.Values[j])
		}
		return change{
			edit: t.doc.InsertEntry(section, strings.Join(parts, separator)), node: section, path: []int{i}, entries: added,
		}, nil
	}
	section := t.mappingOf("Mappings", added)
	return change{
		edit: t.doc.InsertEntry(t.doc.Root, t.doc.FlowText(section.Keys[0])+": "+t.doc.FlowText(added)), node: t.doc.Root, entries: section,
	}, nil
}

// fillMappings returns the change that puts mappings in the place of nothing.
func (t *Template) fillMappings(section *syntax.Node, i int, added *syntax.Node) (change, error) {
	if t.lacksColon(section) {
		return change{}, t.errorf(section, "Mappings", "this key has no value and no colon to put one behind: write the colon")
	}
	start, end, err := section.Span(t.doc.Source.Text)
	if err != nil {
		return change{}, t.internal(fmt.Errorf("line %d, column %d: %w", section.Line, section.Column, err))
	}
	value := *added
	value.Anchor = section.Anchor
	text := t.doc.FlowText(added)
	if start == end && start > 0 && !syntax.IsSpace(rune(t.doc.Source.Text[start-1])) {
		text = " " + text
	}
	return change{edit: syntax.Edit{Start: start, End: end, Text: text}, node: section, path: []int{i}, value: &value}, nil
}
