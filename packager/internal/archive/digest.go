package archive

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// formatVersion is raised whenever the bytes of an archive change for the same
// files: it is part of every digest, so old and new archives never share a key.
const formatVersion = 2

// A File is one entry of an archive: listed first, its content's digest added
// when it is read.
type File struct {
	Name   string // the path in the archive, with slashes
	Path   string // where it is on disk
	exec   bool   // any executable bit is set
	Size   int64
	SHA256 [sha256.Size]byte
	crc    uint32 // which an archive holds, and tells when it is made whether the file has changed

	Err         error // of reading it
	HoldsFolder bool  // it holds the path of the folder that it was built in
}

// NewFile is a file at path that is called name in an archive.
func NewFile(name, path string, info os.FileInfo) *File {
	return &File{Name: name, Path: path, exec: info.Mode()&0o111 != 0, Size: info.Size()}
}

// Size is how many bytes files have together.
func Size(files []*File) (n int64) {
	for _, f := range files {
		n += f.Size
	}
	return n
}

// A Hasher reads files, one after the other.
type Hasher struct {
	folders [][]byte // whose paths are looked for
	buf     []byte   // room for a block, the longest of the paths, and a byte
}

// NewHasher returns a hasher that looks for the paths of folders in what it reads.
func NewHasher(folders [][]byte) *Hasher {
	return &Hasher{folders, make([]byte, blockSize+longest(folders)+1)}
}

// Hash reads a file and fills in its sums, and whether it holds one of the folders'
// paths. A size other than the listed one means that somebody writes to it.
func (h *Hasher) Hash(ctx context.Context, f *File) error {
	if f.Size > blockSize {
		return h.hashLarge(ctx, f)
	}
	n, err := readFile(f.Path, h.buf[:f.Size+1])
	if err != nil {
		return cannot("reading", f.Path, err)
	}
	if int64(n) != f.Size {
		return f.changed()
	}
	f.SHA256, f.crc = sha256.Sum256(h.buf[:n]), checksum(0, h.buf[:n])
	f.HoldsFolder = holds(h.buf[:n], h.folders)
	return nil
}

// hashLarge is hash for a file of many blocks.
func (h *Hasher) hashLarge(ctx context.Context, f *File) error {
	r, err := os.Open(f.Path)
	if err != nil {
		return cannot("opening", f.Path, err)
	}
	defer r.Close() // nothing was written
	sum := sha256.New()
	var size int64
	kept := 0 // bytes of the piece before, with which a path may begin
	for {
		n, err := contextReader{ctx, r}.Read(h.buf[kept:])
		size += int64(n)
		_, _ = sum.Write(h.buf[kept : kept+n])
		f.crc = checksum(f.crc, h.buf[kept:kept+n])
		piece := h.buf[:kept+n]
		f.HoldsFolder = f.HoldsFolder || size <= searched && holds(piece, h.folders)
		kept = copy(h.buf, piece[max(0, len(piece)-longest(h.folders)):])
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return cannot("reading", f.Path, err)
		}
	}
	if size != f.Size {
		return f.changed()
	}
	f.SHA256 = [sha256.Size]byte(sum.Sum(nil))
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

// cannot is an error of the file system with its path once.
func cannot(do, path string, err error) error {
	return &problem.Error{Message: fmt.Sprintf("%s %s: %s", do, path, problem.Cause(err)), Err: err}
}

func (f *File) changed() error {
	return fmt.Errorf("%s changed while it was read: is the build still running?", f.Path)
}

// Digest is the content digest of an archive: the SHA-256 of a line with the
// format version, then for each file, in order, its name's length, name,
// executable bit, size, and the SHA-256 of its content.
func Digest(files []*File) string {
	var b bytes.Buffer
	fmt.Fprintf(&b, "mrpackage archive %d\n", formatVersion)
	for _, f := range files {
		fmt.Fprintf(&b, "%d %s %t %d %x\n", len(f.Name), f.Name, f.exec, f.Size, f.SHA256)
	}
	sum := sha256.Sum256(b.Bytes())
	return hex.EncodeToString(sum[:])
}
