package archive

import (
	"archive/zip"
	"bytes"
	"encoding/hex"
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
		if got, err := Redigest(t.Context(), bytes.NewReader(text)); got.Own != want || err != nil {
			t.Errorf("%s, %v, want %s", got.Own, err, want)
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
		same := err == nil && got.Own == want
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

// A zip that Python has made, as SAM CLI does, has SAM's digest and none of this package's.
func TestRedigestOfSAM(t *testing.T) {
	text, err := hex.DecodeString(samZip)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := Redigest(t.Context(), bytes.NewReader(text)); err != nil || got.Own != "" || got.SAM != samDigest {
		t.Errorf("%+v, %v", got, err)
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
		d, err := Redigest(t.Context(), bytes.NewReader(text))
		if (err == nil) != (len(d.SAM) == 32) || d.Own != "" && (err != nil || len(d.Own) != 64) {
			t.Errorf("%q, %v", d, err)
		}
	})
}

// samZip is a folder of app.js, a.txt and b/ü.txt, as zipfile of Python 3 writes it to a file, and samDigest
// what samcli/lib/utils/hash.py says of the folder.
const (
	samDigest = "c175f332a879a5950d9b6b9350618907"
	samZip    = "" +
		"504b0304140000000800aab16e57651f06e91b00000090010000060000006170702e6a734bad28c82f2a29d6cb48cc4bc9492d52b05530" +
		"e44a1d151b303100504b0304140000000800aab16e5700000000020000000000000005000000612e7478740300504b0304140000080800" +
		"aab16e578316dc8c030000000100000008000000622fc3bc2e747874ab0000504b01021403140000000800aab16e57651f06e91b000000" +
		"90010000060000000000000000000000a481000000006170702e6a73504b01021403140000000800aab16e570000000002000000000000" +
		"00050000000000000000000000a4813f000000612e747874504b01021403140000080800aab16e578316dc8c0300000001000000080000" +
		"000000000000000000a48164000000622fc3bc2e747874504b050600000000030003009d0000008d0000000000"
)
