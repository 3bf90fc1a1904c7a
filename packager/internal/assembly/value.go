package assembly

import (
	"fmt"
	"slices"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/syntax"
)

// An object is one of a manifest's, whose fields are asked for by name. It reports what is
// not of the type that it should be, and where.
type object struct {
	*reader
	file *File
	most int    // how many problems there may be
	what string // it is called
	node *syntax.Node
}

// place is where a node stands.
func (o *object) place(n *syntax.Node) Place { return Place{o.file, n.Line, n.Column} }

// failAt reports a problem at a node.
func (o *object) failAt(n *syntax.Node, format string, args ...any) {
	switch len(o.errs) {
	case o.most:
		o.fail(o.place(n).Errorf("of this manifest, no more problems are listed"))
	default:
		if len(o.errs) < o.most {
			o.fail(o.place(n).Errorf(format, args...))
		}
	}
}

// of is the object that a node must be; nil where it is none, of which it tells.
func (o *object) of(n *syntax.Node) *object {
	if n.Kind != syntax.Mapping {
		o.failAt(n, "%s must be an object, and is %s", o.what, kindOf(n))
		return nil
	}
	found := *o
	found.node = n
	seen := make(map[string]bool, len(n.Keys))
	for _, key := range n.Keys {
		if seen[key.Value] {
			o.failAt(key, "%s has %q twice", o.what, key.Value)
		}
		seen[key.Value] = true
	}
	return &found
}

// kindOf is what a node is, as JSON calls it.
func kindOf(n *syntax.Node) string {
	switch {
	case n.Kind == syntax.Mapping:
		return "an object"
	case n.Kind == syntax.Sequence:
		return "a list"
	case !n.Plain:
		return "a string"
	case n.Value == "null":
		return "null"
	case n.Value == "true" || n.Value == "false":
		return "a boolean"
	}
	return "a number"
}

// get is a field; nil where it is not there. What is null is not there: JSON.stringify
// writes null for what has no value.
func (o *object) get(name string) *syntax.Node {
	n := o.node.Get(name)
	if n == nil || n.Kind == syntax.Scalar && n.Plain && n.Value == "null" {
		return nil
	}
	return n
}

// only warns of fields that are not known: what they ask for is not done.
func (o *object) only(names ...string) {
	for _, key := range o.node.Keys {
		if !slices.Contains(names, key.Value) {
			e := o.place(key).Errorf("%s has a field %q, which this version of mrpackage does not know and leaves aside", o.what, key.Value)
			e.Hint = fmt.Sprintf("it knows the schema up to version %d: is there a newer mrpackage?", Newest)
			o.warn(e)
		}
	}
}

// text is a field that is a string; "" where it is not there.
func (o *object) text(name string) string {
	n := o.get(name)
	if n == nil {
		return ""
	}
	if n.Kind != syntax.Scalar || n.Plain {
		o.failAt(n, "%q of %s must be a string, and is %s", name, o.what, kindOf(n))
		return ""
	}
	return n.Value
}

// needed is a field that must be a string that is not empty. ok is whether it is one.
func (o *object) needed(name string) (text string, ok bool) {
	before := len(o.errs)
	if text = o.text(name); text != "" || len(o.errs) > before {
		return text, text != ""
	}
	if n := o.get(name); n != nil {
		o.failAt(n, "%q of %s is empty", name, o.what)
	} else {
		o.failAt(o.node, "%s has no %q", o.what, name)
	}
	return "", false
}

// texts is a field that is a list of strings; nil where it is not there.
func (o *object) texts(name string) []string {
	n := o.get(name)
	if n == nil {
		return nil
	}
	if n.Kind != syntax.Sequence {
		o.failAt(n, "%q of %s must be a list of strings, and is %s", name, o.what, kindOf(n))
		return nil
	}
	all := []string{}
	for _, item := range n.Values {
		if item.Kind != syntax.Scalar || item.Plain {
			o.failAt(item, "%q of %s must hold strings, and this is %s", name, o.what, kindOf(item))
			continue
		}
		all = append(all, item.Value)
	}
	return all
}

// object is a field that is an object; nil where it is not there.
func (o *object) object(name, what string) *object {
	n := o.get(name)
	if n == nil {
		return nil
	}
	child := *o
	child.what = what
	return child.of(n)
}

// each calls a function with each of an object's members that is an object, and its key.
func (o *object) each(what string, found func(id string, key *syntax.Node, member *object)) {
	for i, key := range o.node.Keys {
		if o.ctx.Err() != nil {
			return
		}
		child := *o
		child.what = fmt.Sprintf("%s %s", what, shortened(key.Value))
		if member := child.of(o.node.Values[i]); member != nil {
			found(key.Value, key, member)
		}
	}
}

// pairs is a field that is an object of strings.
func (o *object) pairs(name string) (all []Pair) {
	of := o.object(name, name+" of "+o.what)
	if of == nil {
		return nil
	}
	for _, key := range of.node.Keys {
		all = append(all, Pair{key.Value, of.text(key.Value)})
	}
	return all
}

// isSet is a field that is true or false.
func (o *object) isSet(name string) bool {
	n := o.get(name)
	if n == nil {
		return false
	}
	if kindOf(n) != "a boolean" {
		o.failAt(n, "%q of %s must be true or false, and is %s", name, o.what, kindOf(n))
	}
	return n.Plain && n.Value == "true"
}

// shortened is enough of an ID to know it by.
func shortened(id string) string {
	if len(id) > 24 && !strings.ContainsAny(id, " ./") {
		return id[:16] + "…"
	}
	return id
}

// jsonOf is a value as JSON.
func jsonOf(n *syntax.Node) string {
	var parts []string
	switch {
	case n.Kind == syntax.Mapping:
		for i, key := range n.Keys {
			parts = append(parts, syntax.QuoteJSON(key.Value)+":"+jsonOf(n.Values[i]))
		}
		return "{" + strings.Join(parts, ",") + "}"
	case n.Kind == syntax.Sequence:
		for _, item := range n.Values {
			parts = append(parts, jsonOf(item))
		}
		return "[" + strings.Join(parts, ",") + "]"
	case n.Plain:
		return n.Value
	}
	return syntax.QuoteJSON(n.Value)
}
