package template

import (
	"slices"

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
			return b.ref.Stored != nil && b.ref.Stored.version != ""
		}
		return !isNoValue(b.node) && versionPart.of(b.node) != nil
	})
}
