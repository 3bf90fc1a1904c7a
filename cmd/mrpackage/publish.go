package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/symphoniacloud/multi-region-codepipeline/packager"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/publish"
)

const publishName = "publish"

const publishHelp = `publish stores what AWS CDK made: every asset of a cloud assembly at every destination that the
assembly names, in all regions and accounts at once, under the same keys and tags as cdk-assets
does. The assembly's templates find it there, unchanged.

ASSEMBLY is the folder that cdk synth writes, with the assemblies of its stages, or one
*.assets.json in it; default: cdk.out. Each destination is reached by the role that it names,
which is assumed once in each region. A destination of a stack that is bound to no region is in
the AWS configuration's, or in each one of --regions.

What is under a key, or under an image's tag, counts as there, as for CDK. Where mrpackage stored
it, its recorded digest is proved as well, and a difference is told. Where an asset is missing,
its image is built by --image-engine, or the command run that makes it, which is shown.

Standard output holds the results alone: for each destination its region, a tab, and the location.
Exit status: 0 done; 1 failed; 2 wrong usage; 130 interrupted.`

const publishExamples = `  # after cdk synth: everything, everywhere
  mrpackage publish

  # see what would be stored where; no network, no credentials
  mrpackage publish --dry-run --stack 'Prod/*' --regions us-east-1,eu-west-1 cdk.out`

// publishFlags are what a command line of mrpackage publish says. Those that it shares with
// the main job are that job's.
type publishFlags struct {
	flags
	stacks       patterns
	crossAccount bool
}

// publishCommand is mrpackage publish.
func publishCommand(u *ui) *cobra.Command {
	var f publishFlags
	cmd := &cobra.Command{
		Use:     publishName + " [flags] [ASSEMBLY]",
		Short:   "Store the assets of a cloud assembly, which AWS CDK made, in every region",
		Long:    publishHelp,
		Example: publishExamples,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usageError{fmt.Errorf("unexpected argument %q: publish takes one cloud assembly", args[1])}
			}
			return nil
		},
		SilenceUsage: true, SilenceErrors: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			u.quiet, u.verbose, u.failing = f.quiet, f.verbose, "nothing was published"
			return f.run(cmd.Context(), u, strings.Join(args, ""))
		},
	}
	f.define(cmd.Flags())
	return cmd
}

// define defines the flags: its own, and those of the main job that mean the same here.
func (f *publishFlags) define(fs *pflag.FlagSet) {
	fs.SortFlags = false
	shared := f.some("regions", "region", "image-engine", "shard", "jobs", "force-upload", "profile", "endpoint-url", "dry-run", "strict",
		"report", "trace", "print-iam-policy", "quiet", "verbose", "no-progress", "help")
	for name, usage := range map[string]string{
		"regions":          "`REGION,...` publish to these regions alone, divided by commas or white space; repeatable. A stack that is bound to no region is published to each. Default: all that the assembly names",
		"image-engine":     "`PROGRAM` what builds images, and has those that a command names: docker, podman, finch or nerdctl. Default: $CDK_DOCKER, else docker",
		"shard":            "`I/N` store the share I of N of the assets. N runs on N machines store all. Default: all",
		"force-upload":     "store everything, whatever is stored already",
		"dry-run":          "do all but send and run: say what would be stored where. It needs no network and no credentials",
		"print-iam-policy": "print the least IAM policy for these destinations, and do nothing else",
	} {
		shared.Lookup(name).Usage = usage
	}
	fs.Func("stack", "`NAME` publish the assets of this stack alone; its name, ID or path, in which * stands for any characters but a slash, ** for any, ? for one; repeatable. Default: all stacks", f.addStack)
	fs.BoolVar(&f.crossAccount, "cross-account", false, "allow a bucket of another account than the one of the role by which it is reached")
	fs.AddFlagSet(shared)
}

func (f *publishFlags) addStack(s string) error {
	if s == "" {
		return errors.New("a stack is missing")
	}
	f.stacks = append(f.stacks, s)
	return nil
}

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

// options makes the library's options of flags and environment. problems are those that are
// reported together with the assembly's.
func (f *publishFlags) options(ctx context.Context, path string) (opts publish.Options, problems []error) {
	opts = publish.Options{
		Path: path, Stacks: f.stacks, Regions: f.regions, CrossAccount: f.crossAccount, Provenance: provenance(),
		ImageEngine: cmp.Or(f.imageEngine, os.Getenv("CDK_DOCKER")), Shard: f.shard, ForceUpload: f.forceUpload, DryRun: f.dryRun,
		Jobs: f.jobs, EndpointURL: f.endpoint,
	}
	cfg, err := packager.LoadAWS(ctx, f.profile)
	opts.AWS, opts.Region = &cfg, cfg.Region
	if err != nil && !f.offline() {
		problems = append(problems, err)
	}
	opts.Account = func(ctx context.Context) (string, error) { return f.account(ctx, cfg) }
	return opts, problems
}

// account is the caller's account.
func (f *publishFlags) account(ctx context.Context, cfg aws.Config) (string, error) {
	who := &caller{offline: f.offline(), patience: stsPatience, aws: &cfg}
	id := who.account(ctx, cmp.Or(cfg.Region, strings.Join(f.regions[:min(1, len(f.regions))], ""), "us-east-1"), "${AWS::AccountId}")
	if len(who.problems) > 0 && f.offline() {
		return "", errors.New("no request is made to find out which one that is")
	}
	return id, errors.Join(who.problems...)
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

// event shows what the library tells. A store has a name of its own where its region has
// several.
func (r *publishRun) event(e packager.Event) {
	if e.Region != "" && r.plan.Stores[e.Store].Region == e.Region {
		e.Region = r.names[e.Store]
	}
	r.spans.event(e)
	r.bars.event(e)
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
