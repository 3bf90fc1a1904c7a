package contents

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"math"
)

// Signatures and lengths of a zip's records (APPNOTE.TXT 6.3.10, 4.3).
const (
	fileSignature      = "PK\x03\x04"
	endSignature       = "PK\x05\x06"
	end64Signature     = "PK\x06\x06"
	locatorSignature   = "PK\x06\x07"
	directorySignature = "PK\x01\x02"

	endLength       = 22
	end64Length     = 56
	locatorLength   = 20
	directoryLength = 46
	maxComment      = math.MaxUint16
)

// An end is what the end of a zip says of the directory.
type end struct {
	at           int64 // where the directory ends
	files        uint64
	size, offset uint64
	isLarge      bool // the number of files is all of it, and not its last 16 bits
}

// Read returns the files of a zip of so many bytes, in the order of its directory. It reads
// the end of the zip, and the directory where that is not in it. The error is ErrNoZip
// where there is no end of a zip, or that of r.
func Read(r io.ReaderAt, size int64) ([]File, error) {
	tail := make([]byte, min(size, endLength+maxComment+locatorLength+end64Length))
	if err := readAt(r, tail, size-int64(len(tail))); err != nil {
		return nil, err
	}
	e, err := findEnd(r, tail, size)
	if errors.Is(err, ErrNoZip) && begins(r, size) {
		return nil, damaged("it begins as one, and has no end") // an upload that was cut, say
	}
	if err != nil {
		return nil, err
	}
	directory, err := e.directory(r, tail, size)
	if err != nil {
		return nil, err
	}
	files, err := parse(directory)
	if err != nil {
		return nil, err
	}
	if n := uint64(len(files)); n != e.files && (e.isLarge || n&math.MaxUint16 != e.files) {
		return nil, damaged("it holds %d files, and says %d", n, e.files)
	}
	return files, nil
}

// begins tells whether a file begins as a zip does.
func begins(r io.ReaderAt, size int64) bool {
	head := make([]byte, len(fileSignature))
	return size >= int64(len(head)) && readAt(r, head, 0) == nil && string(head) == fileSignature
}

func readAt(r io.ReaderAt, p []byte, at int64) error {
	n, err := r.ReadAt(p, at)
	switch {
	case n == len(p):
		return nil
	case err == nil, err == io.EOF: // one that wraps it says more, as of a connection
		return io.ErrUnexpectedEOF
	}
	return err
}

// findEnd looks for the end of a zip in the last bytes of a file.
func findEnd(r io.ReaderAt, tail []byte, size int64) (end, error) {
	begin := size - int64(len(tail))
	for at := len(tail) - endLength; at >= 0; at-- {
		record := tail[at:]
		if string(record[:len(endSignature)]) != endSignature || int(binary.LittleEndian.Uint16(record[20:])) > len(record)-endLength {
			continue
		}
		e := end{
			at: begin + int64(at), files: uint64(binary.LittleEndian.Uint16(record[10:])),
			size: uint64(binary.LittleEndian.Uint32(record[12:])), offset: uint64(binary.LittleEndian.Uint32(record[16:])),
		}
		if e.files == math.MaxUint16 || e.size == math.MaxUint32 || e.offset == math.MaxUint32 {
			return e.large(r, tail[:at])
		}
		return e, nil
	}
	return end{}, ErrNoZip
}

// large returns what the end of a large zip says (ZIP64), which stands before the end that
// all zips have; that one where nothing does. before ends where e begins.
func (e end) large(r io.ReaderAt, before []byte) (end, error) {
	if len(before) < locatorLength || !bytes.HasPrefix(before[len(before)-locatorLength:], []byte(locatorSignature)) {
		return e, nil
	}
	locator := before[len(before)-locatorLength:]
	near := e.at - locatorLength - end64Length                                         // where something is put before a zip, offsets are too small
	for _, at := range []int64{int64(binary.LittleEndian.Uint64(locator[8:])), near} { //nolint:gosec // it is held against the zip's size
		if at < 0 || at > near {
			continue
		}
		record := make([]byte, end64Length)
		if begin := e.at - int64(len(before)); at >= begin {
			copy(record, before[at-begin:])
		} else if err := readAt(r, record, at); err != nil {
			return end{}, err
		}
		if !bytes.HasPrefix(record, []byte(end64Signature)) {
			continue
		}
		return end{
			at: at, files: binary.LittleEndian.Uint64(record[32:]), size: binary.LittleEndian.Uint64(record[40:]),
			offset: binary.LittleEndian.Uint64(record[48:]), isLarge: true,
		}, nil
	}
	return end{}, damaged("the end of a large zip is not where it should be")
}

