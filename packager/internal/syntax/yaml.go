package syntax

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// maxDepth bounds the nesting of a template. CloudFormation's own templates
// stay far below; a stranger's text must not exhaust the stack.
const maxDepth = 1000

// What lies behind errors of ReadYAML, for callers whose text is no template.
var (
	ErrEmpty          = errors.New("there is no YAML document")
	ErrSecondDocument = errors.New("there is a second YAML document")
)

// maxValues bounds how many values a template holds. CloudFormation takes 1 MB (quota
// "Template body size in an object"), and the shortest value takes a byte of it.
const maxValues = 1 << 20

func tooManyValues(line, column int) error {
	return &problem.Error{Line: line, Column: column, Message: fmt.Sprintf("this file holds more than %d values, and no more are read", maxValues)}
}

// ReadYAML reads one YAML document with the reader whose positions are
// trusted. src must be valid UTF-8.
func ReadYAML(ctx context.Context, src *problem.Source) (*Node, error) {
	text, err := withoutDirectives(src)
	if err != nil {
		return nil, err
	}
	loader, err := yaml.NewLoader(contextReader{ctx, bytes.NewReader(text)})
	if err != nil {
		return nil, fmt.Errorf("reading YAML: %w", err)
	}
	var doc, next yaml.Node
	err = loader.Load(&doc)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		if errors.Is(err, io.EOF) {
			return nil, &problem.Error{Line: 1, Column: 1, Message: "the template is empty", Err: ErrEmpty}
		}
		return nil, yamlError(src, err)
	}
	switch err := loader.Load(&next); {
	case err == nil:
		return nil, &problem.Error{Line: next.Line, Column: next.Column, Message: "a template is one YAML document, and a second one begins here", Err: ErrSecondDocument}
	case !errors.Is(err, io.EOF):
		return nil, yamlError(src, err)
	}
	if len(doc.Content) != 1 {
		return nil, &problem.Error{Line: 1, Column: 1, Message: "the template is empty", Err: ErrEmpty}
	}
	c := converter{ctx: ctx, src: src, nodes: make(map[*yaml.Node]*Node)}
	return c.convert(doc.Content[0], false, 0)
}

type converter struct {
	ctx   context.Context
	src   *problem.Source
	count int
	nodes map[*yaml.Node]*Node // the anchored ones

	// The place that was found last: nodes come in order, and a line may be
	// as long as the file.
	line, column, at int
}

func (c *converter) convert(y *yaml.Node, flow bool, depth int) (*Node, error) {
	if depth > maxDepth {
		return nil, &problem.Error{Line: y.Line, Column: y.Column, Message: fmt.Sprintf("values are nested deeper than %d levels", maxDepth)}
	}
	if err := c.ctx.Err(); err != nil {
		return nil, err
	}
	if c.count++; c.count > maxValues {
		return nil, tooManyValues(y.Line, y.Column)
	}
	n := &Node{
		Value: y.Value, Anchor: y.Anchor,
		Line: y.Line, Column: y.Column, Flow: flow || y.Style&yaml.FlowStyle != 0,
	}
	if y.Style&yaml.TaggedStyle != 0 && y.Tag != "!!map" && y.Tag != "!!seq" {
		n.Tag = y.Tag
	}
	if y.Anchor != "" {
		c.nodes[y] = n
	}
	n.Offset = c.offset(y.Line, y.Column)
	end, start := skipProperties(c.src.Text, n.Offset)
	n.Start = start
	switch y.Kind {
	case yaml.MappingNode:
		n.Kind = Mapping
	case yaml.SequenceNode:
		n.Kind = Sequence
	case yaml.AliasNode:
		n.Kind, n.Start, n.Target = Alias, n.Offset, c.nodes[y.Alias]
	default:
		const quoted = yaml.SingleQuotedStyle | yaml.DoubleQuotedStyle
		n.Block = y.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0
		n.Plain = y.Style&quoted == 0 && !n.Block
		if n.Plain && n.Value == "" {
			n.Start = end // nothing is there
		}
	}
	for i, child := range y.Content {
		m, err := c.convert(child, n.Flow, depth+1)
		if err != nil {
			return nil, err
		}
		if n.Kind == Mapping && i%2 == 0 {
			n.Keys = append(n.Keys, m)
		} else {
			n.Values = append(n.Values, m)
		}
	}
	return n, nil
}

// offset turns the reader's line and column, which counts characters, into a
// byte offset.
func (c *converter) offset(line, column int) int {
	text := c.src.Text
	if line < 1 || line > c.src.Lines() {
		return len(text)
	}
	if line != c.line || column < c.column {
		c.line, c.column, c.at = line, 1, c.src.LineStart(line)
	}
	for ; c.column < column && c.at < len(text); c.column++ {
		_, size := utf8.DecodeRune(text[c.at:])
		c.at += size
	}
	return c.at
}

// skipProperties returns the offset behind a node's tag and anchor, and that of
// what follows them.
func skipProperties(src []byte, at int) (end, next int) {
	end, next = at, at
	for next < len(src) && (src[next] == '!' || src[next] == '&') {
		begin := next
		for end = next; end < len(src) && !strings.ContainsRune(" \t\r\n", rune(src[end])); end++ {
			// In flow style a comma or bracket ends an empty value, but in
			// a tag's own brackets, !<...>.
			if end > begin && strings.ContainsRune(",[]{}", rune(src[end])) && src[begin+1] != '<' {
				return end, end
			}
		}
		next = skipBlanks(src, end)
	}
	if next == len(src) {
		return end, end
	}
	return end, next
}

// skipBlanks returns the offset behind white space and comments.
func skipBlanks(src []byte, at int) int {
	for ; at < len(src) && strings.ContainsRune(" \t\r\n#", rune(src[at])); at++ {
		if src[at] != '#' {
			continue
		}
		for at+1 < len(src) && src[at+1] != '\n' && src[at+1] != '\r' {
			at++
		}
	}
	return at
}
