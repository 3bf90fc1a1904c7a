package codepipeline

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/check/internal/document"
)

// An Action is one step of a stage.
type Action struct {
	Name, Stage               string
	Category, Owner, Provider string
	Region                    Text // where each parameter has its default; absent: the pipeline's own
	RunOrder                  string
	RegionAt                  document.Value
	At                        document.Value
	Inputs                    []string // names of artifacts
	Outputs                   []string
	Config                    document.Value
	Stacks                    []Destination // where it makes stacks

	stage int // the place of its stage in the pipeline
}

// A Destination is a region that a deploy action makes stacks in.
type Destination struct {
	Region Text // where each parameter has its default; absent: the pipeline's own
	At     document.Value
}

// The actions that make stacks ("Action structure reference").
const (
	stacks         = "CloudFormation"
	stackSet       = "CloudFormationStackSet"
	stackInstances = "CloudFormationStackInstances"
)

// IsStackSet tells whether the action makes a stack set of a template.
func (a Action) IsStackSet() bool { return a.Provider == stackSet }

// AddsInstances tells whether the action makes stacks of a stack set that another
// action makes.
func (a Action) AddsInstances() bool { return a.Provider == stackInstances }

// IsSource tells whether the action brings in what the pipeline works with.
func (a Action) IsSource() bool {
	return a.Category == "Source" || a.Category == "" && len(a.Inputs) == 0 && len(a.Outputs) > 0
}

// StaysAtHome tells whether the action can run in the pipeline's own region only
// ("Add a cross-Region action in CodePipeline").
func (a Action) StaysAtHome() bool {
	return a.Category == "Source" || a.Owner == "ThirdParty" || a.Owner == "Custom"
}

// Precedes tells whether the action has ended when another one begins, or may have.
func (a Action) Precedes(other Action) bool {
	if a.stage != other.stage {
		return a.stage < other.stage
	}
	own, err := strconv.Atoi(cmp.Or(a.RunOrder, "1"))
	its, otherErr := strconv.Atoi(cmp.Or(other.RunOrder, "1"))
	return err != nil || otherErr != nil || own < its
}

// add puts an action where it belongs.
func (p *Pipeline) add(a Action) {
	p.Actions = append(p.Actions, a)
	switch a.Provider {
	case "CodeBuild":
		p.Builds = append(p.Builds, a)
	case stacks, stackSet, stackInstances:
		p.Deploys = append(p.Deploys, a)
	}
}

func (p *Pipeline) readAction(stage string, place int, v document.Value) Action {
	kind := v.Get("ActionTypeId")
	a := Action{
		Name: v.Get("Name").Text(), Stage: stage, stage: place,
		Category: kind.Get("Category").Text(), Owner: kind.Get("Owner").Text(), Provider: kind.Get("Provider").Text(),
		Region: p.Default(v.Get("Region")), RunOrder: p.Default(v.Get("RunOrder")).String(),
		RegionAt: v.Get("Region"), At: v, Config: v.Get("Configuration"),
		Inputs: p.artifacts(v.Get("InputArtifacts")), Outputs: p.artifacts(v.Get("OutputArtifacts")),
	}
	if a.Region.Empty() && a.RegionAt.Exists() {
		a.Region = Text{state: unreadable} // an empty one says as little
	}
	switch a.Provider {
	case stacks:
		a.Stacks = []Destination{{a.Region, a.RegionAt}}
	case stackSet, stackInstances:
		a.Stacks = p.regions(a.Config.Get("Regions"))
	}
	return a
}

// regions are those that a stack set's action lists, with commas between them.
func (p *Pipeline) regions(at document.Value) (all []Destination) {
	text := p.Default(at)
	switch {
	case text.Absent():
		return nil
	case !text.Readable() || text.VariesByExecution():
		return []Destination{{Text{state: unreadable}, at}}
	}
	for _, name := range first(strings.Split(text.String(), ","), maxItems) {
		all = append(all, Destination{text.with(strings.TrimSpace(name)), at})
	}
	return all
}

// artifacts are the names of an action's artifacts.
func (p *Pipeline) artifacts(list document.Value) (names []string) {
	for _, artifact := range p.items(list) {
		name := p.Default(artifact.Get("Name"))
		p.Open = p.Open || !name.Fixed()
		names = append(names, name.String())
	}
	return names
}

// Destinations are where stacks of the action's template get made: by the action,
// and by those that add instances to its stack set.
func (p *Pipeline) Destinations(a Action) []Destination {
	all := slices.Clone(a.Stacks)
	if !a.IsStackSet() {
		return all
	}
	name := p.Default(a.Config.Get("StackSetName"))
	for _, other := range p.Deploys {
		if other.AddsInstances() && name.Readable() && p.Default(other.Config.Get("StackSetName")).String() == name.String() {
			all = append(all, other.Stacks...)
		}
	}
	return all
}

// A Mention is an artifact that an action's configuration names.
type Mention struct {
	Artifact Text
	At       document.Value
}

// Mentions are the artifacts that an action's configuration names beside its
// template's. Each of them must be one of its inputs ("Action structure reference").
func (p *Pipeline) Mentions(a Action) (all []Mention) {
	whole, files := namesOfArtifacts(a.Provider)
	for _, key := range whole {
		at := a.Config.Get(key)
		if text := p.Default(at); text.Fixed() {
			all = append(all, Mention{text, at})
		}
	}
	for _, key := range files {
		at := a.Config.Get(key)
		artifact, _, divided := p.Default(at).Cut("::")
		if divided && regexp.MustCompile(`^[A-Za-z0-9_-]{1,100}$`).MatchString(artifact.String()) {
			all = append(all, Mention{artifact, at})
		}
	}
	at := a.Config.Get("ParameterOverrides")
	text := p.Default(at)
	of := regexp.MustCompile(`"Fn::Get(?:Param|ArtifactAtt)"\s*:\s*\[\s*"([A-Za-z0-9_-]+)"`)
	for _, found := range of.FindAllStringSubmatch(text.String(), maxItems) {
		all = append(all, Mention{text.with(found[1]), at})
	}
	return all
}

// namesOfArtifacts are the keys of a provider's configuration whose value is an
// artifact's name, and those whose value may be ARTIFACT::FILE.
func namesOfArtifacts(provider string) (whole, files []string) {
	switch provider {
	case "CodeBuild":
		return []string{"PrimarySource"}, nil
	case "CodeDeployToECS":
		return []string{
			"TaskDefinitionTemplateArtifact", "AppSpecTemplateArtifact",
			"Image1ArtifactName", "Image2ArtifactName", "Image3ArtifactName", "Image4ArtifactName",
		}, nil
	case stacks:
		return nil, []string{"TemplateConfiguration"}
	case stackSet:
		return nil, []string{"Parameters", "DeploymentTargets"}
	case stackInstances:
		return nil, []string{"ParameterOverrides", "DeploymentTargets"}
	}
	return nil, nil
}
