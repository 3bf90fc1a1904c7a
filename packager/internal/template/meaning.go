package template

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/syntax"
)

// A meaning is a value as CloudFormation reads it, however it is written: functions in
// their long form, scalars as YAML 1.1 or JSON has them, no order of keys, and no comments,
// quotes or tags. Two values mean the same if their sums are the same.
type meaning struct {
	node     *syntax.Node // where it is written
	kind     syntax.Kind
	text     string // a scalar, in JSON
	function string // "Fn::Sub" or "Ref", of which the only value is the argument
	keys     []string
	values   []*meaning

	sum    [sha256.Size]byte // of all of it but locations
	placed bool              // it is a location
	beside *meaning          // and says this besides
	blank  bool              // it is what says nothing besides
	whole  bool              // it is all that stands in a location's place
	places int               // how many locations are in it
}

// A meaningReader reads what the values of one template mean.
type meaningReader struct {
	doc      *syntax.Document
	isPlaced func(*syntax.Node) bool // which values are locations
	beside   map[*syntax.Node]*meaning
}

// of returns what a value means that stands under some keys.
func (r meaningReader) of(n *syntax.Node, under ...string) *meaning {
	m := &meaning{node: n, kind: n.Kind}
	switch name, argument := functionOf(n); {
	case r.isPlaced(n):
		m.placed, m.places, m.beside = true, 1, r.beside[n]
	case name != "" && n.Tag != "!Condition":
		m.kind, m.function = syntax.Mapping, title(name)
		m.add(m.function, r.argument(name, argument))
	case n.Tag == "!Condition":
		inner := *n
		inner.Tag, inner.Plain = "", false
		m.kind = syntax.Mapping
		m.add("Condition", r.of(&inner, "", "", "", ""))
	case n.Kind == syntax.Scalar:
		m.text = r.scalar(n)
		if isListOfOne(under) {
			m = &meaning{node: n, kind: syntax.Sequence, values: []*meaning{m.finished()}}
		}
	case n.Kind == syntax.Alias: // which was written out before, but in what is no template
		m.kind, m.text = syntax.Scalar, "*"+n.Value
	default:
		r.children(m, n, under)
		if isListOfOne(under) && len(under) == dependsOnDepth {
			slices.SortStableFunc(m.values, func(a, b *meaning) int { return cmp.Compare(a.text, b.text) })
		}
	}
	return m.finished()
}

// isListOfOne tells the values that may be a text in the place of a list of one: a
// resource's DependsOn, whose order means nothing either, and the template's Transform
// (CloudFormation guide, "DependsOn attribute" and "Transform").
func isListOfOne(under []string) bool {
	return len(under) == 1 && under[0] == "Transform" || len(under) == dependsOnDepth && under[0] == "Resources" && under[2] == "DependsOn"
}

// dependsOnDepth is below how many keys a resource's DependsOn is.
const dependsOnDepth = 3

// children reads a mapping's or a list's values. Of a key that stands there twice the last
// one counts.
func (r meaningReader) children(m *meaning, n *syntax.Node, under []string) {
	below := func(key string) []string {
		if len(under) > dependsOnDepth {
			return under // deep enough to be none of those
		}
		return append(slices.Clip(under), key)
	}
	if n.Kind == syntax.Sequence {
		for _, v := range n.Values {
			m.values = append(m.values, r.of(v, below("")...))
		}
		return
	}
	at := make(map[string]int, len(n.Keys))
	for i, k := range n.Keys {
		name := k.Value
		if k.Kind != syntax.Scalar {
			name = "{…}" // which is no key to CloudFormation
		}
		value := r.of(n.Values[i], below(name)...)
		if j, twice := at[name]; twice {
			m.values[j] = value
			continue
		}
		at[name] = len(m.keys)
		m.add(name, value)
	}
}

// argument reads a function's argument. Fn::GetAtt takes a text or a list of two, of which
// the second may be a function (CloudFormation reference, Fn::GetAtt).
func (r meaningReader) argument(name string, n *syntax.Node) *meaning {
	if name == "GetAtt" && isList(n, 2) && isText(n.Values[0]) && isText(n.Values[1]) {
		joined := &meaning{node: n, text: syntax.QuoteJSON(n.Values[0].Value + "." + n.Values[1].Value)}
		return joined.finished()
	}
	return r.of(n, "", "", "", "")
}

