package main

import (
	"strings"
)

// A pipeline is what check needs to know of a template with CodePipeline and
// CodeBuild in it (AWS CloudFormation's reference of AWS::CodePipeline::Pipeline
// and AWS::CodeBuild::Project).
type pipeline struct {
	doc      *document
	stores   []artifactStore
	single   value // ArtifactStore, where the pipeline has one for all
	builds   []action
	deploys  []action
	others   []action
	projects map[string]*project // by logical ID
	defaults map[string]string   // the parameters that have one
	steps    int                 // of resolving one value
}

// Aliases can make much of little: what is read is bounded.
const (
	maxItems = 1000    // CodePipeline takes no more actions
	maxSteps = 10_000  // to resolve one value
	maxText  = 1 << 16 // bytes of a resolved value
)

// An artifactStore is the bucket that CodePipeline keeps artifacts in, in one
// region.
type artifactStore struct {
	region   string
	location string // as it means, "${Parameter}" where a parameter stands
	at, name value  // the region's, the location's
}

// An action is one step of a stage.
type action struct {
	name, stage string
	region      string // "" is the pipeline's own
	regionAt    value
	at          value
	inputs      []string
	outputs     []string
	config      value
}

// A project is a CodeBuild project.
type project struct {
	logicalID string
	variables []variable
	at        value
	buildSpec value
}

// A variable is one of a project's environment.
type variable struct {
	name, text  string
	known       bool // the text, as far as its parameters
	at, valueAt value
}

// readPipelines takes out of a document what check compares.
func readPipelines(d *document) (all []*pipeline) {
	projects, defaults := make(map[string]*project), make(map[string]string)
	for _, parameter := range d.root.get("Parameters").entries() {
		if text, ok := parameter.value.get("Default").scalar(); ok {
			defaults[parameter.name()] = text
		}
	}
	for _, resource := range d.root.get("Resources").entries() {
		properties := resource.value.get("Properties")
		switch resource.value.get("Type").text() {
		case "AWS::CodePipeline::Pipeline":
			p := &pipeline{doc: d, projects: projects, defaults: defaults}
			p.readStores(properties)
			for _, stage := range first(properties.get("Stages").items(), maxItems) {
				room := maxItems - len(p.builds) - len(p.deploys) - len(p.others)
				for _, a := range first(stage.get("Actions").items(), room) {
					p.readAction(stage.get("Name").text(), a)
				}
			}
			all = append(all, p)
		case "AWS::CodeBuild::Project":
			projects[resource.name()] = readProject(resource.key, properties)
		}
	}
	return all
}

func (p *pipeline) readStores(properties value) {
	if one := properties.get("ArtifactStore"); one.exists() {
		p.single = one
	}
	for _, s := range first(properties.get("ArtifactStores").items(), maxItems) {
		store := artifactStore{at: s.get("Region"), name: s.get("ArtifactStore", "Location")}
		if !store.at.exists() {
			store.at = s
		}
		store.region, _ = p.resolve(s.get("Region"), true)
		store.location, _ = p.resolve(store.name, false)
		p.stores = append(p.stores, store)
	}
}

func (p *pipeline) readAction(stage string, v value) {
	a := action{name: v.get("Name").text(), stage: stage, at: v, regionAt: v.get("Region"), config: v.get("Configuration")}
	a.region, _ = p.resolve(a.regionAt, true)
	for _, in := range v.get("InputArtifacts").items() {
		a.inputs = append(a.inputs, in.get("Name").text())
	}
	for _, out := range v.get("OutputArtifacts").items() {
		a.outputs = append(a.outputs, out.get("Name").text())
	}
	switch v.get("ActionTypeId", "Provider").text() {
	case "CodeBuild":
		p.builds = append(p.builds, a)
	case "CloudFormation":
		p.deploys = append(p.deploys, a)
	default:
		p.others = append(p.others, a)
	}
}

func readProject(key, properties value) *project {
	pr := &project{logicalID: key.text(), at: key, buildSpec: properties.get("Source", "BuildSpec")}
	for _, v := range first(properties.get("Environment", "EnvironmentVariables").items(), maxItems) {
		one := variable{name: v.get("Name").text(), at: v.get("Name"), valueAt: v.get("Value")}
		if !one.at.exists() {
			continue
		}
		p := pipeline{doc: key.doc}
		if typ := v.get("Type").text(); typ == "" || typ == "PLAINTEXT" {
			one.text, one.known = p.resolve(one.valueAt, false)
		}
		pr.variables = append(pr.variables, one)
	}
	return pr
}

