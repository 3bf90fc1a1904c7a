package archive

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// readers are other people's programs that read a zip: each lists it, and reads one
// entry or all, with its checksum. Those that are installed are asked.
func readers() map[string]struct {
	list, one, all func(path, entry string) []string
} {
	python := func(script string) func(string, string) []string {
		return func(path, entry string) []string {
			return []string{"python3", "-c", "import sys, zipfile\nz = zipfile.ZipFile(sys.argv[1])\n" + script, path, entry}
		}
	}
	args := func(before ...string) func(string, string) []string {
		return func(path, entry string) []string {
			all := append(append([]string{}, before...), path)
			if entry != "" {
				all = append(all, entry)
			}
			return all
		}
	}
	return map[string]struct {
		list, one, all func(path, entry string) []string
	}{
		"unzip":  {args("unzip", "-Z1"), args("unzip", "-p"), args("unzip", "-tq")},
		"Python": {python("print('\\n'.join(z.namelist()))"), python("sys.stdout.write(z.read(sys.argv[2]).decode())"), python("assert z.testzip() is None")},
		"Java":   {args("jar", "tf"), args("jar", "xf"), args("jar", "xf")}, // which writes all that it reads
	}
}

// readBy has every program that is installed, but some, list a zip and read entries of
// it; all is whether they read everything, too.
func readBy(t *testing.T, path string, names int, small map[string]string, all bool, but ...string) {
	t.Helper()
	z, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	if len(z.File) != names {
		t.Errorf("Go sees %d entries of %d", len(z.File), names)
	}
	for _, f := range z.File {
		if want, ok := small[f.Name]; ok || all {
			hash := crc32.NewIEEE()
			var text bytes.Buffer
			in, err := f.Open()
			if err != nil {
				t.Fatalf("Go: %s: %v", f.Name, err)
			}
			if _, err := io.Copy(hash, io.TeeReader(in, limit{&text, 100})); err != nil || ok && text.String() != want {
				t.Errorf("Go: %s is %q, %v", f.Name, text.String(), err)
			}
		}
	}
	for name, r := range readers() {
		if _, err := exec.LookPath(r.list(path, "")[0]); err != nil {
			t.Logf("%s is not here", name)
			continue
		}
		if slices.Contains(but, name) {
			continue
		}
		dir := t.TempDir()
		read := func(command []string) string {
			t.Helper()
			cmd := exec.CommandContext(t.Context(), command[0], command[1:]...)
			cmd.Dir = dir
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Errorf("%s: %v: %.300s", name, err, out)
			}
			return string(out)
		}
		if got := strings.Count(read(r.list(path, "")), "\n"); got != names {
			t.Errorf("%s lists %d entries of %d", name, got, names)
		}
		for entry, want := range small {
			got := read(r.one(path, entry))
			if text, err := os.ReadFile(filepath.Join(dir, entry)); err == nil {
				got = string(text) // it was written there
			}
			if got != want {
				t.Errorf("%s reads %s as %.100q", name, entry, got)
			}
		}
		if all && (name != "Java" || isLong()) {
			read(r.all(path, ""))
		}
	}
}

// A limit keeps so much of what is written.
type limit struct {
	*bytes.Buffer
	most int
}

func (l limit) Write(p []byte) (int, error) {
	_, _ = l.Buffer.Write(p[:min(len(p), l.most-l.Len())]) // it never fails
	return len(p), nil
}

