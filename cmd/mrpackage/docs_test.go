package main

import (
	"bytes"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v4"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/check"
)

// root is the top of the repository.
const root = "../.."

// TestDocsLinks follows every link between the pages, to the heading that it
// names.
func TestDocsLinks(t *testing.T) {
	pages := markdown(t)
	for _, name := range slices.Sorted(maps.Keys(pages)) {
		for _, link := range regexp.MustCompile(`\]\(([^)\s]+)\)`).FindAllStringSubmatch(pages[name], -1) {
			if strings.Contains(link[1], "://") {
				continue
			}
			path, heading, _ := strings.Cut(link[1], "#")
			target := name
			if path != "" {
				target = filepath.Join(filepath.Dir(name), filepath.FromSlash(path))
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s links to %s: %v", name, link[1], err)
			} else if heading != "" && !slices.Contains(headings(pages[target]), heading) {
				t.Errorf("%s links to %s: there is no such heading", name, link[1])
			}
		}
	}
}

// TestDocsYAML keeps the YAML of the pages usable: it can be read, and a
// buildspec fits this repository's pipeline.
func TestDocsYAML(t *testing.T) {
	buildspecs := 0
	for name, text := range markdown(t) {
		for _, at := range regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatchIndex(text, -1) {
			block, line := text[at[2]:at[3]], strings.Count(text[:at[2]], "\n")+1
			var node yaml.Node
			if err := yaml.Unmarshal([]byte(block), &node); err != nil {
				t.Errorf("the block at %s:%d: %v", name, line, err)
			}
			if !strings.HasPrefix(block, "version: 0.2") {
				continue
			}
			buildspecs++
			file := filepath.Join(t.TempDir(), "buildspec.yaml")
			if err := os.WriteFile(file, []byte(block), 0o600); err != nil {
				t.Fatal(err)
			}
			problems, warnings := check.Run(t.Context(), check.Options{
				Pipeline: filepath.Join(root, "deployment-pipeline", "pipeline.yaml"), Buildspec: file, Parse: parseCommandLine,
			})
			if !strings.Contains(block, "\nbatch:") { // of which check says that it cannot see it
				problems = append(problems, warnings...)
			}
			for _, err := range problems {
				t.Errorf("the buildspec at %s:%d: %v", name, line, err)
			}
		}
	}
	if buildspecs < 2 {
		t.Errorf("%d buildspecs in the pages", buildspecs)
	}
}

// TestHelp holds --help, the full reference, against the flags.
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
	for _, sub := range cmd.Commands() {
		out.Reset()
		cmd.SetArgs([]string{sub.Name(), "--help"})
		if err := cmd.Execute(); err != nil {
			t.Fatal(err)
		}
		help += out.String()
	}
	for i, line := range strings.Split(help, "\n") {
		if len(line) > 100 {
			t.Errorf("line %d of --help has more than 100 columns: %s", i+1, line)
		}
	}
}

// TestDocsFlags holds the pages against the flags: a command that a page shows has
// only flags that there are, and the page about flags names each one.
func TestDocsFlags(t *testing.T) {
	cmd := command(&ui{})
	commands := map[string]*cobra.Command{"": cmd}
	for _, sub := range cmd.Commands() {
		commands[sub.Name()] = sub
	}
	pages := markdown(t)
	flag := regexp.MustCompile(`(?:^|[ ` + "`" + `])--([a-z0-9-]+)`)
	for name, text := range pages {
		for _, call := range regexp.MustCompile("mrpackage (?:([a-z]+) )?-[^`\n|]*").FindAllStringSubmatch(text, -1) {
			of := commands[call[1]]
			if of == nil {
				t.Errorf("%s shows %q, and there is no such command", name, call[0])
				continue
			}
			for _, m := range flag.FindAllStringSubmatch(call[0], -1) {
				if of.Flag(m[1]) == nil {
					t.Errorf("%s shows %q, and there is no flag --%s", name, call[0], m[1])
				}
			}
		}
	}
	chapter := pages[filepath.Join(root, "packager", "FLAGS.md")]
	named := make(map[string]bool)
	for _, m := range flag.FindAllStringSubmatch(chapter, -1) {
		named[m[1]] = true
		if cmd.Flag(m[1]) == nil {
			t.Errorf("FLAGS.md names --%s, and there is no such flag", m[1])
		}
	}
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !named[f.Name] {
			t.Errorf("FLAGS.md does not name --%s", f.Name)
		}
	})
}

// markdown returns the text of the repository's pages by path.
func markdown(t *testing.T) map[string]string {
	t.Helper()
	pages := make(map[string]string)
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "node_modules" || strings.HasPrefix(d.Name(), ".") && path != root):
			return fs.SkipDir
		case d.IsDir() || filepath.Ext(path) != ".md":
			return nil
		}
		text, err := os.ReadFile(path)
		pages[filepath.Clean(path)] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return pages
}

// headings returns the names by which a page's headings are linked to on
// GitHub.
func headings(page string) (names []string) {
	page = regexp.MustCompile("(?ms)^```.*?^```$").ReplaceAllString(page, "")
	for _, heading := range regexp.MustCompile(`(?m)^#+ (.+)$`).FindAllStringSubmatch(page, -1) {
		name := regexp.MustCompile(`[^a-z0-9 _-]`).ReplaceAllString(strings.ToLower(heading[1]), "")
		names = append(names, strings.ReplaceAll(name, " ", "-"))
	}
	return names
}
