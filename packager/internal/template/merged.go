package template

import (
	"slices"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/syntax"
)

// mergedVersions refuses an Fn::If that is written as a mapping where SAM would merge a
// version into it: of two mappings, that of Globals and a function's own, it takes what
// the function's lacks from the other. Measured with its translator.
func (c *collector) mergedVersions() {
	global := c.t.doc.Root.Get("Globals").Get("Function").Get("CodeUri")
	if global == nil {
		return
	}
	ofGlobals := slices.IndexFunc(c.t.refs, func(r *Reference) bool { return r.node == global })
	version := global.Kind == syntax.Mapping && global.Get("Version") != nil
	if ofGlobals >= 0 {
		version = c.t.refs[ofGlobals].choice != nil && c.t.refs[ofGlobals].choice.hasVersion()
	}
	if !version {
		return
	}
	const hint = "give each function its own version, or none to Globals"
	for _, r := range c.t.refs {
		if r.row.section == "Resources" && r.row.typ == "AWS::Serverless::Function" && r.choice != nil && !r.choice.hasVersion() {
			c.refuse(r.node, r.subject(), hint, "SAM takes {Bucket, Key} in the place of this Fn::If, and would add the Version of Globals.Function.CodeUri, which is another object's")
		}
	}
	if ofGlobals < 0 {
		return
	}
	resources := c.t.doc.Root.Get("Resources")
	for i, k := range resources.Keys {
		own := resources.Values[i].Get("Properties").Get("CodeUri")
		if own != nil && own.Kind == syntax.Mapping && own.Tag == "" && own.Get("Bucket") != nil && own.Get("Version") == nil {
			c.refuse(own, k.Value+".CodeUri", hint, "SAM would add the version of Globals.Function.CodeUri, which is another object's")
		}
	}
}

// hasVersion tells whether one of the branches names a version.
func (ch *choice) hasVersion() bool {
	return slices.ContainsFunc(ch.branches, func(b branch) bool {
		if b.ref != nil {
			return b.ref.Stored != nil && b.ref.Stored.Version != ""
		}
		return !isNoValue(b.node) && versionPart.of(b.node) != nil
	})
}

// mergedForAll refuses what SAM would merge in a template for all regions, in which the
// code of functions and of Globals is a mapping: a version of Globals into a function
// that is packaged, and the bucket or key of Globals into a function whose own mapping lacks
// one. Functions are not merged. Measured with its translator.
func (t *Template) mergedForAll() (errs []error) {
	global := t.doc.Root.Get("Globals").Get("Function").Get("CodeUri")
	if global == nil {
		return nil
	}
	packaged := make(map[*syntax.Node]*Reference)
	for _, r := range t.refs {
		if r.row.takes.sam == samPointer {
			packaged[r.node] = r
		}
	}
	version, ofGlobals := global.Kind == syntax.Mapping && global.Get("Version") != nil, packaged[global]
	if ofGlobals != nil {
		version = ofGlobals.choice != nil && ofGlobals.choice.hasVersion()
	}
	refuse := func(n *syntax.Node, id, hint, message string) {
		e := t.errorf(n, syntax.Dotted(id, "CodeUri"), "this template is one for all regions, so %s", message)
		e.Hint = hint
		errs = append(errs, e)
	}
	t.eachResource(t.doc.Root.Get("Resources"), func(id string, n *syntax.Node) {
		own := n.Get("Properties").Get("CodeUri")
		if typ := n.Get("Type"); typ == nil || typ.Value != "AWS::Serverless::Function" || own == nil || ignoresGlobal(n, "CodeUri") {
			return
		}
		name, _ := functionOf(own)
		isFunction := name != ""
		switch r := packaged[own]; {
		case r != nil && r.choice == nil && version:
			refuse(own, id, "give each function its own version, or none to Globals",
				"this becomes {Bucket, Key}, and SAM would add the Version of Globals.Function.CodeUri, which is another object's")
		case ofGlobals != nil && own.Kind == syntax.Mapping && own.Tag == "" && !isFunction && (own.Get("Bucket") == nil || own.Get("Key") == nil):
			refuse(own, id, "write {Bucket: …, Key: …}",
				"Globals.Function.CodeUri becomes {Bucket, Key}, and SAM would take from it what this mapping lacks")
		}
	})
	return errs
}

// eachResource visits the resources of a section, and those that its loops repeat.
func (t *Template) eachResource(section *syntax.Node, visit func(id string, n *syntax.Node)) {
	if section == nil || section.Kind != syntax.Mapping {
		return
	}
	for i, k := range section.Keys {
		n := section.Values[i]
		if strings.HasPrefix(k.Value, "Fn::ForEach::") && len(n.Values) == 3 {
			t.eachResource(n.Values[2], visit)
			continue
		}
		visit(k.Value, n)
	}
}
