package check

import (
	"context"
	"path"
	"slices"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/check/internal/buildspec"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/check/internal/codepipeline"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/check/internal/document"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/check/internal/glob"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/check/internal/shell"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/region"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// A buildCheck holds one build action against its project, its buildspec, and the
// deploy actions that take its output.
type buildCheck struct {
	*checker
	action    codepipeline.Action
	project   *codepipeline.Project
	variables []codepipeline.Variable
	doubtful  bool // the buildspec may be another build's
	inline    bool // the buildspec stands in the template
	origin    codepipeline.Origin
	spec      codepipeline.Text // the buildspec's path, where the template names one
	specAt    document.Value
	build     *buildspec.Build // nil where the buildspec cannot be read here
	templates []buildspec.Template
}

// fail reports a problem of the build: a warning, where the buildspec may be another
// build's.
func (b *buildCheck) fail(e *problem.Error) {
	if !b.doubtful {
		b.checker.fail(e)
		return
	}
	const hint = "if this buildspec is not the build's, name that with --buildspec"
	if e.Hint != "" {
		e.Hint += "; "
	}
	e.Hint += hint
	b.warn(e)
}

// checkBuild does nothing where the project is not in the template.
func (c *checker) checkBuild(ctx context.Context, a codepipeline.Action) {
	b := buildCheck{checker: c, action: a, project: c.ProjectOf(a), origin: c.OriginOf(a)}
	if b.project == nil {
		return
	}
	before := len(c.problems) + len(c.warnings)
	b.variables = c.Variables(b.project, a)
	if spec := b.findBuildspec(); spec != nil {
		b.build = buildspec.Read(ctx, spec, buildspec.Options{
			Root: c.root, Environ: environ(b.variables), Windows: b.project.Windows, Batch: c.RunsBatch(a), Parse: parser(c.options.Parse),
		})
	}
	b.checkVariables()
	b.checkRepositories()
	if b.build == nil {
		return
	}
	b.checkOutcome()
	if len(b.spec.Assumes()) > 0 && len(c.problems)+len(c.warnings) > before {
		b.warn(b.specAt.Problem(b.project.LogicalID, "--buildspec names another one", "the buildspec is %s with the default of %s", b.spec, list(b.spec.Assumes())))
	}
}

// checkOutcome holds what the build does against the pipeline.
func (b *buildCheck) checkOutcome() {
	var set []string
	for name := range b.build.Environ {
		set = append(set, name+"=")
	}
	b.templates = b.build.Templates(region.Default(set))
	b.doubtful = b.doubtful && (b.arrives() || !b.someDeploy(b.isMeant))
	for _, e := range b.build.Problems {
		b.fail(e)
	}
	for _, e := range b.build.Missing {
		if !b.arrives() {
			b.fail(e)
		}
	}
	for _, e := range b.build.Warnings {
		b.warn(e)
	}
	b.checkReads()
	b.checkArguments()
	b.checkPackagings()
	b.checkImages()
	b.checkDeploys()
}

// arrives tells whether the build may get files that are not in the folder which is
// checked, as nothing shows that this is what it runs in: a buildspec of that folder
// does, where the build runs in the pipeline's one source, and so does a script.
func (b *buildCheck) arrives() bool {
	shown := len(b.build.Files) > 1 || b.options.Buildspec != ""
	switch b.origin {
	case codepipeline.FromElsewhere:
		return true
	case codepipeline.FromSomeSource:
		return !shown
	}
	return b.inline && !shown
}

// isMeant tells whether a deploy action takes a file from the build that the
// buildspec speaks of: then this is the build's buildspec.
func (b *buildCheck) isMeant(d codepipeline.Action) bool {
	artifact, file, ok := b.Default(d.Config.Get("TemplatePath")).Cut("::")
	base := path.Base(file.String())
	if !ok || !file.Fixed() || !slices.Contains(b.action.Outputs, artifact.String()) {
		return false
	}
	for _, pattern := range b.build.Artifact(artifact.String()).Patterns() {
		if name := path.Base(pattern.Text()); !strings.HasPrefix(name, "*") && glob.Match(name, base) {
			return true
		}
	}
	return slices.ContainsFunc(b.templates, func(t buildspec.Template) bool {
		return t.Path.Base().Is(base)
	}) || slices.ContainsFunc(b.build.Files, func(f *document.File) bool { return strings.Contains(f.Text(), base) })
}

// environ is what a build knows of its variables; what only a deployment knows of
// them is unknown.
func environ(variables []codepipeline.Variable) map[string]shell.Text {
	all := make(map[string]shell.Text)
	for _, v := range variables {
		all[v.Name] = shell.Unknown()
		if v.Value.Readable() {
			all[v.Name] = shell.Pattern(v.Value.Masked(shell.Unknown().String()))
		}
	}
	return all
}

// parser is the caller's; without one, nothing is known of a command.
func parser(parse func([]string) (Command, error)) buildspec.Parse {
	return func(args []string) (buildspec.Command, error) {
		if parse == nil {
			unknown := shell.Unknown().String()
			return buildspec.Command{Packages: true, Regions: []string{unknown}, Buckets: map[string]string{"": unknown}}, nil
		}
		c, err := parse(args)
		return buildspec.Command(c), err
	}
}

// wanted is the first file that a deploy action takes from the build and that nothing
// is seen to make, with that action.
func (b *buildCheck) wanted() (m missing, found bool) {
	for _, d := range b.Deploys {
		name, file, ok := b.Default(d.Config.Get("TemplatePath")).Cut("::")
		artifact := b.build.Artifact(name.String())
		if !ok || !file.Readable() || !file.Fixed() || !slices.Contains(b.action.Outputs, name.String()) {
			continue
		}
		seen := b.build.Makes(file.String()) || artifact.FromSource(file.String()) ||
			b.arrives() && artifact.MayHold(file.String()) ||
			b.build.Relocates && b.hasFile(path.Base(file.String()))
		if !seen {
			return missing{b, delivery{name.String(), artifact, artifact.Holds(b.templates)}, d, file.String()}, true
		}
	}
	return missing{}, false
}

// checkPackagings holds the commands that package against the variables.
func (b *buildCheck) checkPackagings() {
	stored := false
	for _, p := range b.build.Packagings {
		stored = stored || !p.DryRun
		b.checkBuckets(p)
	}
	wanted, found := b.wanted()
	switch {
	case len(b.build.Packagings) == 0 && found:
		b.notWritten(wanted)
	case len(b.build.Packagings) > 0 && !stored && b.build.Opaque == nil:
		b.fail(b.build.Packagings[0].Place.Problem("", "", "with --dry-run nothing is stored, and no stack can be deployed"))
	}
}

// hasFile tells whether the repository may have a file of this name, in whatever
// folder.
func (b *buildCheck) hasFile(name string) bool {
	found, all := document.Find(b.root, name)
	return len(found) > 0 || !all
}

// notWritten tells that nothing is seen to write a file that a deploy action asks for.
func (b *buildCheck) notWritten(m missing) {
	opaque, brings := b.build.Opaque, b.build.Brings
	switch {
	case opaque != nil && len(b.build.Missing) > 0 && !b.arrives():
		// The script that is missing is told.
	case opaque != nil:
		b.warn(opaque.Place.Problem("", "", "check cannot see what %s does, so it does not know which templates the build writes", opaque.Command))
	case brings != nil:
		b.warn(brings.Place.Problem("", "", "check cannot see which files %s brings, and nothing else writes %s, which %s takes from the build",
			brings.Command, m.file, m.deploy.Name))
	default:
		hint := ""
		if near := m.from.similarFile(m.file); near != "" {
			hint = "the artifact holds " + near
		} else if b.usesMrpackage() {
			hint = "run mrpackage after the build"
		}
		at := b.build.Spec.Root.Get("phases")
		if !at.Exists() {
			at = b.build.Spec.Root
		}
		b.fail(at.Problem("phases", hint, "nothing writes %s, which %s takes from the build", m.file, m.deploy.Name))
	}
}

// usesMrpackage tells whether the build is one for mrpackage.
func (b *buildCheck) usesMrpackage() bool {
	return slices.ContainsFunc(b.variables, func(v codepipeline.Variable) bool { return region.NamesBucket(v.Name) }) ||
		slices.ContainsFunc(b.build.Files, func(f *document.File) bool { return strings.Contains(f.Text(), "mrpackage") })
}

// checkBuckets tells whether each region of a packaging has a bucket, and one of its
// own.
func (b *buildCheck) checkBuckets(p buildspec.Packaging) {
	if all := p.Buckets[""]; len(p.Regions) > 1 && len(p.Buckets) == 1 && all != "" &&
		!strings.Contains(all, "{region}") && shell.Pattern(all).Known() {
		b.fail(p.Place.Problem("", oneRegion+": write --s3-bucket NAME-{region}", "%s have one bucket: %s", list(names(p.Regions)), all))
	}
	for _, to := range p.Regions {
		name := to.String()
		_, set := b.build.Environ[region.BucketVariable(name)]
		switch {
		case !to.Known():
		case !region.Valid(name):
			b.fail(p.Place.Problem("", regionHint, noRegion, name))
		case p.Bucket(name) == "" && !set:
			tell := b.fail
			if p.Maybe || b.build.SetsMore || b.hasRepository(name) {
				tell = b.warn
			}
			tell(p.Place.Problem(name, b.variableHint(name), "no bucket: %s is not among the variables of %s", region.BucketVariable(name), b.project.LogicalID))
		}
	}
}

func names(texts []shell.Text) (all []string) {
	for _, t := range texts {
		all = append(all, t.String())
	}
	return all
}
