package contents

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"strings"
	"testing"
)

// zipOf makes a zip of files in their order; a name that ends in a slash is a folder.
func zipOf(tb testing.TB, files ...[2]string) []byte {
	tb.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, f := range files {
		h := &zip.FileHeader{Name: f[0], Method: zip.Deflate}
		h.SetMode(0o644)
		if strings.HasPrefix(f[0], "bin/") {
			h.SetMode(0o755)
		}
		to, err := w.CreateHeader(h)
		if err != nil {
			tb.Fatal(err)
		}
		if _, err := io.WriteString(to, f[1]); err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return out.Bytes()
}

func read(data []byte) ([]File, error) { return Read(bytes.NewReader(data), int64(len(data))) }

// lines are changes as a person reads them.
func lines(changes []Change) string {
	var b strings.Builder
	for _, c := range changes {
		switch {
		case c.Old == nil:
			fmt.Fprintf(&b, "+%s %d\n", c.Name(), c.New.Size)
		case c.New == nil:
			fmt.Fprintf(&b, "-%s %d\n", c.Name(), c.Old.Size)
		case c.Unknown:
			fmt.Fprintf(&b, "?%s\n", c.Name())
		case c.SameContent():
			fmt.Fprintf(&b, "m%s %v %v\n", c.Name(), c.Old.Mode, c.New.Mode)
		default:
			fmt.Fprintf(&b, "~%s %d %d\n", c.Name(), c.Old.Size, c.New.Size)
		}
	}
	return b.String()
}

// Two zips are compared by what their directories say of the files, whatever their order.
func TestCompare(t *testing.T) {
	type files = [][2]string
	for name, tt := range map[string]struct {
		old, new files
		want     string
	}{
		"the same":        {files{{"a", "1"}, {"b", "2"}}, files{{"b", "2"}, {"a", "1"}}, ""},
		"nothing":         {nil, nil, ""},
		"added":           {files{{"a", "1"}}, files{{"a", "1"}, {"b", "22"}}, "+b 2\n"},
		"removed":         {files{{"a", "1"}, {"b", "22"}}, files{{"a", "1"}}, "-b 2\n"},
		"another size":    {files{{"a", "1"}}, files{{"a", "12"}}, "~a 1 2\n"},
		"another content": {files{{"a", "12"}}, files{{"a", "21"}}, "~a 2 2\n"},
		"by bytes":        {files{{"b", ""}, {"\xff", ""}}, files{{"B", ""}, {"é", ""}}, "+B 0\n-b 0\n+é 0\n-\xff 0\n"},
		"a name twice":    {files{{"a", "1"}, {"a", "2"}}, files{{"a", "1"}, {"a", "3"}, {"a", "4"}}, "~a 1 1\n+a 1\n"},
		"a folder":        {files{{"lib/", ""}}, nil, "-lib/ 0\n"},
	} {
		a, err := read(zipOf(t, tt.old...))
		b, alsoErr := read(zipOf(t, tt.new...))
		if err != nil || alsoErr != nil {
			t.Fatal(name, err, alsoErr)
		}
		if got := lines(Compare(a, b)); got != tt.want {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, tt.want)
		}
	}
}

// The executable bit is told, and no mode is where a zip has none.
func TestModes(t *testing.T) {
	a := []File{{Name: "run", Mode: 0o755}, {Name: "dos", Mode: 0}, {Name: "link", Mode: fs.ModeSymlink | 0o777}}
	b := []File{{Name: "run", Mode: 0o644}, {Name: "dos", Mode: 0o644}, {Name: "link", Mode: 0o777}}
	want := "mlink Lrwxrwxrwx -rwxrwxrwx\nmrun -rwxr-xr-x -rw-r--r--\n"
	if got := lines(Compare(a, b)); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	files, err := read(zipOf(t, [2]string{"bin/x", ""}, [2]string{"y", ""}))
	if err != nil || len(files) != 2 || files[0].Mode != 0o755 || files[1].Mode != 0o644 {
		t.Errorf("%v, %v", files, err)
	}
}

