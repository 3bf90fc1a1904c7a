package codepipeline

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/check/internal/document"
)

// A Project is one AWS::CodeBuild::Project.
type Project struct {
	LogicalID string
	At        document.Value
	BuildSpec document.Value
	// Privileged is whether it may use Docker.
	Privileged document.Value
	Source     string // the type of its source
	Windows    bool
	Used       int // the build actions that run it

	name      document.Value // absent where CloudFormation makes one
	variables []Variable
}

// A Variable is one of a build's environment.
type Variable struct {
	Name        string
	Value       Text // not readable where it is kept elsewhere, as a secret is
	At, ValueAt document.Value
}

func readProject(key, properties document.Value) *Project {
	pr := &Project{LogicalID: key.Text(), At: key, name: properties.Get("Name"), BuildSpec: properties.Get("Source", "BuildSpec")}
	pr.Source = properties.Get("Source", "Type").Text()
	pr.Privileged = properties.Get("Environment", "PrivilegedMode")
	pr.Windows = strings.HasPrefix(properties.Get("Environment", "Type").Text(), "WINDOWS")
	for _, v := range first(items(properties.Get("Environment", "EnvironmentVariables")).items, maxItems) {
		one := Variable{Name: v.Get("Name").Text(), At: v.Get("Name"), ValueAt: v.Get("Value")}
		if !one.At.Exists() {
			continue
		}
		if isPlaintext(v.Get("Type").Text()) {
			one.Value = resolve(one.ValueAt, nil)
		}
		pr.variables = append(pr.variables, one)
	}
	return pr
}

// isPlaintext tells whether a variable of this type holds its value itself.
func isPlaintext(variableType string) bool {
	return variableType == "" || variableType == "PLAINTEXT"
}

// ProjectOf is the project that a build action runs; nil where it is not in this
// template.
func (p *Pipeline) ProjectOf(a Action) *Project {
	name := a.Config.Get("ProjectName")
	for _, pr := range p.projects {
		if pr.LogicalID == referred(name) {
			return pr
		}
	}
	text := p.Text(name)
	for _, pr := range p.projects {
		if own := p.Text(pr.name); own.Readable() && own == text {
			return pr
		}
	}
	if !text.Readable() && len(p.projects) == 1 && len(p.Builds) == 1 {
		return p.projects[0]
	}
	return nil
}

// MissingProject is the name that a build action's ProjectName refers to, where the
// template has nothing of that name, and the projects that it has.
func (p *Pipeline) MissingProject(a Action) (name string, projects []string, missing bool) {
	tag, inner := function(a.Config.Get("ProjectName"))
	name = inner.Text()
	for _, pr := range p.projects {
		projects = append(projects, pr.LogicalID)
	}
	return name, projects, tag == "!Ref" && name != "" && p.known != nil && !p.known[name] && !strings.HasPrefix(name, "AWS::")
}

// RunsBatch tells whether a build action may run a batch.
func (p *Pipeline) RunsBatch(a Action) bool {
	text := p.Default(a.Config.Get("BatchEnabled"))
	return !text.Absent() && (!text.Fixed() || strings.EqualFold(text.String(), "true"))
}

// Variables are those of a build: the project's, and those that the action sets for
// this build, as a JSON text.
func (p *Pipeline) Variables(pr *Project, a Action) []Variable {
	all := slices.Clone(pr.variables)
	at := a.Config.Get("EnvironmentVariables")
	var own []struct{ Name, Value, Type string }
	if json.Unmarshal([]byte(p.Text(at).String()), &own) != nil {
		return all
	}
	for _, o := range first(own, maxItems) {
		v := Variable{Name: o.Name, At: at, ValueAt: at}
		if text := (Text{state: readable, sub: o.Value}); isPlaintext(o.Type) && !text.VariesByExecution() {
			v.Value = text
		}
		all = slices.DeleteFunc(all, func(p Variable) bool { return p.Name == v.Name })
		all = append(all, v)
	}
	return all
}
