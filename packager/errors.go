package packager

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"unicode"

	"github.com/mattn/go-runewidth"
)

// An Error is one problem and where it is, for the person who must mend it.
// Errors that Package returns are joined; errors.As and [Errors] find each.
type Error struct {
	File         string // the template, as its user named it; "" where no file is at fault
	Line, Column int    // 1-based, in characters; 0 where the whole file is meant
	Subject      string // logical ID and property, or region and bucket
	Message      string
	Hint         string // what to do; may be ""
	Excerpt      string // the source line with a caret under the place; may be ""
	Err          error  // what lies behind it; may be nil
}

// Error returns "file:line:column: subject: message" without the parts that
// are empty, and without hint and excerpt.
func (e *Error) Error() string {
	var parts []string
	if e.File != "" {
		file := e.File
		if e.Line > 0 {
			file = fmt.Sprintf("%s:%d:%d", file, e.Line, e.Column)
		}
		parts = append(parts, file)
	}
	if e.Subject != "" {
		parts = append(parts, e.Subject)
	}
	return strings.Join(append(parts, e.Message), ": ")
}

// Unwrap returns what lies behind the problem.
func (e *Error) Unwrap() error { return e.Err }

// Errors returns the problems that were joined into err, one by one and in
// order.
func Errors(err error) []error {
	if err == nil {
		return nil
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []error
		for _, e := range joined.Unwrap() {
			all = append(all, Errors(e)...)
		}
		return all
	}
	return []error{err}
}

// plainError is an error of the file system without the path and the system
// call, which the message around it names better.
func plainError(err error) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err.Error()
	}
	return err.Error()
}

// Excerpt returns the line of a source, counted from 1 like the column, with a
// caret under the column, which counts characters: what [Error] shows of its
// place. It is empty where the source has no such line.
func Excerpt(src []byte, line, column int) string {
	return excerpt(src, lineStarts(src), line, column)
}

// excerpt returns the source line of a place with a caret under the column.
// Lines are cut around the place, control characters made visible: templates
// are text from strangers.
func excerpt(src []byte, lines []int, line, column int) string {
	if line < 1 || line > len(lines) {
		return ""
	}
	end := len(src)
	if line < len(lines) {
		end = lines[line]
	}
	text := []rune(strings.TrimRight(string(src[lines[line-1]:end]), "\r\n\u0085\u2028\u2029"))
	column = min(column-1, len(text))
	// With the gutter an excerpt fits into 80 columns.
	const width, before = 70, 40
	from, to := 0, len(text)
	if len(text) > width {
		from = max(0, min(column-before, len(text)-width))
		to = from + width
	}
	if from > 0 {
		text[from] = '…'
	}
	if to < len(text) {
		text[to-1] = '…'
	}
	for i, r := range text {
		if r == '\t' {
			text[i] = ' '
		} else if !unicode.IsPrint(r) {
			text[i] = '\ufffd'
		}
	}
	gutter := fmt.Sprintf("%5d | ", line)
	pad := runewidth.StringWidth(string(text[from:column]))
	return gutter + string(text[from:to]) + "\n" + strings.Repeat(" ", len(gutter)-2) + "| " + strings.Repeat(" ", pad) + "^"
}

// oneLine makes what would break a line visible: names in a template are a
// stranger's text, and must not look like lines of ours.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '\ufffd'
	}, s)
}