func isText(n *syntax.Node) bool { return n.Kind == syntax.Scalar && n.Tag == "" }

// scalar is a scalar in JSON.
func (r meaningReader) scalar(n *syntax.Node) string {
	switch {
	case n.Tag == "!!str" || n.Tag == "!" || n.Tag == "" && !n.Plain:
		return syntax.QuoteJSON(n.Value)
	case r.doc.JSON:
		return n.Value // as JSON has it: YAML 1.1 takes 1e3 for a text
	case n.Tag == "!!binary" || !strings.HasPrefix(n.Tag, "!!") && n.Tag != "":
		return n.Tag + " " + syntax.QuoteJSON(n.Value)
	}
	text, err := r.doc.Resolver.JSON(n.Value)
	if err != nil {
		return n.Value // .inf, which JSON does not have
	}
	return text
}

func (m *meaning) add(key string, value *meaning) {
	m.keys, m.values = append(m.keys, key), append(m.values, value)
}

// index has the values by their keys.
func (m *meaning) index() map[string]*meaning {
	all := make(map[string]*meaning, len(m.keys))
	for i, k := range m.keys {
		all[k] = m.values[i]
	}
	return all
}

// finished fills in what follows from the values.
func (m *meaning) finished() *meaning {
	h := sha256.New()
	text := func(s string) {
		var size [8]byte
		binary.BigEndian.PutUint64(size[:], uint64(len(s)))
		h.Write(size[:])
		h.Write([]byte(s))
	}
	order := make([]int, len(m.values))
	for i := range order {
		order[i] = i
	}
	if m.kind == syntax.Mapping {
		slices.SortFunc(order, func(i, j int) int { return strings.Compare(m.keys[i], m.keys[j]) })
	}
	switch {
	case m.placed:
		text("location")
	case m.kind == syntax.Scalar:
		text("scalar")
		text(m.text)
	case m.kind == syntax.Sequence:
		text("list")
	default:
		text("mapping")
	}
	for _, i := range order {
		if m.kind == syntax.Mapping {
			text(m.keys[i])
		}
		h.Write(m.values[i].sum[:])
		m.places += m.values[i].places
	}
	h.Sum(m.sum[:0])
	return m
}

// brief writes a value for a person, in so many bytes at most.
func (m *meaning) brief(most int) string {
	w := briefWriter{most: most + 4}
	w.value(m)
	text := w.out.String()
	if len(text) <= most {
		return text
	}
	return cutEnd(text, most)
}

// cutEnd takes the end off a text that is longer than so many bytes.
func cutEnd(text string, most int) string {
	if len(text) <= most {
		return text
	}
	end := most - len("…")
	for end > 0 && !isRuneStart(text[end]) {
		end--
	}
	return text[:end] + "…"
}

func isRuneStart(b byte) bool { return b&0xc0 != 0x80 }

// A briefWriter writes values in YAML's flow style until it has enough.
type briefWriter struct {
	out  strings.Builder
	most int
}

// write adds a text, and returns whether there is room for more.
func (w *briefWriter) write(text string) bool {
	if w.out.Len() < w.most {
		w.out.WriteString(text[:min(len(text), w.most)])
	}
	return w.out.Len() < w.most
}

func (w *briefWriter) value(m *meaning) {
	switch {
	case m.function != "":
		w.write("!" + strings.TrimPrefix(m.function, "Fn::") + " ")
		if m.function == "Ref" || m.function == "Fn::GetAtt" {
			w.write(strings.Trim(m.values[0].text, `"`))
			if m.values[0].kind == syntax.Scalar {
				return
			}
		}
		w.value(m.values[0])
	case m.placed && m.node.Kind == syntax.Scalar && m.node.Tag == "":
		w.write(syntax.QuoteJSON(m.node.Value))
	case m.placed, m.blank:
		w.write("a location")
	case m.kind == syntax.Scalar:
		w.write(m.text)
	default:
		w.collection(m)
	}
}

func (w *briefWriter) collection(m *meaning) {
	brackets := "{}"
	if m.kind == syntax.Sequence {
		brackets = "[]"
	}
	w.write(brackets[:1])
	for i, v := range m.values {
		if i > 0 && !w.write(", ") {
			return
		}
		if m.kind == syntax.Mapping && !w.write(m.keys[i]+": ") {
			return
		}
		w.value(v)
	}
	w.write(brackets[1:])
}
