package packager

import (
	"bytes"
	"slices"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// A placement says how a reference's value comes into the template.
type placement uint8

const (
	replaceValue      placement = iota // node is the value
	replaceProperties                  // node is an empty Properties
	insertProperty                     // node is the Properties without the property
	insertProperties                   // node is the resource without Properties
)

// A reference is one occurrence of a local artifact in a template.
type reference struct {
	template  *template
	row       property
	logicalID string
	name      string // the property's path below the resource's Properties

	node  *node // the value to rewrite, or the mapping that lacks it
	path  []int // child indices from the root to node
	place placement

	local    string // the path as written; "." where the property is absent
	absent   bool
	entry    *node        // the key of the resource that lacks the property
	fixed    *location    // an object that is stored already and only takes the property's form
	file     bool         // a folder is refused here
	loops    []loop       // the loops whose variables local holds
	variants []*reference // then one for each of their values

	target *artifact // what local names, once planned: an artifact
	nested *template // or a nested template
}

func (r *reference) subject() string {
	if r.logicalID == "" {
		return r.name
	}
	return r.logicalID + "." + r.name
}

// errorf returns an Error at the reference's place.
func (r *reference) errorf(format string, args ...any) *problem.Error {
	at := r.node
	if r.absent {
		at = r.entry
	}
	return r.template.errorf(at, r.subject(), format, args...)
}

// collect finds every reference, in the order of the file.
func (t *template) collect(errs *[]error) {
	section := func(name string, visit func(k, n *node, path []int)) {
		i := t.root.index(name)
		if i < 0 {
			return
		}
		switch s := t.root.values[i]; s.kind {
		case mapping:
			for j, k := range s.keys {
				visit(k, s.values[j], []int{i, j})
			}
		default:
			if !s.isNull() {
				*errs = append(*errs, t.errorf(s, name, "this section is not a mapping"))
			}
		}
	}
	c := collector{t: t, table: t.table, errs: errs}
	section("Resources", c.resource)
	section("Globals", func(k, n *node, path []int) { c.rows("Globals", k.value, k, "Globals."+k.value, n, path) })
	section("Metadata", func(k, n *node, path []int) { c.rows("Metadata", k.value, k, "Metadata."+k.value, n, path) })
	c.includes(t.root, nil)
	if t.root.get("Resources") == nil && t.root.get("Transform") == nil {
		t.warn(t.root, "there is no Resources section: is this a template?")
	}
	slices.SortStableFunc(t.refs, func(a, b *reference) int { return a.node.offset - b.node.offset })
}

type collector struct {
	t     *template
	table []property
	errs  *[]error
	entry *node  // the key of the resource, or entry, that is looked at
	loops []loop // the Fn::ForEach around it
}

func (c *collector) fail(n *node, subject, format string, args ...any) {
	*c.errs = append(*c.errs, c.t.errorf(n, subject, format, args...))
}

func (c *collector) resource(key, n *node, path []int) {
	id := key.value
	if strings.HasPrefix(id, "Fn::ForEach::") {
		// [variable, collection, {key: resource}], as AWS::LanguageExtensions defines it.
		if n.kind == sequence && len(n.values) == 3 && n.values[2].kind == mapping {
			c.loops = append(c.loops, c.t.resolver.loopOf(n))
			for i, k := range n.values[2].keys {
				c.resource(k, n.values[2].values[i], join(path, 2, i))
			}
			c.loops = c.loops[:len(c.loops)-1]
		}
		return
	}
	if strings.HasPrefix(id, "Fn::") {
		return // a macro's place, Fn::Transform; includes looks into it
	}
	if n.kind != mapping {
		c.fail(n, id, "a resource is a mapping with a Type")
		return
	}
	typ := n.get("Type")
	if typ == nil || typ.kind != scalar {
		return
	}
	c.rows("Resources", typ.value, key, id, n, path)
}

// rows applies the table's rows for one entry. n is a resource, whose
// properties are below Properties, or an entry of Globals or Metadata.
func (c *collector) rows(section, typ string, key *node, id string, n *node, path []int) {
	c.entry = key
	for _, row := range c.table {
		if row.section != section || row.typ != typ {
			continue
		}
		props, at := n, path
		if section == "Resources" {
			i := n.index("Properties")
			if i < 0 {
				if row.absent == folder && !c.hasFn(n) {
					c.absent(row, id, n, path, insertProperties)
				}
				continue
			}
			props, at = n.values[i], join(path, i)
		}
		if props.isNull() && row.absent == folder {
			c.absent(row, id, props, at, replaceProperties)
			continue
		}
		c.property(row, id, "", strings.Split(row.path, "."), props, at)
	}
}

func (c *collector) hasFn(n *node) bool {
	return slices.ContainsFunc(n.keys, func(k *node) bool { return strings.HasPrefix(k.value, "Fn::") })
}

// property follows a row's path from n down to the value.
func (c *collector) property(row property, id, name string, steps []string, n *node, path []int) {
	if len(steps) == 0 {
		c.value(row, id, name, n, path)
		return
	}
	if n.kind != mapping || n.tag != "" {
		return
	}
	if steps[0] == "**" {
		for i, k := range n.keys {
			if k.value == steps[1] {
				c.property(row, id, dotted(name, k.value), steps[2:], n.values[i], join(path, i))
			} else if v := n.values[i]; v.kind == mapping {
				c.property(row, id, dotted(name, k.value), steps, v, join(path, i))
			}
		}
		return
	}
	i := n.index(steps[0])
	switch {
	case i >= 0:
		c.property(row, id, dotted(name, steps[0]), steps[1:], n.values[i], join(path, i))
	case row.absent == folder && !c.hasFn(n):
		c.absent(row, id, n, path, insertProperty)
	}
}

// absent adds a reference for a property that is not there and means the
// template's folder, unless the resource says where its code is otherwise.
func (c *collector) absent(row property, id string, n *node, path []int, at placement) {
	if (at == replaceValue || at == replaceProperties) && n.plain && n.value == "" && n.start == n.offset {
		before := bytes.TrimRight(c.t.src.Text[:n.start], " \t\r\n")
		if !bytes.HasSuffix(before, []byte(":")) && !bytes.HasSuffix(before, []byte("-")) {
			c.fail(n, dotted(id, row.path), "this key has no value and no colon to put one behind: write the colon")
			return
		}
	}
	if row.typ == "AWS::Serverless::Function" || row.typ == "AWS::Lambda::Function" {
		own := n
		if at == insertProperties {
			own = nil
		}
		for _, props := range []*node{own, c.t.root.get("Globals").get("Function")} {
			if props.get("InlineCode") != nil || props.get("ImageUri") != nil ||
				props.get("PackageType") != nil && props.get("PackageType").value == "Image" {
				return
			}
			if row.typ != "AWS::Serverless::Function" {
				break // Globals are SAM's
			}
			if code := props.get("CodeUri"); code != nil && !code.isNull() {
				return
			}
		}
	}
	c.t.refs = append(c.t.refs, &reference{
		template: c.t, row: row, logicalID: id, name: row.path,
		node: n, path: path, place: at, local: ".", absent: true, entry: c.entry,
	})
}

// value adds a reference when the value is a local path.
func (c *collector) value(row property, id, name string, n *node, path []int) {
	r := &reference{template: c.t, row: row, logicalID: id, name: name, node: n, path: path, local: n.value}
	switch {
	case n.isIf():
		branches := n
		if n.tag == "" {
			branches, path = n.values[0], join(path, 0)
		}
		for i := 1; i < len(branches.values); i++ {
			c.value(row, id, name, branches.values[i], join(path, i))
		}
	case n.kind == sequence && n.tag == "":
		c.fail(n, r.subject(), "this is a list, and this property takes a path or URL")
	case n.kind != scalar || n.tag != "" && n.tag != "!!str" && n.tag != "!":
		return // an intrinsic function, or a mapping that names an object
	case n.isNull() || n.value == "":
		if row.absent == folder {
			c.absent(row, id, n, path, replaceValue)
		}
	case !c.t.resolver.isString(n):
		c.fail(n, r.subject(), "%s is a number, a date or a truth value to YAML 1.1, and this property takes a path or URL: quote it", n.value)
	case isURL(n.value):
		if l, ok := s3Object(n.value); ok && row.form.bucket != "" {
			r.fixed = &l
			c.t.refs = append(c.t.refs, r)
		}
	default:
		if used := slices.DeleteFunc(slices.Clone(c.loops), func(l loop) bool { return !l.in(n.value) }); len(used) > 0 {
			c.inLoop(r, used)
			return
		}
		c.t.refs = append(c.t.refs, r)
	}
}

// isIf tells Fn::If with its three parts from other intrinsic functions.
func (n *node) isIf() bool {
	if n.kind == mapping && n.tag == "" && len(n.keys) == 1 && n.keys[0].value == "Fn::If" {
		n = n.values[0]
		return n.kind == sequence && n.tag == "" && len(n.values) == 3
	}
	return n.kind == sequence && n.tag == "!If" && len(n.values) == 3
}

// includes finds the AWS::Include transform wherever it may stand: at the top
// of the template, or as Fn::Transform inside any section.
func (c *collector) includes(n *node, path []int) {
	row := property{section: "Transform", typ: "AWS::Include", path: "Parameters.Location"}
	transform := func(n *node, path []int) {
		name, i := n.get("Name"), n.index("Parameters")
		if name == nil || name.value != "AWS::Include" || i < 0 {
			return
		}
		j := n.values[i].index("Location")
		if j < 0 {
			return
		}
		before := len(c.t.refs)
		c.value(row, c.owner(path), "Fn::Transform.Parameters.Location", n.values[i].values[j], join(path, i, j))
		for _, r := range c.t.refs[before:] {
			r.file = true
		}
	}
	each := func(n *node, path []int) {
		transform(n, path)
		if n.kind == sequence {
			for i, v := range n.values {
				if v.tag != "!Transform" { // it is visited by itself
					transform(v, join(path, i))
				}
			}
		}
	}
	if n.tag == "!Transform" {
		each(n, path)
	}
	for i, v := range n.values {
		at := join(path, i)
		if n.kind == mapping && v.tag != "!Transform" && (n.keys[i].value == "Fn::Transform" || len(path) == 0 && n.keys[i].value == "Transform") {
			each(v, at)
		}
		c.includes(v, at)
	}
}

// owner is the logical ID, or the section, that a path leads through.
func (c *collector) owner(path []int) string {
	if len(path) == 0 {
		return ""
	}
	section := c.t.root.keys[path[0]].value
	if s := c.t.root.values[path[0]]; section == "Resources" && len(path) > 1 && s.kind == mapping {
		return s.keys[path[1]].value
	}
	return section
}

// join returns a path with more steps, never sharing memory with it.
func join(path []int, steps ...int) []int {
	return append(path[:len(path):len(path)], steps...)
}

func dotted(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "." + b
}
