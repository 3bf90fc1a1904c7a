package template

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/syntax"
)

// collect finds every reference, in the order of the file.
func (t *Template) collect(errs *[]error) {
	c := collector{t: t, table: t.table, errs: errs, told: make(map[*syntax.Node]bool), types: make(map[string]bool)}
	c.includes(t.doc.Root, nil) // first, since it finds macros
	misnamed := c.misnamedSections()
	c.section("Resources", c.resource)
	c.section("Globals", c.globals)
	c.section("Metadata", c.metadata)
	c.section("Mappings", func(_, _ *syntax.Node, _ []int) {})
	c.emptySections()
	c.mergedVersions()
	if !misnamed && t.doc.Root.Index("Resources") < 0 && t.doc.Root.Get("Transform") == nil {
		t.warn(t.doc.Root, "there is no Resources section: is this a template?")
	}
	slices.SortStableFunc(t.refs, func(a, b *Reference) int { return a.node.Offset - b.node.Offset })
}

type collector struct {
	t        *Template
	table    []Row
	errs     *[]error
	told     map[*syntax.Node]bool // where the errors are
	types    map[string]bool       // resource types that are none of the table's, and not nearly one
	keyNode  *syntax.Node          // the key of the resource, or of the entry of Globals or Metadata, that is looked at
	entry    *syntax.Node          // and its value
	amiss    bool                  // one of its properties is misnamed: what is missing is told with that
	loops    []loop                // the Fn::ForEach around it
	branches int                   // the Fn::If around the value that is looked at, which CloudFormation carries out
	macros   bool                  // the template names a macro, which may make anything of it
	known    map[string]string     // values of parameters, of AWS's own and of loops' variables, in one stack
	mappings int                   // those of the template and of its loops' artifacts

	// found is given the values of packaged properties, in the place of deciding what they
	// are; n is nil where the property is not there and means the template's folder.
	found func(row Row, id, name string, n *syntax.Node, path []int)

	globalProperties map[string]*syntax.Node // of Globals.Function; nil before one was asked for
}

func (c *collector) fail(n *syntax.Node, subject, format string, args ...any) {
	if len(*c.errs) >= maxProblems {
		c.t.unlisted++
		return
	}
	*c.errs = append(*c.errs, c.t.errorf(n, subject, format, args...))
}

func (c *collector) resource(key, n *syntax.Node, path []int) {
	id := key.Value
	if strings.HasPrefix(id, "Fn::ForEach::") {
		// [variable, collection, {key: resource}], as AWS::LanguageExtensions defines it.
		switch {
		case n.Kind != syntax.Sequence || len(n.Values) != 3 || n.Values[2].Kind != syntax.Mapping:
			c.refuse(n, id, "", "a loop is a list of three: the variable, the collection, and a mapping that is repeated")
		default:
			c.loops = append(c.loops, loopOf(c.t.doc.Resolver, n))
			for i, k := range n.Values[2].Keys {
				c.resource(k, n.Values[2].Values[i], join(path, 2, i))
			}
			c.loops = c.loops[:len(c.loops)-1]
		}
		return
	}
	if strings.HasPrefix(id, "Fn::") {
		return // a macro's place, Fn::Transform; includes looks into it
	}
	if n.Tag == "!Transform" {
		return // the same in its short form
	}
	if n.Kind != syntax.Mapping {
		c.refuse(n, id, "", "a resource is a mapping with a Type")
		return
	}
	if typ := c.resourceType(key, n); c.hasProperties(id, n) && typ != "" {
		c.misnamedType(id, n.Get("Type"))
		c.rows("Resources", typ, key, id, n, path)
	}
	c.oddKeys(key, n)
}

// rows applies the table's rows for one entry. n is a resource, whose
// properties are below Properties, or an entry of Globals or Metadata.
func (c *collector) rows(section, typ string, key *syntax.Node, id string, n *syntax.Node, path []int) {
	var rows []Row
	for _, row := range c.table {
		if row.section == section && row.typ == typ {
			rows = append(rows, row)
		}
	}
	if len(rows) == 0 {
		return
	}
	c.keyNode, c.entry = key, n
	c.amiss = c.misnamed(rows, id, n)
	for _, row := range rows {
		props, at := n, path
		if section == "Resources" {
			i := n.Index("Properties")
			if i < 0 {
				if !c.hasFn(n) {
					c.absent(row, id, n, path, insertProperties)
				}
				continue
			}
			props, at = n.Values[i], join(path, i)
		}
		if props.IsNull() {
			c.absent(row, id, props, at, replaceProperties)
			continue
		}
		c.property(row, id, "", row.steps(), props, at)
	}
}

