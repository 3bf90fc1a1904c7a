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

// An output is a path that a run writes to, and the flag that names it.
type output struct{ flag, path string }

func (o output) chooseOther() string { return "choose another " + o.flag }

// outputFiles are the files that this run writes.
func (f *flags) outputFiles(templates templatePaths) (files []output) {
	for _, path := range templates {
		files = append(files, output{"--output-template-file", path})
	}
	for _, path := range f.reports {
		files = append(files, output{"--report", path})
	}
	files = append(files, output{"--trace", f.trace})
	return slices.DeleteFunc(files, func(o output) bool { return o.path == "-" || o.path == "" })
}

// checkOutputs finds what would keep the outputs from being written, before
// anything is sent. It leaves nothing behind. plan is nil where planning failed.
func (f *flags) checkOutputs(templates templatePaths, plan *packager.Plan) []error {
	var errs []error
	seen := make(map[string]output)    // the outputs, by the path that is written
	folders := make(map[string]output) // theirs, in the same way
	for _, o := range f.outputFiles(templates) {
		real := packager.WrittenPath(o.path)
		if seen[real].path != "" {
			errs = append(errs, &problem.Error{Subject: o.path, Message: "two outputs are this one file"})
		} else if err := f.checkOutput(o, real, plan); err != nil {
			errs = append(errs, err)
		}
		seen[real] = o
		folders[filepath.Dir(real)] = output{o.flag, folderOf(o.path, real)}
		if plan != nil {
			for _, dir := range plan.Unlisted(o.path) { // a link, which is not written itself
				if folders[dir].path == "" {
					folders[dir] = output{o.flag, dir}
				}
			}
		}
	}
	if f.archiveDir != "" {
		folders[packager.WrittenPath(f.archiveDir)] = output{"--archive-dir", f.archiveDir}
	}
	for _, dir := range slices.Sorted(maps.Keys(folders)) {
		if o := seen[dir]; o.path != "" {
			errs = append(errs, &problem.Error{Subject: o.path, Message: "this output is the folder of another one", Hint: o.chooseOther()})
		} else if err := checkFolder(folders[dir]); err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}

// folderOf is the folder in which an output is written, as the user names it; real is the
// path behind links.
func folderOf(path, real string) string {
	if dir := filepath.Dir(path); packager.WrittenPath(dir) == filepath.Dir(real) {
		return dir
	}
	return filepath.Dir(real) // the output is a link
}

// checkOutput tells why one output cannot be written; real is the path behind
// its links.
func (f *flags) checkOutput(o output, real string, plan *packager.Plan) error {
	path := o.path
	info, err := os.Stat(path)
	found := &problem.Error{Subject: path, Hint: o.chooseOther()}
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
	case err == nil && keptByOwner(real):
		found.Message = "this output cannot be replaced: it is another user's file, in a folder where everybody may replace their own alone"
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
func checkFolder(o output) error {
	dir := o.path
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
		return &problem.Error{Subject: dir, Message: "outputs cannot be written: " + err.Error(), Err: err, Hint: o.chooseOther() + ", or make " + there + " writable"}
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
