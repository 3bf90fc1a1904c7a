package archive

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/region"
)

// IgnoreFile holds patterns in an artifact's root, in .dockerignore's syntax
// (docs.docker.com, "Dockerfile reference", .dockerignore file).
const IgnoreFile = ".mrpackageignore"

// TempName is the pattern of every temporary name that mrpackage makes, so
// that what a killed run left is known and never packaged.
const TempName = ".mrpackage-*.tmp"

// An Excluder knows what never enters an archive.
type Excluder struct {
	none     bool             // excludes nothing, see Everything
	patterns []string         // of Options.Exclude
	paths    map[string]bool  // the places of this run's outputs
	outputs  []*regexp.Regexp // absolute paths of outputs for any region
	names    []*regexp.Regexp // base names of outputs for any region
}

// NewExcluder takes output paths, which may hold {region}. Such a pattern
// stands for every region, so that outputs of an earlier run for other
// regions stay out too. Files that have the default output's name stay out
// wherever they are.
func NewExcluder(patterns, outputs []string) (*Excluder, error) {
	x := &Excluder{patterns: patterns, paths: make(map[string]bool)}
	if !utf8.ValidString(strings.Join(patterns, "")) {
		return nil, fmt.Errorf("the exclude patterns %q are not UTF-8", patterns)
	}
	if _, err := patternmatcher.New(patterns); err != nil {
		return nil, fmt.Errorf("reading the exclude patterns %q: %w", patterns, err)
	}
	pattern := func(s string) *regexp.Regexp {
		return regexp.MustCompile("^" + strings.ReplaceAll(regexp.QuoteMeta(s), regexp.QuoteMeta("{region}"), region.Pattern) + "$")
	}
	names := []string{
		"packaged-template-{region}.yaml", "packaged-template-{region}.yml", "packaged-template-{region}.json",
		"packaged-template.yaml", "packaged-template.yml", "packaged-template.json", // one for all regions
	}
	for _, out := range outputs {
		abs, err := filepath.Abs(out)
		if err != nil {
			return nil, fmt.Errorf("finding the output %s: %w", out, err)
		}
		if strings.Contains(out, "{region}") {
			x.outputs = append(x.outputs, pattern(RealPath(abs)))
			continue
		}
		for _, place := range Places(abs) {
			x.paths[place] = true
		}
	}
	for _, name := range names {
		x.names = append(x.names, pattern(name))
	}
	return x, nil
}

// Everything excludes nothing: all of a folder's files are its content, whatever they are
// called, as where a key is the hash of all of them.
func Everything() *Excluder { return &Excluder{none: true} }

// readList reads a list beside an artifact's files; none is an empty one.
// A pipe under its name would never end.
func readList(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("it is not a regular file")
	}
	if err != nil {
		return nil, err
	}
	return os.ReadFile(path)
}

// output tells whether this run may write to the path.
func (x *Excluder) output(real string) bool {
	return x.paths[real] || slices.ContainsFunc(x.outputs, func(r *regexp.Regexp) bool { return r.MatchString(real) })
}

// never tells whether an entry stays out of every archive: version control,
// outputs, temporary files, the ignore file itself.
func (x *Excluder) never(name, real string) bool {
	if x.none {
		return false
	}
	if name == ".git" || name == IgnoreFile || name == OutputsFile || x.output(real) {
		return true
	}
	if temp, _ := filepath.Match(TempName, name); temp {
		return true
	}
	return x.Named(name)
}

// Named tells whether a file has the default output's name.
func (x *Excluder) Named(name string) bool {
	return slices.ContainsFunc(x.names, func(r *regexp.Regexp) bool { return r.MatchString(name) })
}

// rules returns the matcher for one artifact: its ignore file's patterns, then
// those of the run, so that the run has the last word.
func (x *Excluder) rules(root string) (*patternmatcher.PatternMatcher, error) {
	if x.none {
		return patternmatcher.New(nil)
	}
	path := filepath.Join(root, IgnoreFile)
	text, err := readList(path)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	if !utf8.Valid(text) {
		return nil, fmt.Errorf("reading %s: it is not UTF-8", path)
	}
	patterns, err := ignorefile.ReadAll(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	rules, err := patternmatcher.New(append(patterns, x.patterns...))
	if err != nil {
		return nil, fmt.Errorf("reading the patterns of %s: %w", path, err)
	}
	return rules, nil
}
