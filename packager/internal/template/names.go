package template

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/syntax"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// near tells whether a key is not a name, and looks like it: in another case, with a slip
// of the finger, or with characters that nobody sees. Of a row of the user's nobody knows
// the type's other names, so a slip makes one of them, perhaps.
func near(key, name string, own bool) bool {
	bare := strings.Map(func(r rune) rune {
		if r == ' ' || oddName(r) != "" {
			return -1
		}
		return r
	}, key)
	if d := utf8.RuneCountInString(bare) - len(name); key == name || d < -1 || d > 1 {
		return false
	}
	return strings.EqualFold(bare, name) || !own && problem.Similar(bare, name)
}

// refuse reports what CloudFormation or SAM refuses as it stands. It is an error, unless
// a macro may make something else of it.
func (c *collector) refuse(n *syntax.Node, subject, hint, format string, args ...any) (isError bool) {
	e := c.t.errorf(n, subject, format, args...)
	e.Hint = hint
	if c.macros {
		c.t.Warnings = append(c.t.Warnings, e)
		return false
	}
	*c.errs = append(*c.errs, e)
	c.told[n] = true
	return true
}

// warn reports what may go otherwise than meant, and is no error.
func (c *collector) warn(n *syntax.Node, subject, hint, format string, args ...any) (isError bool) {
	e := c.t.errorf(n, subject, format, args...)
	e.Hint = hint
	c.t.Warnings = append(c.t.Warnings, e)
	return false
}

// misnamedSections reports keys of the template that are nearly the name of a section
// that is read here and is not there.
func (c *collector) misnamedSections() (found bool) {
	root := c.t.doc.Root
	for _, name := range []string{"Resources", "Globals", "Metadata", "Mappings", "Transform"} {
		if root.Index(name) >= 0 {
			continue
		}
		for _, k := range root.Keys {
			if near(k.Value, name, false) {
				c.refuse(k, k.Value, hintFor(k.Value, name), "a template has no section of this name")
				found = true
			}
		}
	}
	return found
}

// misnamedType reports a resource type that is nearly one of the table's.
func (c *collector) misnamedType(id string, typ *syntax.Node) {
	named := func(r Row) bool { return r.section == "Resources" && r.typ == typ.Value }
	if c.types[typ.Value] || slices.ContainsFunc(c.table, named) {
		return
	}
	for _, row := range c.table {
		switch {
		case row.section != "Resources" || !near(typ.Value, row.typ, row.own):
			continue
		case row.own:
			c.warn(typ, id+".Type", hintFor(typ.Value, row.typ), "this is not %s, so nothing is packaged", row.typ)
		default:
			c.refuse(typ, id+".Type", hintFor(typ.Value, row.typ), "there is no such resource type")
		}
		return
	}
	c.types[typ.Value] = true
}

// misnamed reports keys of one entry that are nearly the name of a property that is
// packaged and is not there: names with a slip, names that another type has for the
// same, and names at another level. rows are the entry's type's, id its name, and n the
// resource or the entry of Globals or Metadata. It tells whether it made an error.
func (c *collector) misnamed(rows []Row, id string, n *syntax.Node) (isError bool) {
	props := n
	if rows[0].section == "Resources" {
		props = n.Get("Properties")
		isError = c.misplaced(rows, id, n, props)
	}
	if props == nil || props.Kind != syntax.Mapping {
		return isError
	}
	missing := slices.DeleteFunc(slices.Clone(rows), func(r Row) bool { return props.Index(r.steps()[0]) >= 0 })
	for i, k := range props.Keys {
		if len(missing) > 0 && c.misnamedProperty(rows, missing, id, k) {
			isError = true
		}
		c.tooDeep(missing, syntax.Dotted(id, k.Value), props.Values[i])
		isError = c.tooHigh(rows, id, k, props) || isError
	}
	return isError
}

// tooHigh reports the key k of the properties if it belongs into another one of them, as
// ScriptLocation into Command.
func (c *collector) tooHigh(rows []Row, id string, k, props *syntax.Node) (isError bool) {
	for _, row := range rows {
		steps := row.steps()
		if row.own || len(steps) != 2 || k.Value != steps[1] || props.Get(steps[0]).Index(steps[1]) >= 0 {
			continue
		}
		return c.refuse(k, syntax.Dotted(id, k.Value), "move it into "+steps[0], "%s has no property %s: it belongs to %s", row.typ, steps[1], steps[0])
	}
	return false
}

