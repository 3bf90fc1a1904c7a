package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/symphoniacloud/multi-region-codepipeline/packager"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/diff"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

const diffName = "diff"

const diffHelp = `diff tells what differs between two packaged templates: of which resources the code changed, and
in it which files; and what else changed, by resource and property, as CloudFormation reads the
templates, and not as text.

OLD and NEW are files, or - for standard input. A template's region comes from its name, where
that is target/packaged-template-REGION.yaml or the like, else from REGION=FILE. Two templates of
two regions, which one run has made, must differ in locations alone, and name the same keys.

What has the same key is the same, and nothing of it is read; no credentials are needed then. Of
other archives the ends are read, where the directories of zips are: from --archive-dir, as a run
with that flag keeps archives there, else from the buckets, which takes s3:GetObject. Nested
templates are read and compared in their turn, and of container images the manifests. It sends
nothing, and changes nothing. It knows the archives that aws cloudformation package has made, too.

Exit status, as diff has: 0 they are the same; 1 they differ; 2 trouble, which is wrong usage, or
something that cannot be read: what is known all the same is told; 130 interrupted.`

const diffExamples = `  # what does this deployment change?
  mrpackage diff last/packaged-template-us-east-1.yaml target/packaged-template-us-east-1.yaml

  # are two regions' templates the same but for the locations?
  mrpackage diff target/packaged-template-us-east-1.yaml target/packaged-template-us-west-2.yaml

  # what does it change in the stack that is there?
  aws cloudformation get-template --stack-name shop --template-stage Original --query TemplateBody \
    --output text | mrpackage diff us-east-1=- target/packaged-template-us-east-1.yaml`

// Exit codes of diff, which are those of POSIX's diff.
const (
	exitDifferent exitStatus = 1
	exitTrouble   exitStatus = 2
)

// An exitStatus ends the program with it. The user has been told why.
type exitStatus int

func (s exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

// diffFlags are what a command line of diff says.
type diffFlags struct {
	flags
	asJSON bool
}

// diffCommand is mrpackage diff.
func diffCommand(u *ui) *cobra.Command {
	var f diffFlags
	cmd := &cobra.Command{
		Use:     diffName + " [flags] OLD NEW",
		Short:   "Tell what differs between two packaged templates, in their code and beside it",
		Long:    diffHelp,
		Example: diffExamples,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 2 {
				return usageError{fmt.Errorf("diff takes two packaged templates, and %s given", numberOf(len(args)))}
			}
			return nil
		},
		SilenceUsage: true, SilenceErrors: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			u.quiet, u.verbose = f.quiet, f.verbose
			return f.diff(cmd.Context(), u, args[0], args[1])
		},
	}
	f.define(cmd.Flags())
	return cmd
}

func numberOf(n int) string {
	if n == 1 {
		return "1 is"
	}
	return fmt.Sprint(n, " are")
}

func (f *diffFlags) define(fs *pflag.FlagSet) {
	fs.SortFlags = false
	fs.BoolVar(&f.asJSON, "json", false, "print the result as JSON")
	fs.StringVar(&f.archiveDir, "archive-dir", "", "`FOLDER` where archives are looked for before the buckets, named as their keys. Default: none")
	shared := f.some("property", "jobs", "profile", "endpoint-url")
	shared.Lookup("property").Usage = "`TYPE=PATH:FORM` what was packaged besides, as mrpackage --help says; repeatable. Default: none"
	shared.Lookup("jobs").Usage = "`NUMBER` how many archives are read at once. Default: 32"
	fs.AddFlagSet(shared)
	fs.BoolVarP(&f.quiet, "quiet", "q", false, "print nothing but errors: the exit status says the rest")
	fs.BoolVarP(&f.verbose, "verbose", "v", false, "list everything, however much it is")
	fs.BoolP("help", "h", false, "print this help, and do nothing else")
}

// diff compares, prints the result, and returns the exit status.
func (f *diffFlags) diff(ctx context.Context, u *ui, before, after string) error {
	if err := f.check(before, after); err != nil {
		return usageError{err}
	}
	opts := diff.Options{
		Old: before, New: after, Stdin: os.Stdin, Outputs: outputPatterns(), ArchiveDir: f.archiveDir, Jobs: f.jobs, EndpointURL: f.endpoint,
		AWS: func(ctx context.Context) (aws.Config, error) { return packager.LoadAWS(ctx, f.profile) },
	}
	for _, p := range f.properties {
		opts.Properties = append(opts.Properties, diff.Property{Type: p.Type, Path: p.Path, Form: string(p.Form), Zip: p.Zip})
	}
	result, err := diff.Run(ctx, opts)
	if ctx.Err() != nil {
		u.printf("mrpackage: interrupted\n")
		return exitStatus(exitInterrupted)
	}
	if result != nil && !f.quiet {
		if err := f.print(u, result); err != nil {
			u.printf("mrpackage: %v\n", err)
			return exitTrouble
		}
	}
	all := problem.Errors(err)
	u.list(all, "")
	switch {
	case len(all) > 0:
		u.printf("mrpackage: %s\n", problem.Count(len(all), "problem"))
		return exitTrouble
	case result.Different:
		return exitDifferent
	}
	return nil
}

// check finds what excludes each other.
func (f *diffFlags) check(before, after string) error {
	isStdin := func(arg string) bool { return arg == "-" || strings.HasSuffix(arg, "=-") }
	switch {
	case f.quiet && f.verbose:
		return errors.New("--quiet and --verbose exclude each other")
	case f.quiet && f.asJSON:
		return errors.New("--quiet and --json exclude each other")
	case isStdin(before) && isStdin(after):
		return errors.New("standard input is given twice")
	}
	return nil
}

// print writes the result to standard output.
func (f *diffFlags) print(u *ui, result *diff.Result) error {
	text := diffText(result, f.verbose)
	if f.asJSON {
		out, err := json.MarshalIndent(result, "", "  ")
		if err != nil {
			return fmt.Errorf("writing the result as JSON: %w", err)
		}
		text = string(out) + "\n"
	}
	if _, err := io.WriteString(u.out, text); err != nil && !readEnough(err) {
		return fmt.Errorf("writing the result: %w", err)
	}
	return nil
}

// outputPatterns are the names of packaged templates that say a region.
func outputPatterns() []string {
	return []string{filepath.FromSlash(defaultOutput + ".yaml"), filepath.FromSlash(defaultOutput + ".json")}
}
