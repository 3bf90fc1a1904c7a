package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// TestDocs keeps what the documents show usable: links lead somewhere, YAML is
// YAML, and a buildspec fits this repository's pipeline.
func TestDocs(t *testing.T) {
	root := filepath.Join("..", "..")
	buildspecs := 0
	for _, name := range []string{"README.md", "CONTRIBUTING.md", "deployment-pipeline/README.md"} {
		text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
		if err != nil {
			t.Fatal(err)
		}
		for _, link := range regexp.MustCompile(`\]\(([^):#]+)\)`).FindAllStringSubmatch(string(text), -1) {
			if _, err := os.Stat(filepath.Join(root, filepath.Dir(name), filepath.FromSlash(link[1]))); err != nil {
				t.Errorf("%s links to %s: %v", name, link[1], err)
			}
		}
		for _, block := range regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
			line := strings.Count(string(text[:strings.Index(string(text), block[1])]), "\n") + 1
			if _, err := parseDocument(name, []byte(block[1])); err != nil {
				t.Errorf("the block at %s:%d: %v", name, line, err)
			}
			if !strings.HasPrefix(block[1], "version: 0.2") {
				continue
			}
			buildspecs++
			file := filepath.Join(t.TempDir(), "buildspec.yaml")
			if err := os.WriteFile(file, []byte(block[1]), 0o600); err != nil {
				t.Fatal(err)
			}
			problems, warnings := checkPipeline(t.Context(), filepath.Join(root, "deployment-pipeline", "pipeline.yaml"), file)
			if !strings.Contains(block[1], "\nbatch:") { // of which check says that it cannot see it
				problems = append(problems, warnings...)
			}
			for _, err := range problems {
				t.Errorf("the buildspec at %s:%d: %v", name, line, err)
			}
		}
	}
	if buildspecs < 2 {
		t.Errorf("%d buildspecs in the documents", buildspecs)
	}
}

// TestHelp holds --help, the full reference, against the flags, and README
// against both.
func TestHelp(t *testing.T) {
	var out bytes.Buffer
	u := &ui{out: &out}
	cmd := command(u)
	cmd.SetArgs([]string{"--help"})
	if err := cmd.Execute(); err != nil {
		t.Fatal(err)
	}
	help := out.String()
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !strings.Contains(help, " --"+f.Name+" ") {
			t.Errorf("--help does not name --%s", f.Name)
		}
		if f.Value.Type() != "bool" && f.Name != "region" && !strings.Contains(f.Usage, "Default: ") {
			t.Errorf("--help does not say the default of --%s", f.Name)
		}
	})
	for i, line := range strings.Split(help, "\n") {
		if len(line) > 100 {
			t.Errorf("line %d of --help has more than 100 columns: %s", i+1, line)
		}
	}
	readme, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	check, _, err := cmd.Find([]string{checkName})
	if err != nil {
		t.Fatal(err)
	}
	named := 0
	for _, call := range regexp.MustCompile("`--?[a-z][^`]*`|mrpackage .*").FindAllString(string(readme), -1) {
		for _, name := range regexp.MustCompile(`(?:^|[ `+"`"+`])--([a-z0-9-]+)`).FindAllStringSubmatch(call, -1) {
			named++
			if cmd.Flag(name[1]) == nil && check.Flag(name[1]) == nil {
				t.Errorf("README names --%s, and there is no such flag", name[1])
			}
		}
	}
	if named < 10 {
		t.Errorf("README names %d flags", named)
	}
}
