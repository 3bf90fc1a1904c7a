package template

import (
	"fmt"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/syntax"
)

// addMappings returns the change that adds mappings to the template.
func (t *Template) addMappings(added *syntax.Node) (change, error) {
	if i := t.doc.Root.Index("Mappings"); i >= 0 {
		section := t.doc.Root.Values[i]
		if section.IsNull() {
			return t.fillMappings(section, i, added)
		}
		if section.Kind != syntax.Mapping || section.Tag != "" {
			e := t.errorf(section, "Mappings", "a mapping must be added to this section, and what a macro makes in its place has no room for one")
			e.Hint = "write Fn::Transform as a key of the section"
			return change{}, e
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
