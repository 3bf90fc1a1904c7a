// Package codepipeline is what a template says of a pipeline: its artifact stores,
// its actions, and the projects that its builds run (AWS CloudFormation's reference
// of AWS::CodePipeline::Pipeline and AWS::CodeBuild::Project).
package codepipeline

import (
	"slices"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/check/internal/document"
)

// A Pipeline is one AWS::CodePipeline::Pipeline.
type Pipeline struct {
	File    *document.File
	Stores  []Store
	At      document.Value // its logical ID
	Single  document.Value // ArtifactStore, where the pipeline has one for all
	Several document.Value // ArtifactStores, where it has one for each region
	Actions []Action       // all, in their order
	Builds  []Action       // those of CodeBuild
	Deploys []Action       // those of CloudFormation, with stack sets
	Varies  bool           // a condition decides what is in it: not all that is here is there at once
	Open    bool           // something is in it that is not here

	StackSets []StackSet // of the template, those that make a bucket in each of their regions

	projects []*Project
	defaults map[string]string // the parameters that have one
	known    map[string]bool   // the parameters and resources; nil where a macro may add others
}

// maxItems bounds lists: CodePipeline takes no more actions, and aliases can make
// much of little.
const maxItems = 1000

// A Store is the bucket that CodePipeline keeps artifacts in, in one region.
type Store struct {
	Region     Text // where each parameter has its default
	Fixed      bool // no parameter decides the region
	Location   Text
	At         document.Value // the region's
	LocationAt document.Value
}

// Read returns the pipelines of a template.
func Read(f *document.File) (all []*Pipeline) {
	var projects []*Project
	var sets []document.Pair
	defaults := make(map[string]string)
	for _, parameter := range f.Root.Get("Parameters").Pairs() {
		// The default of one that is kept in Parameter Store is its name there.
		kept := strings.HasPrefix(parameter.Value.Get("Type").Text(), "AWS::SSM::Parameter::Value<")
		if text, ok := parameter.Value.Get("Default").Scalar(); ok && !kept {
			defaults[parameter.Name()] = text
		}
	}
	known := declared(f.Root)
	for _, resource := range f.Root.Get("Resources").Pairs() {
		properties := resource.Value.Get("Properties")
		switch resource.Value.Get("Type").Text() {
		case "AWS::CodePipeline::Pipeline":
			p := &Pipeline{File: f, At: resource.Key, defaults: defaults, known: known}
			p.read(properties)
			all = append(all, p)
		case "AWS::CodeBuild::Project":
			projects = append(projects, readProject(resource.Key, properties))
		case "AWS::CloudFormation::StackSet":
			sets = append(sets, document.Pair{Key: resource.Key, Value: properties})
		}
	}
	for _, p := range all {
		p.projects = projects
		for _, set := range first(sets, maxSets) {
			if s := p.readStackSet(set.Key, set.Value); len(s.names) > 0 {
				p.StackSets = append(p.StackSets, s)
			}
		}
		for _, a := range p.Builds {
			if pr := p.ProjectOf(a); pr != nil {
				pr.Used++
			}
		}
	}
	return all
}

// declared are the names that a Ref may have; nil where a macro may add others.
func declared(root document.Value) map[string]bool {
	transforms := root.Get("Transform").List()
	all := make(map[string]bool)
	for _, name := range transforms {
		if !slices.Contains([]string{"AWS::Serverless-2016-10-31", "AWS::LanguageExtensions"}, name.Text()) {
			return nil
		}
	}
	if root.Get("Transform").Exists() && len(transforms) == 0 || root.Get("Fn::Transform").Exists() {
		return nil
	}
	for _, section := range []string{"Parameters", "Resources"} {
		for _, p := range root.Get(section).Pairs() {
			if strings.HasPrefix(p.Name(), "Fn::") {
				return nil
			}
			all[p.Name()] = true
		}
	}
	return all
}

func (p *Pipeline) read(properties document.Value) {
	p.Single, p.Several = properties.Get("ArtifactStore"), properties.Get("ArtifactStores")
	p.Open = properties.Get("Fn::Transform").Exists()
	for _, s := range first(p.items(p.Several), maxItems) {
		p.Stores = append(p.Stores, p.readStore(s))
	}
	for i, stage := range first(p.items(properties.Get("Stages")), maxItems) {
		room := maxItems - len(p.Actions)
		if room == 0 {
			break
		}
		for _, v := range first(p.items(stage.Get("Actions")), room) {
			p.add(p.readAction(stage.Get("Name").Text(), i, v))
		}
	}
}

// items are those of a list of the pipeline.
func (p *Pipeline) items(list document.Value) []document.Value {
	l := items(list)
	p.Varies = p.Varies || l.varies
	p.Open = p.Open || l.open
	return l.items
}

func (p *Pipeline) readStore(v document.Value) Store {
	at, location := v.Get("Region"), v.Get("ArtifactStore", "Location")
	s := Store{
		Region: p.Default(at), Fixed: p.Text(at).Fixed(), Location: p.Text(location),
		At: at, LocationAt: location,
	}
	if !at.Exists() {
		s.At = v
	}
	return s
}
