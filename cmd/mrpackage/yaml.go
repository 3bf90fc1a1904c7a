package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// A document is a YAML file of the pipeline. It is read with the reader whose
// places are trusted (packager reads templates with it too), and that takes
// whatever CloudFormation and CodeBuild take.
type document struct {
	name  string // as messages show it
	src   []byte
	lines []string
	root  value
	at    *problem.Error // where the document stands in another one; nil for a file
	shown int            // excerpts, each of which costs a walk through src
}

// A value is one value of a document. The zero value, and one with a nil node,
// is an absent one, of which all questions are answered with nothing.
type value struct {
	doc      *document
	node     *yaml.Node
	untagged bool // its tag is told already
}

// maxDocument bounds what is read as a pipeline's file: CloudFormation takes
// templates of 1 MB, and the others are smaller.
const maxDocument = 1 << 20

// maxExcerpts bounds how many lines of a document are shown: nobody reads more.
const maxExcerpts = 100

func readDocument(path string) (*document, error) {
	fail := func(message string, err error) (*document, error) {
		return nil, &problem.Error{File: filepath.ToSlash(path), Message: message, Err: err}
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

// readWithin reads a YAML file of the repository; what leads out of it, by its
// path or by a link, is not read, as a message would show it.
func readWithin(root, name string) (*document, error) {
	d, err := readText(root, name)
	if err != nil {
		return nil, err
	}
	return parseDocument(d.name, d.src)
}

func newDocument(name string, src []byte) *document {
	text := strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(string(src))
	return &document{name: name, src: src, lines: strings.Split(text, "\n")}
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
			d, err = nil, &problem.Error{File: name, Message: fmt.Sprintf("this file cannot be read: %v", r)}
		}
	}()
	if !utf8.Valid(src) || bytes.IndexByte(src, 0) >= 0 {
		return nil, &problem.Error{File: name, Message: "this file is not UTF-8 text"}
	}
	loader, err := yaml.NewLoader(bytes.NewReader(src))
	if err != nil {
		return nil, &problem.Error{File: name, Message: err.Error(), Err: err}
	}
	var first, second yaml.Node
	if err = loader.Load(&first); err == nil {
		switch err = loader.Load(&second); {
		case errors.Is(err, io.EOF):
			err = nil
		case err == nil:
			return nil, d.problemAt(second.Line, second.Column, "", "", "a second YAML document begins here, and the file should hold one")
		}
	}
	var load *yaml.LoadError
	switch {
	case errors.As(err, &load):
		line, column := load.Mark.Line, max(1, load.Mark.Column)
		for line > 1 && strings.TrimSpace(d.line(line)) == "" { // the reader found out at the end
			line--
			column = utf8.RuneCountInString(d.line(line)) + 1
		}
		e := d.problemAt(line, column, "", "", "%s", load.Message)
		e.Err = err
		return nil, e
	case errors.Is(err, io.EOF) || err == nil && len(first.Content) == 0:
		return nil, &problem.Error{File: name, Message: "this file is empty"}
	case err != nil:
		return nil, &problem.Error{File: name, Message: err.Error(), Err: err}
	}
	d.root = value{doc: d, node: first.Content[0]}
	if len(d.root.entries()) == 0 {
		return nil, d.root.problem("", "", "this should be a mapping, and is not")
	}
	return d, nil
}

// bare is the node behind aliases.
func (v value) bare() *yaml.Node {
	n := v.node
	for range 100 { // an alias may refer to itself
		if n == nil || n.Kind != yaml.AliasNode {
			return n
		}
		n = n.Alias
	}
	return nil
}

// tag is a value's tag as it is written: "!Sub".
func (v value) tag() string {
	n := v.bare()
	if v.untagged || n == nil || n.Style&yaml.TaggedStyle == 0 || strings.HasPrefix(n.Tag, "!!") {
		return ""
	}
	return n.Tag
}

func (v value) exists() bool { return v.bare() != nil }

type entry struct{ key, value value }

func (e entry) name() string { return e.key.text() }

