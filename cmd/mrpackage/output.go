package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager"
)

// An output is a file that a run writes: a packaged template, the report, the
// trace.

// templatePaths are where the packaged templates go, in the order of the
// regions; "-" is standard output.
type templatePaths []string

const defaultOutput = "target/packaged-template-{region}"

// templatePaths fills the regions into the pattern of --output-template-file;
// none where no template is written.
func (f *flags) templatePaths(regions []string, asJSON bool) templatePaths {
	if f.shard.Count > 0 {
		return nil // the last run writes them
	}
	pattern := f.outputPattern
	if pattern == "" {
		pattern = defaultOutput + ".yaml"
		if asJSON {
			pattern = defaultOutput + ".json"
		}
		pattern = filepath.FromSlash(pattern)
	}
	paths := make(templatePaths, len(regions))
	for i, region := range regions {
		paths[i] = strings.ReplaceAll(pattern, "{region}", region)
	}
	return paths
}

// outputs are the paths that no archive may hold: all that this run may write,
// whatever the template's format and regions, and the archives' own folder.
func (f *flags) outputs() []string {
	paths := []string{defaultOutput + ".yaml", defaultOutput + ".json"}
	for _, path := range []string{f.outputPattern, f.report, f.trace, f.archiveDir} {
		if path != "" && path != "-" {
			paths = append(paths, path)
		}
	}
	return paths
}

// rememberOutputs lists, in a file beside them, the outputs that lie in an
// artifact's folder: their names do not show that they are outputs, and no
// later run, whatever its flags, may package them.
func rememberOutputs(paths []string, artifacts []packager.Artifact) error {
	for _, path := range paths {
		if path == "-" || path == "" {
			continue
		}
		abs, err := filepath.Abs(path)
		if err != nil {
			return fmt.Errorf("finding %s: %w", path, err)
		}
		dir, name := filepath.Split(abs)
		if !slices.ContainsFunc(artifacts, func(a packager.Artifact) bool { return a.Holds(dir) }) {
			continue
		}
		if err := os.MkdirAll(dir, 0o777); err != nil {
			return fmt.Errorf("making the folder of %s: %w", path, err)
		}
		if err := addLine(filepath.Join(dir, packager.OutputsFile), name); err != nil {
			return fmt.Errorf("listing the outputs: %w", err)
		}
	}
	return nil
}

// addLine adds a line to a file that does not hold it yet.
func addLine(file, line string) error {
	text, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if slices.Contains(strings.Split(string(text), "\n"), line) {
		return nil
	}
	text = append(text, line+"\n"...)
	return os.WriteFile(file, text, 0o644) //nolint:gosec // the user names the outputs' folder
}

// behindLinks is the path that is written where path is a link: what it leads
// to. The link stays.
func behindLinks(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	for range 40 { // as many links as Linux follows; the last may lead to a file that is to be made
		if real, err := filepath.EvalSymlinks(path); err == nil {
			return real
		}
		link, err := os.Readlink(path)
		if err != nil {
			break
		}
		if !filepath.IsAbs(link) {
			link = filepath.Join(filepath.Dir(path), link)
		}
		path = link
	}
	return path
}
