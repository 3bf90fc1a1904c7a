package packager

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// entry is where the i-th entry of a mapping begins: at its key, or at the mark
// of a complex key before it. In flow style the key will do: what is written
// behind the mark is an entry all the same.
func (t *template) entry(n *node, i int) int {
	at := n.keys[i].offset
	if n.flow {
		return at
	}
	if i == 0 {
		if n.start < at && t.src.Text[n.start] == '?' {
			return n.start
		}
		return at
	}
	// A question mark may also end a comment or a value: the mark stands first
	// in its line, in the column where the mapping begins.
	mark := len(bytes.TrimRight(t.src.Text[:at], " \t\r\n")) - 1
	line, column := t.src.Place(mark)
	_, own := t.src.Place(n.start)
	if t.src.Text[mark] == '?' && mark+1 < at && column == own && len(bytes.TrimLeft(t.src.Text[t.src.LineStart(line):mark], " ")) == 0 {
		return mark
	}
	return at
}

// newline is the line ending that the template uses first.
func (t *template) newline() string {
	if i := bytes.IndexByte(t.src.Text, '\n'); i > 0 && t.src.Text[i-1] == '\r' {
		return "\r\n"
	}
	return "\n"
}

// span returns where a scalar's text stands in the source, quotes included.
func (n *node) span(src []byte) (start, end int, err error) {
	start = n.start
	rest := src[start:]
	switch {
	case n.plain && n.tag == "" && n.value == "":
		return start, start, nil
	case n.block:
		header := bytes.IndexAny(rest, lineEnds)
		if header < 0 {
			header = len(rest) // the template ends behind the header
		}
		end, err = textEnd(rest[header:], n.value)
		return start, start + header + end, err
	case n.plain:
		end, err = textEnd(rest, n.value)
		return start, start + end, err
	case bytes.HasPrefix(rest, []byte(`"`)):
		for i := 1; i < len(rest); i++ {
			switch rest[i] {
			case '\\':
				i++
			case '"':
				return start, start + i + 1, nil
			}
		}
	case bytes.HasPrefix(rest, []byte(`'`)):
		for i := 1; i < len(rest); i++ {
			if rest[i] != '\'' {
				continue
			}
			if i+1 < len(rest) && rest[i+1] == '\'' {
				i++
				continue
			}
			return start, start + i + 1, nil
		}
	}
	return 0, 0, errors.New("the end of this value was not found")
}

// textEnd returns where value ends in src. A scalar without quotes has no
// escapes, so apart from white space, which YAML folds, its characters stand
// in the source as they are.
func textEnd(src []byte, value string) (int, error) {
	at := 0
	for _, want := range value {
		if isYAMLSpace(want) {
			continue
		}
		for {
			if at >= len(src) {
				return 0, errors.New("this value ends too early")
			}
			r, size := utf8.DecodeRune(src[at:])
			at += size
			if r == want {
				break
			}
			if !isYAMLSpace(r) {
				return 0, fmt.Errorf("this value holds %q where %q was read", r, want)
			}
		}
	}
	return at, nil
}

// headerComment returns the comment behind a block scalar's indicator.
func headerComment(src []byte) string {
	line := string(src)
	if end := strings.IndexAny(line, lineEnds); end >= 0 {
		line = strings.TrimRight(line[:end], " \t")
	}
	if i := strings.IndexByte(line, '#'); i > 0 {
		return line[len(strings.TrimRight(line[:i], " \t")):]
	}
	return ""
}

// lineEnds holds what ends a line in YAML 1.1.
const lineEnds = "\r\n\u0085\u2028\u2029"

// isYAMLSpace tells what a YAML 1.1 reader folds or takes as the end of a line.
func isYAMLSpace(r rune) bool {
	return strings.ContainsRune(" \t\r\n\u0085\u2028\u2029", r)
}

// end returns the byte behind a value's text.
func (t *template) end(n *node) (int, error) {
	switch n.kind {
	case alias:
		return n.offset + 1 + len(n.value), nil
	case scalar:
		_, end, err := n.span(t.src.Text)
		return end, err
	case mapping, sequence:
	}
	at := n.start
	open := at < len(t.src.Text) && (t.src.Text[at] == '{' || t.src.Text[at] == '[')
	if len(n.values) > 0 {
		var err error
		if at, err = t.end(n.values[len(n.values)-1]); err != nil {
			return 0, err
		}
	} else if open {
		at++
	}
	if !open {
		return at, nil
	}
	for at < len(t.src.Text) {
		switch t.src.Text[at] {
		case ']', '}':
			return at + 1, nil
		case '#':
			next := bytes.IndexAny(t.src.Text[at:], "\r\n")
			if next < 0 {
				return 0, errors.New("the end of this value was not found")
			}
			at += next
		default:
			at++
		}
	}
	return 0, errors.New("the end of this value was not found")
}
