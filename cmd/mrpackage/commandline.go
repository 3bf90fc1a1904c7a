package main

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/check"
)

// noFile is the output of a command line that writes no file: the template goes
// to standard output, or is left to a later run.
const noFile = "-"

// anyText stands, in an argument, for text that only a run of the build knows.
const anyText = "*"

// parseCommandLine reads the arguments of mrpackage as they stand in a
// buildspec or script, for check. A flag's value that holds anyText is not held against
// what the flag takes. Beside an error all that is not known holds anyText or
// is "".
func parseCommandLine(args []string) (check.Command, error) {
	if len(args) > 0 && isCommand(args[0]) {
		return check.Command{}, nil // which packages nothing
	}
	var f flags
	fs := pflag.NewFlagSet("mrpackage", pflag.ContinueOnError)
	for _, g := range f.groups() {
		fs.AddFlagSet(g.flags)
	}
	err := fs.ParseAll(args, func(flag *pflag.Flag, value string) error {
		switch flag.Name {
		case "template-file", "regions", "region", "s3-bucket", "output-template-file", "role-arn":
		default:
			if strings.Contains(value, anyText) {
				return nil
			}
		}
		return fs.Set(flag.Name, value)
	})
	if err == nil && fs.NArg() > 0 && !strings.Contains(fs.Arg(0), anyText) {
		err = unexpectedArgument(fs.Arg(0))
	}
	if err == nil {
		err = f.check()
	}
	if err != nil {
		return check.Command{Packages: true, Regions: []string{anyText}, Buckets: map[string]string{"": anyText}}, flagError(err)
	}
	c := check.Command{
		Packages: !f.version && !f.printPolicy && !fs.Changed("help"),
		Regions:  f.regions, Buckets: f.buckets.named(), OneTemplate: f.oneTemplate, DryRun: f.dryRun, Output: noFile,
	}
	if paths := f.templatePaths([]string{"{region}"}, f.useJSON || strings.HasSuffix(f.templateFile, ".json")); len(paths) > 0 {
		c.Output = filepath.ToSlash(paths[0])
	}
	if slices.Contains(args, anyText) { // which may be any flag
		if len(c.Regions) == 0 {
			c.Regions, c.Buckets = []string{anyText}, map[string]string{"": anyText}
		}
		if f.outputPattern == "" {
			c.Output = ""
		}
	}
	return c, nil
}

// isCommand tells whether mrpackage has a command of this name beside its main job.
func isCommand(name string) bool {
	return slices.ContainsFunc(command(&ui{}).Commands(), func(c *cobra.Command) bool { return c.Name() == name })
}

// unexpectedArgument is the error about an argument that is no flag.
func unexpectedArgument(arg string) error {
	return errors.New("unexpected argument \"" + arg + "\"; several regions are divided by commas")
}
