package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/symphoniacloud/multi-region-codepipeline/packager"
)

// A document is a YAML file of the pipeline, read with goccy/go-yaml.
type document struct {
	name    string // as messages show it
	src     []byte
	lines   []string
	anchors map[string]ast.Node
	root    value
}

// A value is one value of a document. The zero value, and one with a nil node,
// is an absent one, of which all questions are answered with nothing.
type value struct {
	doc  *document
	node ast.Node
}

// maxDocument bounds what is read as a pipeline's file: CloudFormation takes
// templates of 1 MB, and the others are smaller.
const maxDocument = 4 << 20

func readDocument(path string) (*document, error) {
	fail := func(message string, err error) (*document, error) {
		return nil, &packager.Error{File: filepath.ToSlash(path), Message: message, Err: err}
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return fail("no such file", err)
	case err == nil && !info.Mode().IsRegular():
		return fail("this is not a regular file", nil)
	case err == nil && info.Size() > maxDocument:
		return fail(fmt.Sprintf("this file has %d bytes: it is none of a pipeline's", info.Size()), nil)
	}
	src, err := os.ReadFile(path)
	if err != nil {
		return fail(err.Error(), err)
	}
	return parseDocument(filepath.ToSlash(path), src)
}

func newDocument(name string, src []byte) *document {
	text := strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(string(src))
	return &document{name: name, src: src, lines: strings.Split(text, "\n"), anchors: make(map[string]ast.Node)}
}

// line is one line of a document, counted from 1.
func (d *document) line(n int) string {
	if n < 1 || n > len(d.lines) {
		return ""
	}
	return d.lines[n-1]
}

func parseDocument(name string, src []byte) (d *document, err error) {
	d = newDocument(name, src)
	defer func() {
		// The reader is other people's, and the files are strangers'.
		if r := recover(); r != nil {
			d, err = nil, &packager.Error{File: name, Message: fmt.Sprintf("this file cannot be read: %v", r)}
		}
	}()
	if !utf8.Valid(src) || bytes.IndexByte(src, 0) >= 0 {
		return nil, &packager.Error{File: name, Message: "this file is not UTF-8 text"}
	}
	file, err := parser.ParseBytes(src, 0)
	if err != nil {
		e := &packager.Error{File: name, Message: err.Error(), Err: err}
		var syntax yaml.Error
		if errors.As(err, &syntax) {
			e.Message = syntax.GetMessage()
			if t := syntax.GetToken(); t != nil && t.Position != nil {
				e.Line, e.Column = t.Position.Line, t.Position.Column
				e.Excerpt = packager.Excerpt(src, e.Line, e.Column)
			}
		}
		return nil, e
	}
	if len(file.Docs) != 1 || file.Docs[0].Body == nil {
		return nil, &packager.Error{File: name, Message: fmt.Sprintf("this file holds %d YAML documents, and it should be one", len(file.Docs))}
	}
	d.root = value{d, file.Docs[0].Body}
	ast.Walk(anchorFinder{d}, d.root.node)
	if d.root.bare() == nil || len(d.root.entries()) == 0 {
		return nil, d.root.problem("", "", "this should be a mapping, and is not")
	}
	return d, nil
}

type anchorFinder struct{ *document }

func (f anchorFinder) Visit(n ast.Node) ast.Visitor {
	if a, ok := n.(*ast.AnchorNode); ok && a.Name != nil {
		f.anchors[a.Name.GetToken().Value] = a.Value
	}
	return f
}

// bare is the node behind anchors and aliases.
func (v value) bare() ast.Node {
	n := v.node
	for range 100 { // an alias may refer to itself
		switch a := n.(type) {
		case *ast.AnchorNode:
			n = a.Value
		case *ast.AliasNode:
			n = v.doc.anchors[a.Value.GetToken().Value]
		default:
			return n
		}
	}
	return nil
}

func (v value) exists() bool { return v.bare() != nil }

type entry struct{ key, value value }

func (e entry) name() string { return e.key.text() }

// entries are those of a mapping, in their order.
func (v value) entries() (all []entry) {
	var pairs []*ast.MappingValueNode
	switch n := v.bare().(type) {
	case *ast.MappingNode:
		pairs = n.Values
	case *ast.MappingValueNode:
		pairs = []*ast.MappingValueNode{n}
	}
	for _, p := range pairs {
		all = append(all, entry{value{v.doc, p.Key}, value{v.doc, p.Value}})
	}
	return all
}

// get follows keys from mapping to mapping.
func (v value) get(keys ...string) value {
	for _, key := range keys {
		found := value{doc: v.doc}
		for _, e := range v.entries() {
			if e.name() == key {
				found = e.value
			}
		}
		v = found
	}
	return v
}

// items are those of a sequence.
func (v value) items() (all []value) {
	if s, ok := v.bare().(*ast.SequenceNode); ok {
		for _, n := range s.Values {
			all = append(all, value{v.doc, n})
		}
	}
	return all
}

// tagged takes a value's tag off: "!Sub" and what it stands before.
func (v value) tagged() (tag string, untagged value) {
	if t, ok := v.bare().(*ast.TagNode); ok {
		return t.Start.Value, value{v.doc, t.Value}
	}
	return "", v
}

// scalar is the text of a scalar without a tag.
func (v value) scalar() (text string, ok bool) {
	switch n := v.bare().(type) {
	case nil, *ast.MappingNode, *ast.MappingValueNode, *ast.SequenceNode, *ast.TagNode:
		return "", false
	case *ast.MappingKeyNode:
		return value{v.doc, n.Value}.scalar()
	case *ast.NullNode:
		return "", true
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	default:
		return n.GetToken().Value, true
	}
}

func (v value) text() string {
	s, _ := v.scalar()
	return s
}

// place is where a value begins, 0 where nobody knows.
func (v value) place() (line, column int) {
	if v.node == nil {
		return 0, 0
	}
	n := v.node
	// The reader's place of a mapping is its first colon.
	switch m := n.(type) {
	case *ast.MappingNode:
		if m.Start == nil || m.Start.Value != "{" {
			if len(m.Values) > 0 {
				n = m.Values[0].Key
			}
		}
	case *ast.MappingValueNode:
		n = m.Key
	}
	if t := n.GetToken(); t != nil && t.Position != nil {
		return t.Position.Line, t.Position.Column
	}
	return 0, 0
}

// problem is an error at the value's place.
func (v value) problem(subject, hint, format string, args ...any) *packager.Error {
	line, column := v.place()
	return v.doc.problemAt(line, column, subject, hint, format, args...)
}

func (d *document) problemAt(line, column int, subject, hint, format string, args ...any) *packager.Error {
	return &packager.Error{
		File: d.name, Line: line, Column: column, Subject: subject,
		Message: fmt.Sprintf(format, args...), Hint: hint,
		Excerpt: packager.Excerpt(d.src, line, column),
	}
}

// isYes tells what YAML 1.1 takes as true; the reader knows only 1.2.
func (v value) isYes() bool {
	switch strings.ToLower(v.text()) {
	case "yes", "true", "on", "y":
		return true
	}
	return false
}
