package packager

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// A template is one file as it was read: its bytes, its tree, and what in it
// refers to local artifacts.
type template struct {
	path string          // as the user or the parent template named it, for messages
	dir  string          // what its relative paths resolve against
	file *problem.Source // as it was read
	src  *problem.Source // what is rewritten: the file, its aliases written out
	json bool

	expanded []edit // what made src of file, in order
	warnings []error

	root *node
	refs []*reference

	table    []property // what is packaged
	resolver *resolver
	readers  []reader // the first is the one that made root

	proving sync.Mutex
	proved  map[string]bool // the manners of writing that were proved
}

func (t *template) errorf(n *node, subject, format string, args ...any) *problem.Error {
	if subject == "" && t.root != nil {
		subject = t.root.nameOf(n)
	}
	e := &problem.Error{File: t.path, Subject: problem.OneLine(subject), Message: problem.OneLine(fmt.Sprintf(format, args...))}
	if n != nil {
		e.Line, e.Column = t.place(n)
		e.Excerpt = t.file.Excerpt(e.Line, e.Column)
	}
	return e
}

// nameOf is the logical ID and property of a node, or its path in another
// section; "" where it is not in the tree.
func (n *node) nameOf(wanted *node) string {
	var find func(n *node, path []string) ([]string, bool)
	find = func(n *node, path []string) ([]string, bool) {
		if n == wanted {
			return path, true
		}
		for i, v := range n.values {
			step := fmt.Sprint(i)
			if n.kind == mapping {
				step = n.keys[i].value
			}
			at := slices.Concat(path, []string{step})
			if n.kind == mapping && n.keys[i] == wanted {
				return slices.DeleteFunc(at, func(s string) bool { return s == "" }), true
			}
			if found, ok := find(v, at); ok {
				return found, true
			}
		}
		return nil, false
	}
	path, _ := find(n, nil)
	if len(path) > 1 && path[0] == "Resources" {
		path = path[1:]
		if len(path) > 2 && path[1] == "Properties" {
			path = append(path[:1:1], path[2:]...)
		}
	}
	return strings.Join(path, ".")
}

func (t *template) warn(n *node, format string, args ...any) {
	t.warnings = append(t.warnings, t.errorf(n, "", format, args...))
}

// maxTemplate bounds what is read as a template. CloudFormation takes at most
// 1 MB (quota "Template body size in an object"); comments may add to that.
const maxTemplate = 16 << 20

// readTemplate reads the file and collects its references. The errors are
// of type *problem.Error, in the order of their places.
func readTemplate(path, shown string, table []property) (*template, []error) {
	t := &template{path: shown, dir: filepath.Dir(path), table: table}
	fail := func(message, hint string) (*template, []error) {
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
func (t *template) parse(text []byte) []error {
	if err := encodingError(text); err != "" {
		return []error{&problem.Error{File: t.path, Message: err, Hint: "save it as UTF-8"}}
	}
	t.file = problem.NewSource(text)
	t.src = t.file
	var err error
	body := bytes.TrimLeft(bytes.TrimPrefix(text, []byte("\ufeff")), " \t\r\n")
	if bytes.HasPrefix(body, []byte("{")) {
		// What is JSON is read as JSON; YAML's flow style begins alike.
		t.root, err = readJSON(t.src)
		t.json = err == nil
	}
	if t.root == nil || err != nil {
		var yerr error
		if t.root, yerr = readYAML(t.src); yerr != nil && (err == nil || !strings.HasSuffix(t.path, ".json")) {
			err = yerr
		} else if yerr == nil {
			err = nil
		}
	}
	if err != nil {
		e := &problem.Error{File: t.path, Message: err.Error()}
		var syntax *syntaxError
		if errors.As(err, &syntax) {
			e.Line, e.Column = syntax.line, syntax.column
			e.Excerpt = t.file.Excerpt(e.Line, e.Column)
		}
		return []error{e}
	}
	if t.root.kind != mapping {
		return []error{t.errorf(t.root, "", "a template is a mapping with a Resources section")}
	}
	t.resolver = newResolver()
	if t.resolver.expandable(t.root) {
		if errs := t.expand(); len(errs) > 0 {
			return errs
		}
	}
	t.openReaders()
	var errs []error
	t.complexKeys(t.root, &errs)
	t.collect(&errs)
	return errs
}

// complexKeys reports keys that are mappings or lists: YAML allows them, and
// CloudFormation does not. Mostly they are placeholders in double braces.
func (t *template) complexKeys(n *node, errs *[]error) {
	for _, k := range n.keys {
		if k.kind != scalar {
			e := t.errorf(k, "", "this key is a mapping or a list, and CloudFormation takes a string")
			e.Hint = "is this a placeholder, as {{name}}, that should be filled in before?"
			*errs = append(*errs, e)
		}
	}
	for _, v := range n.values {
		t.complexKeys(v, errs)
	}
}

func encodingError(src []byte) string {
	switch {
	case bytes.HasPrefix(src, []byte("\xff\xfe")), bytes.HasPrefix(src, []byte("\xfe\xff")):
		return "this file is UTF-16, and CloudFormation reads UTF-8"
	case bytes.IndexByte(src, 0) >= 0:
		return "this is not a text file: it holds NUL bytes"
	case !utf8.Valid(src):
		return "this file is not UTF-8"
	}
	return ""
}