// anywhere follows a row's path into all that a mapping holds.
func (c *collector) anywhere(row Row, id, name string, steps []string, n *syntax.Node, path []int) {
	c.misnamedStep(row, id, name, steps[1], n)
	for i, k := range n.Keys {
		if k.Value == steps[1] {
			c.property(row, id, syntax.Dotted(name, k.Value), steps[2:], n.Values[i], join(path, i))
		} else if v := n.Values[i]; v.Kind == syntax.Mapping || isIf(v) || row.own && v.Kind == syntax.Sequence && v.Tag == "" {
			c.property(row, id, syntax.Dotted(name, k.Value), steps, v, join(path, i))
		}
	}
}

func (c *collector) hasFn(n *syntax.Node) bool {
	return n.Tag == "!Transform" || slices.ContainsFunc(n.Keys, func(k *syntax.Node) bool { return strings.HasPrefix(k.Value, "Fn::") })
}

// property follows a row's path from n down to the value, through what CloudFormation
// carries out on the way. SAM reads its own resources before.
func (c *collector) property(row Row, id, name string, steps []string, n *syntax.Node, path []int) {
	if len(steps) == 0 {
		c.value(row, id, name, n, path)
		return
	}
	if name != "" && isIf(n) && !row.readBySAM() {
		c.branches++
		list, at := branchesOf(n, path)
		for i := 1; i < len(list.Values); i++ {
			c.property(row, id, name, steps, list.Values[i], join(at, i))
		}
		c.branches--
		return
	}
	if c.items(row, id, name, steps, n, path) {
		return
	}
	if row.form.image && !row.own && !c.isImage() && n.Kind != syntax.Mapping {
		return // the function's code is an archive
	}
	if n.Kind != syntax.Mapping || n.Tag != "" {
		if n.Tag == "" && !n.IsNull() {
			c.refuse(n, syntax.Dotted(id, name), textHint(n), "this is %s and not a mapping with %s", kindOf(n), steps[len(steps)-1])
		}
		return
	}
	if name != "" && steps[0] != "**" {
		c.misnamedStep(row, id, name, steps[0], n)
	}
	if steps[0] == "**" {
		c.anywhere(row, id, name, steps, n, path)
		return
	}
	i := n.Index(steps[0])
	switch {
	case i >= 0:
		c.property(row, id, syntax.Dotted(name, steps[0]), steps[1:], n.Values[i], join(path, i))
	case !c.hasFn(n):
		c.absent(row, id, n, path, insertProperty)
	}
}

// items follows the path of a property of the user's own into each item of a list, such as the
// containers of a task. It tells whether there is one.
func (c *collector) items(row Row, id, name string, steps []string, n *syntax.Node, path []int) bool {
	if !row.own || name == "" || n.Kind != syntax.Sequence || n.Tag != "" {
		return false
	}
	for i, v := range n.Values {
		if deep := steps[0] == "**" && v.Kind == syntax.Scalar; !deep {
			c.property(row, id, fmt.Sprintf("%s[%d]", name, i), steps, v, join(path, i))
		}
	}
	return true
}

// absent adds a reference for a property that is not there and means the template's
// folder, and refuses a resource that needs it, unless the resource says otherwise what
// the property would say.
func (c *collector) absent(row Row, id string, n *syntax.Node, path []int, at placement) {
	if row.absent == leave || c.amiss || c.saidOtherwise(row) {
		return
	}
	if c.found != nil {
		if row.absent == folder && c.branches == 0 {
			c.found(row, id, row.path, nil, path)
		}
		return
	}
	if row.absent == built {
		c.notBuilt(row, id)
		return
	}
	if row.absent == needed {
		if c.branches == 0 {
			c.refuse(c.keyNode, syntax.Dotted(id, row.path), "", "%s needs this property", row.typ)
		}
		return
	}
	if (at == replaceValue || at == replaceProperties) && c.t.lacksColon(n) {
		c.fail(n, syntax.Dotted(id, row.path), "this key has no value and no colon to put one behind: write the colon")
		return
	}
	c.t.refs = append(c.t.refs, &Reference{
		Template: c.t, row: row, LogicalID: id, Name: row.path,
		node: n, path: path, placement: at, Local: ".", Absent: true, keyNode: c.keyNode,
	})
}

// lacksColon tells an empty value that has no place in the text, since no colon stands
// before it: {CodeUri, Handler: a.b}.
func (t *Template) lacksColon(n *syntax.Node) bool {
	if !n.Plain || n.Value != "" || n.Start != n.Offset {
		return false
	}
	before := bytes.TrimRight(t.doc.Source.Text[:n.Start], " \t\r\n")
	return !bytes.HasSuffix(before, []byte(":")) && !bytes.HasSuffix(before, []byte("-"))
}

