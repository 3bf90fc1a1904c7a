package syntax

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// yamlError says in plain words what the reader found wrong, and where.
func yamlError(src *problem.Source, err error) error {
	var load *yaml.LoadError
	if !errors.As(err, &load) {
		return &problem.Error{Line: 1, Column: 1, Message: strings.TrimPrefix(err.Error(), "go-yaml load error in ")}
	}
	e := &problem.Error{Line: load.Mark.Line, Column: max(1, load.Mark.Column), Message: load.Message}
	if load.Stage == yaml.ReaderStage {
		if at, r := controlCharacter(src.Text); at >= 0 {
			e.Line, e.Column = src.Place(at)
			e.Message = fmt.Sprintf("the control character U+%04X cannot stand in YAML", r)
			e.Hint = `leave it out; in a value in double quotes it can be written as an escape, as \x1b`
		}
		return e
	}
	around := place{
		before: lineBefore(src, e.Line, e.Column), next: runeAt(src, e.Line, e.Column),
		line: load.ContextMark.Line, column: max(1, load.ContextMark.Column),
	}
	if load.ContextMark.Line > 0 {
		around.context = runeAt(src, around.line, around.column)
	}
	for _, x := range explanations() {
		if !strings.HasPrefix(load.Message, x.message) || x.fits != nil && !x.fits(around) {
			continue
		}
		e.Message, e.Hint = x.plain, x.hint
		e.Message = strings.Replace(e.Message, "%d", strconv.Itoa(around.line), 1)
		e.Message = strings.Replace(e.Message, "%c", string(around.next), 1)
		if x.atContext && around.line > 0 {
			e.Line, e.Column = around.line, around.column
		}
		break
	}
	if conflict := strings.TrimSpace(lineBefore(src, e.Line, 8)); conflict == "<<<<<<<" || conflict == "=======" || conflict == ">>>>>>>" {
		e.Message, e.Hint = "this line is a mark of a merge that git left to you", "resolve the conflict"
	}
	return e
}

// A place is what stands around an error.
type place struct {
	before       string // the line before it
	next         rune   // the character there
	line, column int    // where what is being read began
	context      rune   // the character there
}

// An explanation says in plain words what a message of go-yaml means.
type explanation struct {
	message     string           // how go-yaml's message begins
	fits        func(place) bool // nil: always
	plain, hint string           // %d stands for the line of the context, %c for the character
	atContext   bool             // the mistake is where what is being read began
}

// explanations are of the messages that templates bring about most. The first one that fits
// counts; a message without one is shown as it is.
func explanations() []explanation {
	isTab := func(p place) bool { return p.next == '\t' }
	second := func(p place) bool { return strings.Contains(p.before, ": ") }
	const (
		tab       = "a tab stands here, and YAML is indented with spaces alone"
		spaces    = "put spaces in the tab's place"
		quoteIt   = "put the value in quotes"
		backslash = `in double quotes a backslash begins an escape, as \n, and this is none`
		twice     = "write two backslashes, or put the value in single quotes"
	)
	return []explanation{
		{message: "found a tab character", plain: tab, hint: spaces},
		{message: "found mixed spaces and tabs", plain: tab, hint: spaces},
		{message: "found character that cannot start any token", fits: isTab, plain: tab, hint: spaces},
		{message: "found character that cannot start any token", plain: "a value that begins with %c must be quoted", hint: quoteIt},
		{message: "mapping values are not allowed", fits: second, plain: "this colon is the second one of its line: a value that holds a colon and a space must be quoted", hint: quoteIt},
		{
			message: "mapping values are not allowed", plain: "a key does not fit here",
			hint: "is this line indented further than its neighbours, is there no space behind the colon of the line before, or is a bracket or brace still open?",
		},
		{
			message: "did not find expected key", plain: "this does not belong to the mapping that begins in line %d",
			hint: "are its keys indented alike? Behind a closing quote or brace a line ends",
		},
		{
			message: "did not find expected '-' indicator", plain: "this does not belong to the list that begins in line %d",
			hint: "each entry of a list begins with a dash, all of them indented alike",
		},
		{
			message: "could not find expected ':'", plain: "this line has no colon, and should be a key and its value", atContext: true,
			hint: "a text of many lines is indented further than its key",
		},
		{message: "found unexpected end of stream", plain: "this quote is not closed", atContext: true},
		{message: "found unexpected document indicator", plain: "this quote is not closed", atContext: true},
		{message: "did not find expected ',' or ']'", plain: "a comma or a closing ] is missing before this: the list begins in line %d"},
		{message: "did not find expected ',' or '}'", plain: "a comma or a closing } is missing before this: the mapping begins in line %d"},
		{
			message: "unknown anchor", plain: "a value that begins with * is an alias, and what it refers to is not there",
			hint: "if it is no alias, put the value in quotes",
		},
		{
			message: "did not find expected alphabetic or numeric character", fits: func(p place) bool { return p.context == '*' || p.context == '&' },
			plain: "a value that begins with * or & must be quoted", hint: quoteIt, atContext: true,
		},
		{message: "found undefined tag handle", plain: "this tag is none of CloudFormation's, which have one exclamation mark, as !Sub"},
		{message: "found character '", fits: func(p place) bool { return p.context == '!' }, plain: "this character belongs to no tag: put a space between a tag and its value"},
		{message: "found unknown escape character", plain: backslash, hint: twice},
		{message: "did not find expected hexadecimal number", plain: backslash, hint: twice},
		{message: "found a comment without preceding whitespace", plain: "a comment needs a space before its #", hint: "if it is no comment, put the value in quotes"},
		{message: "block sequence entries are not allowed", plain: "a list cannot begin in the line of its key", hint: "begin it in a line of its own"},
		{
			message: "did not find expected comment or line break", fits: func(p place) bool { return p.context == '|' || p.context == '>' },
			plain: "behind | and > a line ends: the text begins in the next one",
			hint:  "a value that begins with | or > and is one line must be quoted",
		},
	}
}

// lineBefore is what stands before a column in its line.
func lineBefore(src *problem.Source, line, column int) string {
	if line < 1 || line > src.Lines() {
		return ""
	}
	text := src.Text[src.LineStart(line):src.LineEnd(line)]
	at := 0
	for ; column > 1 && at < len(text); column-- {
		_, size := utf8.DecodeRune(text[at:])
		at += size
	}
	return string(text[:at])
}

// runeAt is the character at a place, 0 where the text ends.
func runeAt(src *problem.Source, line, column int) rune {
	if line < 1 || line > src.Lines() {
		return 0
	}
	at := src.LineStart(line) + len(lineBefore(src, line, column))
	if at >= len(src.Text) {
		return 0
	}
	r, _ := utf8.DecodeRune(src.Text[at:])
	return r
}

// controlCharacter finds the first character that no reader of YAML takes; -1 where there
// is none.
func controlCharacter(text []byte) (at int, r rune) {
	at = bytes.IndexFunc(text, func(r rune) bool {
		return r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0xfffe || r == 0xffff
	})
	if at >= 0 {
		r, _ = utf8.DecodeRune(text[at:])
	}
	return at, r
}
