package template

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/syntax"
)

// A Function is a Lambda function whose code is packaged, with those of its layers
// that are packaged, too.
type Function struct {
	LogicalID string
	Code      *Reference
	Layers    []*Reference
}

// Functions returns the template's functions, in its order.
func (t *Template) Functions() (all []Function) {
	code := make(map[string]*Reference) // by logical ID
	for _, r := range t.References() {
		if r.Stored == nil && r.row.zip {
			code[r.LogicalID] = r
		}
	}
	resources := t.doc.Root.Get("Resources")
	if resources == nil {
		return nil
	}
	for i, key := range resources.Keys {
		if f := t.function(key.Value, resources.Values[i], code); f.Code != nil {
			all = append(all, f)
		}
	}
	return all
}

// function returns a resource as a function. It has no code where it is none, or its
// code is not packaged.
func (t *Template) function(id string, resource *syntax.Node, code map[string]*Reference) Function {
	f := Function{LogicalID: id}
	typ, props := resource.Get("Type"), resource.Get("Properties")
	if typ == nil || typ.Value != "AWS::Serverless::Function" && typ.Value != "AWS::Lambda::Function" {
		return f
	}
	f.Code = code[id]
	layers := refsIn(props.Get("Layers"))
	if typ.Value == "AWS::Serverless::Function" {
		if f.Code == nil && props.Get("CodeUri") == nil && !ignoresGlobal(resource, "CodeUri") {
			f.Code = code["Globals.Function"]
		}
		if !ignoresGlobal(resource, "Layers") {
			layers = append(layers, refsIn(t.doc.Root.Get("Globals").Get("Function").Get("Layers"))...)
		}
	}
	for _, name := range layers {
		if layer := code[name]; layer != nil {
			f.Layers = append(f.Layers, layer)
		}
	}
	return f
}

// ignoresGlobal tells whether a resource does not take a property from Globals.
func ignoresGlobal(resource *syntax.Node, property string) bool {
	ignored := resource.Get("IgnoreGlobals")
	if ignored == nil {
		return false
	}
	named := func(v *syntax.Node) bool { return v.Value == property }
	return ignored.Kind == syntax.Scalar && ignored.Value == "*" || slices.ContainsFunc(ignored.Values, named)
}

// refsIn returns the logical IDs that a list refers to.
func refsIn(list *syntax.Node) (ids []string) {
	if list == nil {
		return nil
	}
	for _, v := range list.Values {
		if v.Tag == "!Ref" {
			ids = append(ids, v.Value)
		} else if ref := v.Get("Ref"); ref != nil {
			ids = append(ids, ref.Value)
		}
	}
	return ids
}

// LeftPaths finds paths in properties that are not packaged: CloudFormation
// would get them as they are.
func (t *Template) LeftPaths() (warnings []error) {
	packaged := make(map[*syntax.Node]bool)
	for _, r := range t.refs {
		packaged[r.node] = true
	}
	var walk func(id, name string, n *syntax.Node)
	walk = func(id, name string, n *syntax.Node) {
		if packaged[n] {
			return
		}
		if n.Kind == syntax.Scalar && (strings.HasPrefix(n.Value, "./") || strings.HasPrefix(n.Value, "../")) {
			if _, err := os.Stat(filepath.Join(t.Dir, filepath.FromSlash(n.Value))); err == nil {
				e := t.errorf(n, syntax.Dotted(id, name), "%q is a local path, and this property is not packaged: CloudFormation gets it as it is", n.Value)
				warnings = append(warnings, e)
			}
		}
		for i, v := range n.Values {
			step := fmt.Sprint(i)
			if n.Kind == syntax.Mapping {
				step = n.Keys[i].Value
			}
			walk(id, syntax.Dotted(name, step), v)
		}
	}
	resources := t.doc.Root.Get("Resources")
	if resources == nil {
		return nil
	}
	for i, key := range resources.Keys {
		if props := resources.Values[i].Get("Properties"); props != nil {
			walk(key.Value, "", props)
		}
	}
	return warnings
}