// saidOtherwise tells whether a resource says with another property what the row's says:
// a function may have its code as text, as an image, or in Globals.
func (c *collector) saidOtherwise(row Row) bool {
	says := func(v *syntax.Node, name string) bool {
		return v != nil && !v.IsNull() && (name != "PackageType" || v.Value == "Image")
	}
	global := func(name string) bool {
		return row.typ == "AWS::Serverless::Function" && says(c.global(name), name) && !ignoresGlobal(c.entry, name)
	}
	own := func(name string) bool { return says(c.entry.Get("Properties").Get(name), name) || global(name) }
	return global(row.path) || slices.ContainsFunc(row.instead, own)
}

// global is a property that Globals give to all functions, nil where they do not. All
// functions ask, so the properties are listed once.
func (c *collector) global(name string) *syntax.Node {
	if c.globalProperties == nil {
		c.globalProperties = make(map[string]*syntax.Node)
		if function := c.t.doc.Root.Get("Globals").Get("Function"); function != nil && function.Kind == syntax.Mapping {
			for i, k := range slices.Backward(function.Keys) {
				if k.Kind == syntax.Scalar {
					c.globalProperties[k.Value] = function.Values[i]
				}
			}
		}
	}
	return c.globalProperties[name]
}

// isIf tells Fn::If with its three parts from other intrinsic functions.
func isIf(n *syntax.Node) bool {
	if n.Kind == syntax.Mapping && n.Tag == "" && len(n.Keys) == 1 && n.Keys[0].Value == "Fn::If" {
		n = n.Values[0]
		return n.Kind == syntax.Sequence && n.Tag == "" && len(n.Values) == 3
	}
	return n.Kind == syntax.Sequence && n.Tag == "!If" && len(n.Values) == 3
}

// includes finds the AWS::Include transform wherever it may stand: at the top
// of the template, or as Fn::Transform inside any section.
func (c *collector) includes(n *syntax.Node, path []int) {
	if n.Tag == "!Transform" {
		c.transforms(n, path)
	}
	for i, v := range n.Values {
		at := append(path, i) //nolint:gocritic // the next one takes its place; whoever keeps a path makes it by join
		if n.Kind == syntax.Mapping && v.Tag != "!Transform" && (n.Keys[i].Value == "Fn::Transform" || len(path) == 0 && n.Keys[i].Value == "Transform") {
			c.transforms(v, at)
		}
		c.includes(v, at)
	}
}

// transforms looks into one transform, or a list of them.
func (c *collector) transforms(n *syntax.Node, path []int) {
	c.transform(n, path)
	if n.Kind != syntax.Sequence {
		return
	}
	for i, v := range n.Values {
		if v.Tag != "!Transform" { // it is visited by itself
			c.transform(v, join(path, i))
		}
	}
}

// transform adds a reference for the file that AWS::Include includes.
func (c *collector) transform(n *syntax.Node, path []int) {
	name, i := n.Get("Name"), n.Index("Parameters")
	if n.Kind == syntax.Scalar {
		name = n
	}
	if n.Kind != syntax.Sequence && !n.IsNull() {
		// What is included at the top may be anything, too.
		c.macros = c.macros || name == nil || !strings.HasPrefix(name.Value, "AWS::") || len(path) <= 2 && name.Value == "AWS::Include"
	}
	if name == nil || name.Value != "AWS::Include" || i < 0 {
		return
	}
	j := n.Values[i].Index("Location")
	if j < 0 {
		return
	}
	row := Row{section: "Transform", typ: "AWS::Include", path: "Parameters.Location", takes: takes{schemes: []string{"s3://"}, mapped: true}}
	before := len(c.t.refs)
	c.value(row, c.owner(path), "Fn::Transform.Parameters.Location", n.Values[i].Values[j], join(path, i, j))
	for _, r := range c.t.refs[before:] {
		r.FileOnly = true
	}
}

// owner is the logical ID, or the section, that a path leads through.
func (c *collector) owner(path []int) string {
	if len(path) == 0 {
		return ""
	}
	section := c.t.doc.Root.Keys[path[0]].Value
	if s := c.t.doc.Root.Values[path[0]]; section == "Resources" && len(path) > 1 && s.Kind == syntax.Mapping {
		return s.Keys[path[1]].Value
	}
	return section
}

// join returns a path with more steps, never sharing memory with it.
func join(path []int, steps ...int) []int {
	return append(path[:len(path):len(path)], steps...)
}
