package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/symphoniacloud/multi-region-codepipeline/packager"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/publish"
)

// A publishRun is one run of mrpackage publish. Its methods are the run's steps, in their
// order.
type publishRun struct {
	flags *publishFlags
	ui    *ui
	began time.Time
	spans *trace // nil without --trace
	bars  *progress

	plan  *publish.Plan
	names []string // by store
}

// run publishes a cloud assembly as the flags say.
func (f *publishFlags) run(ctx context.Context, u *ui, path string) (err error) {
	if err := f.check(); err != nil {
		return usageError{err}
	}
	r := &publishRun{flags: f, ui: u, began: time.Now(), bars: &progress{ui: u}}
	if f.trace != "" || slices.ContainsFunc(f.reports, isPage) {
		r.spans = &trace{began: r.began}
	}
	if err := r.makePlan(ctx, path); err != nil {
		return err
	}
	if f.printPolicy {
		policy, err := r.plan.Policy()
		if err == nil {
			_, err = u.out.Write(policy)
		}
		return err
	}
	result, err := r.upload(ctx)
	if err != nil {
		return err
	}
	writing := time.Now()
	files := &staged{}
	defer func() { err = errors.Join(err, files.discard()) }()
	told := account{
		durations: r.durations(result), flags: &f.flags, began: r.began, spans: r.spans, stores: r.shown(result.Stores), warnings: result.Warnings,
	}
	if err := told.stage(files); err != nil {
		return err
	}
	return files.finish(io.Discard, func() error {
		d := r.durations(result)
		d.writing, d.link = time.Since(writing), r.bars.meter.traffic()
		d.Stores = r.shown(d.Stores)
		u.published(d, f.dryRun, f.shard)
		return u.destinations(result.Stores)
	})
}

// makePlan plans the run and reports every problem of the input together, and its warnings.
func (r *publishRun) makePlan(ctx context.Context, path string) (err error) {
	opts, problems := r.flags.options(ctx, path)
	opts.Progress = r.event
	r.plan, err = publish.NewPlan(ctx, opts)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	outputs := r.flags.checkOutputs(nil, nil)
	if r.plan != nil {
		for _, o := range r.flags.outputFiles(nil) {
			if r.plan.Reads(o.path) {
				outputs = append(outputs, &problem.Error{Subject: o.path, Message: "this output would be a file of the cloud assembly", Hint: o.chooseOther()})
			}
		}
	}
	if err := errors.Join(slices.Concat([]error{err}, problems, outputs)...); err != nil {
		return err
	}
	if r.flags.strict && len(r.plan.Warnings) > 0 {
		return errors.Join(r.plan.Warnings...)
	}
	r.ui.list(r.plan.Warnings, "warning: ")
	r.names = storeNames(r.plan.Stores)
	if r.flags.dryRun {
		r.ui.planned(r.shown(r.plan.Stores), "nothing")
	}
	return nil
}

// event shows what the library tells.
func (r *publishRun) event(e packager.Event) {
	e.Region = nameOf(e, r.plan.Stores, r.names)
	r.spans.event(e)
	r.bars.event(e)
}

// nameOf is the name of the store that an event is of: a store has one of its own where its
// region has several. What is told of a region alone, as that a role is assumed there, is told of
// the first one.
func nameOf(e packager.Event, stores []packager.Contents, names []string) string {
	of := func(c packager.Contents) bool { return c.Region == e.Region }
	at := e.Store
	if at >= len(stores) || !of(stores[at]) {
		at = slices.IndexFunc(stores, of)
	}
	if at < 0 {
		return "" // it is of none
	}
	return names[at]
}

// shown are the stores by their names.
func (r *publishRun) shown(stores []packager.Contents) []packager.Contents {
	stores = slices.Clone(stores)
	for i := range stores {
		stores[i].Region = r.names[i]
	}
	return stores
}

// storeNames are what stores are called: their regions, or where one has several of them,
// with the account, or the bucket, too.
func storeNames(stores []packager.Contents) []string {
	names := make([]string, len(stores))
	for _, call := range []func(packager.Contents) string{
		func(c packager.Contents) string { return c.Region },
		func(c packager.Contents) string { return c.Region + "/" + cmp.Or(c.Role.Account(), c.Owner, c.Bucket) },
		func(c packager.Contents) string { return c.Region + "/" + c.Bucket },
		func(c packager.Contents) string { return c.Region + "/" + c.Bucket + "/" + c.Role.ARN },
	} {
		count := make(map[string]int)
		for _, name := range names {
			count[name]++
		}
		for i, c := range stores {
			if count[names[i]] > 1 || names[i] == "" {
				names[i] = call(c)
			}
		}
	}
	return names
}

// upload stores what the plan says.
func (r *publishRun) upload(ctx context.Context) (*publish.Result, error) {
	r.ui.failing = "not everything was published"
	r.bars.start(r.shown(r.plan.Stores), !r.flags.noProgress)
	result, err := r.plan.Upload(ctx)
	r.bars.stop(ctx.Err() != nil)
	if err != nil && ctx.Err() == nil {
		r.ui.problems(err, r.shown(r.plan.Stores))
		return nil, errReported{}
	}
	return result, err
}

// durations are the times of the run, and what it stored.
func (r *publishRun) durations(result *publish.Result) durations {
	return durations{of: result.Path, isAssembly: true, Inventory: result.Inventory, Times: result.Times, total: time.Since(r.began)}
}

// published is what a person takes in at a glance at the end.
func (u *ui) published(d durations, dryRun bool, shard packager.Shard) {
	if u.quiet {
		return
	}
	files, bytes, objects := 0, int64(0), 0
	for _, a := range d.Artifacts {
		files += a.Files
		bytes += a.Size
	}
	for _, s := range d.Stores {
		objects += len(s.Objects) + len(s.Images)
	}
	what := fmt.Sprintf("%s of %s (%s)", problem.Count(len(d.Artifacts), "asset"), problem.Count(files, "file"), size(bytes))
	if n := len(d.Images); n > 0 {
		what += " and " + problem.Count(n, "container image")
	}
	if shard.Count > 0 {
		what = fmt.Sprintf("shard %d/%d of %s", shard.Index, shard.Count, what)
	}
	u.printf("%s: %s, %s\n", d.of, what, problem.Count(objects, "destination"))
	if !dryRun {
		u.tables(d, "")
	}
}

// destinations prints, for each destination, its region and the location: at once, for
// whoever reads a part of it and goes.
func (u *ui) destinations(stores []packager.Contents) error {
	var lines strings.Builder
	for _, s := range stores {
		for _, o := range s.Objects {
			fmt.Fprintf(&lines, "%s\ts3://%s/%s\n", s.Region, s.Bucket, o.Key)
		}
		for _, i := range s.Images {
			fmt.Fprintf(&lines, "%s\t%s\n", s.Region, imageAddress(i))
		}
	}
	if _, err := io.WriteString(u.out, lines.String()); err != nil && !readEnough(err) {
		return fmt.Errorf("writing the results: %w", err)
	}
	return nil
}
