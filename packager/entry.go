package packager

import (
	"archive/zip"
	"math"
	"strings"
)

// An Entry is one file of an artifact.
type Entry struct {
	Name   string // its path in the archive, with slashes
	Size   int64  // bytes
	Packed int64  // bytes in the archive; 0 where it was not made, as all stores have it
}

// Entries returns the artifact's files, in the archive's order, also where nothing was
// archived. Of a file that is a zip already they are those in it, as it is now. An
// artifact that no plan has made has none.
func (a *Artifact) Entries() []Entry {
	if a.of == nil {
		return nil
	}
	if !a.of.zip {
		if entries := zipEntries(a.of.files[0].Path); entries != nil {
			return entries
		}
	}
	var packed []int64
	if sizes := a.of.packed.Load(); sizes != nil {
		packed = *sizes
	}
	entries := make([]Entry, len(a.of.files))
	for i, f := range a.of.files {
		entries[i] = Entry{Name: f.Name, Size: f.Size}
		if packed != nil {
			entries[i].Packed = packed[i]
		}
	}
	return entries
}

// zipEntries are the files in a zip, as its directory tells; none of another file.
func zipEntries(path string) (entries []Entry) {
	z, err := zip.OpenReader(path)
	if err != nil {
		return nil
	}
	defer z.Close() // nothing was written
	// What a broken or a false zip tells is no reason for a sum that overflows.
	told := func(size uint64) int64 { return int64(min(size, math.MaxInt32*1024)) }
	for _, f := range z.File {
		if !strings.HasSuffix(f.Name, "/") {
			entries = append(entries, Entry{f.Name, told(f.UncompressedSize64), told(f.CompressedSize64)})
		}
	}
	return entries
}
