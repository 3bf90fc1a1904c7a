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

const chooseOther = "choose another --output-template-file"

// checkOutputs finds what would keep the outputs from being written, before
// anything is sent. It leaves nothing behind. plan is nil where planning failed.
func (f *flags) checkOutputs(templates templatePaths, plan *packager.Plan) []error {
	var errs []error
	seen := make(map[string]string)    // the outputs, by the path that is written
	folders := make(map[string]string) // theirs, in the same way
	for _, path := range append(slices.Clone(templates), f.report, f.trace) {
		if path == "-" || path == "" {
			continue
		}
		real := packager.WrittenPath(path)
		if seen[real] != "" {
			errs = append(errs, &problem.Error{Subject: path, Message: "two outputs are this one file"})
		} else if err := f.checkOutput(path, real, plan); err != nil {
			errs = append(errs, err)
		}
		seen[real] = path
		folders[filepath.Dir(real)] = filepath.Dir(path)
	}
	if f.archiveDir != "" {
		folders[packager.WrittenPath(f.archiveDir)] = f.archiveDir
	}
	for _, dir := range slices.Sorted(maps.Keys(folders)) {
		if seen[dir] != "" {
			errs = append(errs, &problem.Error{Subject: seen[dir], Message: "this output is the folder of another one", Hint: chooseOther})
		} else if err := checkFolder(folders[dir]); err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}

// checkOutput tells why one output cannot be written; real is the path behind
// its links.
func (f *flags) checkOutput(path, real string, plan *packager.Plan) error {
	info, err := os.Stat(path)
	found := &problem.Error{Subject: path, Hint: chooseOther}
	name := filepath.Base(real)
	switch {
	case strings.ContainsAny(path+real, "\r\n"):
		found.Message = "this output's path holds the end of a line"
	case name == ".mrpackage-outputs" || name == ".mrpackageignore":
		found.Message = "mrpackage reads a file of this name in a folder that it packages"
	case errors.Is(err, syscall.ENOTDIR):
		return nil // checkFolder says so
	case err != nil && !errors.Is(err, os.ErrNotExist):
		found.Message = fmt.Sprintf("this output cannot be written: %v", err)
	case err == nil && info.IsDir():
		found.Message = "this output is a folder"
	case err == nil && !info.Mode().IsRegular() || strings.HasPrefix(real, "/dev/") || strings.HasPrefix(real, "/proc/"):
		found.Message = "this output is not a regular file"
		found.Hint = "- is standard output, for one template"
	case err == nil && (sameFile(f.templateFile, info) || plan != nil && plan.Reads(path)):
		found.Message = "this output would replace the template or a file that it refers to"
	default:
		return nil
	}
	return found
}

func sameFile(path string, info os.FileInfo) bool {
	other, err := os.Stat(path)
	return err == nil && os.SameFile(other, info)
}

// checkFolder tells whether files can be made in a folder, or the folder
// itself can.
func checkFolder(dir string) error {
	for range raceTries {
		there, err := existingFolder(dir)
		if err != nil {
			return err
		}
		probe, err := os.CreateTemp(there, packager.TempName())
		if err == nil {
			err = errors.Join(probe.Close(), os.Remove(probe.Name()))
		}
		if err == nil {
			return nil
		}
		if _, serr := os.Stat(there); errors.Is(serr, os.ErrNotExist) {
			continue // another run has removed the folder that it made
		}
		return &problem.Error{Subject: dir, Message: "outputs cannot be written: " + err.Error(), Err: err, Hint: chooseOther + ", or make " + there + " writable"}
	}
	return &problem.Error{Subject: dir, Message: "the outputs' folder is made and removed all the time", Hint: "does another program use it?"}
}

// raceTries is how often a folder is sought or made anew that another run removes: one
// that fails removes the folders that it made.
const raceTries = 100

// existingFolder returns the folder, or the nearest one above it that is there.
func existingFolder(dir string) (string, error) {
	found := &problem.Error{Subject: dir}
	for there := dir; ; there = filepath.Dir(there) {
		info, err := os.Stat(there)
		link, linkErr := os.Lstat(there)
		switch {
		case err == nil && info.IsDir():
			return there, nil
		case err == nil:
			found.Message = "the outputs' folder cannot be made: " + there + " is a file"
		case linkErr == nil && link.Mode()&os.ModeSymlink != 0:
			found.Message = "the outputs' folder cannot be made: " + there + " is a link that leads nowhere"
		case errors.Is(err, os.ErrNotExist) && filepath.Dir(there) != there: // or another run has made it just now
			continue
		default:
			found.Message, found.Err = "looking for the outputs' folder: "+err.Error(), err
		}
		return "", found
	}
}
