package buildspec

import (
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/check/internal/shell"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/region"
)

// A Command is what a command line of mrpackage says. In its texts a * stands for
// what is not known.
type Command struct {
	Packages    bool              // false where it packages nothing, as with --help
	Regions     []string          // none: those whose bucket variables are set
	Buckets     map[string]string // by region; "" has that of all other regions
	Output      string            // the path of the packaged templates, with {region} in it where each region has one; - where no file is written, "" where it is not known
	OneTemplate bool
	DryRun      bool
}

// Parse reads a command line of mrpackage, in which a * stands for what is not
// known.
type Parse func(args []string) (Command, error)

// mrpackage reads the program's own command line.
func (r *reader) mrpackage(c call) (effects, bool) {
	if !c.Program().Is("mrpackage") {
		return effects{}, false
	}
	var args []string
	known := true
	for _, w := range c.Arguments() {
		args = append(args, w.String())
		known = known && w.Known()
	}
	command, err := r.parse(args)
	var e effects
	if err != nil && known {
		e.problem = c.place().Problem("", "mrpackage --help lists the flags", "mrpackage refuses this command line: %v", err)
	}
	if command.Packages {
		p := Packaging{Buckets: command.Buckets, Output: shell.Unknown(), OneTemplate: command.OneTemplate, DryRun: command.DryRun, Mrpackage: true, Place: c.place()}
		for _, name := range command.Regions {
			p.Regions = append(p.Regions, shell.Pattern(name))
		}
		if command.Output != "" {
			p.Output = shell.Pattern(command.Output)
		}
		e.packaging = &p
	}
	return e, true
}

// isOtherPackaging tells whether a call is aws cloudformation package or sam
// package.
func isOtherPackaging(c shell.Call) bool {
	return len(c.Words) > 2 && c.Program().Is("aws") && c.Has("cloudformation") && c.Has("package") ||
		len(c.Words) > 1 && c.Program().Is("sam") && c.Words[1].Is("package")
}

// otherPackaging reads a command line of aws cloudformation package or sam package,
// which write one template for one region.
func (r *reader) otherPackaging(c call) (effects, bool) {
	if !isOtherPackaging(c.Call) {
		return effects{}, false
	}
	p := Packaging{Regions: []shell.Text{shell.Unknown()}, Output: shell.Unknown(), Buckets: map[string]string{"": shell.Unknown().String()}, Place: c.place()}
	bucket := ""
	for i, w := range c.Words {
		name, value, ok := strings.Cut(w.String(), "=")
		if !ok && i+1 < len(c.Words) {
			value = c.Words[i+1].String()
		}
		switch name {
		case "--region":
			p.Regions = []shell.Text{shell.Pattern(value)}
		case "--output-template-file":
			p.Output = shell.Pattern(value)
		case "--s3-bucket":
			bucket = value
		}
	}
	e := effects{packaging: &p}
	to := p.Regions[0].String()
	if other := region.Other(bucket, to); other != "" {
		const hint = "CloudFormation takes code from a bucket in the stack's own region only"
		e.warning = p.Place.Problem(to, hint, "this stores code in a bucket that is named after %s", other)
	}
	return e, true
}
