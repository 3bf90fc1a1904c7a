// Package codepipeline is what a template says of a pipeline: its artifact stores,
// its actions, and the projects that its builds run (AWS CloudFormation's reference
// of AWS::CodePipeline::Pipeline and AWS::CodeBuild::Project).
package codepipeline

import (
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/check/internal/document"
)

// A Pipeline is one AWS::CodePipeline::Pipeline.
type Pipeline struct {
	File    *document.File
	Stores  []Store
	Single  document.Value // ArtifactStore, where the pipeline has one for all
	Actions []Action       // all, in their order
	Builds  []Action       // those of CodeBuild
	Deploys []Action       // those of CloudFormation, with stack sets
	Varies  bool           // a condition decides what is in it: not all that is here is there at once
	Open    bool           // something is in it that is not here

	projects []*Project
	defaults map[string]string // the parameters that have one
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
	defaults := make(map[string]string)
	for _, parameter := range f.Root.Get("Parameters").Pairs() {
		// The default of one that is kept in Parameter Store is its name there.
		kept := strings.HasPrefix(parameter.Value.Get("Type").Text(), "AWS::SSM::Parameter::Value<")
		if text, ok := parameter.Value.Get("Default").Scalar(); ok && !kept {
			defaults[parameter.Name()] = text
		}
	}
	for _, resource := range f.Root.Get("Resources").Pairs() {
		properties := resource.Value.Get("Properties")
		switch resource.Value.Get("Type").Text() {
		case "AWS::CodePipeline::Pipeline":
			p := &Pipeline{File: f, defaults: defaults}
			p.read(properties)
			all = append(all, p)
		case "AWS::CodeBuild::Project":
			projects = append(projects, readProject(resource.Key, properties))
		}
	}
	for _, p := range all {
		p.projects = projects
		for _, a := range p.Builds {
			if pr := p.ProjectOf(a); pr != nil {
				pr.Used++
			}
		}
	}
	return all
}

func (p *Pipeline) read(properties document.Value) {
	p.Single = properties.Get("ArtifactStore")
	p.Open = properties.Get("Fn::Transform").Exists()
	for _, s := range first(p.items(properties.Get("ArtifactStores")), maxItems) {
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
