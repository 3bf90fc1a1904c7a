// Package template finds what a SAM or CloudFormation template refers to, and puts
// locations of stored objects in its place. Every other byte stays, and what is
// written is proved to mean what the template meant.
//
// What is packaged is a table: see [Table].
package template

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/syntax"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// A Template is one file as it was read: its bytes, its tree, and what in it
// refers to local artifacts.
type Template struct {
	Path string           // as the user or the parent template named it, for messages
	Dir  string           // what its relative paths resolve against
	file *problem.Source  // as it was read
	doc  *syntax.Document // what is rewritten: the file, its aliases written out

	expanded []syntax.Edit // what made the document of the file, in order
	Warnings []error       // what would go otherwise than meant; each a *problem.Error
	refs     []*Reference
	table    []Row   // what is packaged
	proofs   []proof // one for each reader; the first one's read the document

	proving sync.Mutex
	proved  map[string]bool // the manners of writing that were proved
}

// IsJSON tells a template in JSON from one in YAML.
func (t *Template) IsJSON() bool { return t.doc.JSON }

func (t *Template) errorf(n *syntax.Node, subject, format string, args ...any) *problem.Error {
	if subject == "" && t.doc != nil {
		subject = t.nameOf(n)
	}
	e := &problem.Error{File: t.Path, Subject: problem.OneLine(subject), Message: problem.OneLine(fmt.Sprintf(format, args...))}
	if n != nil {
		e.Line, e.Column = t.place(n)
		e.Excerpt = t.file.Excerpt(e.Line, e.Column)
	}
	return e
}

// nameOf is the logical ID and property of a node, or its path in another
// section; "" where it is not in the tree.
func (t *Template) nameOf(wanted *syntax.Node) string {
	var find func(n *syntax.Node, path []string) ([]string, bool)
	find = func(n *syntax.Node, path []string) ([]string, bool) {
		if n == wanted {
			return path, true
		}
		for i, v := range n.Values {
			step := fmt.Sprint(i)
			if n.Kind == syntax.Mapping {
				step = n.Keys[i].Value
			}
			at := slices.Concat(path, []string{step})
			if n.Kind == syntax.Mapping && n.Keys[i] == wanted {
				return slices.DeleteFunc(at, func(s string) bool { return s == "" }), true
			}
			if found, ok := find(v, at); ok {
				return found, true
			}
		}
		return nil, false
	}
	path, _ := find(t.doc.Root, nil)
	if len(path) > 1 && path[0] == "Resources" {
		path = path[1:]
		if len(path) > 2 && path[1] == "Properties" {
			path = append(path[:1:1], path[2:]...)
		}
	}
	return strings.Join(path, ".")
}

func (t *Template) warn(n *syntax.Node, format string, args ...any) {
	t.Warnings = append(t.Warnings, t.errorf(n, "", format, args...))
}

// maxTemplate bounds what is read as a template. CloudFormation takes at most
// 1 MB (quota "Template body size in an object"); comments may add to that.
const maxTemplate = 16 << 20

// Read reads the template at path, which messages call shown, and collects its
// references: the values of the properties in table that are local paths. The errors
// are of type *problem.Error, in the order of their places. The template is never nil;
// where there are errors it may have no references.
func Read(path, shown string, table []Row) (*Template, []error) {
	t := &Template{Path: shown, Dir: filepath.Dir(path), table: table}
	fail := func(message, hint string) (*Template, []error) {
		return t, []error{&problem.Error{File: shown, Message: message, Hint: hint}}
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return fail("no such file", "")
	case err != nil:
		return fail(problem.Cause(err), "")
	case info.IsDir():
		return fail("this is a folder, and a template is a file", "")
	case !info.Mode().IsRegular():
		return fail("this is not a regular file", "")
	case info.Size() > maxTemplate:
		return fail(fmt.Sprintf("this file has %d bytes, far more than CloudFormation takes (1 MB)", info.Size()), "is it a template?")
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return fail(problem.Cause(err), "")
	}
	return t, t.parse(text)
}

// parse fills in everything that follows from the file's text.
func (t *Template) parse(text []byte) []error {
	t.file = problem.NewSource(text)
	var err error
	if t.doc, err = syntax.Parse(t.file, t.Path); err != nil {
		var e *problem.Error
		if errors.As(err, &e) {
			e.File = t.Path
			e.Hint = cmp.Or(e.Hint, t.lineHint(e.Line))
		}
		return []error{err}
	}
	if t.doc.Root.Kind != syntax.Mapping {
		e := t.errorf(t.doc.Root, "", "a template is a mapping with a Resources section")
		e.Hint = textHint(t.doc.Root)
		return []error{e}
	}
	if expandable(t.doc.Resolver, t.doc.Root) {
		if errs := t.expand(); len(errs) > 0 {
			return errs
		}
	}
	for _, r := range t.doc.Readers() {
		t.proofs = append(t.proofs, proof{Reader: r})
	}
	t.proofs[0].source = t.doc.Root
	var errs []error
	t.complexKeys(t.doc.Root, &errs)
	t.collect(&errs)
	return errs
}

// complexKeys reports keys that are mappings or lists: YAML allows them, and
// CloudFormation does not. Mostly they are placeholders in double braces.
func (t *Template) complexKeys(n *syntax.Node, errs *[]error) {
	for _, k := range n.Keys {
		if k.Kind != syntax.Scalar {
			e := t.errorf(k, "", "this key is a mapping or a list, and CloudFormation takes a string")
			e.Hint = "is this a placeholder, as {{name}}, that should be filled in before?"
			*errs = append(*errs, e)
		}
	}
	for _, v := range n.Values {
		t.complexKeys(v, errs)
	}
}
