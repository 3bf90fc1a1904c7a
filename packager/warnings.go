package packager

import (
	"archive/zip"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/syntax"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// Limits that a deployment meets after packaging, from "Lambda quotas", the
// CloudFormation quotas, and CodePipeline's reference of its CloudFormation
// action.
const (
	maxUnzipped         = 262_144_000 // bytes of a function and its layers
	maxTemplateInline   = 51_200      // of a template in the request itself
	maxTemplatePipeline = 512 << 10   // of a template in CodePipeline's action
	maxTemplateInS3     = 1 << 20     // of a template in S3
)

// warnings returns what would make the deployment fail, or go otherwise than
// meant, although it can be packaged: each once, with its place.
func (p *planner) warnings(plan *Plan) []error {
	var all []error
	for _, t := range p.order {
		t.warnings = append(t.warnings, t.wholeFolders()...)
		t.warnings = append(t.warnings, t.unzipped()...)
		t.warnings = append(t.warnings, t.leftPaths()...)
		for _, a := range p.distinct {
			if first := a.refs[0]; first.template == t {
				t.warnings = append(t.warnings, first.buildFolder()...)
			}
		}
		problem.Sort(t.warnings)
		all = append(all, t.warnings...)
	}
	return append(all, p.sizes(plan)...)
}

func (t *template) wholeFolders() (warnings []error) {
	for _, r := range t.refs {
		if r.absent {
			e := r.errorf("%s is missing, so the code is the template's whole folder: %d files, %d bytes", r.name, len(r.target.files), r.target.size())
			e.Hint = "name the folder that holds the code alone"
			warnings = append(warnings, e)
		}
	}
	return warnings
}

// unzipped holds every function, together with its layers in this template,
// against Lambda's limit.
func (t *template) unzipped() (warnings []error) {
	code := make(map[string]*reference) // by logical ID
	for _, r := range t.leaves() {
		if r.target != nil && r.row.zip {
			code[r.logicalID] = r
		}
	}
	globals := t.Root.Get("Globals").Get("Function")
	resources := t.Root.Get("Resources")
	if resources == nil {
		return nil
	}
	for i, key := range resources.Keys {
		resource := resources.Values[i]
		typ, props := resource.Get("Type"), resource.Get("Properties")
		if typ == nil || typ.Value != "AWS::Serverless::Function" && typ.Value != "AWS::Lambda::Function" {
			continue
		}
		own := code[key.Value]
		layers := refsIn(props.Get("Layers"))
		if typ.Value == "AWS::Serverless::Function" {
			if own == nil && props.Get("CodeUri") == nil {
				own = code["Globals.Function"]
			}
			layers = append(layers, refsIn(globals.Get("Layers"))...)
		}
		if own == nil {
			continue
		}
		total, with := own.target.unzipped(), ""
		for _, name := range layers {
			if layer := code[name]; layer != nil {
				total += layer.target.unzipped()
				with += " with the layer " + name
			}
		}
		if total > maxUnzipped {
			warnings = append(warnings, own.errorf("%s%s is %d bytes unzipped, and Lambda takes %d", key.Value, with, total, maxUnzipped))
		}
	}
	return warnings
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

// unzipped is the size of the artifact's content once Lambda has unpacked it.
func (a *artifact) unzipped() int64 {
	if a.zip {
		return a.size()
	}
	z, err := zip.OpenReader(a.files[0].path)
	if err != nil {
		return a.size()
	}
	defer z.Close() // nothing was written
	var total int64
	for _, f := range z.File {
		total += int64(f.UncompressedSize64) //nolint:gosec // a sum that overflows is over the limit before
	}
	return total
}

// leftPaths finds paths in properties that are not packaged: CloudFormation
// would get them as they are.
func (t *template) leftPaths() (warnings []error) {
	packaged := make(map[*syntax.Node]bool)
	for _, r := range t.refs {
		packaged[r.node] = true
	}
	var walk func(id, name string, n *syntax.Node)
	walk = func(id, name string, n *syntax.Node) {
		if n.Kind == syntax.Scalar && !packaged[n] && (strings.HasPrefix(n.Value, "./") || strings.HasPrefix(n.Value, "../")) {
			if _, err := os.Stat(filepath.Join(t.dir, filepath.FromSlash(n.Value))); err == nil {
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
	resources := t.Root.Get("Resources")
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

// buildFolder warns of files that hold the path of the folder they were built
// in, as npm and Python's caches write it: in another folder the same code has
// another key.
func (r *reference) buildFolder() []error {
	var names []string
	for _, f := range r.target.files {
		if f.placed {
			names = append(names, f.name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	more := ""
	if len(names) > 1 {
		more = fmt.Sprintf(" and %d more files hold", len(names)-1)
	} else {
		more = " holds"
	}
	e := r.errorf("%q: %s%s the path of this build's folder: in another folder the same code has another key, and is deployed again", r.local, names[0], more)
	e.Hint = "keep such files out with --exclude or " + ignoreFile
	return []error{e}
}

// buildFolders are the paths that tell where this build runs.
func buildFolders(template string) (folders [][]byte) {
	candidates := []string{filepath.Dir(template), os.Getenv("CODEBUILD_SRC_DIR")}
	if dir, err := os.Getwd(); err == nil {
		candidates = append(candidates, dir)
	}
	for _, dir := range candidates {
		// A short path, as /app, may stand in any file.
		if abs, err := filepath.Abs(dir); dir != "" && err == nil && strings.Count(filepath.ToSlash(abs), "/") > 1 {
			// On Windows some tools write slashes, and JSON every backslash twice.
			for _, form := range []string{abs, filepath.ToSlash(abs), strings.ReplaceAll(abs, `\`, `\\`)} {
				if !slices.ContainsFunc(folders, func(f []byte) bool { return bytes.HasPrefix([]byte(form), f) }) {
					folders = append(folders, []byte(form))
				}
			}
		}
	}
	return folders
}

// sizes holds the packaged templates against the limits, the highest that is
// exceeded.
func (p *planner) sizes(plan *Plan) (warnings []error) {
	warn := func(file, format string, args ...any) {
		warnings = append(warnings, &problem.Error{File: file, Message: fmt.Sprintf(format, args...)})
	}
	largest := 0
	for _, t := range plan.Templates {
		largest = max(largest, len(t.Body))
	}
	switch {
	case largest > maxTemplateInS3:
		warn(p.order[0].path, "packaged it is %d bytes, and CloudFormation takes %d: divide it into nested stacks", largest, maxTemplateInS3)
	case largest > maxTemplatePipeline:
		warn(p.order[0].path, "packaged it is %d bytes, and CodePipeline's CloudFormation action takes %d", largest, maxTemplatePipeline)
	case largest > maxTemplateInline:
		warn(p.order[0].path, "packaged it is %d bytes; more than %d cannot be sent in the request itself, so deploy it from S3 or through CodePipeline", largest, maxTemplateInline)
	}
	seen := make(map[*template]bool)
	for _, objects := range plan.objects {
		for _, o := range objects {
			if o.nested != nil && len(o.body) > maxTemplateInS3 && !seen[o.nested] {
				seen[o.nested] = true
				warn(o.nested.path, "packaged it is %d bytes, and CloudFormation takes %d", len(o.body), maxTemplateInS3)
			}
		}
	}
	return warnings
}
