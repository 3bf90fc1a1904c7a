package packager

import (
	"archive/zip"
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/archive"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/template"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// Limits that a deployment meets after packaging, from "Lambda quotas", the
// CloudFormation quotas, and CodePipeline's reference of its CloudFormation
// action.
const (
	maxUnzipped         = 262_144_000 // bytes of a function and its layers
	maxTemplateInline   = 51_200      // of a template in the request itself
	maxTemplateStackSet = 460_800     // of a template in CodePipeline's action for stack sets
	maxTemplatePipeline = 512 << 10   // of a template in CodePipeline's action
	maxTemplateInS3     = 1 << 20     // of a template in S3
)

// warnings returns what would make the deployment fail, or go otherwise than
// meant, although it can be packaged: each once, with its place.
func (p *planner) warnings(plan *Plan) []error {
	var all []error
	artifacts := make(map[*template.Template][]*artifact) // by the template that names them first
	for _, a := range p.distinct {
		first := a.refs[0].Template
		artifacts[first] = append(artifacts[first], a)
	}
	for _, t := range p.order {
		if p.ctx.Err() != nil {
			return nil
		}
		of := slices.Concat(t.Warnings, p.wholeFolders(t), p.unzipped(t), p.unasked(t), t.LeftPaths(p.ctx), p.foreign(t))
		for _, a := range artifacts[t] {
			of = append(of, a.buildFolder()...)
		}
		problem.Sort(of)
		all = append(all, of...)
	}
	return slices.Concat(all, p.unusedRepositories(), p.otherRegistries(), p.sizes(plan))
}

// wholeFolders warns of code that is a template's whole folder, since nothing says
// where it is.
func (p *planner) wholeFolders(t *template.Template) (warnings []error) {
	for _, r := range t.References() {
		if a := p.targets[r]; r.Absent && a != nil {
			e := r.Errorf("%s is missing, so the code is the template's whole folder: %s, %s", r.Name, problem.Count(len(a.files), "file"), problem.Count(a.size(), "byte"))
			e.Hint = "name the folder that holds the code alone"
			warnings = append(warnings, e)
		}
	}
	return warnings
}

// unzipped holds every layer, and every function together with its layers in this
// template, against Lambda's limit.
func (p *planner) unzipped(t *template.Template) (warnings []error) {
	over := func(code *template.Reference, what string, size int64) {
		if size > maxUnzipped {
			warnings = append(warnings, code.Errorf("%s is %d bytes unzipped, and Lambda takes %d", what, size, maxUnzipped))
		}
	}
	for _, r := range t.References() {
		if p.ctx.Err() != nil {
			return nil
		}
		if a := p.targets[r]; a != nil && r.IsLambda() {
			over(r, r.LogicalID, a.unzipped())
		}
	}
	for _, f := range t.Functions() {
		if p.ctx.Err() != nil {
			return nil
		}
		total, with := p.targets[f.Code].unzipped(), ""
		if len(f.Layers) == 0 || total > maxUnzipped {
			continue // all is said of it
		}
		for _, layer := range f.Layers {
			total += p.targets[layer].unzipped()
			with += " with the layer " + layer.LogicalID
		}
		over(f.Code, f.LogicalID+with, total)
	}
	return warnings
}

// unzipped is the size of the artifact's content once Lambda has unpacked it.
func (a *artifact) unzipped() int64 {
	if a.unpacked == 0 {
		a.unpacked = a.unzip()
	}
	return a.unpacked
}

func (a *artifact) unzip() int64 {
	if a.zip {
		return a.size()
	}
	z, err := zip.OpenReader(a.files[0].Path)
	if err != nil {
		return a.size()
	}
	defer z.Close() // nothing was written
	var total int64
	for _, f := range z.File {
		// What a broken or a false zip tells is no reason for a sum that overflows.
		total = min(total+int64(min(f.UncompressedSize64, math.MaxInt32*1024)), math.MaxInt64/2)
	}
	return total
}

// buildFolder warns of files that hold the path of the folder they were built
// in, as npm and Python's caches write it: in another folder the same code has
// another key.
func (a *artifact) buildFolder() []error {
	var names []string
	for _, f := range a.files {
		if f.HoldsFolder {
			names = append(names, f.Name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	more := " holds"
	if len(names) > 1 {
		more = " and " + problem.Count(len(names)-1, "more file") + " hold"
	}
	r := a.refs[0]
	e := r.Errorf("%q: %s%s the path of this build's folder: in another folder the same code has another key, and is deployed again", r.Local, names[0], more)
	e.Hint = "keep such files out with --exclude or " + archive.IgnoreFile
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
		warn(p.order[0].Path, "packaged it is %d bytes, and CloudFormation takes %d: divide it into nested stacks", largest, maxTemplateInS3)
	case largest > maxTemplatePipeline:
		warn(p.order[0].Path, "packaged it is %d bytes, and CodePipeline's CloudFormation action takes %d", largest, maxTemplatePipeline)
	case largest > maxTemplateStackSet && plan.opts.OneTemplate:
		warn(p.order[0].Path, "packaged it is %d bytes, and CodePipeline's action for stack sets takes %d", largest, maxTemplateStackSet)
	case largest > maxTemplateInline:
		warn(p.order[0].Path, "packaged it is %d bytes; more than %d cannot be sent in the request itself, so deploy it from S3 or through CodePipeline", largest, maxTemplateInline)
	}
	seen := make(map[*template.Template]bool)
	for _, objects := range plan.objects {
		for _, o := range objects {
			if o.nested != nil && len(o.body) > maxTemplateInS3 && !seen[o.nested] {
				seen[o.nested] = true
				warn(o.nested.Path, "packaged it is %d bytes, and CloudFormation takes %d", len(o.body), maxTemplateInS3)
			}
		}
	}
	return warnings
}
