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
	starts []int  // where each line begins
	marks  []mark // in their order, no two further apart than markEvery and a character
}

// A mark is a place of which is known how many characters stand before it. A line
// may be as long as the text, and counting from its beginning for each of many
// places in it takes time that grows with their product.
type mark struct{ at, characters int }

const markEvery = 512 // bytes

// NewSource finds the lines of a text, which it keeps.
func NewSource(text []byte) *Source {
	at, characters := 0, 0
	if bytes.HasPrefix(text, []byte("\ufeff")) {
		at = len("\ufeff")
	}
	s := &Source{Text: text, starts: []int{at}, marks: []mark{{at, 0}}}
	for at < len(text) {
		r, size := utf8.DecodeRune(text[at:])
		at += size
		characters++
		switch r {
		case '\r':
			if at < len(text) && text[at] == '\n' {
				at++
				characters++
			}
			s.starts = append(s.starts, at)
		case '\n', '\u0085', '\u2028', '\u2029':
			s.starts = append(s.starts, at)
		}
		if at-s.marks[len(s.marks)-1].at >= markEvery {
			s.marks = append(s.marks, mark{at, characters})
		}
	}
	return s
}

// characters counts the characters before a byte offset.
func (s *Source) characters(at int) int {
	i, found := slices.BinarySearchFunc(s.marks, at, func(m mark, at int) int { return m.at - at })
	if !found {
		i--
	}
	return s.marks[i].characters + utf8.RuneCount(s.Text[s.marks[i].at:at])
}

// offset is the byte at which a character begins, counted from 0.
func (s *Source) offset(character int) int {
	i, found := slices.BinarySearchFunc(s.marks, character, func(m mark, character int) int { return m.characters - character })
	if !found {
		i--
	}
	at := s.marks[i].at
	for n := s.marks[i].characters; n < character && at < len(s.Text); n++ {
		_, size := utf8.DecodeRune(s.Text[at:])
		at += size
	}
	return at
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
	return line, s.characters(at) - s.characters(s.starts[line-1]) + 1
}

// Excerpt is the line of a place with a caret under the column: what [Error] shows
// of its place. Long lines are cut around the place, and tabs and control characters
// made visible, as templates are text from strangers. It is empty where there is no
// such line.
func (s *Source) Excerpt(line, column int) string {
	if line < 1 || line > len(s.starts) {
		return ""
	}
	first := s.characters(s.starts[line-1])
	count := s.characters(s.LineEnd(line)) - first
	column = max(0, min(column-1, count))
	// With the gutter an excerpt fits into 80 columns.
	const width, before = 70, 40
	from, to := 0, count
	if count > width {
		from = max(0, min(column-before, count-width))
		to = from + width
	}
	text := []rune(string(s.Text[s.offset(first+from):s.offset(first+to)]))
	if from > 0 {
		text[0] = '…'
	}
	if to < count {
		text[len(text)-1] = '…'
	}
	for i, r := range text {
		if r == '\t' {
			text[i] = '→'
		} else if !unicode.IsPrint(r) {
			text[i] = '\ufffd'
		}
	}
	gutter := fmt.Sprintf("%5d | ", line)
	pad := runewidth.StringWidth(string(text[:column-from]))
	return gutter + string(text) + "\n" + strings.Repeat(" ", len(gutter)-2) + "| " + strings.Repeat(" ", pad) + "^"
}

// LineEnd is the byte offset at which the text of a line ends, without the characters that end the line.
func (s *Source) LineEnd(line int) int {
	end := len(s.Text)
	if line < len(s.starts) {
		end = s.starts[line]
	}
	text := s.Text[s.starts[line-1]:end]
	for {
		r, size := utf8.DecodeLastRune(text)
		if len(text) == 0 || !strings.ContainsRune("\r\n\u0085\u2028\u2029", r) {
			return s.starts[line-1] + len(text)
		}
		text = text[:len(text)-size]
	}
}

// Excerpt is [Source.Excerpt] of a text of which one place is shown.
func Excerpt(src []byte, line, column int) string { return NewSource(src).Excerpt(line, column) }
