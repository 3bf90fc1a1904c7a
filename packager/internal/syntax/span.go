package syntax

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// EntryStart is where the i-th entry of a mapping begins: at its key, or at the mark
// of a complex key before it. In flow style the key will do: what is written
// behind the mark is an entry all the same.
func (d *Document) EntryStart(n *Node, i int) int {
	at := n.Keys[i].Offset
	if n.Flow {
		return at
	}
	if i == 0 {
		if n.Start < at && d.Source.Text[n.Start] == '?' {
			return n.Start
		}
		return at
	}
	// A question mark may also end a comment or a value: the mark stands first
	// in its line, in the column where the mapping begins.
	mark := len(bytes.TrimRight(d.Source.Text[:at], " \t\r\n")) - 1
	line, column := d.Source.Place(mark)
	_, own := d.Source.Place(n.Start)
	if d.Source.Text[mark] == '?' && mark+1 < at && column == own && len(bytes.TrimLeft(d.Source.Text[d.Source.LineStart(line):mark], " ")) == 0 {
		return mark
	}
	return at
}

// Newline is the line ending that the template uses first.
func (d *Document) Newline() string {
	if i := bytes.IndexByte(d.Source.Text, '\n'); i > 0 && d.Source.Text[i-1] == '\r' {
		return "\r\n"
	}
	return "\n"
}

// Span returns where a scalar's text stands in the source, quotes included.
func (n *Node) Span(src []byte) (start, end int, err error) {
	start = n.Start
	rest := src[start:]
	switch {
	case n.Plain && n.Tag == "" && n.Value == "":
		return start, start, nil
	case n.Block:
		header := bytes.IndexAny(rest, lineEnds)
		if header < 0 {
			header = len(rest) // the template ends behind the header
		}
		end, err = textEnd(rest[header:], n.Value)
		return start, start + header + end, err
	case n.Plain:
		end, err = textEnd(rest, n.Value)
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
		if IsSpace(want) {
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
			if !IsSpace(r) {
				return 0, fmt.Errorf("this value holds %q where %q was read", r, want)
			}
		}
	}
	return at, nil
}

// HeaderComment returns the comment behind a block scalar's indicator.
func HeaderComment(src []byte) string {
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

// IsSpace tells what a YAML 1.1 reader folds or takes as the end of a line.
func IsSpace(r rune) bool {
	return strings.ContainsRune(" \t\r\n\u0085\u2028\u2029", r)
}

// End returns the byte behind a value's text.
func (d *Document) End(n *Node) (int, error) {
	switch n.Kind {
	case Alias:
		return n.Offset + 1 + len(n.Value), nil
	case Scalar:
		_, end, err := n.Span(d.Source.Text)
		return end, err
	case Mapping, Sequence:
	}
	at := n.Start
	open := at < len(d.Source.Text) && (d.Source.Text[at] == '{' || d.Source.Text[at] == '[')
	if len(n.Values) > 0 {
		var err error
		if at, err = d.End(n.Values[len(n.Values)-1]); err != nil {
			return 0, err
		}
	} else if open {
		at++
	}
	if !open {
		return at, nil
	}
	for at < len(d.Source.Text) {
		switch d.Source.Text[at] {
		case ']', '}':
			return at + 1, nil
		case '#':
			next := bytes.IndexAny(d.Source.Text[at:], "\r\n")
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
