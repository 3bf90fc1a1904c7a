package archive

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"unicode/utf8"

	"github.com/moby/patternmatcher"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// maxEntries bounds what one folder may hold, and maxProblems what is said of
// it: links can make a small tree endless to walk, and a template that names
// the wrong folder the whole disk.
const (
	maxEntries  = 1_000_000
	maxProblems = 20
)

// List returns the files of a folder in the archive's order: sorted by name,
// byte by byte. Links are followed. All problems are found, none is skipped.
//
// Each file is handed to found as soon as it is met.
func List(ctx context.Context, root string, x *Excluder, found func(*File)) (files []*File, left int, errs []error) {
	rules, err := x.rules(root)
	if err != nil {
		return nil, 0, []error{err}
	}
	info, err := os.Stat(root)
	if err != nil {
		return nil, 0, []error{err}
	}
	w := walker{ctx: ctx, root: root, Excluder: x, rules: rules, found: found}
	w.folder(root, RealPath(root), "", []os.FileInfo{info})
	slices.SortFunc(w.files, func(a, b *File) int { return strings.Compare(a.Name, b.Name) })
	return w.files, w.left, w.errs
}

type walker struct {
	ctx  context.Context
	root string
	*Excluder
	rules *patternmatcher.PatternMatcher
	files []*File
	found func(*File)
	left  int // entries left out
	errs  []error
}

func (w *walker) fail(format string, args ...any) {
	w.errs = append(w.errs, fmt.Errorf(format, args...))
}

// folder adds what is in one folder. prefix is its name in the archive, with
// a slash at the end; above holds the folders that lead here, to see cycles.
func (w *walker) folder(path, real, prefix string, above []os.FileInfo) {
	entries, err := os.ReadDir(path)
	var outputs []string
	if err == nil {
		outputs, err = written(path)
	}
	if errors.Is(err, syscall.ENAMETOOLONG) {
		w.fail("the folders below %s are nested too deep for this system: %d levels", w.root, strings.Count(prefix, "/"))
		return
	}
	if entries == nil && err != nil {
		w.fail("reading the folder %s: %s", path, problem.Cause(err))
		return
	}
	if err != nil {
		w.fail("reading %s in %s: %s", OutputsFile, path, problem.Cause(err))
	}
	for _, entry := range entries {
		if w.full() {
			return
		}
		if slices.Contains(outputs, entry.Name()) {
			w.left++
			continue
		}
		w.visit(entry, filepath.Join(path, entry.Name()), filepath.Join(real, entry.Name()), prefix+entry.Name(), above)
	}
}

// full tells whether there is no use in going on.
func (w *walker) full() bool {
	if len(w.files)+w.left > maxEntries && len(w.errs) < maxProblems {
		w.errs = append(w.errs[:0], fmt.Errorf("it holds more than %d files: is this the folder that you mean?", maxEntries))
	}
	return len(w.files)+w.left > maxEntries || len(w.errs) >= maxProblems || w.ctx.Err() != nil
}

// visit adds one entry of a folder, unless it is left out.
func (w *walker) visit(entry os.DirEntry, path, real, name string, above []os.FileInfo) {
	if w.never(entry.Name(), real) {
		w.left++
		if w.output(real) && !w.named(entry.Name()) && entry.Type().IsRegular() {
			w.fail("an output of this run would replace %s: choose another name for it, or remove the file", path)
		}
		return
	}
	excluded, err := w.rules.MatchesOrParentMatches(filepath.FromSlash(name))
	if err != nil {
		w.fail("matching %s: %w", name, err)
		return
	}
	if excluded && (!entry.IsDir() || !w.rules.Exclusions()) {
		w.left++
		return
	}
	info, err := entry.Info()
	if err == nil && info.Mode()&os.ModeSymlink != 0 {
		if info = w.follow(path, above); info == nil {
			return
		}
		if real = RealPath(path); w.never(filepath.Base(real), real) {
			w.left++
			return
		}
	}
	switch {
	case err != nil:
		w.fail("reading %s: %s", path, problem.Cause(err))
	case info.IsDir():
		w.folder(path, real, name+"/", append(above[:len(above):len(above)], info))
	case excluded:
		w.left++
	case !info.Mode().IsRegular():
		w.fail("%s is neither a file nor a folder (%s), and cannot be archived", path, info.Mode().Type())
	case !utf8.ValidString(name) || strings.ContainsAny(name, "\\\x00\r\n"):
		w.fail("the name %q cannot stand in an archive for every system: it holds a backslash, a line break or bytes that are not UTF-8", name)
	default:
		f := NewFile(name, path, info)
		w.files = append(w.files, f)
		w.found(f)
	}
}

// follow returns what a link leads to; nil where that cannot be archived, of which it
// tells.
func (w *walker) follow(path string, above []os.FileInfo) os.FileInfo {
	target, err := os.Readlink(path)
	if err != nil {
		w.fail("reading the link %s: %s", path, problem.Cause(err))
		return nil
	}
	info, err := os.Stat(path)
	if err != nil {
		reason := "which is not there"
		if !errors.Is(err, os.ErrNotExist) {
			reason = problem.Cause(err)
		}
		w.fail("the link %s leads to %s: %s", path, target, reason)
		return nil
	}
	if info.IsDir() && slices.ContainsFunc(above, func(a os.FileInfo) bool { return os.SameFile(a, info) }) {
		w.fail("the link %s leads to %s, a folder that it is in itself: without an end", path, target)
		return nil
	}
	return info
}
