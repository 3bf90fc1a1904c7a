package image

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// files are what holds an image: the entries of an archive, or a folder.
type files interface {
	// find returns a file. Where there is none, the error is fs.ErrNotExist.
	find(name string) (piece, error)
	// once tells whether a file is there but once, and so what it says is not in doubt.
	once(name string) bool
	// names are the files, or those at the top.
	names() []string
	close() error
}

// A folder is the path of one that is in OCI image layout.
type folder string

func (d folder) find(name string) (piece, error) {
	name = path.Clean(name)
	if !fs.ValidPath(name) || !filepath.IsLocal(filepath.FromSlash(name)) {
		return piece{}, fs.ErrNotExist
	}
	file := fileIn(string(d), name)
	info, err := os.Stat(file)
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a file", name)
	}
	if err != nil {
		return piece{}, err
	}
	return onDisk(file, info.Size()), nil
}

func (folder) once(string) bool { return true }

func (d folder) names() (names []string) {
	entries, _ := os.ReadDir(string(d)) // they only help to say what is wrong
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func (folder) close() error { return nil }

// An entry is a file in an archive, or a link to another entry.
type entry struct {
	at, size int64
	link     string // the entry's name; "" for a file
	twice    bool   // there is another one of its name, earlier in the archive
}

// A tarFile is an archive that is not compressed as a whole: the places of its files are
// known, and they are read where they are.
type tarFile struct {
	file    *os.File
	entries map[string]entry
}

// mostLinks is how many links may follow one upon the other.
const mostLinks = 8

func (t *tarFile) find(name string) (piece, error) {
	name = path.Clean(name)
	for range mostLinks {
		e, ok := t.entries[name]
		switch {
		case !ok:
			return piece{}, fs.ErrNotExist
		case e.link == "":
			return section(t.file, e.at, e.size), nil
		}
		name = e.link
	}
	return piece{}, fmt.Errorf("%s is a link that leads to no file", problem.OneLine(name))
}

func (t *tarFile) once(name string) bool { return !t.entries[path.Clean(name)].twice }

func (t *tarFile) names() (names []string) {
	for name := range t.entries {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (t *tarFile) close() error { return t.file.Close() }

// longName is longer than the names in any image's archive.
const longName = 1000

// scan finds the files of an archive, which may be a stranger's: nothing is ever written
// where a name says, and a name that leaves the archive is nobody's.
func (t *tarFile) scan(most int) error {
	if _, err := t.file.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("cannot be read: %w", err)
	}
	r := tar.NewReader(t.file)
	for n := 0; ; n++ {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil && n == 0 {
			return fmt.Errorf("%w, and so no container image: %s", errNoTar, howToMake)
		}
		if err != nil {
			return fmt.Errorf("is damaged, or was not written to its end: after %s: %w", problem.Count(n, "file"), err)
		}
		if n == most {
			return fmt.Errorf("holds more than %d files: that is no container image", most)
		}
		if err := t.add(header); err != nil {
			return err
		}
	}
}

// add notes where an entry is, whose content is what is read next.
func (t *tarFile) add(header *tar.Header) (err error) {
	name := path.Clean(header.Name)
	if !fs.ValidPath(name) || len(name) > longName || len(header.Linkname) > longName {
		return nil
	}
	if isSparse(header) {
		return fmt.Errorf("holds %s with holes in it, as tar --sparse writes it: make it without that", problem.OneLine(name))
	}
	e := entry{link: linkOf(name, header)}
	switch {
	case header.Typeflag == tar.TypeReg:
		// The reader takes nothing of the file in advance: it is where its reader is.
		if e.at, err = t.file.Seek(0, io.SeekCurrent); err != nil {
			return fmt.Errorf("cannot be read: %w", err)
		}
		e.size = header.Size
	case e.link == "":
		return nil
	}
	_, e.twice = t.entries[name]
	t.entries[name] = e
	return nil
}

// linkOf is the entry that a link leads to; "" for no link.
func linkOf(name string, h *tar.Header) string {
	switch h.Typeflag {
	case tar.TypeSymlink: // relative to where it is
		return path.Join(path.Dir(name), h.Linkname) //nolint:gosec // it is only looked up among the entries
	case tar.TypeLink: // relative to the archive
		return path.Clean(h.Linkname)
	}
	return ""
}

// isSparse tells whether a file's zeros are left out. No engine does that.
func isSparse(h *tar.Header) bool {
	for name := range h.PAXRecords {
		if strings.HasPrefix(name, "GNU.sparse.") {
			return true
		}
	}
	return h.Typeflag == tar.TypeGNUSparse
}

// topFolder is the one folder that all names are in, or "".
func topFolder(names []string) string {
	var top string
	for _, name := range names {
		first, _, ok := strings.Cut(name, "/")
		if !ok || top != "" && first != top {
			return ""
		}
		top = first
	}
	return top
}
