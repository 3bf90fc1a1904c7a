package archive

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// tree writes a folder of files with every kind of content: empty, text,
// incompressible, and both of these larger than what is compressed in memory.
func tree(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	noise := make([]byte, 8*blockSize+4096)
	for i, x := 0, uint64(88172645463325252); i < len(noise); i++ {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		noise[i] = byte(x >> 24)
	}
	for name, content := range map[string][]byte{
		"index.js":           []byte("exports.handler = async () => 'hello'\n"),
		"empty":              nil,
		"bin/tool":           []byte("#!/bin/sh\necho tool\n"),
		"lib/noise":          noise[:5000],
		"lib/large-noise":    noise,
		"lib/large-text.txt": bytes.Repeat([]byte("all work and no play\n"), 8*blockSize/21+9),
		"lib-a":              []byte("sorts before lib/"),
		"ünïcode/日本.txt":     []byte("names are UTF-8\n"),
	} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		mode := os.FileMode(0o600)
		if name == "bin/tool" {
			mode = 0o700
		}
		if err := os.WriteFile(path, content, mode); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func hashed(t *testing.T, dir string) []*File {
	t.Helper()
	x, err := NewExcluder(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	found, errs := List(t.Context(), dir, x, func(*File) {})
	for _, f := range found.Files {
		errs = append(errs, NewHasher(nil).Hash(t.Context(), f))
	}
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	return found.Files
}

// The bytes of an archive, and its digest, are a promise: keys live on in
// buckets, and another archive under a key that is stored is never uploaded.
// Whoever must change these values raises formatVersion.
func TestArchiveBytes(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Log("without executable bits the digest is another")
		return
	}
	const (
		wantDigest = "0dea013b330e189c9bf3a5f32dcaf62303c235175deb32f3c129a4a4046663f7"
		wantSum    = "d19328f29d54374d15d472f2e1a01a18b9a817d5db95bd25275a7ff001732cc5"
	)
	files := hashed(t, tree(t))
	if got := Digest(files); got != wantDigest {
		t.Errorf("digest is %s, want %s", got, wantDigest)
	}
	for _, workers := range []int{1, 2, 7} {
		a := newArchiverWith(t.TempDir(), blockSize, workers)
		s, err := a.Archive(t.Context(), files)
		if err != nil {
			t.Fatal(err)
		}
		if got := hex.EncodeToString(s.SHA256[:]); got != wantSum {
			t.Errorf("with %d workers the archive's SHA-256 is %s, want %s", workers, got, wantSum)
		}
		stored, err := os.ReadFile(s.Path)
		if err != nil {
			t.Fatal(err)
		}
		if sha256.Sum256(stored) != s.SHA256 || int64(len(stored)) != s.Size {
			t.Error("size or sum is not that of the file")
		}
	}
}

// What the package comment says of an archive, entry by entry.
func TestArchiveEntries(t *testing.T) {
	dir := tree(t)
	s, err := NewArchiver(t.TempDir(), blockSize).Archive(t.Context(), hashed(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	z, err := zip.OpenReader(s.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	var names []string
	for _, f := range z.File {
		names = append(names, f.Name)
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r) // checks the CRC
		if err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(f.Name)))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s has other content (%v)", f.Name, err)
		}
		if f.Method == zip.Store != (f.CompressedSize64 == f.UncompressedSize64) || f.CompressedSize64 > f.UncompressedSize64 {
			t.Errorf("%s: method %d, %d bytes of %d", f.Name, f.Method, f.CompressedSize64, f.UncompressedSize64)
		}
		mode := os.FileMode(0o644)
		if f.Name == "bin/tool" && runtime.GOOS != "windows" {
			mode = 0o755
		}
		if f.Mode() != mode {
			t.Errorf("%s has mode %v, want %v", f.Name, f.Mode(), mode)
		}
		if f.Modified.UTC().String() != "1980-01-01 00:00:00 +0000 UTC" || len(f.Extra) > 0 || f.Flags != 0x800 || f.CreatorVersion>>8 != 3 {
			t.Errorf("%s: time %v, extra %x, flags %x, creator %d", f.Name, f.Modified, f.Extra, f.Flags, f.CreatorVersion>>8)
		}
	}
	const want = "bin/tool empty index.js lib-a lib/large-noise lib/large-text.txt lib/noise ünïcode/日本.txt"
	if got := strings.Join(names, " "); got != want {
		t.Errorf("entries %s, want %s", got, want)
	}
}

