package syntax

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"
)

// An Objection is what a reader of YAML 1.1 may refuse in a text that was read.
type Objection struct {
	Offset  int // the first place
	Message string
	Hint    string
}

// Objections are what PyYAML, whose scanner SnakeYAML's is made after, refuses in a
// document that ReadYAML reads: CloudFormation may refuse it, too. Each kind is told
// once, at its first place.
//
// They were found by reading generated texts with both. PyYAML takes no tab but in
// comments, in quotes and in block scalars, no character outside of YAML 1.1's printable
// ones (section 5.1), no question mark inside of a plain scalar in flow style, no key
// that is longer than 1,024 characters (section 9.1) or empty, and no character but
// letters, digits, - and _ in an anchor.
func (d *Document) Objections() []Objection {
	if d.JSON {
		return nil
	}
	o := objector{text: d.Source.Text, found: make(map[string]bool)}
	if at := bytes.IndexFunc(o.text, unprintable); at >= 0 {
		r, _ := utf8.DecodeRune(o.text[at:])
		o.object(at, fmt.Sprintf("the character U+%04X cannot stand in YAML 1.1", r), `leave it out; in double quotes it can be written as an escape, as \x7f`)
	}
	o.node(d.Root)
	o.gap(len(o.text))
	return o.all
}

// unprintable tells the characters that ReadYAML takes and YAML 1.1 does not.
func unprintable(r rune) bool { return r >= 0x7f && r <= 0x9f && r != 0x85 }

type objector struct {
	text  []byte
	at    int // what stands before was looked at
	found map[string]bool
	all   []Objection
}

func (o *objector) object(at int, message, hint string) {
	if !o.found[message] {
		o.found[message] = true
		o.all = append(o.all, Objection{at, message, hint})
	}
}

func (o *objector) tab(at int) {
	o.object(at, "a tab stands here, outside of quotes and comments, where YAML 1.1 knows only spaces", "put a space in the tab's place")
}

func (o *objector) node(n *Node) {
	switch n.Kind {
	case Alias:
		o.gap(n.Offset)
		o.name(n.Offset + 1)
	case Scalar:
		o.scalar(n)
	case Mapping, Sequence:
		for i, v := range n.Values {
			if n.Kind == Mapping {
				o.key(n.Keys[i])
			}
			o.node(v)
		}
	}
}

// key looks at a mapping's key.
func (o *objector) key(k *Node) {
	before := o.at
	o.node(k)
	if k.Kind != Scalar || o.marked(before, k.Offset) {
		return
	}
	if k.Plain && k.Tag == "" && k.Anchor == "" && k.Value == "" {
		o.object(k.Offset, "this key is empty, and YAML 1.1 knows no empty key but one in quotes", "")
	}
	if utf8.RuneCount(o.text[k.Offset:max(k.Offset, o.at)]) > 1024 {
		o.object(k.Offset, "this key is longer than the 1024 characters that YAML 1.1 takes", "")
	}
}

// marked tells whether a question mark stands before a key.
func (o *objector) marked(from, to int) bool {
	return from < to && bytes.IndexByte(o.text[from:to], '?') >= 0
}

// scalar looks at what stands before a scalar and at the scalar.
func (o *objector) scalar(n *Node) {
	start, end, err := n.Span(o.text)
	if err != nil {
		return
	}
	o.gap(start)
	o.at = max(o.at, end)
	text := o.text[start:max(start, end)]
	switch {
	case n.Block:
		header, _, _ := bytes.Cut(text, []byte("#"))
		if i := bytes.IndexAny(header, lineEnds); i >= 0 {
			header = header[:i]
		}
		if i := bytes.IndexByte(header, '\t'); i >= 0 {
			o.tab(start + i)
		}
		// What follows the last letter is the scalar's, too.
		o.at += len(o.text[o.at:]) - len(bytes.TrimLeft(o.text[o.at:], " \t\r\n"))
	case n.Plain:
		if i := bytes.IndexByte(text, '\t'); i >= 0 {
			o.tab(start + i)
		}
		if i := bytes.IndexByte(text, '?'); i >= 0 && n.Flow {
			o.object(start+i, "a question mark stands inside of braces or brackets in a value without quotes, where YAML 1.1 takes it for a key's", "put the value in quotes")
		}
	}
}

// gap looks at what stands between two scalars: indentation, comments, indicators, tags and
// anchors.
func (o *objector) gap(to int) {
	for o.at < to {
		switch o.text[o.at] {
		case '\t':
			o.tab(o.at)
		case '#':
			if end := bytes.IndexAny(o.text[o.at:to], lineEnds); end >= 0 {
				o.at += end
			} else {
				o.at = to
			}
			continue
		case '&':
			o.name(o.at + 1)
			continue
		case '!':
			for o.at < to && !strings.ContainsRune(" \t\r\n", rune(o.text[o.at])) {
				o.at++
			}
			continue
		}
		o.at++
	}
}

// name looks at the name of an anchor or alias.
func (o *objector) name(at int) {
	for o.at = at; o.at < len(o.text); o.at++ {
		c := o.text[o.at]
		switch {
		case c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' || c == '-' || c == '_':
		case strings.IndexByte(" \t\r\n,]}", c) >= 0:
			return
		default:
			o.object(at-1, "the name of this anchor or alias holds another character than letters, digits, - and _", "")
			return
		}
	}
}
