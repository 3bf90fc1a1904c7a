package template

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/syntax"
)

// A piece is a part of what a value comes out as.
type piece struct {
	text  string   // what is known
	hole  string   // what is known at deployment alone, as it is written; then text is only the default
	word  bool     // such a hole holds letters, digits and dashes
	among []string // where these are all that it can hold
	empty bool     // its default is the empty text
}

// maxAmong bounds how many values are looked at of one that is not known.
const maxAmong = 100

// An outcome is what a value comes out as once CloudFormation has carried out its
// functions: pieces in a row. Of Fn::ForEach's variables, ${Name} stays.
type outcome []piece

// holes are the parts that are not known, as they are written.
func (o outcome) holes() (names []string) {
	for _, p := range o {
		if p.hole != "" && !slices.Contains(names, p.hole) {
			names = append(names, p.hole)
		}
	}
	return names
}

// text is the outcome, in which a hole is as it is written.
func (o outcome) text() string {
	var b strings.Builder
	for _, p := range o {
		if p.hole != "" {
			p.text = p.hole
		}
		b.WriteString(p.text)
	}
	return b.String()
}

// begins returns how the outcome can begin, and whether that is all of it. There is ""
// where nothing is known.
func (o outcome) begins() (all []string, whole bool) {
	all, whole = []string{""}, true
	for _, p := range o {
		more := []string{p.text}
		switch {
		case p.hole == "":
		case p.word:
			more = []string{"word"}
		case p.among != nil:
			more = p.among
		default:
			return all, false
		}
		if len(all)*len(more) > maxAmong {
			return all, false
		}
		var longer []string
		for _, begin := range all {
			for _, s := range more {
				longer = append(longer, begin+s)
			}
		}
		all = longer
	}
	return all, whole
}

// byDefault returns the outcome in which parameters have their defaults, if one has.
func (o outcome) byDefault() (outcome, bool) {
	filled, changed := slices.Clone(o), false
	for i, p := range o {
		if p.hole != "" && (p.text != "" || p.empty) {
			filled[i], changed = piece{text: p.text, empty: p.empty}, true
		}
	}
	return filled, changed
}

// functionOf returns the name of an intrinsic function without Fn::, and its argument;
// "" where a value is none.
func functionOf(n *syntax.Node) (name string, argument *syntax.Node) {
	if n.Kind == syntax.Mapping && n.Tag == "" && len(n.Keys) == 1 {
		name = n.Keys[0].Value
		if short, ok := strings.CutPrefix(name, "Fn::"); ok || name == "Ref" {
			return short, n.Values[0]
		}
		return "", nil
	}
	if strings.HasPrefix(n.Tag, "!") && !strings.HasPrefix(n.Tag, "!!") && n.Tag != "!" {
		inner := *n
		inner.Tag, inner.Plain = "", inner.Plain && n.Kind != syntax.Scalar
		return n.Tag[1:], &inner
	}
	return "", nil
}

// outcome tells what a value comes out as.
func (c *collector) outcome(n *syntax.Node) outcome {
	name, argument := functionOf(n)
	switch {
	case name == "" && n.Kind == syntax.Scalar && (n.Tag == "" || n.Tag == "!!str" || n.Tag == "!"):
		return literal(n.Value)
	case name == "Ref" && argument.Kind == syntax.Scalar:
		return outcome{c.variable(argument.Value)}
	case name == "Sub":
		return c.sub(argument)
	case name == "Join" && isList(argument, 2) && argument.Values[0].Kind == syntax.Scalar && isList(argument.Values[1], -1):
		var o outcome
		for i, item := range argument.Values[1].Values {
			if i > 0 {
				o = append(o, piece{text: argument.Values[0].Value})
			}
			o = append(o, c.outcome(item)...)
		}
		return o
	case name == "Select" && isList(argument, 2) && isList(argument.Values[1], -1):
		i, err := strconv.Atoi(argument.Values[0].Value)
		if items := argument.Values[1].Values; err == nil && i >= 0 && i < len(items) {
			return c.outcome(items[i])
		}
	case name == "FindInMap" && isList(argument, 3):
		return c.findInMap(argument)
	}
	if name != "" && name != "Ref" {
		name = "Fn::" + name
	}
	return outcome{{hole: name}}
}