// Of files whose encryption leaves no checksum nobody can tell.
func TestEncrypted(t *testing.T) {
	data := zipOf(t, [2]string{"a", "secret"}, [2]string{"b", ""})
	at := bytes.Index(data, []byte(directorySignature))
	data[at+8] |= 1
	binary.LittleEndian.PutUint16(data[at+10:], 99)
	files, err := read(data)
	if err != nil || !files[0].AES {
		t.Fatalf("%v, %v", files, err)
	}
	if got := lines(Compare(files, files)); got != "?a\n" {
		t.Error(got)
	}
}

// Zips that something stands before or behind, and that are large, are read; what is none,
// or is damaged, is told.
func TestRead(t *testing.T) {
	plain := zipOf(t, [2]string{"a", "1"}, [2]string{"b", "22"})
	directory := bytes.Index(plain, []byte(directorySignature))
	change := func(at int, b ...byte) []byte {
		data := bytes.Clone(plain)
		copy(data[at:], b)
		return data
	}
	withComment := bytes.Clone(plain)
	binary.LittleEndian.PutUint16(withComment[len(plain)-2:], 3)
	const damage = "this zip is damaged: "
	for name, tt := range map[string]struct {
		data  []byte
		wrong string
	}{
		"a zip":                   {plain, ""},
		"something before it":     {append([]byte("#!/bin/sh\n"), plain...), ""},
		"a comment":               {append(withComment, "PK\x05"...), ""},
		"ZIP64":                   {large(plain, 0), ""},
		"ZIP64, something before": {append([]byte("#!/bin/sh\n"), large(plain, 0)...), ""},
		"ZIP64 elsewhere":         {large(plain, 7), damage + "the end of a large zip is not where it should be"},
		"nothing":                 {nil, ErrNoZip.Error()},
		"text":                    {bytes.Repeat([]byte("text "), 50_000), ErrNoZip.Error()},
		"the first half":          {plain[:len(plain)/2], damage + "it begins as one, and has no end"},
		"all but a byte":          {plain[:len(plain)-1], damage + "it begins as one, and has no end"},
		"a large zip's begin":     {append(bytes.Clone(plain[:len(plain)-endLength]), make([]byte, 1<<18)...), damage + "it begins as one, and has no end"},
		"three bytes":             {plain[:3], ErrNoZip.Error()},
		"a wrong number":          {change(len(plain)-12, 3), damage + "it holds 2 files, and says 3"},
		"a large directory":       {change(len(plain)-7, 1), damage + "its directory of 16777310 bytes does not fit into it"},
		"a shorter directory":     {change(len(plain)-10, 50), damage + "entry 2 of its directory is none"},
		"a long name":             {change(directory+29, 255), damage + "its directory ends within an entry"},
		"no entry":                {change(directory+2, 9), damage + "entry 1 of its directory is none"},
	} {
		files, err := read(tt.data)
		if tt.wrong == "" && (err != nil || len(files) != 2 || files[1].Name != "b" || files[1].Size != 2) {
			t.Errorf("%s: %v, %v", name, files, err)
		}
		if tt.wrong != "" && (err == nil || err.Error() != tt.wrong) {
			t.Errorf("%s: %v, want %s", name, err, tt.wrong)
		}
	}
}

