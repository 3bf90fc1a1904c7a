// Package template finds what a SAM or CloudFormation template refers to, and puts
// locations of stored objects in its place. Every other byte stays, and what is
// written is proved to mean what the template meant.
//
// What is packaged is a table: see [Table].
package template

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
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

	expanded []expansion // what made the document of the file, in order
	Warnings []error     // what would go otherwise than meant; each a *problem.Error
	refs     []*Reference
	images   bool    // it names container images, or should
	table    []Row   // what is packaged
	proofs   []proof // one for each reader; the first one's read the document

	unlisted, unlistedWarnings int // what was found above maxProblems

	proving sync.Mutex
	proved  map[string]bool // the manners of writing that were proved
}

// IsJSON tells a template in JSON from one in YAML.
func (t *Template) IsJSON() bool { return t.doc.JSON }

// NamesImages tells whether the template has a property that names a container image, in
// whichever way, or lacks one that should.
func (t *Template) NamesImages() bool { return t.images }

func (t *Template) errorf(n *syntax.Node, subject, format string, args ...any) *problem.Error {
	if subject == "" && t.doc != nil {
		subject = t.nameOf(n)
	}
	e := &problem.Error{
		File: t.Path, Subject: problem.OneLine(cut(subject, maxName)), Message: problem.OneLine(cut(fmt.Sprintf(format, args...), maxMessage)),
	}
	if n != nil {
		e.Line, e.Column = t.where(n)
		e.Excerpt = t.file.Excerpt(e.Line, e.Column)
	}
	return e
}

func (t *Template) warn(n *syntax.Node, format string, args ...any) {
	if len(t.Warnings) >= maxProblems {
		t.unlistedWarnings++
		return
	}
	t.Warnings = append(t.Warnings, t.errorf(n, "", format, args...))
}

// object warns of what CloudFormation's reader may not take.
func (t *Template) object(o syntax.Objection) {
	line, column := t.file.Place(o.Offset)
	t.Warnings = append(t.Warnings, &problem.Error{
		File: t.Path, Line: line, Column: column, Excerpt: t.file.Excerpt(line, column),
		Message: o.Message + ": CloudFormation may refuse this template", Hint: o.Hint,
	})
}

// Read reads the template at path, which messages call shown, and collects its
// references: the values of the properties in table that are local paths. The errors
// are of type *problem.Error, in the order of their places. The template is never nil;
// where there are errors it may have no references. When ctx ends, so does Read, with ctx's
// error.
func Read(ctx context.Context, path, shown string, table []Row) (*Template, []error) {
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
	return t, t.parse(ctx, text)
}

// parse fills in everything that follows from the file's text.
func (t *Template) parse(ctx context.Context, text []byte) []error {
	if errs := t.load(ctx, text); len(errs) > 0 {
		return errs
	}
	for _, r := range t.doc.Readers() {
		t.proofs = append(t.proofs, proof{Reader: r})
	}
	t.proofs[0].source = t.doc.Root
	var errs []error
	for _, step := range []func(*[]error){func(errs *[]error) { t.complexKeys(t.doc.Root, errs) }, t.collect} {
		if ctx.Err() != nil {
			return []error{ctx.Err()}
		}
		step(&errs)
	}
	if t.unlisted > 0 {
		errs = append(errs, &problem.Error{File: t.Path, Message: fmt.Sprintf("%d more problems are not listed", t.unlisted)})
	}
	if t.unlistedWarnings > 0 {
		t.Warnings = append(t.Warnings, &problem.Error{File: t.Path, Message: fmt.Sprintf("%d more warnings are not listed", t.unlistedWarnings)})
	}
	return errs
}

// load reads the text as a document, of which aliases are written out.
func (t *Template) load(ctx context.Context, text []byte) []error {
	t.file = problem.NewSource(text)
	var err error
	if t.doc, err = syntax.Parse(ctx, t.file, t.Path); err != nil {
		var e *problem.Error
		if errors.As(err, &e) {
			e.File = t.Path
			e.Hint = cmp.Or(t.lineHint(e.Line), e.Hint)
		}
		return []error{err}
	}
	for _, o := range t.doc.Objections() {
		t.object(o)
	}
	if t.doc.Root.Kind != syntax.Mapping {
		e := t.errorf(t.doc.Root, "", "a template is a mapping with a Resources section")
		e.Hint = textHint(t.doc.Root)
		return []error{e}
	}
	if expandable(t.doc.Resolver, t.doc.Root) {
		return t.expand(ctx)
	}
	return nil
}

// complexKeys reports keys that are mappings or lists: YAML allows them, and
// CloudFormation does not. Mostly they are placeholders in double braces.
func (t *Template) complexKeys(n *syntax.Node, errs *[]error) {
	for _, k := range n.Keys {
		if k.Kind == syntax.Scalar {
			continue
		}
		if len(*errs) >= maxProblems {
			t.unlisted++
			continue
		}
		e := t.errorf(k, "", "this key is a mapping or a list, and CloudFormation takes a string")
		e.Hint = "is this a placeholder, as {{name}}, that should be filled in before?"
		*errs = append(*errs, e)
	}
	for _, v := range n.Values {
		t.complexKeys(v, errs)
	}
}