// isList tells a list of so many items from functions and all else; -1 is any number.
func isList(n *syntax.Node, length int) bool {
	return n.Kind == syntax.Sequence && n.Tag == "" && (length < 0 || len(n.Values) == length)
}

// literal divides a text at its dynamic references.
func literal(text string) (o outcome) {
	if !strings.Contains(text, "{{resolve:") {
		return outcome{{text: text}}
	}
	at := 0
	for _, m := range regexp.MustCompile(`\{\{resolve:[^{}]*\}\}`).FindAllStringIndex(text, -1) {
		o = append(o, piece{text: text[at:m[0]]}, piece{hole: text[m[0]:m[1]]})
		at = m[1]
	}
	return append(o, piece{text: text[at:]})
}

// sub is Fn::Sub of a text, or of a text and its own variables.
func (c *collector) sub(argument *syntax.Node) (o outcome) {
	var own *syntax.Node
	if isList(argument, 2) {
		argument, own = argument.Values[0], argument.Values[1]
	}
	if argument.Kind != syntax.Scalar {
		return outcome{{hole: "Fn::Sub"}}
	}
	text, at := argument.Value, 0
	for _, m := range regexp.MustCompile(`\$\{([^}]*)\}`).FindAllStringSubmatchIndex(text, -1) {
		o = append(o, literal(text[at:m[0]])...)
		name := strings.TrimSpace(text[m[2]:m[3]])
		at = m[1]
		switch escaped, is := strings.CutPrefix(name, "!"); {
		case is:
			o = append(o, piece{text: "${" + escaped + "}"})
		case own.Get(name) != nil:
			o = append(o, c.outcome(own.Get(name))...)
		default:
			o = append(o, c.variable(name))
		}
	}
	return append(o, literal(text[at:])...)
}

// variable is what Ref, or ${} in Fn::Sub, comes out as.
func (c *collector) variable(name string) piece {
	written := "${" + name + "}"
	if text, is := c.known[name]; is {
		return piece{text: text}
	}
	for _, l := range c.loops {
		if l.variable == name && l.values != nil {
			return piece{text: written}
		}
	}
	p := piece{hole: written}
	switch name {
	case "AWS::Region", "AWS::AccountId", "AWS::Partition", "AWS::StackName":
		p.word = true
		return p
	}
	parameter := c.t.doc.Root.Get("Parameters").Get(name)
	if typ := parameter.Get("Type"); typ == nil || typ.Value != "String" {
		return p // of another type the default is not the value
	}
	if v := parameter.Get("Default"); v != nil && v.Kind == syntax.Scalar && !v.IsNull() {
		p.text, p.empty = v.Value, v.Value == ""
	}
	if allowed := parameter.Get("AllowedValues"); allowed != nil && isList(allowed, -1) {
		for _, v := range allowed.Values {
			p.among = append(p.among, v.Value)
		}
	}
	return p
}

// findInMap looks into the template's own mappings: the value where both keys are
// known, else all values that there are.
func (c *collector) findInMap(argument *syntax.Node) outcome {
	found := []*syntax.Node{c.t.doc.Root.Get("Mappings")}
	for _, step := range argument.Values {
		key := c.outcome(step)
		var next []*syntax.Node
		for _, n := range found {
			switch {
			case n == nil || n.Kind != syntax.Mapping:
			case len(key.holes()) == 0 && !c.inLoops(key.text()):
				next = append(next, n.Get(key.text()))
			default:
				next = append(next, n.Values...)
			}
		}
		found = next
	}
	p := piece{hole: "Fn::FindInMap"}
	for _, n := range found {
		if n == nil || len(p.among) > maxAmong || n.Kind != syntax.Scalar || n.Tag != "" || !c.t.doc.Resolver.IsString(n) {
			return outcome{{hole: p.hole}}
		}
		if !slices.Contains(p.among, n.Value) {
			p.among = append(p.among, n.Value)
		}
	}
	if len(p.among) == 1 {
		return literal(p.among[0])
	}
	return outcome{p}
}

// inLoops tells whether a text holds a variable of the loops around it.
func (c *collector) inLoops(text string) bool {
	return slices.ContainsFunc(c.loops, func(l loop) bool { return l.in(text) })
}
