package archive

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"unicode"
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

// A Listing is what a folder holds.
type Listing struct {
	Files []*File // in the archive's order: sorted by name, byte by byte
	Links []Link  // that were followed
	Left  int     // entries that are left out
	// Dangling are the links that lead to nothing, where nothing is excluded: they are left
	// out, for their folder is somebody else's, and cannot be made otherwise.
	Dangling []Link
	// Roots are the real paths of the folder, of those that links in it lead to, and of
	// the outputs that they lead to: what lies there, a later run may meet in the folder.
	Roots []string
}

// A Link is a symbolic link in a folder, and the real path of what it leads to.
type Link struct{ Path, Target string }

// List returns what is in a folder. Links are followed. All problems are found, none is
// skipped.
//
// Each file is handed to found as soon as it is met.
func List(ctx context.Context, root string, x *Excluder, found func(*File)) (Listing, []error) {
	info, err := os.Stat(root)
	if err != nil {
		return Listing{}, []error{err}
	}
	rules, err := x.rules(root)
	if errors.Is(err, fs.ErrPermission) && closed(root) {
		err = &problem.Error{Message: fmt.Sprintf("reading the folder %s: %s", root, problem.Cause(err)), Hint: letRead}
	}
	if err != nil {
		return Listing{}, []error{err}
	}
	w := walker{ctx: ctx, root: root, Excluder: x, rules: rules, found: found}
	w.Roots = []string{RealPath(root)}
	w.folder(root, w.Roots[0], "", []os.FileInfo{info})
	slices.SortFunc(w.Files, func(a, b *File) int { return strings.Compare(a.Name, b.Name) })
	return w.Listing, w.errs
}

type walker struct {
	ctx  context.Context
	root string
	*Excluder
	Listing
	rules *patternmatcher.PatternMatcher
	found func(*File)
	errs  []error
}

func (w *walker) fail(format string, args ...any) {
	w.errs = append(w.errs, fmt.Errorf(format, args...))
}

// failEntry reports what keeps one entry out of the archive. Each such entry can be left out.
func (w *walker) failEntry(name, remedy, format string, args ...any) {
	hint := remedy
	switch {
	case name == "", w.none: // it is the whole folder, or cannot be left out
	case remedy == "":
		hint = LeaveOut(name)
	default:
		hint += ", or " + LeaveOut(name)
	}
	w.errs = append(w.errs, &problem.Error{Message: fmt.Sprintf(format, args...), Hint: hint})
}

// listed are the outputs that a folder lists, which stay out.
func (w *walker) listed(dir string) ([]string, error) {
	if w.none {
		return nil, nil
	}
	return listed(dir)
}

// letRead says what to do about what another user owns.
const letRead = "let the build's user read it"

// LeaveOut says how a file of that name in an archive is left out of it.
func LeaveOut(name string) string {
	pattern := strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) && r != utf8.RuneError && !strings.ContainsRune(`\'*?[]!#`, r) {
			return r
		}
		return '?'
	}, name)
	return fmt.Sprintf("leave it out with --exclude '%s', or with that pattern in %s", pattern, IgnoreFile)
}

// folder adds what is in one folder. prefix is its name in the archive, with
// a slash at the end; above holds the folders that lead here, to see cycles.
func (w *walker) folder(path, real, prefix string, above []os.FileInfo) {
	entries, err := os.ReadDir(path)
	var outputs []string
	if err == nil {
		outputs, err = w.listed(path)
	}
	switch {
	case err == nil:
	case w.tooDeep(err, prefix) || w.gone(err, path, prefix):
		return
	case entries == nil || errors.Is(err, fs.ErrPermission) && closed(path):
		remedy := ""
		if errors.Is(err, fs.ErrPermission) {
			remedy = letRead
		}
		w.failEntry(strings.TrimSuffix(prefix, "/"), remedy, "reading the folder %s: %s", path, problem.Cause(err))
		return
	default:
		w.fail("reading %s in %s: %s", OutputsFile, path, problem.Cause(err))
	}
	for _, entry := range entries {
		if w.full() {
			return
		}
		if slices.Contains(outputs, entry.Name()) {
			w.Left++
			continue
		}
		w.visit(entry, filepath.Join(path, entry.Name()), filepath.Join(real, entry.Name()), prefix+entry.Name(), above)
	}
}

// tooDeep tells whether something is wrong because its path is longer than the system
// takes, and says so: the path itself would fill a screen.
func (w *walker) tooDeep(err error, name string) bool {
	if !errors.Is(err, syscall.ENAMETOOLONG) {
		return false
	}
	top, below, _ := strings.Cut(name, "/")
	w.failEntry(top, "build in a folder nearer to the root of the disk", "the folders below %s are nested too deep for this system: %s has %s, and the path %s",
		w.root, top, problem.Count(strings.Count(below, "/")+1, "level"), problem.Count(len(w.root)+1+len(strings.TrimSuffix(name, "/")), "byte"))
	return true
}

// gone tells whether something is not there any more that was a moment ago, and says so.
func (w *walker) gone(err error, path, name string) bool {
	if !errors.Is(err, fs.ErrNotExist) {
		return false
	}
	w.failEntry(strings.TrimSuffix(name, "/"), "", "%s is gone since the folder was listed: is the build still running?", path)
	return true
}

