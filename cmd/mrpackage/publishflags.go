package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/symphoniacloud/multi-region-codepipeline/packager"
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
			switch {
			case len(args) > 1:
				return usageError{fmt.Errorf("unexpected argument %q: publish takes one cloud assembly", args[1])}
			case len(args) == 1 && args[0] == "":
				return usageError{errors.New(`"" names no cloud assembly`)} // and not the default one: it is an unset variable
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
	opts.Account = func(ctx context.Context) (string, error) { return f.account(ctx, cfg) }
	if err != nil && !f.offline() {
		problems = append(problems, err)
		opts.Account = func(context.Context) (string, error) { return unknownAccount, nil } // nobody is asked as somebody else
	}
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
