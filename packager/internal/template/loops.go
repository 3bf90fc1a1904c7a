package template

import (
	"regexp"
	"slices"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/syntax"
)

// A loop is an Fn::ForEach (AWS::LanguageExtensions) around a resource.
type loop struct {
	variable string
	values   []string // nil where the collection is not a list of literals
}

// loopOf reads [variable, collection, body].
func loopOf(r *syntax.Resolver, n *syntax.Node) loop {
	l := loop{variable: n.Values[0].Value}
	for _, v := range n.Values[1].Values {
		if v.Kind != syntax.Scalar || v.Tag != "" || !r.IsString(v) {
			return loop{variable: l.variable}
		}
		l.values = append(l.values, v.Value)
	}
	if n.Values[1].Kind != syntax.Sequence || n.Values[1].Tag != "" {
		l.values = nil
	}
	return l
}

// isPlain tells whether all values have letters and digits alone, as the second key of a
// mapping must (CloudFormation guide, Mappings).
func (l loop) isPlain() bool {
	return !slices.ContainsFunc(l.values, func(v string) bool { return !regexp.MustCompile(`^[A-Za-z0-9]{1,255}$`).MatchString(v) })
}

// in tells whether a text holds the loop's variable.
func (l loop) in(text string) bool {
	return strings.Contains(text, "${"+l.variable+"}") || strings.Contains(text, "&{"+l.variable+"}")
}

// fill puts a value in the variable's place; &{} takes its letters and digits
// alone.
func (l loop) fill(text, value string) string {
	text = strings.ReplaceAll(text, "${"+l.variable+"}", value)
	if !strings.Contains(text, "&{") {
		return text
	}
	return strings.ReplaceAll(text, "&{"+l.variable+"}", regexp.MustCompile(`[^A-Za-z0-9]`).ReplaceAllString(value, ""))
}

// inLoop adds a reference whose path holds loop variables: one variant for
// each value, or each pair of values of two loops. CloudFormation expands the
// loop later, so the body then finds its location in a mapping.
func (c *collector) inLoop(r *Reference, used []loop) {
	if !c.fitsMapping(r, used) {
		return
	}
	if len(used) == 2 && !used[1].isPlain() && used[0].isPlain() {
		slices.Reverse(used) // which variable is the first key does not matter
	}
	for i, l := range used {
		if !c.areKeys(r, l) {
			return
		}
		if i == 1 && !l.isPlain() {
			c.fail(r.node, r.subject(), "%q holds the loop variables %s and %s, and the values of neither can be the second key of a mapping: use letters and digits alone for one of them", r.Local, used[0].variable, l.variable)
			return
		}
	}
	texts := []string{r.Local}
	for _, l := range used {
		var filled []string
		for _, text := range texts {
			for _, v := range l.values {
				filled = append(filled, l.fill(text, v))
			}
			if long := filled[len(filled)-1]; len(long) > maxPath {
				c.fail(r.node, r.subject(), "%q stands for paths that are longer than %d bytes", cut(r.Local, maxName), maxPath)
				return
			}
		}
		texts = filled
	}
	r.loops = used
	for _, text := range texts {
		variant := *r
		variant.Local, variant.loops = text, nil
		r.variants = append(r.variants, &variant)
	}
	c.t.refs = append(c.t.refs, r)
}

// areKeys tells whether a loop's values are written out and can be the keys of a mapping,
// and reports where not.
func (c *collector) areKeys(r *Reference, l loop) bool {
	if l.values == nil {
		c.fail(r.node, r.subject(), "%q holds the loop variable %s, whose values are not written out as texts: a path must be known here, and numbers need quotes", r.Local, l.variable)
		return false
	}
	key := regexp.MustCompile(`^[A-Za-z0-9.-]{1,255}$`)
	for j, v := range l.values {
		if slices.Contains(l.values[:j], v) {
			c.fail(r.node, r.subject(), "%q holds the loop variable %s, whose value %q stands twice: CloudFormation refuses that", r.Local, l.variable, cut(v, maxName))
			return false
		}
		if !key.MatchString(v) {
			c.fail(r.node, r.subject(), "%q holds the loop variable %s, and its value %q cannot be a key of a mapping: use letters, digits, dots and dashes", r.Local, l.variable, cut(v, maxName))
			return false
		}
	}
	return true
}
