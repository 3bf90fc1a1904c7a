package packager

import (
	"archive/zip"
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"runtime"

	"github.com/klauspost/compress/flate"
	"golang.org/x/sync/errgroup"
)

const (
	// level is deflate's. Beyond it archives of Lambda code hardly shrink and
	// take much longer.
	level = 6
	// inMemory is up to which size a file is compressed in memory; a larger
	// one goes through a temporary file.
	inMemory = 8 << 20
	// dosDate is 1980-01-01, the first day that a zip can hold (APPNOTE 4.4.6).
	dosDate = 1<<5 | 1
)

// An archiver compresses files on a bounded number of workers that all
// archives share.
type archiver struct {
	dir     string // private, for temporary files
	workers chan struct{}
	writers chan *flate.Writer
}

func newArchiver(dir string) *archiver {
	n := runtime.GOMAXPROCS(0)
	return &archiver{dir: dir, workers: make(chan struct{}, n), writers: make(chan *flate.Writer, n)}
}

// A spool is an archive, or another stored file, on disk and ready to be sent.
type spool struct {
	path string
	size int64
	sum  [sha256.Size]byte // SHA-256 of the stored bytes
}

// archive writes the deterministic zip of files, which are in order, into a
// new temporary file.
//
// Compression runs on the shared workers, a few files ahead of the writer,
// which puts entries down in order. Workers never wait for a place in that
// window while they compress, so archives cannot lock each other out.
func (a *archiver) archive(ctx context.Context, files []file) (s *spool, err error) {
	out, err := os.CreateTemp(a.dir, "archive")
	if err != nil {
		return nil, fmt.Errorf("making a temporary file: %w", err)
	}
	defer func() {
		err = errors.Join(err, out.Close())
		if err != nil {
			s = nil
			err = errors.Join(err, os.Remove(out.Name()))
		}
	}()

	entries := make([]chan *entry, len(files))
	for i := range entries {
		entries[i] = make(chan *entry, 1)
	}
	window := make(chan struct{}, 2*cap(a.workers))
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		for i := range files {
			select {
			case window <- struct{}{}:
			case <-ctx.Done():
				return ctx.Err()
			}
			group.Go(func() error {
				select {
				case a.workers <- struct{}{}:
				case <-ctx.Done():
					return ctx.Err()
				}
				defer func() { <-a.workers }()
				e, err := a.compress(ctx, files[i])
				if err == nil {
					entries[i] <- e
				}
				return err
			})
		}
		return nil
	})
	s = &spool{path: out.Name()}
	group.Go(func() error {
		h := sha256.New()
		buffered := bufio.NewWriterSize(io.MultiWriter(out, h), 1<<20)
		z := zip.NewWriter(buffered)
		for i := range files {
			select {
			case e := <-entries[i]:
				if err := e.writeTo(ctx, z); err != nil {
					return fmt.Errorf("writing an archive: %w", err)
				}
				<-window
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if err := errors.Join(z.Close(), buffered.Flush()); err != nil {
			return fmt.Errorf("writing an archive: %w", err)
		}
		s.sum = [sha256.Size]byte(h.Sum(nil))
		return nil
	})
	if err := group.Wait(); err != nil {
		return nil, err
	}
	info, err := out.Stat()
	if err != nil {
		return nil, fmt.Errorf("writing an archive: %w", err)
	}
	s.size = info.Size()
	return s, nil
}

// copy makes a temporary copy of a file that is stored as it is.
func (a *archiver) copy(ctx context.Context, f file) (*spool, error) {
	in, err := os.Open(f.path)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %s", f.path, plainError(err))
	}
	defer in.Close() // nothing was written
	out, err := os.CreateTemp(a.dir, "copy")
	if err != nil {
		return nil, fmt.Errorf("making a temporary file: %w", err)
	}
	sum := sha256.New()
	_, err = io.Copy(io.MultiWriter(out, sum), contextReader{ctx, in})
	if err = errors.Join(err, out.Close()); err != nil {
		return nil, fmt.Errorf("copying %s: %w", f.path, err)
	}
	if [sha256.Size]byte(sum.Sum(nil)) != f.sum {
		return nil, f.changed()
	}
	return &spool{path: out.Name(), size: f.size, sum: f.sum}, nil
}

// An entry is one compressed file, in memory or in a temporary file.
type entry struct {
	header zip.FileHeader
	data   []byte
	path   string
}

