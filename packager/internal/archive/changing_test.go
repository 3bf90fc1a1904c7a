package archive

import (
	"archive/zip"
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// A changingContext does something when it is looked at for the nth time: every step that
// reads looks at it before each piece.
type changingContext struct {
	context.Context
	mu    sync.Mutex
	looks int
	at    int
	do    func()
}

func (c *changingContext) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.looks++; c.looks == c.at {
		c.do()
	}
	return c.Context.Err()
}

// changes are what others do to a file of that content, or to where it was.
func changes(t *testing.T, path string, content []byte) map[string]func() {
	must := func(errs ...error) {
		if err := errors.Join(errs...); err != nil {
			t.Error(err)
		}
	}
	write := func(at int64, text string) {
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			t.Error(err)
			return
		}
		_, err = f.WriteAt([]byte(text), at)
		must(err, f.Close())
	}
	size := int64(len(content))
	all := map[string]func(){
		"grows":            func() { write(size, "more") },
		"shrinks":          func() { must(os.Truncate(path, size-1)) },
		"is empty":         func() { must(os.Truncate(path, 0)) },
		"begins otherwise": func() { write(0, "other") },
		"ends otherwise":   func() { write(size-5, "other") },
	}
	if runtime.GOOS != "windows" { // where nobody removes what is open
		all["vanishes"] = func() { must(os.Remove(path)) }
		all["is another"] = func() { must(os.Remove(path), os.WriteFile(path, bytes.Repeat([]byte{'x'}, len(content)), 0o600)) }
		all["is a folder"] = func() { must(os.Remove(path), os.Mkdir(path, 0o700)) }
	}
	return all
}

// Whatever happens to a file within the digest or within a copy, before whichever
// piece of it: either the step fails and names the file, or what came out is what
// the digest says.
func TestFilesThatChangeWithin(t *testing.T) {
	text := bytes.Repeat([]byte("all work and no play\n"), 2*blockSize/21+9)
	noise := make([]byte, len(text))
	for i, x := 0, uint64(88172645463325252); i < len(noise); i++ {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		noise[i] = byte(x >> 24) // it does not get smaller
	}
	for kind, content := range map[string][]byte{"text": text, "noise": noise} {
		for name := range changes(t, "", content) {
			t.Run(kind+"/"+name, func(t *testing.T) {
				for at := 1; at < 150; at += 1 + at/2 {
					if !changedWithin(t, content, name, at) {
						break // no step looks so often
					}
				}
			})
		}
	}
}

// changedWithin is one file that changes at some look, in the digest or later. It tells
// whether there was such a look.
func changedWithin(t *testing.T, content []byte, change string, at int) bool {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "src", "file")
	if err := errors.Join(os.Mkdir(filepath.Dir(path), 0o700), os.WriteFile(path, content, 0o600)); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	f := NewFile("file", path, info)
	ctx := &changingContext{Context: t.Context(), at: at, do: changes(t, path, content)[change]}
	a := newArchiverWith(dir, blockSize, 1)
	err = NewHasher(nil).Hash(ctx, f)
	var made, copied *Spool
	if err == nil {
		made, err = a.Archive(ctx, []*File{f})
	}
	if err == nil {
		copied, err = a.Copy(ctx, f)
	}
	if err != nil {
		if !strings.Contains(err.Error(), path) || strings.Count(err.Error(), "\n") > 0 {
			t.Errorf("at look %d: %v", at, err)
		}
		return true
	}
	stored, err := os.ReadFile(copied.Path)
	if err != nil || sha256.Sum256(stored) != f.SHA256 {
		t.Errorf("at look %d the copy is another (%v)", at, err)
	}
	if z, err := zip.OpenReader(made.Path); err != nil {
		t.Errorf("at look %d: %v", at, err)
	} else {
		defer z.Close()
		in, err := z.File[0].Open()
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(in); err != nil || sha256.Sum256(got) != f.SHA256 {
			t.Errorf("at look %d the archive holds another (%v)", at, err)
		}
	}
	return ctx.looks >= at
}

