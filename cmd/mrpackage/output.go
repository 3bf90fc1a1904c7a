package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/symphoniacloud/multi-region-codepipeline/packager"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// outputs are the paths of the packaged templates, in the order of the stores;
// "-" is standard output.
type outputs []string

const defaultOutput = "target/packaged-template-{region}"

func (f *flags) outputs(stores []packager.Store, asJSON bool) outputs {
	if f.shard != "" {
		return nil // the last run writes them
	}
	pattern := f.output
	if pattern == "" {
		pattern = defaultOutput + ".yaml"
		if asJSON {
			pattern = defaultOutput + ".json"
		}
		pattern = filepath.FromSlash(pattern)
	}
	paths := make(outputs, len(stores))
	for i, s := range stores {
		paths[i] = strings.ReplaceAll(pattern, "{region}", s.Region)
	}
	return paths
}

// excludedOutputs are all paths that this run may write.
func (f *flags) excludedOutputs() []string {
	paths := []string{defaultOutput + ".yaml", defaultOutput + ".json"}
	if f.output != "" && f.output != "-" {
		paths = append(paths, f.output)
	}
	for _, p := range []string{f.report, f.trace, f.archiveDir} {
		if p != "" {
			paths = append(paths, p)
		}
	}
	return paths
}

// check finds what would keep the outputs from being written, before anything
// is sent. It leaves nothing behind. plan is nil where planning failed.
func (o outputs) check(f *flags, plan *packager.Plan) []error {
	var errs []error
	add := func(path, hint, format string, args ...any) {
		errs = append(errs, &problem.Error{Subject: path, Message: fmt.Sprintf(format, args...), Hint: hint})
	}
	const other = "choose another --output-template-file"
	seen := make(map[string]string)    // by real path
	folders := make(map[string]string) // as the user named them, by real path
	for _, path := range append(slices.Clone(o), f.report, f.trace) {
		if path == "-" || path == "" {
			continue
		}
		real := target(path)
		info, err := os.Stat(path)
		switch {
		case seen[real] != "":
			add(path, "", "two outputs are this one file")
		case errors.Is(err, syscall.ENOTDIR): // checkFolder says so
		case err != nil && !errors.Is(err, os.ErrNotExist):
			add(path, other, "this output cannot be written: %v", err)
		case err == nil && info.IsDir():
			add(path, other, "this output is a folder")
		case err == nil && !info.Mode().IsRegular() || strings.HasPrefix(real, "/dev/") || strings.HasPrefix(real, "/proc/"):
			add(path, "- is standard output, for one region", "this output is not a regular file")
		case err == nil && (sameFile(f.templateFile, info) || plan != nil && plan.Reads(path)):
			add(path, other, "this output would replace the template or a file that it refers to")
		}
		seen[real] = path
		folders[filepath.Dir(real)] = filepath.Dir(path)
	}
	if f.archiveDir != "" {
		folders[target(f.archiveDir)] = f.archiveDir
	}
	for _, dir := range slices.Sorted(maps.Keys(folders)) {
		if seen[dir] != "" {
			add(seen[dir], other, "this output is the folder of another one")
		} else if err := checkFolder(folders[dir]); err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}

func sameFile(path string, info os.FileInfo) bool {
	other, err := os.Stat(path)
	return err == nil && os.SameFile(other, info)
}

// target is where an output really goes: what a link leads to is written, the
// link stays.
func target(path string) string {
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

// checkFolder tells whether files can be made in a folder, or the folder
// itself can.
func checkFolder(dir string) error {
	there := dir
	for {
		info, err := os.Stat(there)
		if err == nil && !info.IsDir() {
			return &problem.Error{Subject: dir, Message: "the outputs' folder cannot be made: " + there + " is a file"}
		}
		if err == nil {
			break
		}
		if _, lerr := os.Lstat(there); lerr == nil {
			return &problem.Error{Subject: dir, Message: "the outputs' folder cannot be made: " + there + " is a link that leads nowhere"}
		}
		parent := filepath.Dir(there)
		if !errors.Is(err, os.ErrNotExist) || parent == there {
			return &problem.Error{Subject: dir, Message: "looking for the outputs' folder: " + err.Error(), Err: err}
		}
		there = parent
	}
	probe, err := os.CreateTemp(there, packager.TempName())
	if err == nil {
		err = errors.Join(probe.Close(), os.Remove(probe.Name()))
	}
	if err != nil {
		return &problem.Error{Subject: dir, Message: "outputs cannot be written: " + err.Error(), Err: err, Hint: "choose another --output-template-file, or make " + there + " writable"}
	}
	return nil
}

// remember lists the outputs that lie in an artifact's folder and do not show
// by their names that they are outputs, so that no later run, whatever its
// flags, packages them.
func remember(paths []string, artifacts []packager.Artifact) error {
	for _, path := range paths {
		abs, err := filepath.Abs(path)
		if err != nil {
			return fmt.Errorf("finding %s: %w", path, err)
		}
		dir, name := filepath.Split(abs)
		inside := slices.ContainsFunc(artifacts, func(a packager.Artifact) bool { return a.Holds(dir) })
		if path == "-" || path == "" || !inside {
			continue
		}
		if err := os.MkdirAll(dir, 0o777); err != nil {
			return fmt.Errorf("making the folder of %s: %w", path, err)
		}
		list := filepath.Join(dir, packager.OutputsFile)
		text, err := os.ReadFile(list)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("reading the list of outputs: %w", err)
		}
		if slices.Contains(strings.Split(string(text), "\n"), name) {
			continue
		}
		text = append(text, name+"\n"...)
		if err := os.WriteFile(list, text, 0o644); err != nil { //nolint:gosec // the user names the outputs' folder
			return fmt.Errorf("listing the outputs: %w", err)
		}
	}
	return nil
}
