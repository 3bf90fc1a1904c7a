package archive

import (
	"archive/zip"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"os"
)

// The form of a zip (PKWARE's APPNOTE 6.3.10; the numbers are its sections').
// It is written here and not by a library, because every byte of it is a
// promise, whatever Go it is built with.
const (
	stored, deflated = 0, 8     // methods (4.4.5)
	utf8Name         = 1 << 11  // the flag for a name in UTF-8 (4.4.4)
	firstDay         = 1<<5 | 1 // 1980-01-01, the first that a zip can hold (4.4.6)
	madeByUnix       = 3 << 8   // whose mode the external attributes hold (4.4.2)
	version20        = 20       // deflate (4.4.3)
	version45        = 45       // zip64
	zip64Extra       = 1        // the extra field with sizes of 64 bits (4.5.3)
)

// An entry is what the headers of a zip say of a file.
type entry struct {
	name         string
	exec         bool
	method       uint16
	crc          uint32
	packed, size int64 // bytes in the zip, and of the file
	offset       int64 // of its local header
}

// large tells whether the entry's sizes need the zip64 extra field.
func (e *entry) large() bool { return e.packed >= math.MaxUint32 || e.size >= math.MaxUint32 }

// A zipWriter writes entries one after the other.
type zipWriter struct {
	w       io.Writer
	at      int64
	entries []*entry
}

// packed are the bytes that each entry takes, without its headers.
func (z *zipWriter) packed() []int64 {
	sizes := make([]int64, len(z.entries))
	for i, e := range z.entries {
		sizes[i] = e.packed
	}
	return sizes
}

func (z *zipWriter) write(p []byte) error {
	n, err := z.w.Write(p)
	z.at += int64(n)
	return err
}

// little appends numbers, low byte first, in as many bytes as their types have.
func little(b []byte, numbers ...any) []byte {
	for _, n := range numbers {
		b, _ = binary.Append(b, binary.LittleEndian, n) // every type here has a size
	}
	return b
}

// header writes an entry's local header (4.3.7); its packed bytes follow.
//
//nolint:gosec // what has no room is said in fields of 64 bits
func (z *zipWriter) header(e *entry) error {
	e.offset = z.at
	z.entries = append(z.entries, e)
	b := append(make([]byte, 0, 64+len(e.name)), "PK\x03\x04"...)
	b = e.common(b)
	if !e.large() {
		b = little(b, uint16(0))
		return z.write(append(b, e.name...))
	}
	b = append(little(b, uint16(20)), e.name...)
	return z.write(little(b, uint16(zip64Extra), uint16(16), uint64(e.size), uint64(e.packed)))
}

// common appends what a local header and one of the directory share.
//
//nolint:gosec // what has no room is said in fields of 64 bits
func (e *entry) common(b []byte) []byte {
	version, packed, size := uint16(version20), uint32(e.packed), uint32(e.size)
	if e.large() {
		version, packed, size = version45, math.MaxUint32, math.MaxUint32
	}
	return little(b, version, uint16(utf8Name), e.method, uint16(0), uint16(firstDay), e.crc, packed, size, uint16(len(e.name)))
}

// close writes the central directory and its end (4.3.12 to 4.3.16).
//
//nolint:gosec // what has no room is said in fields of 64 bits
func (z *zipWriter) close() error {
	start := z.at
	for _, e := range z.entries {
		mode := uint32(0o100644)
		if e.exec {
			mode = 0o100755
		}
		version, offset, extra := uint16(version20), uint32(e.offset), []byte(nil)
		if e.large() {
			extra = little(extra, uint64(e.size), uint64(e.packed))
		}
		if e.offset >= math.MaxUint32 {
			offset = math.MaxUint32
			extra = little(extra, uint64(e.offset))
		}
		if extra != nil {
			version = version45
			extra = append(little(nil, uint16(zip64Extra), uint16(len(extra))), extra...)
		}
		b := append(make([]byte, 0, 128+len(e.name)), "PK\x01\x02"...)
		b = e.common(little(b, madeByUnix|version))
		b = little(b, uint16(len(extra)), uint16(0), uint16(0), uint16(0), mode<<16, offset)
		if err := z.write(append(append(b, e.name...), extra...)); err != nil {
			return err
		}
	}
	count, size, end := len(z.entries), z.at-start, z.at
	var b []byte
	if count >= math.MaxUint16 || size >= math.MaxUint32 || start >= math.MaxUint32 {
		b = append(b, "PK\x06\x06"...)
		b = little(b, uint64(44), uint16(madeByUnix|version45), uint16(version45), uint32(0), uint32(0), uint64(count), uint64(count), uint64(size), uint64(start))
		b = append(b, "PK\x06\x07"...)
		b = little(b, uint32(0), uint64(end), uint32(1))
	}
	n := uint16(min(count, math.MaxUint16))
	b = append(b, "PK\x05\x06"...)
	b = little(b, uint16(0), uint16(0), n, n, uint32(min(size, math.MaxUint32)), uint32(min(start, math.MaxUint32)), uint16(0))
	return z.write(b)
}

// IsZip tells whether a file is a zip already: it begins like one (APPNOTE
// 4.3.7, 4.3.16, 8.5.3), or ends like one, as a jar with a script before it
// does.
func IsZip(path string) (bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close() // nothing was written
	var magic [4]byte
	n, err := io.ReadFull(f, magic[:])
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return false, err
	}
	switch string(magic[:n]) {
	case "PK\x03\x04", "PK\x05\x06", "PK\x07\x08":
		return true, nil
	}
	info, err := f.Stat()
	if err != nil {
		return false, err
	}
	_, err = zip.NewReader(f, info.Size())
	return err == nil || errors.Is(err, zip.ErrInsecurePath), nil
}
