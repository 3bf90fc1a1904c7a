package main

import (
	"strings"

	"go.yaml.in/yaml/v4"
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
	varies   bool                // a condition decides what is in it: not all that is here is there at once
	open     bool                // something is in it that is not here
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
	fixed    bool   // no parameter decides the region
	location string // as it means, "${Parameter}" where a parameter stands
	at, name value  // the region's, the location's
}

// An action is one step of a stage.
type action struct {
	name, stage string
	region      string // "" is the pipeline's own; with "${" only a deployment knows it
	runOrder    string
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
	name      value // "" where CloudFormation makes one
	at        value
	buildSpec value
	windows   bool
	used      int // the build actions that run it
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
			p.open = properties.get("Fn::Transform").exists()
			for _, stage := range first(p.items(properties.get("Stages")), maxItems) {
				room := maxItems - len(p.builds) - len(p.deploys) - len(p.others)
				if room == 0 {
					break
				}
				for _, a := range first(p.items(stage.get("Actions")), room) {
					p.readAction(stage.get("Name").text(), a)
				}
			}
			all = append(all, p)
		case "AWS::CodeBuild::Project":
			projects[resource.name()] = readProject(resource.key, properties)
		}
	}
	for _, p := range all {
		for _, a := range p.builds {
			if pr := p.projectOf(a); pr != nil {
				pr.used++
			}
		}
	}
	return all
}

func (p *pipeline) readStores(properties value) {
	if one := properties.get("ArtifactStore"); one.exists() {
		p.single = one
	}
	for _, s := range first(p.items(properties.get("ArtifactStores")), maxItems) {
		store := artifactStore{at: s.get("Region"), name: s.get("ArtifactStore", "Location")}
		if !store.at.exists() {
			store.at = s
		}
		fixed, _ := p.resolve(s.get("Region"), false)
		store.fixed = isText(fixed)
		store.region, _ = p.resolve(s.get("Region"), true)
		store.location, _ = p.resolve(store.name, false)
		p.stores = append(p.stores, store)
	}
}

func (p *pipeline) readAction(stage string, v value) {
	a := action{name: v.get("Name").text(), stage: stage, at: v, regionAt: v.get("Region"), config: v.get("Configuration")}
	a.region, _ = p.resolve(a.regionAt, true)
	if a.region == "" && a.regionAt.exists() {
		a.region = "${}"
	}
	a.runOrder, _ = p.resolve(v.get("RunOrder"), true)
	names := func(artifacts value) (all []string) {
		for _, artifact := range p.items(artifacts) {
			name, _ := p.resolve(artifact.get("Name"), true)
			p.open = p.open || !isText(name)
			all = append(all, name)
		}
		return all
	}
	a.inputs, a.outputs = names(v.get("InputArtifacts")), names(v.get("OutputArtifacts"))
	switch v.get("ActionTypeId", "Provider").text() {
	case "CodeBuild":
		p.builds = append(p.builds, a)
	case "CloudFormation":
		p.deploys = append(p.deploys, a)
	default:
		p.others = append(p.others, a)
	}
}

// items are those of a list, with both sides of each Fn::If.
func (p *pipeline) items(list value) (all []value) {
	var add func(v value, within int)
	add = func(v value, within int) {
		tag, inner := v.tagged()
		if e := inner.entries(); tag == "" && len(e) == 1 && strings.HasPrefix(e[0].name(), "Fn::") {
			tag, inner = "!"+strings.TrimPrefix(e[0].name(), "Fn::"), e[0].value
		}
		sides := inner.items()
		switch {
		case within > 10 || len(all) > maxItems:
		case tag == "!If" && len(sides) == 3:
			p.varies = true
			add(sides[1], within+1)
			add(sides[2], within+1)
		case referred(v) == "AWS::NoValue":
		case tag != "":
			p.open = true
		case within == 0 || v.bare() != nil && v.bare().Kind == yaml.SequenceNode:
			for _, item := range first(v.items(), maxItems) {
				add(item, within+1)
			}
		default:
			all = append(all, v)
		}
	}
	add(list, 0)
	return all
}

func readProject(key, properties value) *project {
	pr := &project{logicalID: key.text(), at: key, name: properties.get("Name"), buildSpec: properties.get("Source", "BuildSpec")}
	pr.windows = strings.HasPrefix(properties.get("Environment", "Type").text(), "WINDOWS")
	lists := pipeline{doc: key.doc}
	for _, v := range first(lists.items(properties.get("Environment", "EnvironmentVariables")), maxItems) {
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
	text, known := p.resolve(name, false)
	for _, pr := range p.projects {
		if own, ok := p.resolve(pr.name, false); ok && known && own == text {
			return pr
		}
		if !known && len(p.projects) == 1 && len(p.builds) == 1 {
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
