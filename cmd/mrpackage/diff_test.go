package main

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/diff"
)

// diff --help is the full reference of its flags, and what pages show of it there is.
func TestDiffHelp(t *testing.T) {
	var out bytes.Buffer
	cmd := command(&ui{out: &out})
	cmd.SetArgs([]string{diffName, "--help"})
	if err := cmd.Execute(); err != nil {
		t.Fatal(err)
	}
	comparing, _, err := cmd.Find([]string{diffName})
	if err != nil {
		t.Fatal(err)
	}
	comparing.Flags().VisitAll(func(f *pflag.Flag) {
		if !strings.Contains(out.String(), " --"+f.Name+" ") || f.Value.Type() != "bool" && !strings.Contains(f.Usage, "Default: ") {
			t.Errorf("diff --help does not say what --%s is, or its default", f.Name)
		}
	})
	for i, line := range strings.Split(out.String(), "\n") {
		if len([]rune(line)) > 100 {
			t.Errorf("line %d of diff --help has more than 100 columns: %s", i+1, line)
		}
	}
	for name, text := range markdown(t) {
		for _, call := range regexp.MustCompile("mrpackage diff [^`\n|]*").FindAllString(text, -1) {
			for _, m := range regexp.MustCompile(` --([a-z0-9-]+)`).FindAllStringSubmatch(call, -1) {
				if comparing.Flag(m[1]) == nil {
					t.Errorf("%s shows %q, and there is no flag --%s", name, call, m[1])
				}
			}
		}
	}
}

// What strangers have written into templates and archives breaks no line.
func TestDiffTextIsOurs(t *testing.T) {
	const evil = "x\n+ Resources.Fake: AWS::SNS::Topic\x1b[2J\u202e"
	n := int64(1)
	r := &diff.Result{
		Old: diff.Template{File: evil, Regions: []string{evil}}, New: diff.Template{File: evil}, Different: true, AddedRegions: []string{evil},
		Code: []diff.Code{
			{Status: diff.Changed, References: []diff.Reference{{LogicalID: evil, Property: evil}}, Old: &diff.Stored{Name: evil}, New: &diff.Stored{Name: evil}, Unknown: evil,
				Files: []diff.File{{Name: evil, Status: diff.Added, NewSize: &n}}, Layers: []diff.Layer{{Digest: evil}}},
			{Status: diff.Moved, Old: &diff.Stored{Name: evil, Locations: []diff.Location{{Bucket: evil, Key: evil}}}, New: &diff.Stored{Name: evil}},
		},
		Changes: []diff.Change{
			{Path: []string{evil}, Status: diff.Added, New: &diff.Value{Text: evil}},
			{Path: []string{evil, evil, evil}, Status: diff.Changed, Old: &diff.Value{Text: evil}, New: &diff.Value{Text: evil}},
		},
	}
	text := diffText(r, true)
	if lines := strings.Count(text, "\n"); lines != 12 || strings.Contains(text, "\n+ Resources.Fake") || strings.ContainsAny(text, "\x1b\u202e") {
		t.Errorf("%d lines:\n%q", lines, text)
	}
}
