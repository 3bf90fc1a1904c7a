package packager

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// toJSON writes a YAML template's tree as JSON: short-form intrinsics in their
// long form, plain scalars as YAML 1.1 reads them, keys as their text, four
// spaces a level as the AWS CLI's --use-json has it.
func (t *template) toJSON(root *node) ([]byte, []error) {
	w := jsonWriter{t: t, r: t.resolver}
	w.node(root, "")
	w.out.WriteByte('\n')
	return w.out.Bytes(), w.errs
}

type jsonWriter struct {
	t    *template
	r    *resolver
	out  bytes.Buffer
	errs []error
}

func (w *jsonWriter) fail(n *node, format string, args ...any) {
	w.errs = append(w.errs, w.t.errorf(n, "", "writing JSON: "+format, args...))
}

func (w *jsonWriter) node(n *node, indent string) {
	name := strings.TrimPrefix(n.tag, "!")
	switch {
	case n.kind == alias:
		w.fail(n, "mrpackage does not write out the alias *%s", n.value)
	case n.tag == "" || n.tag == "!!map" || n.tag == "!!seq" || n.tag == "!!str":
		w.untagged(n, indent)
	case strings.HasPrefix(n.tag, "!!"):
		if n.kind != scalar || name == "!binary" {
			w.fail(n, "the tag %s has no form in JSON", n.tag)
			return
		}
		plain := *n
		plain.tag, plain.plain = "", true
		w.untagged(&plain, indent)
	case !strings.HasPrefix(n.tag, "!"):
		w.fail(n, "the tag %s has no form in JSON", n.tag)
	default:
		if name != "Ref" && name != "Condition" {
			name = "Fn::" + name
		}
		w.open("{", indent)
		w.out.WriteString(quoteJSON(name) + ": ")
		inner := *n
		inner.tag = ""
		if object, attribute, ok := strings.Cut(n.value, "."); n.tag == "!GetAtt" && n.kind == scalar && ok {
			inner = node{kind: sequence, values: []*node{{value: object}, {value: attribute}}}
		}
		inner.plain = false // the value of a tagged scalar is a string
		w.untagged(&inner, indent+"    ")
		w.close("}", indent)
	}
}

func (w *jsonWriter) open(bracket, indent string) {
	w.out.WriteString(bracket + "\n" + indent + "    ")
}

func (w *jsonWriter) close(bracket, indent string) {
	w.out.WriteString("\n" + indent + bracket)
}

func (w *jsonWriter) untagged(n *node, indent string) {
	if n.kind == scalar {
		text := quoteJSON(n.value)
		if n.plain && n.tag == "" {
			var err error
			if text, err = w.r.json(n.value); err != nil {
				w.fail(n, "%v", err)
			}
		}
		w.out.WriteString(text)
		return
	}
	brackets := "{}"
	if n.kind == sequence {
		brackets = "[]"
	}
	if len(n.values) == 0 {
		w.out.WriteString(brackets)
		return
	}
	w.open(brackets[:1], indent)
	seen := make(map[string]bool, len(n.keys))
	for i, v := range n.values {
		if i > 0 {
			w.out.WriteString(",\n" + indent + "    ")
		}
		if n.kind == mapping {
			k := n.keys[i]
			if k.kind != scalar || k.plain && k.value == "<<" {
				w.fail(k, "this key has no form in JSON")
			}
			if seen[k.value] {
				w.fail(k, "the key %q is another one's text, and JSON knows only text", k.value)
			}
			seen[k.value] = true
			w.out.WriteString(quoteJSON(k.value) + ": ")
		}
		w.node(v, indent+"    ")
	}
	w.close(brackets[1:], indent)
}

// quoteJSON returns s as a JSON string, which is a YAML double-quoted scalar
// too.
func quoteJSON(s string) string {
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
