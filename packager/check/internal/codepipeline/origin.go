package codepipeline

import "slices"

// An Origin is where the files come from that a build runs in.
type Origin uint8

const (
	// FromSource is the pipeline's one repository: the one that is checked, as far as
	// anybody knows.
	FromSource Origin = iota
	// FromSomeSource is one of the pipeline's several repositories.
	FromSomeSource
	// FromElsewhere is another action's output, or an object beside the repository.
	FromElsewhere
)

// OriginOf follows a build's primary input to the action that makes it.
func (p *Pipeline) OriginOf(a Action) Origin {
	primary := p.Default(a.Config.Get("PrimarySource")).String()
	if primary == "" && len(a.Inputs) > 0 {
		primary = a.Inputs[0] // with others beside it, CodePipeline refuses the action
	}
	makes := func(m Action) bool { return slices.Contains(m.Outputs, primary) }
	repositories := p.repositories()
	switch {
	case !slices.ContainsFunc(p.Actions, makes) && !p.Open:
		return FromSource // it has no input, or one that nothing makes
	case !slices.ContainsFunc(repositories, makes):
		return FromElsewhere
	case slices.ContainsFunc(repositories, func(m Action) bool { return !makes(m) }):
		return FromSomeSource // those with one output stand in for each other
	}
	return FromSource
}

// repositories are the sources that may be the repository: an object or an image is
// none beside one.
func (p *Pipeline) repositories() (all []Action) {
	var objects []Action
	for _, a := range p.Actions {
		switch {
		case !a.IsSource() || a.Provider == "ECR":
		case a.Provider == "S3":
			objects = append(objects, a)
		default:
			all = append(all, a)
		}
	}
	if len(all) == 0 {
		return objects
	}
	return all
}
