// Package document is a file of a pipeline: its values, where it is YAML, and the
// places in it that messages name.
//
// It takes whatever CloudFormation and CodeBuild take: aliases, merge keys, tags.
// Whatever a stranger's file holds, reading it ends soon.
package document

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// A File is one file of a pipeline: a template, a buildspec, a script.
type File struct {
	Name  string // as messages show it
	Lines []string
	Root  Value // absent where the file is no YAML

	source *problem.Source
	within *Place // where its text stands in another file; nil where it is a file of its own
	shown  int    // how many problems have an excerpt
}

// Embedded is a text that stands at a place of another file: what is wrong in it is
// told of that place.
func Embedded(at Place, text string) *File {
	f := newFile(at.file.Name, []byte(text))
	f.within = &at
	return f
}

// Text is the whole file.
func (f *File) Text() string { return string(f.source.Text) }

// Line is one line, counted from 1; "" where there is none.
func (f *File) Line(n int) string {
	if n < 1 || n > len(f.Lines) {
		return ""
	}
	return f.Lines[n-1]
}

// A Place is a place in a file, which messages point to.
type Place struct {
	file         *File
	line, column int    // counted from 1; 0 where nobody knows
	word         string // it begins with this word of the line, or where the line's text does; if there is one
}

// At is the place of a line and a column, both counted from 1.
func (f *File) At(line, column int) Place { return Place{file: f, line: line, column: column} }

// AtWord is the place where a word stands first in a line.
func (f *File) AtWord(line int, word string) Place { return Place{file: f, line: line, word: word} }

// found is a place in a file of its own, with a column.
func (p Place) found() Place {
	for p.file.within != nil {
		p = *p.file.within
	}
	if p.word != "" {
		line := p.file.Line(p.line)
		before, _, found := strings.Cut(line, p.word)
		if !found { // only the build knows the word
			before = line[:len(line)-len(strings.TrimLeft(line, " \t-'\""))]
		}
		p.column, p.word = utf8.RuneCountInString(before)+1, ""
	}
	if last := len(p.file.Lines); p.line > last { // the reader's place of what is missing at the end
		p.line, p.column = last, utf8.RuneCountInString(p.file.Line(last))+1
	}
	return p
}

// String is "file:line".
func (p Place) String() string {
	at := p.found()
	return fmt.Sprintf("%s:%d", at.file.Name, at.line)
}

// maxExcerpts bounds how many lines of a file are shown: nobody reads more, and
// each one costs a walk through the file.
const maxExcerpts = 100

// Problem is an error at this place.
func (p Place) Problem(subject, hint, format string, args ...any) *problem.Error {
	at := p.found()
	e := &problem.Error{
		File: at.file.Name, Line: at.line, Column: at.column, Subject: problem.OneLine(subject),
		Message: problem.OneLine(fmt.Sprintf(format, args...)), Hint: hint,
	}
	if at.file.shown++; at.file.shown <= maxExcerpts {
		e.Excerpt = at.file.source.Excerpt(at.line, at.column)
	}
	return e
}
