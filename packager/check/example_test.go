package check_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/check"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// parse reads what these pipelines need of mrpackage's command line.
func parse(args []string) (check.Command, error) {
	c := check.Command{Packages: true, Buckets: make(map[string]string)}
	flags := flag.NewFlagSet("mrpackage", flag.ContinueOnError)
	flags.SetOutput(new(strings.Builder))
	flags.StringVar(&c.Output, "output-template-file", "target/packaged-template-{region}.yaml", "")
	flags.BoolFunc("one-template", "", func(string) error {
		c.OneTemplate, c.Output = true, "target/packaged-template.yaml"
		return nil
	})
	flags.BoolVar(&c.DryRun, "dry-run", false, "")
	flags.Func("regions", "", func(s string) error {
		c.Regions = append(c.Regions, strings.Split(s, ",")...)
		return nil
	})
	flags.Func("s3-bucket", "", func(s string) error {
		c.Buckets[""] = s
		return nil
	})
	return c, flags.Parse(args)
}

// The build packages for one of two regions.
func ExampleRun() {
	problems, warnings := check.Run(context.Background(), check.Options{
		Pipeline:  "testdata/pipeline.yaml",
		Buildspec: "testdata/buildspec.yaml",
		Parse:     parse,
	})
	for _, err := range append(problems, warnings...) {
		var p *problem.Error
		if errors.As(err, &p) {
			fmt.Println(p)
			fmt.Println("hint:", p.Hint)
		}
	}
	// Output:
	// testdata/pipeline.yaml:29:23: West: the build packages for us-east-1, and not for us-west-2
	// hint: testdata/buildspec.yaml:5 names the regions
}
