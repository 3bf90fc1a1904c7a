package syntax

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// FlowText writes a tree in flow style, which can stand wherever an alias can.
func (d *Document) FlowText(n *Node) string {
	tag := ""
	if n.Tag != "" {
		tag = n.Tag + " "
	}
	var parts []string
	switch n.Kind {
	case Mapping:
		for i, k := range n.Keys {
			parts = append(parts, d.FlowText(k)+": "+d.FlowText(n.Values[i]))
		}
		return tag + "{" + strings.Join(parts, ", ") + "}"
	case Sequence:
		for _, v := range n.Values {
			parts = append(parts, d.FlowText(v))
		}
		return tag + "[" + strings.Join(parts, ", ") + "]"
	}
	switch {
	case !n.Plain:
		return tag + QuoteJSON(n.Value)
	case n.IsNull() && n.Value == "":
		return "null"
	case n.Tag == "" && d.Resolver.typeOf(n.Value) != stringType:
		return n.Value // a number or the like: quotes would make it a string
	case d.Resolver.word.MatchString(n.Value):
		return tag + n.Value
	}
	return tag + QuoteJSON(n.Value)
}

// Key writes a key of our own.
func (d *Document) Key(k string) string {
	if d.JSON {
		return QuoteJSON(k)
	}
	return k
}

// Quote writes a string as the source's value was quoted; unquoted where it
// is safe outside of any bracket, or plainly a word.
func (d *Document) Quote(s string, old *Node, inline bool) string {
	if d.JSON {
		return QuoteJSON(s)
	}
	if old != nil && old.Kind == Scalar && old.Start < len(d.Source.Text) {
		switch {
		case old.Plain || old.Block:
		case d.Source.Text[old.Start] == '\'':
			return "'" + strings.ReplaceAll(s, "'", "''") + "'"
		default:
			return QuoteJSON(s)
		}
	}
	if d.Resolver.word.MatchString(s) && d.Resolver.typeOf(s) == stringType || !inline && d.Resolver.url.MatchString(s) {
		return s
	}
	return QuoteJSON(s)
}

// InsertEntry puts an entry before a mapping's first one, on a line of its own
// where that has one.
func (d *Document) InsertEntry(n *Node, entry string) Edit {
	if len(n.Keys) == 0 {
		return Edit{n.Start + 1, n.Start + 1, entry} // {}
	}
	at := d.EntryStart(n, 0)
	return Edit{at, at, entry + d.Separator(n)}
}

// Separator is what stands between an entry that is put before a mapping's
// first one, and that.
func (d *Document) Separator(n *Node) string {
	at := d.EntryStart(n, 0)
	begin, column := d.Source.Place(at)
	line := d.Source.Text[d.Source.LineStart(begin):at]
	ownLine := len(bytes.Trim(line, " \t")) == 0
	switch {
	case ownLine && n.Flow:
		return "," + d.Newline() + string(line)
	case ownLine:
		return d.Newline() + string(line)
	case n.Flow:
		return ", "
	}
	return d.Newline() + strings.Repeat(" ", column-1)
}

// QuoteJSON returns s as a JSON string, which is a YAML double-quoted scalar
// too.
func QuoteJSON(s string) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		return fmt.Sprintf("%q", s) // Encode of a string does not fail
	}
	var out strings.Builder
	for _, r := range strings.TrimSuffix(b.String(), "\n") {
		// What YAML 1.1 takes for a line's end or does not allow, JSON does.
		if r >= 0x7f && r <= 0x9f || r == 0xfffe || r == 0xffff {
			fmt.Fprintf(&out, "\\u%04x", r)
		} else {
			out.WriteRune(r)
		}
	}
	return out.String()
}