// directory reads the directory, which ends where the end begins; in some zips something
// stands between them.
func (e end) directory(r io.ReaderAt, tail []byte, size int64) ([]byte, error) {
	switch {
	case e.size > uint64(e.at): //nolint:gosec // it is a place in the file
		return nil, damaged("its directory of %d bytes does not fit into it", e.size)
	case e.size > maxDirectory:
		return nil, &tooLargeError{e.size}
	}
	begin := size - int64(len(tail))
	read := func(at int64) ([]byte, error) {
		if at >= begin {
			return tail[at-begin:][:e.size], nil
		}
		directory := make([]byte, e.size)
		return directory, readAt(r, directory, at)
	}
	at := e.at - int64(e.size)
	directory, err := read(at)
	if err != nil || len(directory) == 0 || bytes.HasPrefix(directory, []byte(directorySignature)) {
		return directory, err
	}
	if e.offset > uint64(at) { //nolint:gosec // not below 0
		return nil, damaged("its directory is not where it should be")
	}
	return read(int64(e.offset)) //nolint:gosec // it is less than at
}

// A tooLargeError is about a directory that is larger than that of any function's code.
type tooLargeError struct{ size uint64 }

func (e *tooLargeError) Error() string {
	return "its directory is larger than mrpackage reads"
}

// parse reads the records of a directory.
func parse(directory []byte) (files []File, err error) {
	for len(directory) > 0 {
		if len(directory) < directoryLength || string(directory[:4]) != directorySignature {
			if len(directory) >= 4 && string(directory[:4]) == "PK\x05\x05" {
				return files, nil // a signature of the directory
			}
			return nil, damaged("entry %d of its directory is none", len(files)+1)
		}
		if len(files) == maxFiles {
			return nil, &tooLargeError{}
		}
		name, extra := int(binary.LittleEndian.Uint16(directory[28:])), int(binary.LittleEndian.Uint16(directory[30:]))
		length := directoryLength + name + extra + int(binary.LittleEndian.Uint16(directory[32:]))
		if length > len(directory) {
			return nil, damaged("its directory ends within an entry")
		}
		f, err := entry(directory[:directoryLength], string(directory[directoryLength:][:name]), directory[directoryLength+name:][:extra])
		if err != nil {
			return nil, err
		}
		files, directory = append(files, f), directory[length:]
	}
	return files, nil
}

// entry reads one record of a directory.
func entry(record []byte, name string, extra []byte) (File, error) {
	f := File{Name: name, CRC: binary.LittleEndian.Uint32(record[16:])}
	const encrypted, aes = 1, 99 // a flag, and a method of compression
	f.AES = binary.LittleEndian.Uint16(record[8:])&encrypted != 0 && binary.LittleEndian.Uint16(record[10:]) == aes
	if creator := record[5]; creator == 3 || creator == 19 { // Unix, macOS
		f.Mode = unixMode(binary.LittleEndian.Uint32(record[38:]) >> 16)
	}
	size := uint64(binary.LittleEndian.Uint32(record[24:]))
	if size == math.MaxUint32 {
		if large, ok := field(extra, 1); ok && len(large) >= 8 {
			size = binary.LittleEndian.Uint64(large)
		}
	}
	if size > math.MaxInt64 {
		return File{}, damaged("%q is said to have %d bytes", name, size)
	}
	f.Size = int64(size)
	return f, nil
}

// field returns a field of a record's extra ones.
func field(extra []byte, id uint16) (value []byte, ok bool) {
	for len(extra) >= 4 {
		size := int(binary.LittleEndian.Uint16(extra[2:]))
		if size > len(extra)-4 {
			return nil, false
		}
		if binary.LittleEndian.Uint16(extra) == id {
			return extra[4:][:size], true
		}
		extra = extra[4+size:]
	}
	return nil, false
}

// unixMode is a file's mode as Unix has it.
func unixMode(m uint32) fs.FileMode {
	mode := fs.FileMode(m & 0o777)
	for bit, is := range map[uint32]fs.FileMode{0o4000: fs.ModeSetuid, 0o2000: fs.ModeSetgid, 0o1000: fs.ModeSticky} {
		if m&bit != 0 {
			mode |= is
		}
	}
	switch m & 0o170000 {
	case 0o040000:
		mode |= fs.ModeDir
	case 0o120000:
		mode |= fs.ModeSymlink
	case 0o010000:
		mode |= fs.ModeNamedPipe
	case 0o020000:
		mode |= fs.ModeDevice | fs.ModeCharDevice
	case 0o060000:
		mode |= fs.ModeDevice
	case 0o140000:
		mode |= fs.ModeSocket
	}
	return mode
}
