package assembly

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/syntax"
)

// folder reads the cloud assembly that a folder is, and those in it.
func (r *reader) folder(path string) {
	r.assembly.Root = realPath(path)
	r.cloud(path, Place{})
}

// cloud reads one cloud assembly. from is the place that names it, if one does.
func (r *reader) cloud(path string, from Place) {
	real := realPath(path)
	if slices.Contains(r.folders, real) {
		e := from.Errorf("this cloud assembly was read before: an assembly is in one other at most, and never in itself")
		r.fail(e)
		return
	}
	r.folders = append(r.folders, real)
	o := r.open(filepath.Join(path, manifestName), from)
	if o == nil {
		return
	}
	o.what = "the cloud assembly"
	o.version()
	if missing := o.get("missing"); missing != nil && missing.Kind == syntax.Sequence && len(missing.Values) > 0 {
		e := o.place(missing).Errorf("this cloud assembly lacks what CDK would have looked up in the account: its templates are not final")
		e.Hint = "run cdk synth with credentials, and commit cdk.context.json"
		r.warn(e)
	}
	artifacts := o.object("artifacts", "the artifacts")
	if artifacts == nil {
		return
	}
	manifests, complete := make(map[string]*Manifest), []func(){}
	artifacts.each("the artifact", func(id string, _ *syntax.Node, a *object) {
		switch kind, _ := a.needed("type"); kind {
		case "cdk:asset-manifest":
			manifests[id] = r.named(a, path)
		case "cdk:cloud-assembly":
			r.nested(a, path)
		case "aws:cloudformation:stack":
			s := a.stack(id)
			r.assembly.Stacks = append(r.assembly.Stacks, s)
			complete = append(complete, func() {
				s.depend(a.texts("dependencies"), manifests)
				if len(s.Assets) == 0 && a.hasAssets(path) {
					s.unlisted = a.place(a.node).Errorf("%s: this stack has assets, and no manifest lists them: they are not published", s.Display)
					s.unlisted.Hint = "cdk deploy stores those of its synthesizer, LegacyStackSynthesizer, by itself; DefaultStackSynthesizer lists them"
				}
			})
		}
	})
	for _, stack := range complete { // when the manifests that they name are known
		stack()
	}
}

// version checks the version of a manifest. What is newer is read all the same: CDK
// raises it with every field, and what is not known is told of.
func (o *object) version() {
	version, ok := o.needed("version")
	if ok && !regexp.MustCompile(`^[0-9]{1,9}\.[0-9]{1,9}\.[0-9]{1,9}(?:[-+][0-9A-Za-z.+-]*)?$`).MatchString(version) {
		o.failAt(o.get("version"), "%q is not a version of a manifest, which is like %d.0.0", version, Newest)
	}
}

// named reads the manifest of assets that an artifact names.
func (r *reader) named(a *object, dir string) *Manifest {
	properties := a.object("properties", a.what)
	if properties == nil {
		a.failAt(a.node, "%s has no properties, which name its file", a.what)
		return nil
	}
	name, ok := properties.needed("file")
	if !ok {
		return nil
	}
	at := a.place(properties.get("file"))
	path, ok := r.inside(dir, name, at)
	if !ok {
		return nil
	}
	return r.assets(path, at)
}

// nested reads the cloud assembly that an artifact names: that of a stage.
func (r *reader) nested(a *object, dir string) {
	properties := a.object("properties", a.what)
	if properties == nil {
		a.failAt(a.node, "%s has no properties, which name its folder", a.what)
		return
	}
	name, ok := properties.needed("directoryName")
	if !ok {
		return
	}
	at := a.place(properties.get("directoryName"))
	if path, ok := r.inside(dir, name, at); ok {
		r.cloud(path, at)
	}
}

// inside is the path of a manifest, or of the folder with one. CDK writes all of them into
// the folder of the application's assembly, and nothing else is read.
func (r *reader) inside(dir, name string, at Place) (path string, ok bool) {
	local := filepath.FromSlash(name)
	path = filepath.Join(dir, local)
	if filepath.IsAbs(local) || strings.HasPrefix(name, "/") || strings.ContainsRune(name, 0) || !within(realPath(path), r.assembly.Root) {
		r.fail(at.Errorf("%q leads out of the cloud assembly %s", name, r.assembly.Path))
		return "", false
	}
	return path, true
}

// stack is the stack that an artifact is.
func (o *object) stack(id string) *Stack {
	s := &Stack{ID: id, Name: id, Display: o.text("displayName")}
	if properties := o.object("properties", o.what); properties != nil {
		if name := properties.text("stackName"); name != "" {
			s.Name = name
		}
	}
	if s.Display == "" {
		s.Display = id
	}
	return s
}

// depend takes in which artifacts a stack depends on: among them its manifests of assets.
func (s *Stack) depend(artifacts []string, manifests map[string]*Manifest) {
	for _, on := range artifacts {
		if m := manifests[on]; m != nil && !slices.Contains(s.Assets, m) {
			s.Assets = append(s.Assets, m)
		}
	}
}

// hasAssets tells whether the metadata of a stack, which may be in a file of its own, speaks
// of assets, as the legacy synthesizer has it.
func (o *object) hasAssets(dir string) bool {
	metadata := o.object("metadata", "the metadata of "+o.what)
	if name := o.text("additionalMetadataFile"); metadata == nil && name != "" {
		at := o.place(o.get("additionalMetadataFile"))
		path, ok := o.inside(dir, name, at)
		if _, err := os.Stat(path); !ok || err != nil {
			return false // nobody needs it
		}
		metadata = o.open(path, at)
	}
	if metadata == nil {
		return false
	}
	return slices.ContainsFunc(metadata.node.Values, func(entries *syntax.Node) bool {
		return slices.ContainsFunc(entries.Values, func(entry *syntax.Node) bool {
			if entry.Kind != syntax.Mapping {
				return false
			}
			kind := entry.Get("type")
			return kind != nil && kind.Value == "aws:cdk:asset"
		})
	})
}
