package packager

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/moby/patternmatcher"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// formatVersion is raised whenever the bytes of an archive change for the same
// files: it is part of every digest, so old and new archives never share a key.
const formatVersion = 2

// maxEntries bounds what one folder may hold, and maxProblems what is said of
// it: links can make a small tree endless to walk, and a template that names
// the wrong folder the whole disk.
const (
	maxEntries  = 1_000_000
	maxProblems = 20
)

// A file is one entry of an archive: listed first, its content's digest added
// when it is read.
type file struct {
	name string // the path in the archive, with slashes
	path string // where it is on disk
	exec bool   // any executable bit is set
	size int64
	sum  [sha256.Size]byte
	crc  uint32 // which an archive holds, and tells when it is made whether the file has changed

	err    error // of reading it
	placed bool  // it holds the path of the folder that it was built in
}

// list returns the files of a folder in the archive's order: sorted by name,
// byte by byte. Links are followed. All problems are found, none is skipped.
//
// Each file is handed to found as soon as it is met.
func list(ctx context.Context, root string, x *excluder, found func(*file)) (files []*file, left int, errs []error) {
	rules, err := x.rules(root)
	if err != nil {
		return nil, 0, []error{err}
	}
	info, err := os.Stat(root)
	if err != nil {
		return nil, 0, []error{err}
	}
	w := walker{ctx: ctx, excluder: x, rules: rules, found: found}
	w.folder(root, realPath(root), "", []os.FileInfo{info})
	slices.SortFunc(w.files, func(a, b *file) int { return strings.Compare(a.name, b.name) })
	return w.files, w.left, w.errs
}

type walker struct {
	ctx context.Context
	*excluder
	rules *patternmatcher.PatternMatcher
	files []*file
	found func(*file)
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
	if err != nil {
		w.fail("reading the folder %s: %s", path, problem.Cause(err))
		return
	}
	outputs, err := written(path)
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
		w.entry(entry, filepath.Join(path, entry.Name()), filepath.Join(real, entry.Name()), prefix+entry.Name(), above)
	}
}

// full tells whether there is no use in going on.
func (w *walker) full() bool {
	if len(w.files)+w.left > maxEntries && len(w.errs) < maxProblems {
		w.errs = append(w.errs[:0], fmt.Errorf("it holds more than %d files: is this the folder that you mean?", maxEntries))
	}
	return len(w.files)+w.left > maxEntries || len(w.errs) >= maxProblems || w.ctx.Err() != nil
}

func (w *walker) entry(entry os.DirEntry, path, real, name string, above []os.FileInfo) {
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
	link := err == nil && info.Mode()&os.ModeSymlink != 0
	if link {
		target, lerr := os.Readlink(path)
		if lerr != nil {
			w.fail("reading the link %s: %s", path, problem.Cause(lerr))
			return
		}
		if info, err = os.Stat(path); err != nil {
			reason := "which is not there"
			if !errors.Is(err, os.ErrNotExist) {
				reason = problem.Cause(err)
			}
			w.fail("the link %s leads to %s: %s", path, target, reason)
			return
		}
		real = realPath(path)
		if info.IsDir() && slices.ContainsFunc(above, func(a os.FileInfo) bool { return os.SameFile(a, info) }) {
			w.fail("the link %s leads to %s, a folder that it is in itself: without an end", path, target)
			return
		}
		if w.never(filepath.Base(real), real) {
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
		f := &file{name: name, path: path, exec: info.Mode()&0o111 != 0, size: info.Size()}
		w.files = append(w.files, f)
		w.found(f)
	}
}

// hash reads the file and fills in its sums, and whether it holds one of the
// folders' paths. A size other than the listed one means that somebody writes
// to it. buf holds a block, the longest of the paths, and a byte.
func (f *file) hash(ctx context.Context, folders [][]byte, buf []byte) error {
	if f.size <= blockSize {
		n, err := readFile(f.path, buf[:f.size+1])
		if err != nil {
			return fmt.Errorf("reading %s: %s", f.path, problem.Cause(err))
		}
		if int64(n) != f.size {
			return f.changed()
		}
		f.sum, f.crc = sha256.Sum256(buf[:n]), checksum(0, buf[:n])
		f.placed = holds(buf[:n], folders)
		return nil
	}
	r, err := os.Open(f.path)
	if err != nil {
		return fmt.Errorf("opening %s: %s", f.path, problem.Cause(err))
	}
	defer r.Close() // nothing was written
	h := sha256.New()
	var size int64
	kept := 0 // bytes of the piece before, with which a path may begin
	for {
		n, err := contextReader{ctx, r}.Read(buf[kept:])
		size += int64(n)
		_, _ = h.Write(buf[kept : kept+n])
		f.crc = checksum(f.crc, buf[kept:kept+n])
		piece := buf[:kept+n]
		f.placed = f.placed || size <= searched && holds(piece, folders)
		kept = copy(buf, piece[max(0, len(piece)-longest(folders)):])
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("reading %s: %s", f.path, problem.Cause(err))
		}
	}
	if size != f.size {
		return f.changed()
	}
	f.sum = [sha256.Size]byte(h.Sum(nil))
	return nil
}

// searched is how much of a file is searched for the path of the build's
// folder.
const searched = 8 << 20

func holds(content []byte, folders [][]byte) bool {
	return slices.ContainsFunc(folders, func(folder []byte) bool { return bytes.Contains(content, folder) })
}

func longest(folders [][]byte) (n int) {
	for _, folder := range folders {
		n = max(n, len(folder))
	}
	return n
}

func (f *file) changed() error {
	return fmt.Errorf("%s changed while it was read: is the build still running?", f.path)
}

// digestOf is the content digest of an archive: the SHA-256 of a line with the
// format version, then for each file, in order, its name's length, name,
// executable bit, size, and the SHA-256 of its content.
func digestOf(files []*file) string {
	var b bytes.Buffer
	fmt.Fprintf(&b, "mrpackage archive %d\n", formatVersion)
	for _, f := range files {
		fmt.Fprintf(&b, "%d %s %t %d %x\n", len(f.name), f.name, f.exec, f.size, f.sum)
	}
	sum := sha256.Sum256(b.Bytes())
	return hex.EncodeToString(sum[:])
}