// maxEntries bounds what merge keys make of a mapping.
const maxEntries = 10_000

// entries are those of a mapping, in their order; those that a merge key brings
// in stand before them, as its own win.
func (v value) entries() []entry {
	n := v.bare()
	if n == nil || n.Kind != yaml.MappingNode || v.tag() != "" {
		return nil
	}
	var merged, own []entry
	for i := 0; i+1 < len(n.Content); i += 2 {
		e := entry{value{doc: v.doc, node: n.Content[i]}, value{doc: v.doc, node: n.Content[i+1]}}
		if n.Content[i].Tag == "!!merge" {
			budget := maxEntries
			merged = e.value.merged(merged, &budget)
		} else {
			own = append(own, e)
		}
	}
	return append(merged, own...)
}

// merged adds what a merge key's value brings in; merges may hold each other.
func (v value) merged(all []entry, budget *int) []entry {
	n := v.bare()
	if *budget--; n == nil || *budget < 0 {
		return all
	}
	for i := len(n.Content) - 1; n.Kind == yaml.SequenceNode && i >= 0 && *budget > 0; i-- { // the first one wins
		all = value{doc: v.doc, node: n.Content[i]}.merged(all, budget)
	}
	for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content) && *budget > 0; i += 2 {
		e := entry{value{doc: v.doc, node: n.Content[i]}, value{doc: v.doc, node: n.Content[i+1]}}
		if n.Content[i].Tag == "!!merge" {
			all = e.value.merged(all, budget)
		} else {
			all = append(all, e)
			*budget--
		}
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
	if n := v.bare(); n != nil && n.Kind == yaml.SequenceNode && v.tag() == "" {
		for _, child := range n.Content {
			all = append(all, value{doc: v.doc, node: child})
		}
	}
	return all
}

// list are a sequence's items, or the one text that stands in place of a
// sequence: CodeBuild takes both.
func (v value) list() []value {
	if text, ok := v.scalar(); ok && text != "" {
		return []value{v}
	}
	return v.items()
}

// tagged takes a value's tag off: "!Sub" and what it stands before.
func (v value) tagged() (tag string, untagged value) {
	tag = v.tag()
	v.untagged = v.untagged || tag != ""
	return tag, v
}

// scalar is the text of a scalar without a tag.
func (v value) scalar() (text string, ok bool) {
	n := v.bare()
	switch {
	case n == nil || n.Kind != yaml.ScalarNode || v.tag() != "":
		return "", false
	case n.Tag == "!!null":
		return "", true
	}
	return n.Value, true
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
	return v.node.Line, v.node.Column
}

// problem is an error at the value's place.
func (v value) problem(subject, hint, format string, args ...any) *problem.Error {
	line, column := v.place()
	return v.doc.problemAt(line, column, subject, hint, format, args...)
}

func (d *document) problemAt(line, column int, subject, hint, format string, args ...any) *problem.Error {
	if line > len(d.lines) { // the reader's place of what is missing at the end
		line = len(d.lines)
		column = utf8.RuneCountInString(d.line(line)) + 1
	}
	if d.at != nil {
		return &problem.Error{
			File: d.name, Line: d.at.Line, Column: d.at.Column, Subject: oneLine(subject),
			Message: oneLine(fmt.Sprintf(format, args...)), Hint: hint, Excerpt: d.at.Excerpt,
		}
	}
	e := &problem.Error{
		File: d.name, Line: line, Column: column, Subject: oneLine(subject),
		Message: oneLine(fmt.Sprintf(format, args...)), Hint: hint,
	}
	if d.shown++; d.shown <= maxExcerpts {
		e.Excerpt = problem.Excerpt(d.src, line, column)
	}
	return e
}

// oneLine keeps a name of the file's from looking like a line of ours.
func oneLine(text string) string { return strings.ReplaceAll(text, "\n", "\\n") }

// isYes tells what YAML 1.1 takes as true; the reader knows only 1.2.
func (v value) isYes() bool {
	switch strings.ToLower(v.text()) {
	case "yes", "true", "on", "y":
		return true
	}
	return false
}
