package problem

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/mattn/go-runewidth"
)

// A Source is a text in which places have a line and a column, both counted from
// 1. Lines are those of YAML 1.1 (section 5.4: CR, LF, CR LF, NEL, LS and PS end
// one); columns count characters. A byte order mark is no part of the first line.
// It is safe for concurrent use, as long as nobody changes the text.
type Source struct {
	Text   []byte
	starts []int // where each line begins
}

// NewSource finds the lines of a text, which it keeps.
func NewSource(text []byte) *Source {
	at := 0
	if bytes.HasPrefix(text, []byte("\ufeff")) {
		at = len("\ufeff")
	}
	starts := []int{at}
	for at < len(text) {
		r, size := utf8.DecodeRune(text[at:])
		at += size
		switch r {
		case '\r':
			if at < len(text) && text[at] == '\n' {
				at++
			}
			starts = append(starts, at)
		case '\n', '\u0085', '\u2028', '\u2029':
			starts = append(starts, at)
		}
	}
	return &Source{text, starts}
}

// Lines is how many lines there are, the empty one behind a last line's end
// included.
func (s *Source) Lines() int { return len(s.starts) }

// LineStart is the byte offset at which a line begins.
func (s *Source) LineStart(line int) int { return s.starts[line-1] }

// Place turns a byte offset into a line and a column.
func (s *Source) Place(at int) (line, column int) {
	at = max(s.starts[0], min(at, len(s.Text)))
	line, found := slices.BinarySearch(s.starts, at)
	if found {
		line++
	}
	return line, utf8.RuneCount(s.Text[s.starts[line-1]:at]) + 1
}

// Excerpt is the line of a place with a caret under the column: what [Error] shows
// of its place. Long lines are cut around the place and control characters made
// visible, as templates are text from strangers. It is empty where there is no such
// line.
func (s *Source) Excerpt(line, column int) string {
	if line < 1 || line > len(s.starts) {
		return ""
	}
	end := len(s.Text)
	if line < len(s.starts) {
		end = s.starts[line]
	}
	text := []rune(strings.TrimRight(string(s.Text[s.starts[line-1]:end]), "\r\n\u0085\u2028\u2029"))
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

// Excerpt is [Source.Excerpt] of a text of which one place is shown.
func Excerpt(src []byte, line, column int) string { return NewSource(src).Excerpt(line, column) }
