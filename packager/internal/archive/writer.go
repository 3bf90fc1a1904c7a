package archive

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// A writer puts blocks down in order.
type writer struct {
	*Archiver
	ctx      context.Context
	out      *os.File
	sum      *sums
	buffered *bufio.Writer
	zip      zipWriter
	block    *block   // the one at hand; a worker may have it yet
	large    *os.File // what a file of many blocks is compressed to: its header, which comes first, tells its size
	size     int64    // of large
}

// writeAll writes the archive.
func (w *writer) writeAll(queue <-chan *block) error {
	defer w.close()
	w.buffered = bufio.NewWriterSize(io.MultiWriter(w.out, w.sum), 256<<10)
	w.zip.w = w.buffered
	if err := w.writeBlocks(queue); err != nil {
		return err
	}
	if err := errors.Join(w.zip.close(), w.buffered.Flush()); err != nil {
		return fmt.Errorf("writing an archive: %w", err)
	}
	return nil
}

func (w *writer) writeBlocks(queue <-chan *block) error {
	for {
		select {
		case b, ok := <-queue:
			if !ok {
				return w.ctx.Err()
			}
			w.block = b
			if err := w.write(b); err != nil {
				return err
			}
			w.block = nil
			b.giveBack()
		case <-w.ctx.Done():
			return w.ctx.Err()
		}
	}
}

// write puts down one block, when it is compressed.
func (w *writer) write(b *block) error {
	select {
	case <-b.ready:
	case <-w.ctx.Done():
		return w.ctx.Err()
	}
	e := &entry{name: b.file.Name, exec: b.file.exec, method: deflated, crc: b.file.crc, size: b.file.Size}
	if !b.whole {
		return w.writePiece(b, e)
	}
	content := b.packed.Bytes()
	if len(content) >= len(b.data) {
		e.method, content = stored, b.data
	}
	e.packed = int64(len(content))
	if err := errors.Join(w.zip.header(e), w.zip.write(content)); err != nil {
		return fmt.Errorf("writing an archive: %w", err)
	}
	return nil
}

// writePiece collects the pieces of a large file, and writes all of it after the last.
func (w *writer) writePiece(b *block, e *entry) error {
	if b.first {
		if err := w.openLarge(); err != nil {
			return err
		}
	}
	n, err := w.large.Write(b.packed.Bytes())
	if err != nil {
		return fmt.Errorf("compressing %s: %w", e.name, err)
	}
	w.size += int64(n)
	if !b.last {
		return nil
	}
	e.packed = w.size
	if e.packed >= e.size {
		return w.storeLarge(e, b.file)
	}
	if _, err := w.large.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("compressing %s: %w", e.name, err)
	}
	if err := errors.Join(w.zip.header(e), w.copy(io.LimitReader(w.large, w.size), e.packed)); err != nil {
		return fmt.Errorf("writing an archive: %w", err)
	}
	return nil
}

// openLarge makes the temporary file ready for the next large one.
func (w *writer) openLarge() (err error) {
	w.size = 0
	if w.large == nil {
		if w.large, err = os.CreateTemp(w.dir, "entry"); err != nil {
			return fmt.Errorf("making a temporary file: %w", err)
		}
		return nil
	}
	if _, err := w.large.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("compressing: %w", err)
	}
	return nil
}

// storeLarge stores a file that does not get smaller: it is read again, and
// checked like the first time.
func (w *writer) storeLarge(e *entry, f *File) error {
	e.method, e.packed = stored, e.size
	in, err := os.Open(f.Path)
	if err != nil {
		return fmt.Errorf("opening %s: %s", f.Path, problem.Cause(err))
	}
	defer in.Close() // nothing was written
	crc := crc32.NewIEEE()
	if err := errors.Join(w.zip.header(e), w.copy(io.TeeReader(io.LimitReader(in, e.size), crc), e.size)); errors.Is(err, io.ErrUnexpectedEOF) {
		return f.changed()
	} else if err != nil {
		return fmt.Errorf("copying %s into an archive: %w", e.name, err)
	}
	if crc.Sum32() != f.crc {
		return f.changed()
	}
	return nil
}

// copy puts down size bytes after a header.
func (w *writer) copy(from io.Reader, size int64) error {
	n, err := io.Copy(w.buffered, contextReader{w.ctx, from})
	w.zip.at += n
	if err == nil && n != size {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// close gives the temporary file back; what is in it was wanted no longer.
func (w *writer) close() {
	if w.large != nil {
		_ = w.large.Close()
		_ = os.Remove(w.large.Name())
	}
}
