package syntax

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// ReadJSON reads one JSON text (RFC 8259). src must be valid UTF-8.
func ReadJSON(ctx context.Context, src *problem.Source) (*Node, error) {
	body := bytes.TrimPrefix(src.Text, []byte("\ufeff"))
	r := jsonReader{src: src, base: len(src.Text) - len(body)}
	r.dec = json.NewDecoder(contextReader{ctx, bytes.NewReader(body)})
	r.dec.UseNumber()
	n, err := r.value(0)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, err
	}
	if _, err := r.dec.Token(); !errors.Is(err, io.EOF) {
		return nil, r.errorAt(r.next(), "something follows the closing brace")
	}
	return n, nil
}

type jsonReader struct {
	src  *problem.Source
	base int
	dec  *json.Decoder

	count int

	// The place that was found last: tokens come in order, and a line may be
	// as long as the file.
	at, line, column int
}

// next is where the next token begins.
func (r *jsonReader) next() int {
	at := r.base + int(r.dec.InputOffset())
	for at < len(r.src.Text) && strings.IndexByte(" \t\r\n,:", r.src.Text[at]) >= 0 {
		at++
	}
	return at
}

// lineOf is the line and column of an offset. It is quick where offsets come in order.
func (r *jsonReader) lineOf(at int) (line, column int) {
	at = min(at, len(r.src.Text))
	if r.line == 0 || at < r.at || r.line < r.src.Lines() && at >= r.src.LineStart(r.line+1) {
		r.line, r.column = r.src.Place(at)
	} else {
		r.column += utf8.RuneCount(r.src.Text[r.at:at])
	}
	r.at = at
	return r.line, r.column
}

func (r *jsonReader) errorAt(at int, message string) error {
	line, column := r.lineOf(at)
	return &problem.Error{Line: line, Column: column, Message: message}
}

// within counts a value, and returns an error where there are too many, or it is too deep.
func (r *jsonReader) within(at, depth int) error {
	if r.count++; r.count > maxValues {
		return tooManyValues(r.lineOf(at))
	}
	if depth > maxDepth {
		return r.errorAt(at, fmt.Sprintf("values are nested deeper than %d levels", maxDepth))
	}
	return nil
}

func (r *jsonReader) value(depth int) (*Node, error) {
	at := r.next()
	if err := r.within(at, depth); err != nil {
		return nil, err
	}
	tok, err := r.dec.Token()
	if err != nil {
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			// Offset counts the bytes read, the bad one included.
			return nil, r.errorAt(max(at, r.base+int(syntax.Offset)-1), syntax.Error())
		}
		return nil, r.errorAt(min(at, len(r.src.Text)), "the JSON text ends too early")
	}
	n := &Node{Offset: at, Start: at, Flow: true}
	n.Line, n.Column = r.lineOf(at)
	switch t := tok.(type) {
	case string:
		n.Value = t
	case json.Number:
		n.Value, n.Plain = t.String(), true
	case bool:
		n.Value, n.Plain = fmt.Sprint(t), true
	case nil:
		n.Value, n.Plain = "null", true
	case json.Delim:
		n.Kind = Sequence
		if t == '{' {
			n.Kind = Mapping
		}
		for r.dec.More() {
			child, err := r.value(depth + 1)
			if err != nil {
				return nil, err
			}
			if n.Kind == Mapping && len(n.Keys) == len(n.Values) {
				n.Keys = append(n.Keys, child)
			} else {
				n.Values = append(n.Values, child)
			}
		}
		end := r.next()
		if _, err := r.dec.Token(); err != nil {
			return nil, r.errorAt(end, "the JSON text ends too early, or a comma is missing")
		}
	}
	return n, nil
}
