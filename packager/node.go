package packager

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

type kind uint8

const (
	scalar kind = iota
	mapping
	sequence
	alias
)

// A node is one value of a template as one reader understood it. Three
// readers make the same kind of tree (YAML, JSON, and goccy's YAML as second
// opinion), so that one comparison serves for all of them.
type node struct {
	kind   kind
	tag    string // the tag as written, "!Sub"; "" where there is none
	plain  bool   // an unquoted scalar: YAML's rules decide what it means
	block  bool   // a literal or folded block scalar
	flow   bool   // a flow collection, or a scalar inside one
	value  string // a scalar's text, an alias's name
	anchor string
	keys   []*node // a mapping's keys, as long as values
	values []*node // a mapping's values, a sequence's items
	target *node   // what an alias refers to

	line, column int // 1-based, in characters
	offset       int // the byte where the node begins, tag and anchor included
	start        int // the byte where its text begins, behind tag and anchor
}

// get returns the value of a mapping's key, nil where there is none.
func (n *node) get(key string) *node {
	if i := n.index(key); i >= 0 {
		return n.values[i]
	}
	return nil
}

func (n *node) index(key string) int {
	if n == nil || n.kind != mapping {
		return -1
	}
	for i, k := range n.keys {
		if k.kind == scalar && k.value == key {
			return i
		}
	}
	return -1
}

// at follows a path of child indices; nil where the path leads nowhere.
func (n *node) at(path []int) *node {
	for _, i := range path {
		if n == nil || i >= len(n.values) {
			return nil
		}
		n = n.values[i]
	}
	return n
}

// maxDepth bounds the nesting of a template. CloudFormation's own templates
// stay far below; a stranger's text must not exhaust the stack.
const maxDepth = 1000

// A syntaxError is a reader's complaint with the place it knows.
type syntaxError struct {
	line, column int
	message      string
}

func (e *syntaxError) Error() string { return e.message }

// readYAML reads one YAML document with the reader whose positions are
// trusted. src must be valid UTF-8.
func readYAML(src *problem.Source) (*node, error) {
	loader, err := yaml.NewLoader(bytes.NewReader(src.Text))
	if err != nil {
		return nil, fmt.Errorf("reading YAML: %w", err)
	}
	var doc, next yaml.Node
	if err := loader.Load(&doc); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, &syntaxError{1, 1, "the template is empty"}
		}
		return nil, yamlError(err)
	}
	switch err := loader.Load(&next); {
	case err == nil:
		return nil, &syntaxError{next.Line, next.Column, "a template is one YAML document, and a second one begins here"}
	case !errors.Is(err, io.EOF):
		return nil, yamlError(err)
	}
	if len(doc.Content) != 1 {
		return nil, &syntaxError{1, 1, "the template is empty"}
	}
	c := converter{src: src, nodes: make(map[*yaml.Node]*node)}
	return c.convert(doc.Content[0], false, 0)
}

func yamlError(err error) error {
	var load *yaml.LoadError
	if errors.As(err, &load) {
		return &syntaxError{load.Mark.Line, max(1, load.Mark.Column), load.Message}
	}
	return &syntaxError{1, 1, strings.TrimPrefix(err.Error(), "go-yaml load error in ")}
}

type converter struct {
	src   *problem.Source
	nodes map[*yaml.Node]*node // the anchored ones

	// The place that was found last: nodes come in order, and a line may be
	// as long as the file.
	line, column, at int
}

func (c *converter) convert(y *yaml.Node, flow bool, depth int) (*node, error) {
	if depth > maxDepth {
		return nil, &syntaxError{y.Line, y.Column, fmt.Sprintf("values are nested deeper than %d levels", maxDepth)}
	}
	n := &node{
		value: y.Value, anchor: y.Anchor,
		line: y.Line, column: y.Column, flow: flow || y.Style&yaml.FlowStyle != 0,
	}
	if y.Style&yaml.TaggedStyle != 0 && y.Tag != "!!map" && y.Tag != "!!seq" {
		n.tag = y.Tag
	}
	if y.Anchor != "" {
		c.nodes[y] = n
	}
	n.offset = c.offset(y.Line, y.Column)
	end, start := skipProperties(c.src.Text, n.offset)
	n.start = start
	switch y.Kind {
	case yaml.MappingNode:
		n.kind = mapping
	case yaml.SequenceNode:
		n.kind = sequence
	case yaml.AliasNode:
		n.kind, n.start, n.target = alias, n.offset, c.nodes[y.Alias]
	default:
		const quoted = yaml.SingleQuotedStyle | yaml.DoubleQuotedStyle
		n.block = y.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0
		n.plain = y.Style&quoted == 0 && !n.block
		if n.plain && n.value == "" {
			n.start = end // nothing is there
		}
	}
	for i, child := range y.Content {
		m, err := c.convert(child, n.flow, depth+1)
		if err != nil {
			return nil, err
		}
		if n.kind == mapping && i%2 == 0 {
			n.keys = append(n.keys, m)
		} else {
			n.values = append(n.values, m)
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
		for next = end; next < len(src) && strings.ContainsRune(" \t\r\n#", rune(src[next])); next++ {
			if src[next] != '#' {
				continue
			}
			for next+1 < len(src) && src[next+1] != '\n' && src[next+1] != '\r' {
				next++ // a comment between them
			}
		}
	}
	if next == len(src) {
		return end, end
	}
	return end, next
}
