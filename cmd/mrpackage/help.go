package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const longHelp = `mrpackage reads a SAM or CloudFormation template, archives each local artifact that it refers to
once, stores the archives in every region's bucket concurrently, and writes one packaged template
per region, or with --one-template one for all of them. Container images of functions go to a
repository of each region in the same way.

The regions are those of --regions, else those whose <REGION>_ARTIFACT_BUCKET is set, else those
whose <REGION>_IMAGE_REPOSITORY is, else the AWS configuration's region. A region's bucket is that
of --s3-bucket, else $<REGION>_ARTIFACT_BUCKET: US_EAST_1_ARTIFACT_BUCKET for us-east-1. Its
repository for container images is that of --image-repository, else $<REGION>_IMAGE_REPOSITORY.

Standard output holds the results alone: for each written template its region (or all, divided by
commas), a tab, and its path.
Exit status: 0 done; 1 failed, and no template was written; 2 wrong usage; 130 interrupted.`

const examples = `  # in a buildspec, with US_EAST_1_ARTIFACT_BUCKET and US_WEST_2_ARTIFACT_BUCKET set
  mrpackage --regions us-east-1,us-west-2

  # see what would be stored where; no network, no credentials
  mrpackage --dry-run --regions us-east-1,us-west-2 --s3-bucket 'my-artifacts-{region}'`

// help prints a command's help. Cobra's own help can be changed by templates of
// text/template alone, and a program with such templates is larger by a third:
// they find methods by name, so that the linker keeps every method.
func (u *ui) help(cmd *cobra.Command, groups []flagGroup) {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\nUsage:\n  %s\n", cmd.Long, cmd.UseLine())
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			fmt.Fprintf(&b, "  %s\n        %s\n", sub.UseLine(), sub.Short)
		}
	}
	if cmd.Example != "" {
		fmt.Fprintf(&b, "\nExamples:\n%s\n", cmd.Example)
	}
	for _, g := range groups {
		fmt.Fprintf(&b, "\n%s:\n", g.title)
		g.flags.VisitAll(func(f *pflag.Flag) { writeFlag(&b, f) })
	}
	// A closed standard output, as of a pager that was left, is no failure.
	_, _ = io.WriteString(u.out, b.String())
}

// writeFlag writes a flag with the name of its value and, beside it or below,
// what it means.
func writeFlag(b *strings.Builder, f *pflag.Flag) {
	const width, indent = 100, 32
	name := "      --" + f.Name
	if f.Shorthand != "" {
		name = "  -" + f.Shorthand + ", --" + f.Name
	}
	value, usage := pflag.UnquoteUsage(f)
	if strings.HasPrefix(f.Usage, "`") {
		usage = strings.TrimPrefix(usage, value)
	}
	line := strings.TrimRight(name+" "+value, " ")
	if len(line) > indent-2 {
		b.WriteString(line + "\n")
		line = ""
	}
	line += strings.Repeat(" ", indent-1-len(line))
	words := strings.Fields(usage)
	for i, word := range words {
		need := len(word)
		if word == "Default:" && i+1 < len(words) { // which stay together
			need += 1 + len(words[i+1])
		}
		if len(line)+1+need > width {
			b.WriteString(line + "\n")
			line = strings.Repeat(" ", indent-1)
		}
		line += " " + word
	}
	b.WriteString(line + "\n")
}
