package codepipeline

import (
	"slices"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/check/internal/document"
)

// What is read is bounded, as an alias may hold itself.
const (
	maxSteps = 10_000  // to resolve one value
	maxText  = 1 << 16 // bytes of a resolved value
)

// Text is what a value comes to.
func (p *Pipeline) Text(v document.Value) Text { return resolve(v, nil) }

// Default is what a value comes to where each parameter has its default.
func (p *Pipeline) Default(v document.Value) Text { return resolve(v, p.defaults) }

func resolve(v document.Value, defaults map[string]string) Text {
	r := resolver{defaults: defaults, steps: maxSteps}
	text := r.resolve(v)
	if r.steps <= 0 {
		return Text{state: unreadable}
	}
	slices.Sort(r.taken)
	text.taken = strings.Join(slices.Compact(r.taken), ",")
	return text
}

// A resolver resolves one value.
type resolver struct {
	defaults map[string]string // the parameters that stand with their defaults
	taken    []string          // the parameters of which that made a difference
	steps    int               // that are left
}

func (r *resolver) resolve(v document.Value) Text {
	if r.steps--; r.steps <= 0 {
		return Text{state: unreadable}
	}
	tag, inner := function(v)
	text, ok := "", false
	switch tag {
	case "":
		text, ok = v.Scalar()
	case "!Ref":
		text, ok = r.parameter(inner.Text()), inner.Text() != ""
	case "!GetAtt":
		names := []string{inner.Text()}
		for _, item := range inner.Items() {
			names = append(names, item.Text())
		}
		text, ok = "${"+strings.TrimPrefix(strings.Join(names, "."), ".")+"}", true
	case "!Sub":
		text, ok = r.sub(inner)
	case "!Join":
		text, ok = r.join(inner)
	}
	switch {
	case ok:
		return Text{state: readable, sub: text}
	case v.Exists():
		return Text{state: unreadable}
	}
	return Text{}
}

// function takes an intrinsic function apart, which may be written in two ways:
// !Ref Name, and {Ref: Name}. The tag is "" where the value is none.
func function(v document.Value) (tag string, inner document.Value) {
	tag, inner = v.Tagged()
	if pairs := inner.Pairs(); tag == "" && len(pairs) == 1 {
		name, isFunction := strings.CutPrefix(pairs[0].Name(), "Fn::")
		if isFunction || name == "Ref" {
			return "!" + name, pairs[0].Value
		}
	}
	return tag, inner
}

// sub resolves Fn::Sub.
func (r *resolver) sub(inner document.Value) (text string, ok bool) {
	template, ok := inner.Scalar()
	locals := make(map[string]string)
	if parts := inner.Items(); len(parts) == 2 {
		template, ok = parts[0].Scalar()
		for _, local := range parts[1].Pairs() {
			t := r.resolve(local.Value)
			ok = ok && t.Readable()
			locals[local.Name()] = t.sub
		}
	}
	return r.fill(template, locals), ok
}

// fill puts values in the place of the ${Name} of a text.
func (r *resolver) fill(template string, locals map[string]string) string {
	var out strings.Builder
	for {
		before, rest, found := strings.Cut(template, "${")
		name, after, closed := strings.Cut(rest, "}")
		out.WriteString(before)
		if !found {
			return out.String()
		}
		if !closed {
			return out.String() + "${" + rest
		}
		if local, ok := locals[name]; ok {
			out.WriteString(local)
		} else if literal, ok := strings.CutPrefix(name, "!"); ok {
			out.WriteString("${" + literal + "}")
		} else {
			out.WriteString(r.parameter(name))
		}
		template = after
	}
}

// join resolves Fn::Join.
func (r *resolver) join(inner document.Value) (text string, ok bool) {
	parts := inner.Items()
	if len(parts) != 2 {
		return "", false
	}
	if len(parts[1].Items()) == 0 {
		return r.joinList(parts[0].Text(), parts[1])
	}
	var texts []string
	length := 0
	for _, item := range parts[1].Items() {
		t := r.resolve(item)
		if length += len(t.sub); !t.Readable() || length > maxText {
			return "", false
		}
		texts = append(texts, t.sub)
	}
	return strings.Join(texts, parts[0].Text()), true
}

// joinList joins a parameter that is a list.
func (r *resolver) joinList(separator string, list document.Value) (text string, ok bool) {
	tag, name := function(list)
	if tag != "!Ref" {
		return "", false
	}
	if _, known := r.defaults[name.Text()]; !known {
		return "", false
	}
	names := strings.Split(r.parameter(name.Text()), ",")
	for i := range names {
		names[i] = strings.TrimSpace(names[i])
	}
	text = strings.Join(names, separator)
	return text, len(text) <= maxText
}

// parameter is a parameter's default, if it stands with that, or else its name.
func (r *resolver) parameter(name string) string {
	if text, ok := r.defaults[name]; ok {
		r.taken = append(r.taken, name)
		return text
	}
	return "${" + name + "}"
}

// referred is the logical ID that a Ref or a GetAtt names.
func referred(v document.Value) string {
	switch tag, inner := function(v); tag {
	case "!Ref":
		return inner.Text()
	case "!GetAtt":
		id, _, _ := strings.Cut(inner.Text(), ".")
		return id
	}
	return ""
}

// A listing is a list of a template with both sides of each Fn::If.
type listing struct {
	items  []document.Value
	varies bool // a condition decides what is in it: not all of it is there at once
	open   bool // a function adds what is not known here
}

// items reads a list.
func items(list document.Value) listing {
	var l listing
	l.add(list, 0)
	return l
}

// add adds a value that stands in the list so many levels deep.
func (l *listing) add(v document.Value, depth int) {
	tag, inner := function(v)
	sides := inner.Items()
	switch {
	case depth > 10 || len(l.items) > maxItems:
	case tag == "!If" && len(sides) == 3:
		l.varies = true
		l.add(sides[1], depth+1)
		l.add(sides[2], depth+1)
	case referred(v) == "AWS::NoValue":
	case tag != "":
		l.open = true
	case depth == 0 || v.IsSequence():
		for _, item := range first(v.Items(), maxItems) {
			l.add(item, depth+1)
		}
	default:
		l.items = append(l.items, v)
	}
}

func first[T any](all []T, most int) []T { return all[:min(len(all), most)] }