// A file that changes after it was hashed is an error, and nothing is left.
func TestArchiveOfChangedFile(t *testing.T) {
	for name, change := range map[string]string{
		"shorter":               "exports",
		"longer":                "exports.handler = async () => 'hello'\n// more",
		"same size":             "exports.handler = async () => 'HELLO'\n",
		"large, incompressible": "",
	} {
		t.Run(name, func(t *testing.T) {
			dir, spool := tree(t), t.TempDir()
			files := hashed(t, dir)
			path := filepath.Join(dir, "index.js")
			if change == "" {
				path = filepath.Join(dir, "lib", "large-noise")
				content, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				content[len(content)-1]++
				change = string(content)
			}
			if err := os.WriteFile(path, []byte(change), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := NewArchiver(spool, blockSize).Archive(t.Context(), files)
			if err == nil || !strings.Contains(err.Error(), filepath.Base(path)+" changed while it was read") {
				t.Errorf("archiving: %v", err)
			}
		})
	}
}

// What is stored as it is, is sent from a copy that was held against the
// digest: the file itself may change while it goes out.
func TestCopyOfChangedFile(t *testing.T) {
	dir := tree(t)
	files := hashed(t, dir)
	i := slices.IndexFunc(files, func(f *File) bool { return f.Name == "lib/large-noise" })
	a := NewArchiver(t.TempDir(), blockSize)
	s, err := a.Copy(t.Context(), files[i])
	if err != nil || s.SHA256 != files[i].SHA256 || s.Size != files[i].Size {
		t.Fatalf("copying: %v", err)
	}
	if err := os.Truncate(files[i].Path, files[i].Size-1); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Copy(t.Context(), files[i]); err == nil || !strings.Contains(err.Error(), "changed while it was read") {
		t.Errorf("copying: %v", err)
	}
}

func TestArchiveEndsWithItsContext(t *testing.T) {
	files := hashed(t, tree(t))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	spool := t.TempDir()
	if _, err := NewArchiver(spool, blockSize).Archive(ctx, files); !errors.Is(err, context.Canceled) {
		t.Errorf("archiving: %v", err)
	}
	if left, err := filepath.Glob(filepath.Join(spool, "archive*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v (%v)", left, err)
	}
}

// Wherever a file's end falls among the blocks, it comes out whole, whichever
// compressor had its blocks, and what that had compressed before.
func TestArchiveBlocks(t *testing.T) {
	dir := t.TempDir()
	random := rand.New(rand.NewPCG(3, 4))
	text := make([]byte, 3*blockSize+window)
	for i := range text { // it compresses, with matches across the ends of blocks
		text[i] = byte('a' + random.IntN(4))
	}
	copy(text[blockSize:], text[blockSize-window+1:blockSize])
	for _, size := range []int{0, 1, blockSize - 1, blockSize, blockSize + 1, blockSize + window, 2 * blockSize, 3*blockSize + 7} {
		if err := os.WriteFile(filepath.Join(dir, strconv.Itoa(size)), text[:size], 0o600); err != nil {
			t.Fatal(err)
		}
	}
	files := hashed(t, dir)
	a := newArchiverWith(t.TempDir(), blockSize, 3)
	var first *Spool
	for range 5 {
		s, err := a.Archive(t.Context(), files)
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = s
		} else if s.SHA256 != first.SHA256 {
			t.Error("a used compressor makes other bytes")
		}
	}
	z, err := zip.OpenReader(first.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		if err != nil || !bytes.Equal(got, text[:len(got)]) || strconv.Itoa(len(got)) != f.Name {
			t.Errorf("%s: %d bytes, or others (%v)", f.Name, len(got), err)
		}
	}
	if left, err := filepath.Glob(filepath.Join(a.dir, "entry*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v (%v)", left, err)
	}
}

// Sizes and places of more than 32 bits, in a file with holes.
func TestZip64(t *testing.T) {
	const size, packed = 6 << 30, 5 << 30
	out, err := os.Create(filepath.Join(t.TempDir(), "large.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	z := zipWriter{w: out}
	small := &entry{name: "small", method: stored, size: 5, packed: 5, crc: checksum(0, []byte("small"))}
	err = z.header(&entry{name: "large", method: deflated, size: size, packed: packed, crc: 1})
	header := make([]byte, 30+5+20)
	if _, rerr := out.ReadAt(header, 0); err != nil || rerr != nil {
		t.Fatal(err, rerr)
	}
	want := "PK\x03\x04\x2d\x00\x00\x08\x08\x00\x00\x00\x21\x00\x01\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\x05\x00\x14\x00large" +
		"\x01\x00\x10\x00\x00\x00\x00\x80\x01\x00\x00\x00\x00\x00\x00\x40\x01\x00\x00\x00"
	if string(header) != want {
		t.Errorf("local header %x, want %x", header, want)
	}
	if _, err := out.Seek(packed, io.SeekCurrent); err != nil {
		t.Skip("no holes in files here: ", err)
	}
	z.at += packed
	if err := errors.Join(z.header(small), z.write([]byte("small")), z.close()); err != nil {
		t.Fatal(err)
	}
	r, err := zip.NewReader(out, z.at)
	if err != nil {
		t.Fatal(err)
	}
	if f := r.File[0]; f.UncompressedSize64 != size || f.CompressedSize64 != packed {
		t.Errorf("sizes %d and %d", f.UncompressedSize64, f.CompressedSize64)
	}
	in, err := r.File[1].Open()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(in); string(got) != "small" || err != nil {
		t.Errorf("after it: %q (%v)", got, err)
	}
}
