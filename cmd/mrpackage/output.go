package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager"
)

// outputs are the paths of the packaged templates, in the order of the stores;
// "-" is standard output.
type outputs []string

const defaultOutput = "target/packaged-template-{region}"

func (f *flags) outputs(stores []packager.Store, asJSON bool) outputs {
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
	for _, p := range []string{f.report, f.archiveDir} {
		if p != "" {
			paths = append(paths, p)
		}
	}
	return paths
}

// check finds what would keep the outputs from being written, before anything
// is sent. It leaves nothing behind.
func (o outputs) check(template, report string) []error {
	var errs []error
	folders := make(map[string]bool)
	paths := append([]string{}, o...)
	if report != "" {
		paths = append(paths, report)
	}
	for _, path := range paths {
		if path == "-" {
			continue
		}
		if err := checkFile(path, template); err != nil {
			errs = append(errs, err)
			continue
		}
		if dir := filepath.Dir(path); !folders[dir] {
			folders[dir] = true
			if err := checkFolder(dir); err != nil {
				errs = append(errs, err)
			}
		}
	}
	return errs
}

func checkFile(path, template string) error {
	info, err := os.Stat(path)
	if err != nil {
		return nil //nolint:nilerr // checkFolder tells what is wrong
	}
	if src, err := os.Stat(template); err == nil && os.SameFile(src, info) {
		return &packager.Error{Subject: path, Message: "this output would replace the template", Hint: "choose another --output-template-file"}
	}
	if info.IsDir() {
		return &packager.Error{Subject: path, Message: "this output is a folder", Hint: "choose another --output-template-file"}
	}
	if !info.Mode().IsRegular() {
		return &packager.Error{Subject: path, Message: "this output is not a regular file", Hint: "- is standard output, for one region"}
	}
	return nil
}

// checkFolder tells whether files can be made in a folder, or the folder
// itself can.
func checkFolder(dir string) error {
	there := dir
	for {
		info, err := os.Stat(there)
		if err == nil && !info.IsDir() {
			return &packager.Error{Subject: dir, Message: "the outputs' folder cannot be made: " + there + " is a file"}
		}
		if err == nil {
			break
		}
		parent := filepath.Dir(there)
		if !errors.Is(err, os.ErrNotExist) || parent == there {
			return &packager.Error{Subject: dir, Message: "looking for the outputs' folder: " + err.Error(), Err: err}
		}
		there = parent
	}
	probe, err := os.CreateTemp(there, packager.TempName())
	if err == nil {
		err = errors.Join(probe.Close(), os.Remove(probe.Name()))
	}
	if err != nil {
		return &packager.Error{Subject: dir, Message: "outputs cannot be written: " + err.Error(), Err: err, Hint: "choose another --output-template-file, or make " + there + " writable"}
	}
	return nil
}

// write puts down all templates: every one whole in a temporary file first,
// then all in their places.
func (o outputs) write(templates []packager.Template, stdout io.Writer) (err error) {
	temps := make([]string, len(o))
	defer func() {
		for _, temp := range temps {
			if temp != "" {
				err = errors.Join(err, os.Remove(temp))
			}
		}
	}()
	for i, path := range o {
		if path == "-" {
			if _, err := stdout.Write(templates[i].Body); err != nil {
				return fmt.Errorf("writing the packaged template: %w", err)
			}
			continue
		}
		if temps[i], err = writeTemp(path, templates[i].Body); err != nil {
			return err
		}
	}
	for i, path := range o {
		if path == "-" {
			continue
		}
		if err := os.Rename(temps[i], path); err != nil {
			return fmt.Errorf("writing %s: %w", path, err)
		}
		temps[i] = ""
	}
	return nil
}

// writeTemp writes a whole file beside path, on disk before it returns.
func writeTemp(path string, body []byte) (name string, err error) {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return "", fmt.Errorf("making the folder of %s: %w", path, err)
	}
	f, err := os.CreateTemp(dir, packager.TempName())
	if err != nil {
		return "", fmt.Errorf("writing %s: %w", path, err)
	}
	_, err = f.Write(body)
	// A packaged template is no secret: who deploys it may be another user.
	if err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close()); err != nil {
		return "", fmt.Errorf("writing %s: %w", path, errors.Join(err, os.Remove(f.Name())))
	}
	return f.Name(), nil
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
