package image

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A full disk is not the image's fault.
func TestDiskIsFull(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "full"))
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil { // so that nothing can be written
		t.Fatal(err)
	}
	_, err = toDisk{f}.Write([]byte("x"))
	if err = (layer{number: 1}).unread(err); !errors.Is(err, errDisk) || strings.Contains(err.Error(), "damaged") {
		t.Error(err)
	}
}

// What is too much is not read to its end.
func TestTooMuchIsNotRead(t *testing.T) {
	p := &packer{reader: &reader{}, left: 10}
	a, b := p.content(), p.content()
	for _, c := range []*content{a, b} {
		if _, err := c.Write(make([]byte, 5)); err != nil {
			t.Error(err)
		}
	}
	if _, err := b.Write([]byte("x")); !errors.Is(err, errTooLarge) {
		t.Error(err)
	}
}