// misnamedProperty reports the key k of the properties if it is nearly the name of one of
// the missing rows, or another type's name for one.
func (c *collector) misnamedProperty(rows, missing []Row, id string, k *syntax.Node) (isError bool) {
	known := func(r Row) bool { return r.steps()[0] == k.Value || slices.Contains(r.instead, k.Value) }
	if slices.ContainsFunc(rows, known) {
		return false
	}
	owner := missing[0].typ
	if missing[0].section == "Globals" {
		owner = "Globals." + owner
	}
	subject := syntax.Dotted(id, k.Value)
	for _, row := range missing {
		switch name := row.steps()[0]; {
		case !near(k.Value, name, row.own):
		case row.own || row.section == "Metadata":
			return c.warn(k, subject, hintFor(k.Value, name), "this is not %s, so it is not packaged", name)
		default:
			return c.refuse(k, subject, hintFor(k.Value, name), "%s has no property of this name", owner)
		}
	}
	sibling := func(r Row) bool {
		same := func(name string) bool { return strings.EqualFold(name, k.Value) }
		return !r.own && r.section == "Resources" && len(r.steps()) == 1 && (same(r.path) || slices.ContainsFunc(r.instead, same))
	}
	if missing[0].own || missing[0].section == "Metadata" || !slices.ContainsFunc(c.table, sibling) {
		return false
	}
	var names []string
	for _, row := range missing {
		if !row.form.image || len(missing) == 1 { // code, of which an image is the rarer form
			names = append(names, row.steps()[0])
		}
	}
	return c.refuse(k, subject, owner+" calls it "+strings.Join(slices.Compact(names), " or "), "%s has no property of this name", owner)
}

// misnamedStep reports keys of a mapping below Properties that are nearly one of the
// steps to a property, and what they hold is no mapping in which it may stand.
func (c *collector) misnamedStep(row Row, id, name, step string, n *syntax.Node) {
	if n.Index(step) >= 0 {
		return
	}
	for i, k := range n.Keys {
		if near(k.Value, step, row.own) && n.Values[i].Kind == syntax.Scalar {
			report := c.refuse
			if row.own {
				report = c.warn
			}
			report(k, syntax.Dotted(id, syntax.Dotted(name, k.Value)), hintFor(k.Value, step), "%s has no property of this name", row.typ)
		}
	}
}

// tooDeep reports a property that must be there, is missing, and stands in another one.
func (c *collector) tooDeep(missing []Row, id string, n *syntax.Node) {
	for _, row := range missing {
		if i := n.Index(row.path); i >= 0 && n.Tag == "" && row.absent != leave && !c.saidOtherwise(row) {
			c.warn(n.Keys[i], syntax.Dotted(id, row.path), "move it into Properties", "this stands too deep, and %s has no %s", row.typ, row.path)
		}
	}
}

// misplaced reports what stands in a resource beside its Properties and belongs into
// them, and Properties that are nearly called so.
func (c *collector) misplaced(rows []Row, id string, n, props *syntax.Node) (isError bool) {
	for _, k := range n.Keys {
		subject := syntax.Dotted(id, k.Value)
		if props == nil && near(k.Value, "Properties", false) {
			report := c.refuse
			if !slices.ContainsFunc(rows, c.refused) {
				report = c.warn
			}
			isError = report(k, subject, hintFor(k.Value, "Properties"), "a resource has no attribute of this name") || isError
			continue
		}
		for _, row := range rows {
			name := row.steps()[0]
			if props.Index(name) >= 0 || k.Value != name && !near(k.Value, name, row.own) {
				continue
			}
			report := c.refuse
			if !c.refused(row) {
				report = c.warn
			}
			isError = report(k, subject, "move it into Properties", "this stands beside Properties, and is read only in them") || isError
			break
		}
	}
	return isError
}

// refused tells whether a resource is refused that has the row's property at another
// place: CloudFormation refuses every attribute that it does not know; SAM does not look
// at them, and may do without.
func (c *collector) refused(row Row) bool {
	if row.own {
		return false
	}
	return !strings.HasPrefix(row.typ, "AWS::Serverless::") || row.absent != leave && !c.saidOtherwise(row)
}

// hintFor says what a key should be called.
func hintFor(key, name string) string {
	hint := fmt.Sprintf("%q should be %s", key, name)
	if odd := oddCharacter(key); odd != "" {
		hint += ": it holds " + odd
	}
	return hint
}

// refusedInGlobals reports properties that say what is packaged, and which SAM does not
// take in an entry of Globals.
func (c *collector) refusedInGlobals(entry, n *syntax.Node) {
	told := make(map[string]bool)
	for _, row := range c.table {
		if row.section != "Resources" || row.typ != "AWS::Serverless::"+entry.Value {
			continue
		}
		for _, name := range append([]string{row.path}, row.instead...) {
			takes := func(r Row) bool { return r.section == "Globals" && r.typ == entry.Value && r.path == name }
			if i := n.Index(name); i >= 0 && !told[name] && !slices.ContainsFunc(c.table, takes) {
				told[name] = true
				c.warn(n.Keys[i], "Globals."+entry.Value+"."+name, "give it to each "+row.typ, "SAM refuses %s in Globals", name)
			}
		}
	}
}