// Unreadable says what to do about a file of that name in an archive that may not be read.
func Unreadable(name string) string { return letRead + ", or " + LeaveOut(name) }

// closed tells whether nothing in a folder can be looked at, which on Unix takes the
// folder's executable bit: the folder is to blame then, and not what is in it.
func closed(folder string) bool {
	_, err := os.Lstat(folder + string(filepath.Separator) + ".")
	return errors.Is(err, fs.ErrPermission)
}

// full tells whether there is no use in going on.
func (w *walker) full() bool {
	if len(w.Files)+w.Left > maxEntries && len(w.errs) < maxProblems {
		w.errs = append(w.errs[:0], fmt.Errorf("it holds more than %d files: is this the folder that you mean?", maxEntries))
	}
	return len(w.Files)+w.Left > maxEntries || len(w.errs) >= maxProblems || w.ctx.Err() != nil
}

// visit adds one entry of a folder, unless it is left out.
func (w *walker) visit(entry os.DirEntry, path, real, name string, above []os.FileInfo) {
	if w.never(entry.Name(), real) {
		w.Left++
		w.keep(path, real, entry.Type())
		return
	}
	excluded, err := w.rules.MatchesOrParentMatches(filepath.FromSlash(name))
	if err != nil {
		w.fail("matching %s: %w", name, err)
		return
	}
	if excluded && (!entry.IsDir() || !w.rules.Exclusions()) {
		w.Left++
		return
	}
	info, err := entry.Info()
	if err == nil && info.Mode()&os.ModeSymlink != 0 {
		if info, real = w.link(path, name, above); info == nil {
			return
		}
		w.Links = append(w.Links, Link{path, real})
	}
	switch {
	case err != nil:
		if !w.tooDeep(err, name) && !w.gone(err, path, name) {
			w.failEntry(name, "", "reading %s: %s", path, problem.Cause(err))
		}
	case info.IsDir():
		w.folder(path, real, name+"/", append(above[:len(above):len(above)], info))
	case excluded:
		w.Left++
	case !info.Mode().IsRegular():
		w.failEntry(name, "", "%s is neither a file nor a folder (%s), and cannot be archived", path, info.Mode().Type())
	case !utf8.ValidString(name) || strings.ContainsAny(name, "\\\x00\r\n"):
		w.failEntry(name, "rename it", "the name %q cannot stand in an archive for every system: it holds a backslash, a line break or bytes that are not UTF-8", name)
	case len(name) > math.MaxUint16: // Windows has such paths
		w.failEntry(strings.Split(name, "/")[0], "", "a file below %s has a name of %d bytes, and an archive takes %d", w.root, len(name), math.MaxUint16)
	default:
		f := NewFile(name, path, info)
		w.Files = append(w.Files, f)
		w.found(f)
	}
}

// keep tells of a file that an output of this run would replace, unless it is one of an
// earlier run.
func (w *walker) keep(path, real string, mode os.FileMode) {
	if w.output(real) && !w.Named(filepath.Base(real)) && mode.IsRegular() {
		w.fail("an output of this run would replace %s: choose another name for it, or remove the file", path)
	}
}

// link returns what a link leads to, and its real path; nil where that is left out, or
// cannot be archived, of which it tells.
func (w *walker) link(path, entry string, above []os.FileInfo) (os.FileInfo, string) {
	real := RealPath(path)
	dir, name := filepath.Split(real)
	outputs, err := w.listed(dir)
	if err != nil && !errors.Is(err, syscall.ENOTDIR) {
		w.fail("reading %s in %s: %s", OutputsFile, dir, problem.Cause(err))
	}
	if w.output(real) {
		w.Roots = append(w.Roots, real)
	}
	if slices.Contains(outputs, name) {
		w.Left++
		return nil, real
	}
	if w.never(name, real) {
		w.Left++
		if info, err := os.Lstat(real); err == nil {
			w.keep(path, real, info.Mode())
		}
		return nil, real
	}
	info := w.follow(path, entry, above)
	if info != nil && info.IsDir() {
		w.Roots = append(w.Roots, real)
	}
	return info, real
}

// follow returns what a link leads to; nil where that cannot be archived, of which it
// tells.
func (w *walker) follow(path, name string, above []os.FileInfo) os.FileInfo {
	target, err := os.Readlink(path)
	if err != nil {
		w.failEntry(name, "", "reading the link %s: %s", path, problem.Cause(err))
		return nil
	}
	info, err := os.Stat(path)
	if w.none && errors.Is(err, os.ErrNotExist) {
		w.Dangling = append(w.Dangling, Link{path, target})
		return nil
	}
	if err != nil {
		reason := "which is not there"
		if !errors.Is(err, os.ErrNotExist) {
			reason = problem.Cause(err)
		}
		w.failEntry(name, "", "the link %s leads to %s: %s", path, target, reason)
		return nil
	}
	if info.IsDir() && slices.ContainsFunc(above, func(a os.FileInfo) bool { return os.SameFile(a, info) }) {
		w.failEntry(name, "", "the link %s leads to %s, a folder that it is in itself: without an end", path, target)
		return nil
	}
	return info
}
