// Command mrpackage packages a SAM or CloudFormation template for many AWS
// regions at once, in the place of one aws cloudformation package per region.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/symphoniacloud/multi-region-codepipeline/packager"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	// The first signal ends the run in good order, a second one at once.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// Exit codes.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitInterrupted = 130
)

// A usageError is a command line that cannot be meant.
type usageError struct{ error }

// errReported is a failure that the user has been told of.
type errReported struct{}

func (errReported) Error() string { return "reported" }

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var f flags
	u := &ui{out: stdout, err: stderr}
	cmd := &cobra.Command{
		Use:     "mrpackage [flags]",
		Short:   "Package a SAM or CloudFormation template for many AWS regions at once",
		Long:    longHelp,
		Example: examples,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError{fmt.Errorf("unexpected argument %q; several regions are divided by commas", args[0])}
			}
			return nil
		},
		SilenceUsage: true, SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			u.quiet, u.verbose = f.quiet, f.verbose
			if f.version {
				// Not by cobra, whose templates keep the linker from leaving out
				// the methods that nobody calls: a third of the program.
				return u.version()
			}
			return f.run(cmd.Context(), u)
		},
	}
	cmd.SetArgs(args)
	cmd.SetOut(stdout)
	cmd.SetErr(stderr)
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	f.define(cmd.Flags())
	cmd.AddCommand(checkCommand(u))
	cmd.CompletionOptions.DisableDefaultCmd = true
	cmd.SetHelpCommand(&cobra.Command{Hidden: true})

	err := cmd.ExecuteContext(ctx)
	var usage usageError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &usage):
		u.usage(usage.error)
		return exitUsage
	case ctx.Err() != nil:
		u.interrupted()
		return exitInterrupted
	case !errors.Is(err, errReported{}):
		u.problems(err, nil)
	}
	return exitFailed
}

// run is one run of the program: it plans, uploads, and writes the packaged
// templates.
func (f *flags) run(ctx context.Context, u *ui) (err error) {
	began := time.Now()
	p := &progress{ui: u}
	opts, problems, err := f.options(ctx)
	if err != nil {
		return err
	}
	var spans *trace
	if f.trace != "" {
		spans = &trace{began: began}
	}
	opts.Progress = func(e packager.Event) {
		spans.event(e)
		p.event(e)
	}
	if f.printPolicy {
		policy, err := packager.Policy(opts)
		if err := errors.Join(append(problems, err)...); err != nil {
			return err
		}
		_, err = u.out.Write(policy)
		return err
	}
	plan, planErr := packager.NewPlan(ctx, opts)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	asJSON := f.useJSON
	if plan != nil {
		asJSON = plan.Templates[0].JSON
	}
	outs := f.outputs(opts.Stores, asJSON)
	problems = append([]error{planErr}, problems...)
	if err := errors.Join(append(problems, outs.check(f, plan)...)...); err != nil {
		return err
	}
	if f.strict && len(plan.Warnings) > 0 {
		return errors.Join(plan.Warnings...)
	}
	for _, w := range plan.Warnings {
		u.warn(w)
	}
	if f.dryRun {
		u.planned(plan)
	}

	files, err := outs.stage(plan.Templates)
	defer func() { err = errors.Join(err, files.discard()) }()
	if err != nil {
		return err
	}

	p.start(plan, !f.noProgress)
	result, err := plan.Upload(ctx)
	p.stop(ctx.Err() != nil)
	if err != nil && ctx.Err() == nil {
		u.problems(err, result)
		return errReported{}
	}
	if err != nil {
		return err
	}
	writing := time.Now()
	ours := []string{f.report, f.trace}
	if f.output != "" {
		ours = append(ours, outs...)
	}
	if err := remember(ours, plan.Artifacts); err != nil {
		return err
	}
	if f.report != "" {
		report, err := reportOf(outs, result, time.Since(began), f.dryRun)
		if err != nil {
			return err
		}
		if err := files.add(f.report, report); err != nil {
			return err
		}
	}
	if f.trace != "" {
		text, err := spans.json(result)
		if err != nil {
			return err
		}
		if err := files.add(f.trace, text); err != nil {
			return err
		}
	}
	return files.finish(u.out, func() error {
		u.summary(durations{result, time.Since(writing), time.Since(began)}, f.dryRun, f.shard)
		return u.results(outs, plan.Stores)
	})
}

// version is what Go knows of the program: the version that it was installed
// by, or the tag of the commit that it was built from; of a commit without a
// tag a version that holds its time and revision.
func version() string {
	info, _ := debug.ReadBuildInfo()
	return versionOf(info)
}

// versionOf takes nil where Go knows nothing.
func versionOf(info *debug.BuildInfo) string {
	v := "(devel)"
	if info != nil && info.Main.Version != "" {
		v = info.Main.Version
	}
	return fmt.Sprintf("%s %s/%s %s", v, runtime.GOOS, runtime.GOARCH, runtime.Version())
}
