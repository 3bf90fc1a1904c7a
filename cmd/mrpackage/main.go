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

	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	// The first signal ends the run in good order, a second one at once.
	context.AfterFunc(ctx, stop)
	outliveReaders()
	os.Exit(run(ctx, os.Args[1:], newStream(ctx, os.Stdout), newStream(ctx, os.Stderr)))
}

// Exit codes.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitInterrupted = 130
)

// A usageError is about a command line that says nothing that can be done.
type usageError struct{ error }

// errReported is a failure that the user has been told of.
type errReported struct{}

func (errReported) Error() string { return "reported" }

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	u := &ui{out: stdout, err: stderr}
	cmd := command(u)
	cmd.SetArgs(args)
	cmd.SetOut(stdout)
	cmd.SetErr(stderr)
	if len(args) > 0 && (args[0] == cobra.ShellCompRequestCmd || args[0] == cobra.ShellCompNoDescRequestCmd) {
		completeValues(cmd)
	}

	err := cmd.ExecuteContext(ctx)
	var usage usageError
	var exit exitStatus
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &exit):
		return int(exit)
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

// command is mrpackage with what it has beside its main job.
func command(u *ui) *cobra.Command {
	var f flags
	cmd := &cobra.Command{
		Use:     "mrpackage [flags]",
		Short:   "Package a SAM or CloudFormation template for many AWS regions at once",
		Long:    longHelp,
		Example: examples,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError{unexpectedArgument(args[0])}
			}
			return nil
		},
		ValidArgsFunction: cobra.NoFileCompletions,
		SilenceUsage:      true, SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			u.quiet, u.verbose = f.quiet, f.verbose
			if f.version {
				return u.version() // not by cobra, for the reason that help gives
			}
			return f.run(cmd.Context(), u)
		},
	}
	groups := f.groups()
	for _, g := range groups {
		cmd.Flags().AddFlagSet(g.flags)
	}
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{flagError(err)} })
	cmd.SetHelpFunc(func(called *cobra.Command, _ []string) {
		shown := groups
		if called != cmd {
			shown = []flagGroup{{"Flags", called.Flags()}}
		}
		u.help(called, shown)
	})
	cmd.AddCommand(checkCommand(u), verifyCommand(u), diffCommand(u), publishCommand(u), completionCommand(u))
	cmd.CompletionOptions.DisableDefaultCmd = true
	cmd.SetHelpCommand(&cobra.Command{Hidden: true})
	return cmd
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
