package template

import "github.com/symphoniacloud/multi-region-codepipeline/packager/internal/syntax"

// section visits the entries of a section that is a mapping.
func (c *collector) section(name string, visit func(k, n *syntax.Node, path []int)) {
	i := c.t.doc.Root.Index(name)
	if i < 0 {
		return
	}
	s := c.t.doc.Root.Values[i]
	if s.Tag == "!Transform" {
		return // what it makes is not known here
	}
	if s.Kind != syntax.Mapping && !s.IsNull() {
		c.refuse(s, name, textHint(s), "this section is not a mapping")
	}
	if s.Kind == syntax.Mapping {
		for j, k := range s.Keys {
			visit(k, s.Values[j], []int{i, j})
		}
	}
}

const emptySection = "this section is empty, and CloudFormation takes no empty value"

// emptySections reports sections under which nothing stands. CloudFormation takes no null
// in a template.
func (c *collector) emptySections() {
	inLoop := false
	for _, r := range c.t.refs {
		inLoop = inLoop || r.looped()
	}
	for i, k := range c.t.doc.Root.Keys {
		v, report := c.t.doc.Root.Values[i], c.warn
		switch k.Value {
		case "Resources", "Globals":
			report = c.refuse
		case "Mappings":
			if inLoop {
				continue // it is filled
			}
		}
		switch {
		case v.IsNull():
			report(k, k.Value, "indent what belongs to it, or leave it out", emptySection)
		case k.Value == "Resources" && v.Kind == syntax.Mapping && len(v.Keys) == 0:
			c.warn(k, k.Value, "", "this section is empty, and a template has at least one resource")
		}
	}
}

// resourceType returns a resource's type, and "" where it has none that is one.
func (c *collector) resourceType(key, n *syntax.Node) string {
	typ := n.Get("Type")
	switch {
	case typ == nil:
		if !c.hasFn(n) {
			hint := ""
			for _, k := range n.Keys {
				if near(k.Value, "Type", false) {
					hint = hintFor(k.Value, "Type")
				}
			}
			c.refuse(key, key.Value, hint, "a resource is a mapping with a Type")
		}
		return ""
	case typ.Tag == "" && c.t.doc.Resolver.IsString(typ):
		return typ.Value
	case len(c.loops) == 0:
		c.refuse(typ, key.Value+".Type", "", "a resource's Type is a text")
	}
	return ""
}

// hasProperties tells whether a resource's Properties can be looked into, if it has any.
func (c *collector) hasProperties(id string, n *syntax.Node) bool {
	props := n.Get("Properties")
	if props == nil || props.Kind == syntax.Mapping || props.IsNull() {
		return true
	}
	if len(c.loops) == 0 || props.Tag == "" {
		c.refuse(props, id+".Properties", textHint(props), "Properties takes a mapping, and this is %s", kindOf(props))
	}
	return false
}

// globals looks into an entry of Globals.
func (c *collector) globals(k, n *syntax.Node, path []int) {
	id := "Globals." + k.Value
	if n.Kind != syntax.Mapping {
		c.refuse(n, id, textHint(n), "SAM takes a mapping here, and this is %s", kindOf(n))
		return
	}
	for _, row := range c.table {
		if row.section == "Globals" && near(k.Value, row.typ, false) {
			c.refuse(k, id, hintFor(k.Value, row.typ), "SAM takes nothing of this name in Globals")
		}
	}
	c.refusedInGlobals(k, n)
	c.rows("Globals", k.Value, k, id, n, path)
}

// metadata looks into an entry of Metadata, where everything may stand.
func (c *collector) metadata(k, n *syntax.Node, path []int) {
	id := "Metadata." + k.Value
	for _, row := range c.table {
		switch {
		case row.section != "Metadata":
			continue
		case near(k.Value, row.typ, false):
			c.warn(k, id, hintFor(k.Value, row.typ), "this is not %s, so nothing in it is packaged", row.typ)
		case k.Value == row.typ && n.Kind != syntax.Mapping:
			c.warn(n, id, textHint(n), "this is %s and not a mapping, so nothing in it is packaged", kindOf(n))
		default:
			continue
		}
		return
	}
	c.rows("Metadata", k.Value, k, id, n, path)
}

// kindOf says what stands in a mapping's place.
func kindOf(n *syntax.Node) string {
	switch {
	case n.Kind == syntax.Sequence:
		return "a list"
	case n.IsNull():
		return "nothing"
	}
	return "a text"
}
