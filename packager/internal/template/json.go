package template

import (
	"bytes"
	"errors"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/syntax"
)

// toJSON writes a YAML template's tree as JSON: short-form intrinsics in their
// long form, plain scalars as YAML 1.1 reads them, keys as their text, four
// spaces a level as the AWS CLI's --use-json has it.
func (t *Template) toJSON(root *syntax.Node) ([]byte, error) {
	w := jsonWriter{t: t, r: t.doc.Resolver}
	w.node(root, "")
	w.out.WriteByte('\n')
	return w.out.Bytes(), errors.Join(w.errs...)
}

type jsonWriter struct {
	t    *Template
	r    *syntax.Resolver
	out  bytes.Buffer
	errs []error
}

func (w *jsonWriter) fail(n *syntax.Node, format string, args ...any) {
	w.errs = append(w.errs, w.t.errorf(n, "", "writing JSON: "+format, args...))
}

func (w *jsonWriter) node(n *syntax.Node, indent string) {
	name := strings.TrimPrefix(n.Tag, "!")
	switch {
	case n.Kind == syntax.Alias:
		w.fail(n, "mrpackage does not write out the alias *%s", n.Value)
	case n.Tag == "" || n.Tag == "!!map" || n.Tag == "!!seq" || n.Tag == "!!str":
		w.untagged(n, indent)
	case strings.HasPrefix(n.Tag, "!!"):
		if n.Kind != syntax.Scalar || name == "!binary" {
			w.fail(n, "the tag %s has no form in JSON", n.Tag)
			return
		}
		plain := *n
		plain.Tag, plain.Plain = "", true
		w.untagged(&plain, indent)
	case !strings.HasPrefix(n.Tag, "!"):
		w.fail(n, "the tag %s has no form in JSON", n.Tag)
	default:
		if name != "Ref" && name != "Condition" {
			name = "Fn::" + name
		}
		w.open("{", indent)
		w.out.WriteString(syntax.QuoteJSON(name) + ": ")
		inner := *n
		inner.Tag = ""
		if object, attribute, ok := strings.Cut(n.Value, "."); n.Tag == "!GetAtt" && n.Kind == syntax.Scalar && ok {
			inner = syntax.Node{Kind: syntax.Sequence, Values: []*syntax.Node{{Value: object}, {Value: attribute}}}
		}
		inner.Plain = false // the value of a tagged scalar is a string
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

func (w *jsonWriter) untagged(n *syntax.Node, indent string) {
	if n.Kind == syntax.Scalar {
		w.scalar(n)
		return
	}
	brackets := "{}"
	if n.Kind == syntax.Sequence {
		brackets = "[]"
	}
	if len(n.Values) == 0 {
		w.out.WriteString(brackets)
		return
	}
	w.open(brackets[:1], indent)
	seen := make(map[string]bool, len(n.Keys))
	for i, v := range n.Values {
		if i > 0 {
			w.out.WriteString(",\n" + indent + "    ")
		}
		if n.Kind == syntax.Mapping {
			w.key(n.Keys[i], seen)
		}
		w.node(v, indent+"    ")
	}
	w.close(brackets[1:], indent)
}

func (w *jsonWriter) scalar(n *syntax.Node) {
	text := syntax.QuoteJSON(n.Value)
	if n.Plain && n.Tag == "" {
		var err error
		if text, err = w.r.JSON(n.Value); err != nil {
			w.fail(n, "%v", err)
		}
	}
	w.out.WriteString(text)
}

// key writes a mapping's key, which may not be the text of one that was seen.
func (w *jsonWriter) key(k *syntax.Node, seen map[string]bool) {
	if k.Kind != syntax.Scalar || k.Plain && k.Value == "<<" {
		w.fail(k, "this key has no form in JSON")
	}
	if seen[k.Value] {
		w.fail(k, "the key %q is another one's text, and JSON knows only text", k.Value)
	}
	seen[k.Value] = true
	w.out.WriteString(syntax.QuoteJSON(k.Value) + ": ")
}
