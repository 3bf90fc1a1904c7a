package syntax

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// A Document is a text and its tree, and what in the text belongs to which node.
type Document struct {
	Source   *problem.Source
	Root     *Node
	JSON     bool // it is JSON, and not YAML
	Resolver *Resolver
}

// Parse reads a text as JSON where it begins like JSON, and else as YAML. name is
// the file's, of which only the extension counts: it decides whose complaint about a
// text is shown that neither can read. An error is a *problem.Error that lacks the
// file's name, or the context's.
func Parse(ctx context.Context, src *problem.Source, name string) (*Document, error) {
	if message := encodingError(src.Text); message != "" {
		return nil, &problem.Error{Message: message, Hint: "save it as UTF-8"}
	}
	d := &Document{Source: src, Resolver: NewResolver()}
	var err error
	body := bytes.TrimLeft(bytes.TrimPrefix(src.Text, []byte("\ufeff")), " \t\r\n")
	if bytes.HasPrefix(body, []byte("{")) {
		// What is JSON is read as JSON; YAML's flow style begins alike.
		d.Root, err = ReadJSON(ctx, src)
		d.JSON = err == nil
	}
	if d.Root == nil || err != nil {
		var yerr error
		if d.Root, yerr = ReadYAML(ctx, src); yerr != nil && (err == nil || !strings.HasSuffix(name, ".json")) {
			err = yerr
		} else if yerr == nil {
			err = nil
		}
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err == nil {
		return d, nil
	}
	var e *problem.Error
	if !errors.As(err, &e) {
		return nil, &problem.Error{Message: err.Error(), Err: err}
	}
	e.Excerpt = src.Excerpt(e.Line, e.Column)
	return nil, e
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

// Edited returns the document with edits made. It is read again, by the reader that
// read the first one.
func (d *Document) Edited(ctx context.Context, edits []Edit) (*Document, error) {
	text, err := Apply(d.Source.Text, edits)
	if err != nil {
		return nil, err
	}
	out := &Document{Source: problem.NewSource(text), JSON: d.JSON, Resolver: d.Resolver}
	out.Root, err = d.Readers()[0].Read(ctx, out.Source)
	return out, err
}
