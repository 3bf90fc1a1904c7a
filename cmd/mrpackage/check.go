package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/check"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

const checkName = "check"

const checkHelp = `check reads a pipeline's template and the buildspec that it names, and tells
where they do not fit together: regions, artifact stores, artifacts, bucket
variables, stack sets that make the buckets, the buildspec's own form, what the
build packages and hands over, and what the deploy actions ask for. A parameter
stands with its default, and a message that depends on one says so. It makes no
request and runs nothing.

PIPELINE is the template with the AWS::CodePipeline::Pipeline in it; default:
deployment-pipeline/pipeline.yaml, else deployment-pipeline/pipeline-v2.yaml, else
pipeline.yaml. The buildspec's path starts in this folder, or else in one above the
template.

It is silent where all is well. An error is what cannot work; where a program that
the build runs might make it work, or only a deployment knows, it is a warning.
Exit status: 0 nothing is wrong; 1 something is; 2 wrong usage.`

// checkCommand is mrpackage check.
func checkCommand(u *ui) *cobra.Command {
	opts := check.Options{Parse: parseCommandLine}
	cmd := &cobra.Command{
		Use:   checkName + " [flags] [PIPELINE]",
		Short: "Tell where a pipeline's template and its buildspec do not fit together",
		Long:  checkHelp,
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case len(args) > 1:
				return usageError{fmt.Errorf("unexpected argument %q: check takes one template", args[1])}
			case len(args) == 1 && args[0] == "":
				return usageError{errors.New(`"" names no template`)}
			}
			return nil
		},
		SilenceUsage: true, SilenceErrors: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.Pipeline = strings.Join(args, "")
			problems, warnings := check.Run(cmd.Context(), opts)
			for _, w := range warnings {
				u.warn(w)
			}
			for _, p := range problems {
				u.problem(p, "")
			}
			if len(problems) > 0 {
				u.printf("mrpackage: %s\n", problem.Count(len(problems), "problem"))
				return errReported{}
			}
			return cmd.Context().Err()
		},
	}
	cmd.Flags().StringVar(&opts.Buildspec, "buildspec", "", "the `buildspec` (default: the one that the pipeline's project names)")
	cmd.Flags().BoolVar(&opts.Strict, "strict", false, "take warnings for errors")
	cmd.Flags().BoolP("help", "h", false, "print this help")
	return cmd
}
