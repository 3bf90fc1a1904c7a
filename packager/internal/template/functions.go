package template

import (
	"context"
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
	global := packaged(t.doc.Root.Get("Globals").Get("Function").Get("Layers"), code)
	for i, key := range resources.Keys {
		if f := t.function(key.Value, resources.Values[i], code, global); f.Code != nil {
			all = append(all, f)
		}
	}
	return all
}

// function returns a resource as a function. It has no code where it is none, or its
// code is not packaged.
func (t *Template) function(id string, resource *syntax.Node, code map[string]*Reference, global []*Reference) Function {
	f := Function{LogicalID: id}
	typ, props := resource.Get("Type"), resource.Get("Properties")
	if typ == nil || typ.Value != "AWS::Serverless::Function" && typ.Value != "AWS::Lambda::Function" {
		return f
	}
	f.Code = code[id]
	f.Layers = packaged(props.Get("Layers"), code)
	if typ.Value == "AWS::Serverless::Function" {
		if f.Code == nil && props.Get("CodeUri") == nil && !ignoresGlobal(resource, "CodeUri") {
			f.Code = code["Globals.Function"]
		}
		if !ignoresGlobal(resource, "Layers") {
			f.Layers = append(f.Layers, global...)
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

// packaged returns the layers that a list refers to, as far as they are packaged. A function
// has five at most (Lambda quotas).
func packaged(list *syntax.Node, code map[string]*Reference) (layers []*Reference) {
	if list == nil {
		return nil
	}
	for _, v := range list.Values {
		name := ""
		if v.Tag == "!Ref" {
			name = v.Value
		} else if ref := v.Get("Ref"); ref != nil {
			name = ref.Value
		}
		if layer := code[name]; layer != nil && len(layers) < 5 {
			layers = append(layers, layer)
		}
	}
	return layers
}

// LeftPaths finds paths in properties that are not packaged: CloudFormation
// would get them as they are.
func (t *Template) LeftPaths(ctx context.Context) (warnings []error) {
	packaged := make(map[*syntax.Node]bool)
	for _, r := range t.refs {
		packaged[r.node] = true
	}
	var walk func(n *syntax.Node)
	walk = func(n *syntax.Node) {
		if packaged[n] || len(warnings) >= maxProblems || ctx.Err() != nil {
			return
		}
		if n.Kind == syntax.Scalar && (strings.HasPrefix(n.Value, "./") || strings.HasPrefix(n.Value, "../")) {
			if _, err := os.Stat(filepath.Join(t.Dir, filepath.FromSlash(n.Value))); err == nil {
				warnings = append(warnings, t.errorf(n, "", "%q is a local path, and this property is not packaged: CloudFormation gets it as it is", n.Value))
			}
		}
		for _, v := range n.Values {
			walk(v)
		}
	}
	if resources := t.doc.Root.Get("Resources"); resources != nil {
		for _, r := range resources.Values {
			if props := r.Get("Properties"); props != nil {
				walk(props)
			}
		}
	}
	return warnings
}