func first[T any](all []T, most int) []T { return all[:min(len(all), most)] }

// projectOf is the one that a build action runs; nil where it is not in this
// template.
func (p *pipeline) projectOf(a action) *project {
	name := a.config.get("ProjectName")
	if pr := p.projects[referred(name)]; pr != nil {
		return pr
	}
	if len(p.projects) == 1 && len(p.builds) == 1 {
		for _, pr := range p.projects {
			return pr
		}
	}
	return nil
}

// referred is the logical ID that a Ref or a GetAtt names.
func referred(v value) string {
	tag, v := v.tagged()
	switch tag {
	case "!Ref":
		return v.text()
	case "!GetAtt":
		id, _, _ := strings.Cut(v.text(), ".")
		return id
	}
	if e := v.entries(); len(e) == 1 && e[0].name() == "Ref" {
		return e[0].value.text()
	}
	return ""
}

// resolve returns a value's text with "${Name}" for what only a deployment
// knows; with defaults, parameters that have one stand with it. Two values of
// the same text are the same in every deployment.
func (p *pipeline) resolve(v value, defaults bool) (text string, known bool) {
	p.steps = maxSteps
	if text, known = p.resolveStep(v, defaults); p.steps <= 0 {
		return "", false
	}
	return text, known
}

// resolveStep is bounded, as an alias may hold itself.
func (p *pipeline) resolveStep(v value, defaults bool) (text string, known bool) {
	if p.steps--; p.steps <= 0 {
		return "", false
	}
	tag, inner := v.tagged()
	if e := inner.entries(); tag == "" && len(e) == 1 {
		if short, ok := map[string]string{"Ref": "!Ref", "Fn::Sub": "!Sub", "Fn::Join": "!Join", "Fn::GetAtt": "!GetAtt"}[e[0].name()]; ok {
			tag, inner = short, e[0].value
		}
	}
	switch tag {
	case "":
		return v.scalar()
	case "!Ref":
		return p.parameter(inner.text(), defaults), inner.text() != ""
	case "!GetAtt":
		names := []string{inner.text()}
		for _, item := range inner.items() {
			names = append(names, item.text())
		}
		return "${" + strings.TrimPrefix(strings.Join(names, "."), ".") + "}", true
	case "!Sub":
		template, isText := inner.scalar()
		locals := make(map[string]string)
		if parts := inner.items(); len(parts) == 2 {
			template, isText = parts[0].scalar()
			for _, local := range parts[1].entries() {
				t, ok := p.resolveStep(local.value, defaults)
				isText = isText && ok
				locals[local.name()] = t
			}
		}
		return p.substitute(template, locals, defaults), isText
	case "!Join":
		parts := inner.items()
		if len(parts) != 2 || len(parts[1].items()) == 0 {
			return "", false
		}
		var texts []string
		length := 0
		for _, item := range parts[1].items() {
			t, ok := p.resolveStep(item, defaults)
			if !ok {
				return "", false
			}
			texts = append(texts, t)
			if length += len(t); length > maxText {
				return "", false
			}
		}
		return strings.Join(texts, parts[0].text()), true
	}
	return "", false
}

// substitute fills in what Fn::Sub does.
func (p *pipeline) substitute(template string, locals map[string]string, defaults bool) string {
	var out strings.Builder
	for {
		before, rest, found := strings.Cut(template, "${")
		name, after, closed := strings.Cut(rest, "}")
		out.WriteString(before)
		if !found {
			return out.String()
		}
		if !closed {
			return out.String() + "${" + rest
		}
		if local, ok := locals[name]; ok {
			out.WriteString(local)
		} else if literal, ok := strings.CutPrefix(name, "!"); ok {
			out.WriteString("${" + literal + "}")
		} else {
			out.WriteString(p.parameter(name, defaults))
		}
		template = after
	}
}

func (p *pipeline) parameter(name string, defaults bool) string {
	if defaults {
		if text, ok := p.defaults[name]; ok {
			return text
		}
	}
	return "${" + name + "}"
}
