package archive

import (
	"bufio"
	"bytes"
	"compress/flate"
	"context"
	"crypto/md5" //nolint:gosec // SAM CLI's keys are
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"slices"
	"strings"
)

// maxUnpacked bounds what is kept of a stranger's zip, some hundred bytes for each entry.
const maxUnpacked = 1 << 20

// Digests are what an archive's key may be made of.
type Digests struct {
	Own string // this package's, see [Digest]; "" where the archive is not of its form
	SAM string // SAM CLI's: an MD5 of the sorted names, each with its content's MD5 behind it
}

// Redigest returns the digests of an archive, from the archive itself: it is read once, from
// its beginning to its end, and unpacked on the way. An archive that cannot be read so, which
// neither this package nor SAM CLI makes, or whose content is not what its headers say, is an
// error.
func Redigest(ctx context.Context, archive io.Reader) (Digests, error) {
	r := &unpacker{md5: make(map[*File]string), in: bufio.NewReaderSize(contextReader{ctx, archive}, 64<<10)}
	for {
		signature, err := r.number(4)
		if err != nil {
			return Digests{}, err
		}
		switch signature {
		case 0x04034b50: // a local header (4.3.7)
			err = r.entry()
		case 0x02014b50: // the directory begins (4.3.12)
			return r.directory()
		case 0x06054b50, 0x06064b50:
			return Digests{}, errors.New("it has no entries")
		default:
			return Digests{}, errForm()
		}
		if err != nil {
			return Digests{}, err
		}
	}
}

func errForm() error {
	return errors.New("it is no zip of a form that mrpackage or SAM CLI makes")
}

// An unpacker reads an archive in one go.
type unpacker struct {
	in      *bufio.Reader
	files   []*File
	md5     map[*File]string
	foreign bool // it is not of this package's form
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
	if flags&^utf8Name != 0 || method != stored && method != deflated || len(r.files) >= maxUnpacked {
		return errForm()
	}
	r.foreign = r.foreign || flags != utf8Name
	if size == math.MaxUint32 && packed == math.MaxUint32 && len(extra) == 20 && binary.LittleEndian.Uint16(extra) == zip64Extra {
		size, packed = int64(binary.LittleEndian.Uint64(extra[4:])), int64(binary.LittleEndian.Uint64(extra[12:])) //nolint:gosec // less than nothing is refused
	}
	if size < 0 || packed < 0 {
		return errForm()
	}
	f := &File{Name: string(name), Size: size}
	body := io.LimitReader(r.in, packed)
	content := body
	if method == deflated {
		inflated := flate.NewReader(body)
		defer inflated.Close() // nothing was written
		content = inflated
	}
	sum, crc, sams := sha256.New(), crc32.NewIEEE(), md5.New() //nolint:gosec // SAM CLI's keys are
	n, err := io.Copy(io.MultiWriter(sum, crc, sams), io.LimitReader(content, size+1))
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
	r.md5[f] = hex.EncodeToString(sams.Sum(nil))
	return nil
}

// directory reads the central directory, of which the executable bits are, and what follows
// it, and returns the digests.
func (r *unpacker) directory() (Digests, error) {
	for i, f := range r.files {
		h := make([]byte, 42)
		if _, err := io.ReadFull(r.in, h); err != nil {
			return Digests{}, endless(err)
		}
		name := make([]byte, binary.LittleEndian.Uint16(h[24:]))
		rest := int64(binary.LittleEndian.Uint16(h[26:])) + int64(binary.LittleEndian.Uint16(h[28:]))
		if _, err := io.ReadFull(r.in, name); err != nil {
			return Digests{}, endless(err)
		}
		if !bytes.Equal(name, []byte(f.Name)) {
			return Digests{}, errors.New("its directory does not list what is in it")
		}
		if _, err := io.CopyN(io.Discard, r.in, rest); err != nil {
			return Digests{}, endless(err)
		}
		f.exec = binary.LittleEndian.Uint32(h[34:])>>16&0o111 != 0
		signature, err := r.number(4)
		if err != nil {
			return Digests{}, err
		}
		if last := i == len(r.files)-1; last == (signature == 0x02014b50) {
			return Digests{}, errors.New("its directory does not list what is in it")
		}
	}
	if n, err := io.Copy(io.Discard, r.in); err != nil || n > 200 { // the ends of the directory (4.3.14 to 4.3.16)
		return Digests{}, errors.New("something follows its end")
	}
	d := Digests{SAM: r.sams()}
	if !r.foreign {
		d.Own = Digest(r.files)
	}
	return d, nil
}

// sams is SAM CLI's digest, as its function dir_checksum makes it of the folder.
func (r *unpacker) sams() string {
	files := slices.Clone(r.files)
	slices.SortFunc(files, func(a, b *File) int { return strings.Compare(a.Name, b.Name) })
	sum := md5.New() //nolint:gosec // its keys are
	for _, f := range files {
		_, _ = io.WriteString(sum, f.Name+r.md5[f])
	}
	return hex.EncodeToString(sum.Sum(nil))
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