// large gives a zip the end of a large one, which is by so many bytes not where it says.
func large(plain []byte, off uint64) []byte {
	tail := plain[len(plain)-endLength:]
	data := bytes.Clone(plain[:len(plain)-endLength])
	at := uint64(len(data))
	data = append(data, end64Signature...)
	data = binary.LittleEndian.AppendUint64(data, end64Length-12)
	data = append(data, make([]byte, 12)...)
	for range 2 {
		data = binary.LittleEndian.AppendUint64(data, uint64(binary.LittleEndian.Uint16(tail[10:])))
	}
	data = binary.LittleEndian.AppendUint64(data, uint64(binary.LittleEndian.Uint32(tail[12:])))
	data = binary.LittleEndian.AppendUint64(data, uint64(binary.LittleEndian.Uint32(tail[16:])))
	if off > 0 {
		data = append(data, make([]byte, off)...)
		at++
	}
	data = append(data, locatorSignature+"\x00\x00\x00\x00"...)
	data = binary.LittleEndian.AppendUint64(data, at)
	data = append(data, 1, 0, 0, 0)
	end := bytes.Clone(tail)
	copy(end[8:], bytes.Repeat([]byte{0xff}, 12))
	return append(data, end...)
}

// A sparse file, of which only a directory's end is there, must not cost what it says.
type sparse struct {
	size int64
	tail []byte
	read int64
}

func (s *sparse) ReadAt(p []byte, at int64) (int, error) {
	s.read += int64(len(p))
	clear(p)
	if begin := s.size - int64(len(s.tail)); at+int64(len(p)) > begin {
		copy(p[max(0, begin-at):], s.tail[max(0, at-begin):])
	}
	return len(p), nil
}

// A fault of the reader's is told as it is, also one that lies in an end too early.
func TestReaderFails(t *testing.T) {
	fault := fmt.Errorf("no answer: %w", io.EOF)
	if _, err := Read(failing{fault}, 1000); !errors.Is(err, fault) {
		t.Error(err)
	}
}

type failing struct{ err error }

func (f failing) ReadAt([]byte, int64) (int, error) { return 0, f.err }

// What is said to be enormous is not read.
func TestBombs(t *testing.T) {
	end := append([]byte(endSignature), make([]byte, endLength-4)...)
	binary.LittleEndian.PutUint32(end[12:], math.MaxUint32-1)
	s := &sparse{size: 1 << 40, tail: end}
	var tooLarge *tooLargeError
	if _, err := Read(s, s.size); !errors.As(err, &tooLarge) || s.read > 1<<20 {
		t.Errorf("%v, %d bytes read", err, s.read)
	}
	if sum := Sum([]File{{Size: math.MaxInt64}, {Size: math.MaxInt64}}); sum != math.MaxInt64 {
		t.Errorf("%d bytes", sum)
	}
}

// Whatever a stranger's file is, reading it ends with files or with an error; and where Go
// reads a zip, it is the same files.
func FuzzRead(f *testing.F) {
	plain := zipOf(f, [2]string{"a", "1"}, [2]string{"bin/b", "22"}, [2]string{"c/", ""})
	f.Add(plain)
	f.Add(large(plain, 0))
	f.Add(append([]byte("before"), plain...))
	f.Add([]byte(endSignature + strings.Repeat("\x00", 18)))
	f.Fuzz(func(t *testing.T, data []byte) {
		files, err := read(data)
		if err != nil {
			return
		}
		for _, c := range Compare(files, files) {
			if !c.Unknown {
				t.Fatalf("it differs from itself: %s", lines([]Change{c}))
			}
		}
		theirs, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
		if err != nil || len(theirs.File) != len(files) {
			return // it is stricter, or takes an end of another directory
		}
		for i, f := range theirs.File {
			if f.Name != files[i].Name || f.CRC32 != files[i].CRC || f.UncompressedSize64 != uint64(files[i].Size) {
				t.Fatalf("%d: %+v, and Go reads %q, %d bytes, %x", i, files[i], f.Name, f.UncompressedSize64, f.CRC32)
			}
			if files[i].Mode != 0 && files[i].Mode != f.Mode() && f.Name != "" && f.Name[len(f.Name)-1] != '/' {
				t.Fatalf("%d: the mode is %v, and Go reads %v", i, files[i].Mode, f.Mode())
			}
		}
	})
}
