// Package problem is an error with its place, for the person who must mend it:
// where it is (file, line and column, or logical ID, region and bucket), what it
// is, and what to do.
//
// What packager and packager/check return are such errors, joined: [Errors] takes
// them apart, and errors.As finds each one's [Error].
package problem

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"unicode"
)

// An Error is one problem and where it is.
type Error struct {
	File         string // as its user named it; "" where no file is at fault
	Line, Column int    // 1-based, in characters; 0 where the whole file is meant
	Subject      string // logical ID and property, or region and bucket
	Message      string
	Hint         string // what to do, in one line; may be ""
	Statement    string // an IAM statement that the hint speaks of; may be ""
	Excerpt      string // the source line with a caret under the place; may be ""
	Err          error  // what lies behind it; may be nil
}

// Error returns "file:line:column: subject: message" without the parts that
// are empty, and without hint and excerpt. It is one line, see [OneLine].
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
	return OneLine(strings.Join(append(parts, e.Message), ": "))
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

// Sort puts problems in the order of their files, lines and columns. Those of one
// place stay in their order; what has no place stands first.
func Sort(errs []error) {
	slices.SortStableFunc(errs, func(a, b error) int {
		x, y := placeOf(a), placeOf(b)
		return cmp.Or(strings.Compare(x.File, y.File), x.Line-y.Line, x.Column-y.Column)
	})
}

func placeOf(err error) Error {
	var e *Error
	if errors.As(err, &e) {
		return *e
	}
	return Error{}
}

// Cause is the message of an error of the file system without the path and the
// system call, which the message around it names better. Of any other error it is
// the whole message.
func Cause(err error) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err.Error()
	}
	return err.Error()
}

// OneLine makes visible what would break a line, or change how a terminal shows it:
// names in a template, names of files and what servers say are a stranger's text, and
// must not look like lines of ours.
func OneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '\ufffd'
	}, s)
}

// Count is a number and what it counts, "1 file" or "2 files".
func Count[N int | int64](n N, word string) string {
	if n != 1 {
		word += "s"
	}
	return fmt.Sprint(n, " ", word)
}