// The same within the archive, whose pieces are read while others are compressed: at
// some time, and before each piece of a file that is read again, as it does not get smaller.
func TestFilesThatChangeWithinTheArchive(t *testing.T) {
	content := make([]byte, 2*blockSize+9)
	for i, x := 0, uint64(88172645463325252); i < len(content); i++ {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		content[i] = byte(x >> 24)
	}
	for name := range changes(t, "", content) {
		t.Run(name, func(t *testing.T) {
			for at := 1; at < 16; at += 2 {
				dir := t.TempDir()
				path := filepath.Join(dir, "file")
				if err := os.WriteFile(path, content, 0o600); err != nil {
					t.Fatal(err)
				}
				f := hashed(t, dir)[0]
				do := changes(t, path, content)[name]
				var out bytes.Buffer
				w := &writer{ctx: &changingContext{Context: t.Context(), at: at, do: do}, buffered: bufio.NewWriterSize(&out, 256<<10)}
				w.zip.w = w.buffered
				err := errors.Join(w.storeLarge(&entry{name: f.Name, size: f.Size, crc: f.crc}, f), w.buffered.Flush())
				if err == nil && sha256.Sum256(out.Bytes()[30+len(f.Name):]) != f.SHA256 || err != nil && !strings.Contains(err.Error(), path) {
					t.Errorf("at look %d: %v", at, err)
				}
				if err := os.RemoveAll(path); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, content, 0o600); err != nil {
					t.Fatal(err)
				}
				var changed sync.WaitGroup
				changed.Go(func() {
					time.Sleep(time.Duration(at) * 2 * time.Millisecond)
					do()
				})
				made, err := newArchiverWith(t.TempDir(), blockSize, 2).Archive(t.Context(), []*File{f})
				changed.Wait()
				if err != nil {
					if !strings.Contains(err.Error(), path) {
						t.Errorf("after %d: %v", at, err)
					}
					continue
				}
				z, err := zip.OpenReader(made.Path)
				if err != nil {
					t.Fatal(err)
				}
				defer z.Close()
				in, err := z.File[0].Open()
				if err != nil {
					t.Fatal(err)
				}
				if got, err := io.ReadAll(in); err != nil || !bytes.Equal(got, content) {
					t.Errorf("after %d the archive holds another (%v)", at, err)
				}
			}
		})
	}
}

// Whatever happens to a folder while it is walked, the walk ends, and tells what it met no
// more: no file that it lists is one that was never there.
func TestFoldersThatChangeWithin(t *testing.T) {
	tests := map[string]struct {
		do    func(dir string) error
		wrong string // what is said; "" where nothing is wrong
	}{
		"a file vanishes":   {func(dir string) error { return os.Remove(filepath.Join(dir, "z.js")) }, "z.js is gone"},
		"a folder vanishes": {func(dir string) error { return os.RemoveAll(filepath.Join(dir, "lib")) }, "lib is gone"},
		"all vanishes":      {os.RemoveAll, "is gone"},
		"a folder is a file": {func(dir string) error {
			return errors.Join(os.RemoveAll(filepath.Join(dir, "lib")), os.WriteFile(filepath.Join(dir, "lib"), nil, 0o600))
		}, ""},
		"a file is a folder": {func(dir string) error {
			return errors.Join(os.Remove(filepath.Join(dir, "z.js")), os.Mkdir(filepath.Join(dir, "z.js"), 0o700))
		}, ""},
		"a file comes":              {func(dir string) error { return os.WriteFile(filepath.Join(dir, "y.js"), nil, 0o600) }, ""},
		"a file in a folder comes":  {func(dir string) error { return os.WriteFile(filepath.Join(dir, "lib", "c.js"), nil, 0o600) }, ""},
		"a folder comes and others": {func(dir string) error { return os.MkdirAll(filepath.Join(dir, "lib", "new", "newer"), 0o700) }, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "src")
			for _, file := range []string{"a.js", "lib/b.js", "z.js"} {
				path := filepath.Join(dir, filepath.FromSlash(file))
				if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(file), 0o600)); err != nil {
					t.Fatal(err)
				}
			}
			x, err := NewExcluder(nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			met := 0
			_, errs := List(t.Context(), dir, x, func(*File) {
				if met++; met == 1 {
					if err := tt.do(dir); err != nil {
						t.Fatal(err)
					}
				}
			})
			said := fmt.Sprint(errors.Join(errs...))
			if (len(errs) > 0) != (tt.wrong != "") || !strings.Contains(said, tt.wrong) || tt.wrong != "" && !strings.Contains(said, "is the build still running?") {
				t.Errorf("it says %s", said)
			}
		})
	}
}
