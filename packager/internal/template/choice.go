package template

import (
	"slices"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/syntax"
)

// A choice is an Fn::If in a property that SAM reads before CloudFormation carries it
// out. SAM refuses it there, and takes {Bucket, Key} in which the parts are Fn::If: so
// it is written as that.
type choice struct {
	branches []branch
}

// A branch is what an Fn::If, or one inside of it, chooses.
type branch struct {
	node *syntax.Node
	path []int      // from the outermost Fn::If to it
	ref  *Reference // a local path, or a location that is stored; nil where the template has bucket and key, or nothing
}

// conditional looks at the branches of Fn::If.
func (c *collector) conditional(r *Reference) {
	switch {
	case r.row.takes.sam == samPointer:
		c.choose(r)
		return
	case r.row.takes.sam == samText && !c.t.expandedBefore():
		before, failed := len(c.t.refs), len(*c.errs)
		c.each(r, c.value)
		local := len(c.t.refs) > before
		c.t.refs = c.t.refs[:before]
		if !local {
			if len(*c.errs) == failed {
				c.functionRefused(r, outcome{{hole: "Fn::If"}})
			}
			return
		}
		hint := "write one path"
		if r.row.nested {
			hint = "AWS::CloudFormation::Stack under the same logical ID is what SAM makes of this resource, and its TemplateURL takes Fn::If"
		}
		c.refuseValue(r, hint, "SAM takes no Fn::If here")
		return
	}
	c.branches++
	c.each(r, c.value)
	c.branches--
}

// each visits the branches of an Fn::If as values of its property.
func (c *collector) each(r *Reference, visit func(row Row, id, name string, n *syntax.Node, path []int)) {
	list, path := branchesOf(r.node, r.path)
	for i := 1; i < len(list.Values); i++ {
		visit(r.row, r.LogicalID, r.Name, list.Values[i], join(path, i))
	}
}

// branchesOf returns the list of Fn::If, in either form.
func branchesOf(n *syntax.Node, path []int) (list *syntax.Node, at []int) {
	if n.Tag == "" {
		return n.Values[0], join(path, 0)
	}
	return n, path
}

// choose makes one reference of an Fn::If, where each of its branches has a bucket and a
// key.
func (c *collector) choose(r *Reference) {
	var branches []branch
	var whole []*syntax.Node // branches that have no parts
	before, failed := len(c.t.refs), len(*c.errs)
	warned := len(c.t.Warnings)
	var visit func(row Row, id, name string, n *syntax.Node, path []int)
	visit = func(row Row, id, name string, n *syntax.Node, path []int) {
		b := branch{node: n, path: path[len(r.path):]}
		if isIf(n) {
			inner := *r
			inner.node, inner.path = n, path
			c.each(&inner, visit)
			return
		}
		if !hasParts(n) {
			row.form = pointerForm()
			known := len(c.t.refs)
			if c.value(row, id, name, n, path); len(c.t.refs) == known {
				whole = append(whole, n)
				return
			}
			b.ref = c.t.refs[known]
		}
		branches = append(branches, b)
	}
	c.each(r, visit)
	local := slices.ContainsFunc(c.t.refs[before:], func(r *Reference) bool { return r.Stored == nil })
	c.t.refs = c.t.refs[:before]
	if len(*c.errs) > failed {
		return
	}
	if len(whole) == 0 {
		r.choice = &choice{branches}
		c.t.refs = append(c.t.refs, r)
		c.warnOfNothing(r)
		return
	}
	c.t.Warnings = c.t.Warnings[:warned]
	switch {
	case c.t.expandedBefore():
		c.branches++
		c.each(r, c.value)
		c.branches--
	case !local:
		c.functionRefused(r, outcome{{hole: "Fn::If"}})
	default:
		for _, n := range whole {
			e := c.t.errorf(n, r.subject(), "SAM takes no Fn::If here but in {Bucket: …, Key: …}, and this branch cannot be divided into the two")
			e.Hint = "write {Bucket: …, Key: …} in this branch, both of which may be functions"
			*c.errs = append(*c.errs, e)
		}
	}
}

// warnOfNothing warns of a branch without a location. A resource with a condition of its
// own is not there, perhaps, where that branch is chosen.
func (c *collector) warnOfNothing(r *Reference) {
	n := c.t.doc.Root
	for _, step := range r.path {
		if n.Get("Type") != nil && n.Get("Condition") != nil {
			return
		}
		n = n.Values[step]
	}
	for _, b := range r.choice.branches {
		if isNoValue(b.node) {
			inner := *r
			inner.node = b.node
			c.warnOfValue(&inner, "give the resource the condition that its location has", "where this branch is chosen there is no location, and SAM needs one in every case: the deployment fails")
		}
	}
}

// pointerForm is how SAM's own properties name an object.
func pointerForm() form { return form{bucket: "Bucket", key: "Key", version: "Version"} }

// hasParts tells a value that has a bucket and a key: a mapping with them, a text with
// variables that names them, or nothing, AWS::NoValue, which takes the place of both.
func hasParts(n *syntax.Node) bool {
	if _, _, ok := subParts(n); ok || isNoValue(n) {
		return true
	}
	return n.Kind == syntax.Mapping && n.Tag == "" && n.Get("Bucket") != nil && n.Get("Key") != nil
}

func isNoValue(n *syntax.Node) bool {
	name, argument := functionOf(n)
	return name == "Ref" && argument.Value == "AWS::NoValue"
}

// subParts divides !Sub s3://${Bucket}/key into the texts of bucket and key.
func subParts(n *syntax.Node) (bucket, key string, ok bool) {
	name, argument := functionOf(n)
	if name != "Sub" || argument.Kind != syntax.Scalar {
		return "", "", false
	}
	l, ok := s3Object(argument.Value)
	return l.Bucket, l.Key, ok && l.Version == ""
}

// A part is one of what names an object.
type part uint8

const (
	bucketPart part = iota
	keyPart
	versionPart
)

func (p part) name() string { return [...]string{"Bucket", "Key", "Version"}[p] }

// of returns a part of what a reader found in the branch: nil where there is none.
func (p part) of(n *syntax.Node) *syntax.Node {
	bucket, key, ok := subParts(n)
	switch {
	case isNoValue(n):
		return n.Clone()
	case !ok:
		if v := n.Get(p.name()); v != nil {
			return v.Clone()
		}
		return nil
	}
	text := [...]string{bucket, key, ""}[p]
	if text == "" {
		return nil
	}
	if !strings.Contains(text, "${") {
		return &syntax.Node{Value: text}
	}
	c := n.Clone()
	if c.Kind == syntax.Mapping {
		c.Values[0].Value, c.Values[0].Plain = text, false
	} else {
		c.Value, c.Plain = text, false
	}
	return c
}
