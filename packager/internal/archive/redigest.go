package archive

import (
	"bufio"
	"bytes"
	"compress/flate"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
)

// maxUnpacked bounds what is kept of a stranger's zip, some hundred bytes for each entry.
const maxUnpacked = 1 << 20

// Redigest returns the digest of an archive that this package has made, from the archive
// itself: it is read once, from its beginning to its end, and unpacked on the way. An
// archive of another form, or whose content is not what its headers say, is an error.
func Redigest(ctx context.Context, archive io.Reader) (string, error) {
	r := &unpacker{in: bufio.NewReaderSize(contextReader{ctx, archive}, 64<<10)}
	for {
		signature, err := r.number(4)
		if err != nil {
			return "", err
		}
		switch signature {
		case 0x04034b50: // a local header (4.3.7)
			err = r.entry()
		case 0x02014b50: // the directory begins (4.3.12)
			return r.directory()
		case 0x06054b50, 0x06064b50:
			return "", errors.New("it has no entries")
		default:
			return "", errors.New("it is not a zip of the form that mrpackage makes")
		}
		if err != nil {
			return "", err
		}
	}
}

// An unpacker reads an archive of ours, in one go.
type unpacker struct {
	in    *bufio.Reader
	files []*File
}

// entry reads a local header, whose signature was read, and the content behind it.
func (r *unpacker) entry() error {
	h := make([]byte, 26)
	if _, err := io.ReadFull(r.in, h); err != nil {
		return endless(err)
	}
	flags, method := binary.LittleEndian.Uint16(h[2:]), binary.LittleEndian.Uint16(h[4:])
	packed, size := int64(binary.LittleEndian.Uint32(h[14:])), int64(binary.LittleEndian.Uint32(h[18:]))
	name := make([]byte, binary.LittleEndian.Uint16(h[22:]))
	extra := make([]byte, binary.LittleEndian.Uint16(h[24:]))
	if _, err := io.ReadFull(r.in, name); err != nil {
		return endless(err)
	}
	if _, err := io.ReadFull(r.in, extra); err != nil {
		return endless(err)
	}
	if flags != utf8Name || method != stored && method != deflated || len(r.files) >= maxUnpacked {
		return errors.New("it is not a zip of the form that mrpackage makes")
	}
	if size == math.MaxUint32 && packed == math.MaxUint32 && len(extra) == 20 && binary.LittleEndian.Uint16(extra) == zip64Extra {
		size, packed = int64(binary.LittleEndian.Uint64(extra[4:])), int64(binary.LittleEndian.Uint64(extra[12:])) //nolint:gosec // less than nothing is refused
	}
	if size < 0 || packed < 0 {
		return errors.New("it is not a zip of the form that mrpackage makes")
	}
	f := &File{Name: string(name), Size: size}
	body := io.LimitReader(r.in, packed)
	content := body
	if method == deflated {
		inflated := flate.NewReader(body)
		defer inflated.Close() // nothing was written
		content = inflated
	}
	sum, crc := sha256.New(), crc32.NewIEEE()
	n, err := io.Copy(io.MultiWriter(sum, crc), io.LimitReader(content, size+1))
	if err == nil {
		_, err = io.Copy(io.Discard, body)
	}
	switch {
	case err != nil:
		return fmt.Errorf("unpacking %s: %w", f.Name, endless(err))
	case n != size:
		return fmt.Errorf("%s does not unpack to the %d bytes that its header says", f.Name, size)
	case crc.Sum32() != binary.LittleEndian.Uint32(h[10:]):
		return fmt.Errorf("%s has another CRC than its header says", f.Name)
	}
	f.SHA256 = [sha256.Size]byte(sum.Sum(nil))
	r.files = append(r.files, f)
	return nil
}

// directory reads the central directory, of which the executable bits are, and what follows
// it, and returns the digest.
func (r *unpacker) directory() (string, error) {
	for i, f := range r.files {
		h := make([]byte, 42)
		if _, err := io.ReadFull(r.in, h); err != nil {
			return "", endless(err)
		}
		name := make([]byte, binary.LittleEndian.Uint16(h[24:]))
		rest := int64(binary.LittleEndian.Uint16(h[26:])) + int64(binary.LittleEndian.Uint16(h[28:]))
		if _, err := io.ReadFull(r.in, name); err != nil {
			return "", endless(err)
		}
		if !bytes.Equal(name, []byte(f.Name)) {
			return "", errors.New("its directory does not list what is in it")
		}
		if _, err := io.CopyN(io.Discard, r.in, rest); err != nil {
			return "", endless(err)
		}
		f.exec = binary.LittleEndian.Uint32(h[34:])>>16&0o111 != 0
		signature, err := r.number(4)
		if err != nil {
			return "", err
		}
		if last := i == len(r.files)-1; last == (signature == 0x02014b50) {
			return "", errors.New("its directory does not list what is in it")
		}
	}
	if n, err := io.Copy(io.Discard, r.in); err != nil || n > 200 { // the ends of the directory (4.3.14 to 4.3.16)
		return "", errors.New("something follows its end")
	}
	return Digest(r.files), nil
}

// number reads a number of so many bytes.
func (r *unpacker) number(size int) (uint32, error) {
	b := make([]byte, size)
	if _, err := io.ReadFull(r.in, b); err != nil {
		return 0, endless(err)
	}
	return binary.LittleEndian.Uint32(b), nil
}

// endless says what an end means that comes too early.
func endless(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("it ends before its end: it is cut short")
	}
	return err
}
