package image

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// A format is one of those that a file, or a layer, shows by how it begins.
type format string

const (
	plain     format = ""
	inGzip    format = "gzip"
	inZstd    format = "zstd"
	inXz      format = "xz"
	inBzip2   format = "bzip2"
	inZip     format = "a zip archive"
	inProgram format = "a program"
)

// headSize is how much of a file tells its format: a tar archive begins with the name of its
// first file, which can be anything, and says what it is behind that (POSIX, pax).
const headSize = 512

// formatOf tells how a file is compressed by its first bytes.
func formatOf(head []byte) format {
	if len(head) == headSize && string(head[257:262]) == "ustar" {
		return plain
	}
	for _, f := range []struct {
		magic  string
		format format
	}{
		{"\x1f\x8b", inGzip},
		{"\x28\xb5\x2f\xfd", inZstd},
		{"\xfd7zXZ\x00", inXz},
		{"BZh", inBzip2},
		{"PK\x03\x04", inZip},
		{"\x7fELF", inProgram},
	} {
		if bytes.HasPrefix(head, []byte(f.magic)) {
			return f.format
		}
	}
	return plain
}

// openFile opens an archive.
func (r *reader) openFile(ctx context.Context, path string) (err error) {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("cannot be read: %s", problem.Cause(err))
	}
	defer func() {
		if r.files == nil {
			err = errors.Join(err, f.Close())
		}
	}()
	head, err := headOf(f)
	if err != nil {
		return err
	}
	switch format := formatOf(head); format {
	case plain:
		return r.openTar(f)
	case inGzip, inZstd:
		unpacked, err := r.unpack(ctx, f, format)
		if err != nil {
			return err
		}
		if err := r.openTar(unpacked); err != nil {
			return errors.Join(err, unpacked.Close())
		}
		return f.Close()
	case inXz, inBzip2:
		return fmt.Errorf("is compressed with %s, which is not read: unpack it, or compress it with gzip or zstd", format)
	default:
		return fmt.Errorf("is %s, and not a container image: %s", format, howToMake)
	}
}

// howToMake is what to do where there is no image.
const howToMake = "write one with docker image save NAME --output FILE, or with docker buildx build --output type=oci,dest=FILE"

// headOf is how a file begins.
func headOf(f io.ReaderAt) ([]byte, error) {
	head := make([]byte, headSize)
	n, err := f.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("cannot be read: %s", problem.Cause(err))
	}
	return head[:n], nil
}

// openTar takes the file, which is closed with r.
func (r *reader) openTar(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("cannot be read: %s", problem.Cause(err))
	}
	if info.Size() == 0 {
		return errors.New("is empty: " + howToMake)
	}
	t := &tarFile{f, map[string]entry{}}
	if err := t.scan(r.entries); err != nil {
		return err
	}
	r.files = t
	return nil
}

// unpack writes what a file holds that is compressed as a whole into a temporary one:
// its parts are read out of order, and more than once.
func (r *reader) unpack(ctx context.Context, f *os.File, format format) (*os.File, error) {
	in, err := decompress(format, contextReader{ctx, f})
	if err != nil {
		return nil, fmt.Errorf("is damaged: it begins as %s does, but %w", format, err)
	}
	defer in.Close() // nothing was written
	out, err := r.temp.create()
	if err != nil {
		return nil, fmt.Errorf("cannot be unpacked: %w", err)
	}
	r.spools = append(r.spools, out.Name())
	if _, err = io.Copy(r.boundArchive(out), in); err == nil {
		return out, nil
	}
	if !errors.Is(err, errTooLarge) {
		err = fmt.Errorf("cannot be unpacked with %s: %w", format, err)
	}
	return nil, errors.Join(err, out.Close())
}

// boundArchive bounds what a temporary file may take of the disk.
func (r *reader) boundArchive(w io.Writer) *boundedWriter {
	return &boundedWriter{w, r.unpacked + r.overhead,
		fmt.Errorf("%w: it unpacks to more than %s, which is what Lambda takes of an image; of several images, save the one alone", errTooLarge, gigabytes(r.unpacked))}
}

// decompress reads gzip or zstd. What it needs of memory is bounded.
func decompress(format format, r io.Reader) (io.ReadCloser, error) {
	if format == inGzip {
		return gzip.NewReader(r)
	}
	// 27 is the window that the zstd program, too, unpacks without being told to.
	d, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(1<<27))
	if err != nil {
		return nil, err
	}
	return d.IOReadCloser(), nil
}
