package main

import (
	"path/filepath"
	"slices"
	"strings"
)

// An output is a file that a run writes: a packaged template, a report, the
// trace.

// templatePaths are where the packaged templates go, in the order of the
// regions, or the one for all of them; "-" is standard output.
type templatePaths []string

const defaultOutput, defaultOneOutput = "target/packaged-template-{region}", "target/packaged-template"

// templatePaths fills the regions into the pattern of --output-template-file;
// none where no template is written.
func (f *flags) templatePaths(regions []string, asJSON bool) templatePaths {
	if f.shard.Count > 0 {
		return nil // the last run writes them
	}
	pattern := f.outputPattern
	if pattern == "" {
		pattern = defaultOutput
		if f.oneTemplate {
			pattern = defaultOneOutput
		}
		if asJSON {
			pattern += ".json"
		} else {
			pattern += ".yaml"
		}
		pattern = filepath.FromSlash(pattern)
	}
	if f.oneTemplate {
		return templatePaths{pattern}
	}
	paths := make(templatePaths, len(regions))
	for i, region := range regions {
		paths[i] = strings.ReplaceAll(pattern, "{region}", region)
	}
	return paths
}

// of is where the template of the i-th region goes; "" where none is written.
func (t templatePaths) of(i int) string {
	if len(t) == 0 {
		return ""
	}
	return t[min(i, len(t)-1)]
}

// outputs are the paths that no archive may hold: all that this run may write,
// whatever the template's format and regions, and the archives' own folder. Those
// of the regions are named beside the patterns, for each may be a link.
func (f *flags) outputs(regions []string) []string {
	paths := []string{defaultOutput + ".yaml", defaultOutput + ".json", defaultOneOutput + ".yaml", defaultOneOutput + ".json", f.outputPattern}
	for _, pattern := range slices.Clone(paths) {
		for _, region := range regions {
			paths = append(paths, strings.ReplaceAll(pattern, "{region}", region))
		}
	}
	paths = append(append(paths, f.reports...), f.trace, f.archiveDir)
	return slices.DeleteFunc(paths, func(path string) bool { return path == "" || path == "-" })
}
