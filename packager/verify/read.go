package verify

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/packaged"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/s3store"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/template"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// A reading is a given template, or why it is none.
type reading struct {
	*packaged.Template
	problems []error
	unknown  error // why nobody knows where it is deployed
}

// readGiven reads a given template, and finds out where it is deployed.
func (r *run) readGiven(ctx context.Context, g packaged.Given) (is reading) {
	if is.Template, is.problems = packaged.Read(ctx, g, r.opts.Stdin, r.table); is.Template == nil {
		return is
	}
	if err := is.Hollow(); err != nil {
		is.problems = append(is.problems, err)
		return is
	}
	guess := cmp.Or(r.aws.Region, "us-east-1")
	err := is.Locate(ctx, r.s3, guess, s3store.Told{Retrying: r.told(guess)})
	if s3store.IsMissing(err) {
		is.problems = append(is.problems, err)
	} else {
		is.unknown = err
	}
	return is
}

// readAll reads the given templates, and finds out where each is deployed.
func (r *run) readAll(ctx context.Context) error {
	given, errs := packaged.Arguments(r.opts.Templates, r.opts.Outputs)
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	templates, read := make([]reading, len(given)), make([]func(), len(given))
	for i, g := range given {
		read[i] = func() { templates[i] = r.readGiven(ctx, g) }
	}
	if err := r.group(r.jobs(), read); err != nil {
		return err
	}
	r.warnOfParameters(templates)
	for i, t := range templates {
		r.result.Problems = append(r.result.Problems, t.problems...)
		switch {
		case t.Template == nil || len(t.problems) > 0:
			r.unread[i] = Deployment{Template: given[i].File, Region: given[i].Region, State: Wrong, Unread: true}
		case t.unknown != nil:
			r.result.Unknowns = append(r.result.Unknowns, t.unknown)
			r.unread[i] = Deployment{Template: given[i].File, State: Unknown, Unread: true}
		default:
			r.deploy(i, t.Template)
		}
	}
	return ctx.Err()
}

// deploy takes in a template in each of its regions; at is its place among the given ones.
func (r *run) deploy(at int, t *packaged.Template) {
	r.result.Warnings = append(r.result.Warnings, t.Warnings...)
	regions := t.Regions
	if len(regions) == 0 {
		regions = []string{""}
	}
	for _, region := range regions {
		d := &deployment{at: at, given: t, region: region, state: Proved, refs: make(map[*target][]template.Use), told: make(map[*bucket]bool), nodes: make(map[string]*node)}
		d.root = &node{deployment: d, packaged: t.Packaged, stack: template.Stack{Region: region, Parameters: r.opts.Parameters, Endpoint: r.endpoint}}
		r.deployments = append(r.deployments, d)
		r.open = append(r.open, d.root)
	}
}

// warnOfParameters tells of parameters that no template has: a name may be misspelt.
func (r *run) warnOfParameters(templates []reading) {
	if slices.ContainsFunc(templates, func(t reading) bool { return t.Template == nil }) {
		return // it is not known
	}
	for _, name := range slices.Sorted(maps.Keys(r.opts.Parameters)) {
		if !slices.ContainsFunc(templates, func(t reading) bool { return t.HasParameter(name) }) {
			r.result.Warnings = append(r.result.Warnings, &problem.Error{Subject: "--parameter-overrides", Message: "no template here has a parameter " + name})
		}
	}
}
