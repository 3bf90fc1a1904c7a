package archive

import (
	"archive/zip"
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// zipOf is the archive of a folder, and its digest.
func zipOf(t *testing.T, dir string) (text []byte, digest string) {
	t.Helper()
	files := hashed(t, dir)
	s, err := NewArchiver(t.TempDir(), blockSize).Archive(t.Context(), files)
	if err != nil {
		t.Fatal(err)
	}
	if text, err = os.ReadFile(s.Path); err != nil {
		t.Fatal(err)
	}
	if err := s.Remove(); err != nil {
		t.Fatal(err)
	}
	return text, Digest(files)
}

// An archive says its own digest, whatever is in it, and to whom it comes byte by byte.
func TestRedigest(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "only"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{tree(t), dir} {
		text, want := zipOf(t, folder)
		if got, err := Redigest(t.Context(), bytes.NewReader(text)); got != want || err != nil {
			t.Errorf("%s, %v, want %s", got, err, want)
		}
	}
}

// What is not such an archive, whole, has no digest, or another one: each byte that is
// changed, and each length that is cut, is seen.
func TestRedigestSeesDamage(t *testing.T) {
	dir := t.TempDir()
	for name, mode := range map[string]os.FileMode{"a": 0o600, "b/tool": 0o700} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(strings.Repeat("hello\n", 20)), mode); err != nil {
			t.Fatal(err)
		}
	}
	text, want := zipOf(t, dir)
	for n := range text[:len(text)-22] { // within the last record nothing is of matter
		if got, err := Redigest(t.Context(), bytes.NewReader(text[:n])); err == nil {
			t.Errorf("cut at %d: %s", n, got)
		}
	}
	content := bytes.Index(text, []byte("PK\x01\x02"))
	for i := range text[:content] {
		changed := bytes.Clone(text)
		changed[i] ^= 0x41
		got, err := Redigest(t.Context(), bytes.NewReader(changed))
		same := err == nil && got == want
		if same && !harmless(text, i) {
			t.Errorf("byte %d of %d is changed, and the digest is the same", i, len(text))
		}
	}
	var other bytes.Buffer
	z := zip.NewWriter(&other)
	w, err := z.Create("a")
	if err == nil {
		_, err = w.Write([]byte("hello"))
	}
	if err != nil || z.Close() != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"another's zip": other.String(), "nothing": "", "a text": "hello, world, this is no zip",
		"no entries": "PK\x05\x06" + strings.Repeat("\x00", 18), "with more behind": string(text) + strings.Repeat("x", 300),
	} {
		if got, err := Redigest(t.Context(), strings.NewReader(text)); err == nil {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// harmless tells a byte of a local header that says nothing of the content: the version that
// is needed, and the time.
func harmless(text []byte, at int) bool {
	header := bytes.LastIndex(text[:at+1], []byte("PK\x03\x04"))
	field := at - header
	return field == 4 || field == 5 || field >= 10 && field < 14
}

func FuzzRedigest(f *testing.F) {
	f.Add([]byte("PK\x05\x06"))
	f.Add([]byte("PK\x03\x04\x14\x00\x00\x08\x08\x00\x00\x00\x21\x00\x00\x00\x00\x00\x05\x00\x00\x00\x02\x00\x00\x00\x01\x00\x00\x00a\x03\x00"))
	f.Fuzz(func(t *testing.T, text []byte) {
		digest, err := Redigest(t.Context(), bytes.NewReader(text))
		if (err == nil) != (len(digest) == 64) {
			t.Errorf("%q, %v", digest, err)
		}
	})
}
