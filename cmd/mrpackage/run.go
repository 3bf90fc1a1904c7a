package main

import (
	"context"
	"errors"
	"io"
	"slices"
	"time"

	"github.com/symphoniacloud/multi-region-codepipeline/packager"
)

// A packageRun is one run of mrpackage. Its methods are the run's steps, in
// their order.
type packageRun struct {
	flags *flags
	ui    *ui
	began time.Time
	spans *trace // nil where nobody asks where the time went

	plan      *packager.Plan
	templates templatePaths
}

// run packages the template as the flags say.
func (f *flags) run(ctx context.Context, u *ui) (err error) {
	r := &packageRun{flags: f, ui: u, began: time.Now()}
	if f.trace != "" || slices.ContainsFunc(f.reports, isPage) {
		r.spans = &trace{began: r.began}
	}
	opts, problems, err := f.options(ctx)
	if err != nil {
		return err
	}
	if f.printPolicy {
		return printPolicy(u.out, opts, problems)
	}
	bars := &progress{ui: u}
	opts.Progress = func(e packager.Event) {
		r.spans.event(e)
		bars.event(e)
	}
	if err := r.makePlan(ctx, opts, problems); err != nil {
		return err
	}
	files, err := r.templates.stage(r.plan.Templates)
	defer func() { err = errors.Join(err, files.discard()) }()
	if err != nil {
		return err
	}
	result, err := r.upload(ctx, bars)
	if err != nil {
		return err
	}
	writing := time.Now()
	if err := r.stageRecords(files, result); err != nil {
		return err
	}
	return files.finish(u.out, func() error {
		u.summary(durations{
			of: result.TemplateFile, Inventory: result.Inventory, Times: result.Times,
			writing: time.Since(writing), total: time.Since(r.began), link: bars.meter.traffic(),
		}, f.dryRun, f.shard)
		return u.results(r.templates, r.plan.Templates)
	})
}

// printPolicy prints the least IAM policy for a run with these options.
func printPolicy(w io.Writer, opts packager.Options, problems []error) error {
	policy, err := packager.Policy(opts)
	if err := errors.Join(append(problems, err)...); err != nil {
		return err
	}
	_, err = w.Write(policy)
	return err
}

// makePlan plans the run and reports every problem of the input together, and
// its warnings.
func (r *packageRun) makePlan(ctx context.Context, opts packager.Options, problems []error) (err error) {
	r.plan, err = packager.NewPlan(ctx, opts)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	asJSON := r.flags.useJSON
	if r.plan != nil {
		asJSON = r.plan.Templates[0].JSON
	}
	var regions []string
	for _, s := range opts.Stores {
		regions = append(regions, s.Region)
	}
	r.templates = r.flags.templatePaths(regions, asJSON)
	all := slices.Concat([]error{err}, problems, r.flags.checkOutputs(r.templates, r.plan))
	if err := errors.Join(all...); err != nil {
		return err
	}
	if r.flags.strict && len(r.plan.Warnings) > 0 {
		return errors.Join(r.plan.Warnings...)
	}
	r.ui.list(r.plan.Warnings, "warning: ")
	if r.flags.dryRun {
		r.ui.planned(r.plan.Stores, "nothing: the template refers to no local artifact")
	}
	return nil
}

// upload stores what the plan says.
func (r *packageRun) upload(ctx context.Context, bars *progress) (*packager.Result, error) {
	bars.start(r.plan.Stores, !r.flags.noProgress)
	result, err := r.plan.Upload(ctx)
	bars.stop(ctx.Err() != nil)
	if err != nil && ctx.Err() == nil {
		r.ui.problems(err, storesOf(result))
		return nil, errReported{}
	}
	return result, err
}

// stageRecords stages the reports and the trace, and sees to it that no later
// run packages an output of this one.
func (r *packageRun) stageRecords(files *staged, result *packager.Result) error {
	t := account{
		durations: durations{of: result.TemplateFile, Inventory: result.Inventory, Times: result.Times, total: time.Since(r.began)},
		flags:     r.flags, began: r.began, spans: r.spans, stores: result.Stores, templates: r.templates, warnings: result.Warnings,
	}
	if err := t.stage(files); err != nil {
		return err
	}
	outputs := slices.Concat([]string(r.templates), []string(r.flags.reports), []string{r.flags.trace})
	outputs = slices.DeleteFunc(outputs, func(path string) bool { return path == "" || path == "-" })
	return r.plan.RememberOutputs(outputs...)
}

// storesOf are the stores of a result, which may be nil.
func storesOf(r *packager.Result) []packager.Contents {
	if r == nil {
		return nil
	}
	return r.Stores
}
