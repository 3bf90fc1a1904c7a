package check

import (
	"slices"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/check/internal/document"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/check/internal/shell"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/region"
)

// checkRepositories holds the variables that name the repositories for container images
// against their regions.
func (b *buildCheck) checkRepositories() {
	names := make(map[string]bool)
	for _, v := range b.variables {
		if !region.NamesRepository(v.Name) {
			continue
		}
		own := region.OfRepositoryVariable(v.Name)
		value := b.defaultOf(v)
		host, _, _ := strings.Cut(value.String(), "/")
		switch {
		case own == "":
			b.checkRepositoryName(v.Name, v.At)
		case names[v.Name]:
			b.checker.fail(v.At.Problem(b.project.LogicalID, "", "%s is set twice", v.Name))
		case !value.Readable() || value.Empty():
		case strings.Contains(host, ".dkr.ecr.") && region.Other(host, own) != "":
			b.checker.fail(v.ValueAt.Problem(b.project.LogicalID, assuming("Lambda takes images from its own region's registry only", value),
				"%s names a repository in %s: %s", v.Name, region.Other(host, own), value))
		case region.Other(value.String(), own) != "":
			b.warn(v.ValueAt.Problem(b.project.LogicalID, assuming("Lambda takes images from its own region's registry only", value),
				"the repository of %s is named after %s: %s", own, region.Other(value.String(), own), value))
		}
		names[v.Name] = true
	}
}

// checkRepositoryName finds a repository's variable that mrpackage does not read, as it is
// misspelled.
func (b *buildCheck) checkRepositoryName(name string, at document.Value) {
	if !b.readsVariables() || !region.MeantAsVariable(name) || b.mentions(name) {
		return
	}
	b.fail(at.Problem(b.project.LogicalID, "eu-west-1's variable is "+region.RepositoryVariable("eu-west-1"), "%q names no region, so mrpackage does not read it", name))
}

// hasRepository tells whether a region may have a repository for images. Where a template
// names nothing else, it needs no bucket.
func (b *buildCheck) hasRepository(name string) bool {
	_, set := b.build.Environ[region.RepositoryVariable(name)]
	return set || b.mentions("--image-repository")
}

// mentions tells whether the buildspec, or a script that it runs, has a text.
func (b *buildCheck) mentions(text string) bool {
	return slices.ContainsFunc(b.build.Files, func(f *document.File) bool { return strings.Contains(f.Text(), text) })
}

// checkImages holds what the build does with container images against its project: whether
// each region has a repository, where some have, and whether it may use Docker.
func (b *buildCheck) checkImages() {
	b.checkMissingRepositories()
	command, mode := b.build.Images, b.Default(b.project.Privileged)
	_, elsewhere := b.build.Environ["DOCKER_HOST"]
	if command == nil || elsewhere || !mode.Absent() && (!mode.Fixed() || strings.EqualFold(mode.String(), "true")) {
		return
	}
	b.warn(command.Place.Problem("", assuming("set PrivilegedMode: true in the Environment of "+b.project.LogicalID, mode),
		"%s needs Docker, which CodeBuild starts only in privileged mode", command.Command))
}

// checkMissingRepositories finds regions without a repository beside others that have one:
// their images have nowhere to go.
func (b *buildCheck) checkMissingRepositories() {
	var has []string
	var set []shell.Text // regions, by the variables of their buckets
	for name := range b.build.Environ {
		if region.OfRepositoryVariable(name) != "" {
			has = append(has, name)
		}
		for _, of := range region.OfVariables([]string{name}) {
			set = append(set, shell.Pattern(of))
		}
	}
	if len(has) == 0 || b.build.SetsMore || b.mentions("--image-repository") {
		return
	}
	for _, p := range b.build.Packagings {
		regions := p.Regions
		if regions == nil {
			regions = set
		}
		for _, to := range regions {
			want := region.RepositoryVariable(to.String())
			if p.Mrpackage && to.Known() && region.Valid(to.String()) && !slices.Contains(has, want) {
				b.warn(p.Place.Problem(to.String(), "add it to the variables of "+b.project.LogicalID,
					"no repository for container images: %s is not set, and %s is", want, slices.Min(has)))
			}
		}
	}
}
