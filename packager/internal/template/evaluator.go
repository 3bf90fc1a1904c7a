package template

import (
	"maps"
	"slices"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/region"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/syntax"
)

// An evaluator carries out the functions of a packaged template as CloudFormation does in
// one stack.
type evaluator struct {
	collector
	in       Stack
	whatever bool       // nothing is known of conditions
	doubter  *evaluator // the same but for what parameters' defaults say; nil where nobody asks
	left     *int       // how many values may still be looked at: a stranger's template may have endlessly many
}

// maxEvaluated bounds the values that are looked at for one template. CloudFormation's largest
// has some ten thousand.
const maxEvaluated = 2_000_000

const tooMuch = "the template has more loops and conditions than can be tried"

// spend tells whether a value may be looked at so many times.
func (e *evaluator) spend(n *syntax.Node, times int) bool {
	*e.left -= sizeOf(n) * times
	return *e.left >= 0
}

// sizeOf is how many values a value is made of.
func sizeOf(n *syntax.Node) int {
	size := 1
	for _, v := range n.Values {
		size += sizeOf(v)
	}
	return size
}

func (p *Packaged) evaluator(in Stack) *evaluator {
	left := maxEvaluated
	e := &evaluator{collector: collector{t: p.t, known: make(map[string]string)}, in: in, left: &left}
	if parameters := p.t.doc.Root.Get("Parameters"); parameters != nil && parameters.Kind == syntax.Mapping {
		for i, k := range parameters.Keys {
			v, typ := parameters.Values[i].Get("Default"), parameters.Values[i].Get("Type")
			if v != nil && v.Kind == syntax.Scalar && typ != nil && (typ.Value == "String" || typ.Value == "Number") && !slices.Contains(in.Open, k.Value) {
				e.known[k.Value] = v.Value
			}
			if own, is := in.Parameters[k.Value]; is {
				e.known[k.Value] = own
			}
		}
	}
	if in.Region != "" {
		e.known["AWS::Region"], e.known["AWS::URLSuffix"], e.known["AWS::Partition"] = in.Region, region.DNSSuffix(in.Region), region.Partition(in.Region)
	}
	return e
}

// uses are the locations of a property, for all values of the loops around it and all
// outcomes of the conditions in it.
func (e *evaluator) uses(a spot) (all []Use) {
	if a.node == nil {
		return []Use{{Local: "."}}
	}
	if e.condition(a.condition, nil) == never {
		return nil
	}
	var loops []loop
	made := 1
	for _, l := range a.loops {
		if l.values != nil { // else its variable stays, and says that it is not known
			loops = append(loops, l)
			made *= len(l.values)
		}
		if made > maxResources {
			return []Use{{Unknown: "the loops around it make more resources than CloudFormation takes"}}
		}
	}
	if !e.spend(a.node, made) {
		return []Use{{Unknown: tooMuch}}
	}
	for _, values := range valuesOf(loops) {
		n, inner := filled(a.node, loops, values), *e
		inner.known = maps.Clone(e.known)
		maps.Copy(inner.known, values)
		chosen, ok := inner.choices(n)
		if !ok {
			return []Use{{Unknown: tooMuch}}
		}
		for _, n := range chosen {
			if u, is := inner.use(a.row, n); is {
				all = append(all, u)
			}
		}
	}
	return all
}

// filled is a value in which the variables of loops have values.
func filled(n *syntax.Node, loops []loop, values map[string]string) *syntax.Node {
	if len(loops) == 0 {
		return n
	}
	c := n.Clone()
	var fill func(n *syntax.Node)
	fill = func(n *syntax.Node) {
		for _, l := range loops {
			n.Value = l.fill(n.Value, values[l.variable])
		}
		for _, k := range n.Keys {
			fill(k)
		}
		for _, v := range n.Values {
			fill(v)
		}
	}
	fill(c)
	return c
}

// use reads a value in which nothing is left to be chosen. is is false where it names
// nothing that is stored.
func (e *evaluator) use(row Row, n *syntax.Node) (u Use, is bool) {
	name, _ := functionOf(n)
	switch {
	case isNoValue(n):
		return u, false
	case n.IsNull():
		return Use{Unknown: "it is null, which CloudFormation refuses"}, true
	case n.Kind == syntax.Mapping && name == "":
		return e.useOfParts(row, n)
	case n.Kind == syntax.Sequence && name == "":
		return Use{Unknown: "it is a list, which CloudFormation refuses"}, true
	}
	o := e.outcome(n)
	if u.Unknown = e.unknown(n, o); u.Unknown != "" {
		return u, true
	}
	text := o.text()
	if text == "" {
		return Use{Unknown: "it is empty"}, true
	}
	switch l, ok := e.locationOf(row, text); {
	case ok:
		u.Location = l
	case schemeOf(text) != "":
		u.Unknown = "it is no location in S3"
	default:
		u.Local = text
	}
	return u, true
}

// locationOf reads a location that is one text.
func (e *evaluator) locationOf(row Row, text string) (Location, bool) {
	if !row.form.image {
		return objectOf(strings.TrimSpace(text), e.in.Endpoint)
	}
	repository, digest, _ := strings.Cut(text, "@")
	return Location{Repository: repository, Digest: digest}, namesHost(text)
}

// unknown says why what a value comes out as is not known; "" where it is.
func (e *evaluator) unknown(n *syntax.Node, o outcome) string {
	holes := o.holes()
	if len(holes) == 0 {
		return ""
	}
	name, is := strings.CutPrefix(holes[0], "${")
	name = strings.TrimSuffix(name, "}")
	parameter := e.t.doc.Root.Get("Parameters").Get(name)
	switch {
	case strings.HasPrefix(holes[0], "{{"):
		return "the dynamic reference " + cut(holes[0], maxName) + " is resolved at deployment"
	case name == "AWS::Region":
		return "it depends on the region, and that of the stack is not known"
	case holes[0] == "Fn::FindInMap" && e.in.Region != "":
		return "its mapping has nothing for " + e.in.Region
	case is && parameter != nil:
		return "it is the parameter " + cut(name, maxName) + ", of which only a deployment knows the value"
	case is:
		return cut(name, maxName) + " is known at deployment alone"
	case holes[0] == "":
		return "it is no text"
	}
	if function, _ := functionOf(n); function != "" && holes[0] == "Fn::"+function {
		return holes[0] + " is known at deployment alone"
	}
	return cut(holes[0], maxName) + " in it is known at deployment alone"
}

// nestedStack is the stack that a nested template is deployed in: its parameters have the
// values that the template gives to them.
func (e *evaluator) nestedStack(a spot) Stack {
	in := Stack{Region: e.in.Region, Endpoint: e.in.Endpoint, Parameters: make(map[string]string), Nested: true}
	given := a.entry.Get("Properties").Get("Parameters")
	if given == nil || given.Kind != syntax.Mapping {
		return in
	}
	for i, k := range given.Keys {
		v := given.Values[i]
		function, _ := functionOf(v)
		if o := e.outcome(v); len(o.holes()) == 0 && (v.Kind == syntax.Scalar || function != "") {
			in.Parameters[k.Value] = o.text()
		} else {
			in.Open = append(in.Open, k.Value)
		}
	}
	return in
}
