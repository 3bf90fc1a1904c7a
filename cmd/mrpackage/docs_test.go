package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
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
