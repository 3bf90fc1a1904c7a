// Package check holds a pipeline against its buildspec: it reads a template with an
// AWS::CodePipeline::Pipeline in it and the buildspec that its build runs, and tells
// where they do not fit together. Regions, artifact stores, the stack sets that make
// their buckets, bucket variables, what the build packages and hands over, and what
// the deploy actions ask for are named in several places of a pipeline; a region that
// is added in one of them only breaks a deployment, and this is told before.
//
// What it promises:
//
//   - It makes no request and runs nothing: scripts are read, and their commands are
//     followed as far as they stand in the text.
//   - A problem is what cannot work. Where a program that the build runs might make it
//     work, or only a deployment knows, it is a warning. Of what cannot be known,
//     nothing is said. Where a parameter has a default, that is taken, and said.
//   - Each problem and each warning is a [problem.Error], with the place that is to be
//     mended.
//   - Files are strangers' text: whatever they hold, [Run] ends soon, and at once when
//     its context does. It opens regular files only, and none outside of the repository
//     but those that the caller names.
package check

import (
	"context"
	"os"
	"slices"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/check/internal/codepipeline"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/check/internal/document"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// Options say what is checked. Paths start in the working folder of the process.
type Options struct {
	// Pipeline is the template with the pipeline in it. Default:
	// deployment-pipeline/pipeline.yaml, else deployment-pipeline/pipeline-v2.yaml,
	// else pipeline.yaml.
	Pipeline string

	// Buildspec is the build's buildspec. Default: the one that the pipeline's
	// project names, whose path starts in the working folder, or else in one above
	// the template.
	Buildspec string

	// Strict takes warnings for problems.
	Strict bool

	// Parse reads the arguments of mrpackage. A * in one of them stands for text that
	// only a run of the build knows, and then may stand in the Command, too. Without
	// Parse, nothing is known of what mrpackage does in the build.
	Parse func(args []string) (Command, error)
}

// A Command is what a command line of mrpackage says.
type Command struct {
	// Packages is false where the command packages nothing, as with --help.
	Packages bool

	// Regions are those that are named; none means those whose bucket variables are
	// set.
	Regions []string

	// Buckets are those that are named, by region; "" has that of all other regions,
	// in which {region} is filled in. Of a region without one, its variable says
	// which.
	Buckets map[string]string

	// Output is the path of the packaged templates, with {region} in it where each
	// region has one; - where no file is written, "" where it is not known.
	Output string

	// OneTemplate is true where one packaged template is for all regions.
	OneTemplate bool

	// DryRun is true where nothing is stored.
	DryRun bool
}

// Run returns what is wrong with a pipeline, and what may be: each a *[problem.Error],
// in the order of their places. A context that is cancelled ends it at once, with
// nothing.
func Run(ctx context.Context, o Options) (problems, warnings []error) {
	if ctx.Err() != nil {
		return nil, nil
	}
	// A parser that is at work, or a file system that does not answer, knows nothing
	// of the context.
	found := make(chan findings, 1)
	go func() { found <- run(ctx, o) }()
	select {
	case <-ctx.Done():
		return nil, nil
	case all := <-found:
		if o.Strict {
			all.problems, all.warnings = append(all.problems, all.warnings...), nil
		}
		return sorted(all.problems), sorted(all.warnings)
	}
}

// run ends soon after the context does.
func run(ctx context.Context, o Options) (all findings) {
	f, err := readPipeline(o.Pipeline)
	if err != nil {
		return findings{problems: []error{err}}
	}
	pipelines := codepipeline.Read(f)
	if len(pipelines) == 0 {
		all.fail(&problem.Error{File: f.Name, Message: "there is no AWS::CodePipeline::Pipeline in this template"})
	}
	for _, p := range pipelines {
		c := checker{findings: &all, Pipeline: p, options: o, root: "."}
		c.checkStores()
		c.checkStackSets()
		c.checkActions()
		c.checkBucketScript()
		for _, a := range p.Builds {
			if ctx.Err() != nil {
				return all
			}
			c.checkBuild(ctx, a)
		}
	}
	return all
}

func readPipeline(name string) (*document.File, error) {
	const standard = "deployment-pipeline/pipeline.yaml"
	for _, other := range []string{standard, "deployment-pipeline/pipeline-v2.yaml", "pipeline.yaml"} {
		if _, err := os.Stat(other); name == "" && err == nil {
			name = other
		}
	}
	if name == "" {
		return nil, &problem.Error{File: standard, Message: "no such file", Hint: "name the pipeline's template: mrpackage check PIPELINE"}
	}
	return document.Read(name)
}

// findings are what is wrong, and what may be.
type findings struct{ problems, warnings []error }

func (f *findings) fail(e *problem.Error) { f.problems = append(f.problems, e) }

func (f *findings) warn(e *problem.Error) { f.warnings = append(f.warnings, e) }

// sorted puts findings in the order of their places, and leaves out what several
// pipelines of a template have in common.
func sorted(errs []error) (all []error) {
	told := make(map[string]bool)
	for _, err := range errs {
		if !told[err.Error()] {
			all = append(all, err)
		}
		told[err.Error()] = true
	}
	problem.Sort(all)
	return all
}

// A checker holds one pipeline against its builds.
type checker struct {
	*findings
	*codepipeline.Pipeline
	options Options
	root    string // the top of the repository, as far as it has been found
}

// store is the region's artifact store; nil where there is none.
func (c *checker) store(region string) *codepipeline.Store {
	for i := range c.Stores {
		if c.Stores[i].Region.String() == region {
			return &c.Stores[i]
		}
	}
	return nil
}

// assuming adds to a hint that what is said holds where parameters have their
// defaults, which a deployment may set otherwise.
func assuming(hint string, texts ...codepipeline.Text) string {
	var taken []string
	for _, t := range texts {
		taken = append(taken, t.Assumes()...)
	}
	if len(taken) == 0 {
		return hint
	}
	slices.Sort(taken)
	said := "so it is with the default of " + list(slices.Compact(taken))
	if hint == "" {
		return said
	}
	return hint + "; " + said
}

// list writes names as a sentence does.
func list(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}