// Wherever a size or a place gets too large for 32 bits, and where it just fits, other
// programs read what is behind it, and before. The large entry is a hole in the file.
func TestZip64IsReadByOthers(t *testing.T) {
	const most = math.MaxUint32
	tests := map[string]struct {
		hole   int64 // bytes of the large entry
		zip64  bool  // the entry has the field
		before int   // bytes of entries before it
	}{
		"a size that just fits":       {most - 1, false, 0},
		"a size that says zip64":      {most, true, 0},
		"a size with 33 bits":         {most + 1, true, 0},
		"a place that just fits":      {most - 1 - 30 - 5 - 30 - 5 - 5, false, 0},
		"a place that says zip64":     {most - 30 - 5 - 30 - 5 - 5, false, 0},
		"a large entry that is later": {5 << 30, true, 1000},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			out, err := os.Create(filepath.Join(t.TempDir(), "large.zip"))
			if err != nil {
				t.Fatal(err)
			}
			defer out.Close()
			z := zipWriter{w: out}
			add := func(name, text string) error {
				e := &entry{name: name, method: stored, size: int64(len(text)), packed: int64(len(text)), crc: checksum(0, []byte(text))}
				return errors.Join(z.header(e), z.write([]byte(text)))
			}
			err = add("first", "begin")
			n := 3
			for i := range tt.before {
				n++
				err = errors.Join(err, add(fmt.Sprint("before", i), "x"))
			}
			hole := &entry{name: "large", method: stored, size: tt.hole, packed: tt.hole}
			err = errors.Join(err, z.header(hole))
			if _, serr := out.Seek(tt.hole, io.SeekCurrent); serr != nil {
				t.Skip("no holes in files here: ", serr)
			}
			z.at += tt.hole
			last := z.at
			if err = errors.Join(err, add("last", "end"), z.close()); err != nil {
				t.Fatal(err)
			}
			if hole.large() != tt.zip64 {
				t.Errorf("zip64 in the entry: %t", hole.large())
			}
			if strings.HasPrefix(name, "a place") && (last >= most) != strings.Contains(name, "zip64") {
				t.Errorf("the last entry is at %#x", last)
			}
			var but []string
			if tt.hole == most && last >= most {
				// unzip 6.0 forgets that it has replaced a size, where the true one is the
				// same 32 bits, and takes the next entry's place for it.
				but = []string{"unzip"}
			}
			readBy(t, out.Name(), n, map[string]string{"first": "begin", "last": "end"}, false, but...)
		})
	}
}

// Up to 65,534 files need nothing of zip64; what has more is read by other programs, too.
func TestManyEntries(t *testing.T) {
	for _, n := range []int{math.MaxUint16 - 1, math.MaxUint16, math.MaxUint16 + 1} {
		t.Run(strconv.Itoa(n), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "many.zip")
			var b bytes.Buffer
			z := zipWriter{w: &b}
			for i := range n {
				text := []byte(strconv.Itoa(i))
				e := &entry{name: fmt.Sprintf("%06d", i), method: stored, size: int64(len(text)), packed: int64(len(text)), crc: checksum(0, text)}
				if err := errors.Join(z.header(e), z.write(text)); err != nil {
					t.Fatal(err)
				}
			}
			if err := errors.Join(z.close(), os.WriteFile(path, b.Bytes(), 0o600)); err != nil {
				t.Fatal(err)
			}
			if zip64 := bytes.Contains(b.Bytes(), []byte("PK\x06\x06")); zip64 != (n >= math.MaxUint16) {
				t.Errorf("a zip64 end: %t", zip64)
			}
			last := n - 1
			readBy(t, path, n, map[string]string{fmt.Sprintf("%06d", last): strconv.Itoa(last)}, isLong())
		})
	}
}

// isLong tells whether somebody waits for tests that take minutes, and tens of GB.
func isLong() bool { return os.Getenv("MRPACKAGE_LARGE") != "" }

// Archives above 4 GiB are made of files and read whole by every program: of one file
// with holes, and of files that do not get smaller. It takes minutes and 30 GB of disk:
//
//	MRPACKAGE_LARGE=1 go test ./packager/internal/archive -run TestLargeArchives -v
func TestLargeArchives(t *testing.T) {
	if !isLong() {
		t.Skip("MRPACKAGE_LARGE is not set")
	}
	noise := make([]byte, 100<<20)
	random := rand.NewChaCha8([32]byte{1})
	tests := map[string]func(dir string) (files int, err error){
		"a file with holes": func(dir string) (int, error) {
			path := filepath.Join(dir, "holes")
			return 2, errors.Join(os.WriteFile(path, nil, 0o600), os.Truncate(path, 4<<30+1))
		},
		"a file that does not get smaller": func(dir string) (int, error) {
			out, err := os.Create(filepath.Join(dir, "noise"))
			for range 42 {
				_, _ = random.Read(noise) // it never fails
				_, werr := out.Write(noise)
				err = errors.Join(err, werr)
			}
			return 2, errors.Join(err, out.Close())
		},
		"many files": func(dir string) (int, error) {
			var err error
			for i := range 42 {
				_, _ = random.Read(noise) // it never fails
				err = errors.Join(err, os.WriteFile(filepath.Join(dir, fmt.Sprint("noise", i)), noise, 0o600))
			}
			return 43, err
		},
	}
	for name, fill := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			n, err := fill(dir)
			if err = errors.Join(err, os.WriteFile(filepath.Join(dir, "z"), []byte("end"), 0o600)); err != nil {
				t.Fatal(err)
			}
			s, err := NewArchiver(t.TempDir(), blockSize).Archive(t.Context(), hashed(t, dir))
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%d bytes", s.Size)
			readBy(t, s.Path, n, map[string]string{"z": "end"}, true)
		})
	}
}