// compress reads a file once and returns its entry, deflated or stored,
// whichever is smaller.
func (a *archiver) compress(ctx context.Context, f file) (_ *entry, err error) {
	in, err := os.Open(f.path)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %s", f.path, plainError(err))
	}
	defer in.Close() // nothing was written
	crc, sum := crc32.NewIEEE(), sha256.New()
	// One byte more than expected tells a file that grows.
	src := io.TeeReader(io.LimitReader(contextReader{ctx, in}, f.size+1), io.MultiWriter(crc, sum))
	e := &entry{header: zip.FileHeader{
		Name: f.name, Method: zip.Deflate,
		ModifiedDate:       dosDate,          //nolint:staticcheck // its successor, Modified, is not for CreateRaw
		Flags:              0x800,            // the name is UTF-8 (APPNOTE 4.4.4, bit 11)
		CreatorVersion:     3<<8 | 20,        // Unix, whose mode the attributes hold
		ReaderVersion:      20,               // deflate
		ExternalAttrs:      (0o100644) << 16, // a regular file
		UncompressedSize64: uint64(f.size),   //nolint:gosec // a file's size is not negative
	}}
	if f.exec {
		e.header.ExternalAttrs = 0o100755 << 16
	}
	if f.size <= inMemory {
		err = a.inMemory(e, src)
	} else {
		err = a.onDisk(ctx, e, src, in, f)
	}
	if err != nil {
		return nil, err
	}
	if [sha256.Size]byte(sum.Sum(nil)) != f.sum {
		return nil, errors.Join(f.changed(), e.remove())
	}
	e.header.CRC32 = crc.Sum32()
	return e, nil
}

func (a *archiver) inMemory(e *entry, src io.Reader) error {
	content, err := io.ReadAll(src)
	if err != nil {
		return fmt.Errorf("reading %s: %s", e.header.Name, plainError(err))
	}
	var packed bytes.Buffer
	if err := a.deflate(&packed, bytes.NewReader(content)); err != nil {
		return err
	}
	e.data = packed.Bytes()
	if len(e.data) >= len(content) {
		e.header.Method, e.data = zip.Store, content
	}
	e.header.CompressedSize64 = uint64(len(e.data))
	return nil
}

// onDisk compresses through a temporary file. Where that is not smaller the
// entry takes a copy of the file, checked like the first reading.
func (a *archiver) onDisk(ctx context.Context, e *entry, src io.Reader, in io.ReadSeeker, f file) (err error) {
	temp, err := os.CreateTemp(a.dir, "entry")
	if err != nil {
		return fmt.Errorf("making a temporary file: %w", err)
	}
	e.path = temp.Name()
	defer func() {
		err = errors.Join(err, temp.Close())
		if err != nil {
			err = errors.Join(err, e.remove())
		}
	}()
	if err := a.deflate(temp, src); err != nil {
		return err
	}
	size, err := temp.Seek(0, io.SeekCurrent)
	if err != nil {
		return fmt.Errorf("compressing %s: %w", e.header.Name, err)
	}
	if uint64(size) >= e.header.UncompressedSize64 { //nolint:gosec // a position is not negative
		if _, err := in.Seek(0, io.SeekStart); err != nil {
			return fmt.Errorf("reading %s: %w", e.header.Name, err)
		}
		if _, err := temp.Seek(0, io.SeekStart); err != nil {
			return fmt.Errorf("writing %s: %w", temp.Name(), err)
		}
		if err := temp.Truncate(0); err != nil {
			return fmt.Errorf("writing %s: %w", temp.Name(), err)
		}
		e.header.Method = zip.Store
		sum := sha256.New()
		if size, err = io.Copy(io.MultiWriter(temp, sum), contextReader{ctx, in}); err != nil {
			return fmt.Errorf("copying %s: %w", e.header.Name, err)
		}
		if [sha256.Size]byte(sum.Sum(nil)) != f.sum {
			return f.changed()
		}
	}
	e.header.CompressedSize64 = uint64(size) //nolint:gosec // a position is not negative
	return nil
}

func (a *archiver) deflate(dst io.Writer, src io.Reader) error {
	var w *flate.Writer
	select {
	case w = <-a.writers:
		w.Reset(dst)
	default:
		var err error
		if w, err = flate.NewWriter(dst, level); err != nil {
			return fmt.Errorf("compressing: %w", err)
		}
	}
	if _, err := io.Copy(w, src); err != nil {
		return fmt.Errorf("compressing: %w", err)
	}
	if err := w.Close(); err != nil {
		return fmt.Errorf("compressing: %w", err)
	}
	select {
	case a.writers <- w:
	default:
	}
	return nil
}

func (e *entry) writeTo(ctx context.Context, z *zip.Writer) error {
	w, err := z.CreateRaw(&e.header)
	if err != nil {
		return err
	}
	if e.path == "" {
		_, err = w.Write(e.data)
		return err
	}
	in, err := os.Open(e.path)
	if err != nil {
		return err
	}
	_, err = io.Copy(w, contextReader{ctx, in})
	return errors.Join(err, in.Close(), e.remove())
}

func (e *entry) remove() error {
	if e.path == "" {
		return nil
	}
	return os.Remove(e.path)
}

// A contextReader ends a long read when the context ends.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

// isZip tells whether a file is a zip already: it begins like one (APPNOTE
// 4.3.7, 4.3.16, 8.5.3), or ends like one, as a jar with a script before it
// does.
func isZip(path string) (bool, error) {
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
