package packager

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"os"
	"runtime"

	"golang.org/x/sync/errgroup"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// An archiver compresses on as many workers as there are processors, and holds
// as much in memory as its blocks: all archives share them.
type archiver struct {
	dir     string // private, for temporary files
	workers chan *compressor
	// There are many small blocks, so that workers have something to do while the
	// block that must be written next is a large one.
	large, small chan *block
}

func newArchiver(dir string) *archiver { return newArchiverWith(dir, runtime.GOMAXPROCS(0)) }

func newArchiverWith(dir string, workers int) *archiver {
	a := &archiver{dir: dir, workers: make(chan *compressor, workers), large: make(chan *block, 4*workers), small: make(chan *block, 64*workers)}
	for range cap(a.workers) {
		a.workers <- &compressor{}
	}
	for range cap(a.large) {
		a.large <- &block{home: a.large, most: blockSize}
	}
	for range cap(a.small) {
		a.small <- &block{home: a.small, most: smallBlock}
	}
	return a
}

// archive writes the deterministic zip of files, which are in order, into a
// new temporary file.
//
// Files are cut into blocks, which the shared workers compress while a writer
// puts them down in order. An archive takes its blocks in that order too and
// gives one back as soon as it is written, so archives cannot lock each other
// out.
func (a *archiver) archive(ctx context.Context, files []*file) (s *spool, err error) {
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
	blocks := cap(a.large) + cap(a.small)
	queue, work := make(chan *block, blocks), make(chan *block, blocks)
	w := writer{archiver: a, out: out, sum: sha256.New()}
	defer func() { // what an archive that failed has taken
		if w.block != nil {
			w.block.giveBack()
		}
		for b := range queue {
			b.giveBack()
		}
	}()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer close(queue)
		defer close(work)
		for _, f := range files {
			if err := a.read(ctx, f, queue, work); err != nil {
				return err
			}
		}
		return nil
	})
	for range min(cap(a.workers), len(files)+int(sizeOf(files)/blockSize)) {
		group.Go(func() error {
			for b := range work {
				select {
				case c := <-a.workers:
					err := c.compress(b)
					a.workers <- c
					if err != nil {
						return err
					}
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			return nil
		})
	}
	group.Go(func() error {
		w.ctx = ctx
		defer w.close()
		w.buffered = bufio.NewWriterSize(io.MultiWriter(out, w.sum), 256<<10)
		w.zip.w = w.buffered
		if err := w.writeAll(queue); err != nil {
			return err
		}
		if err := errors.Join(w.zip.close(), w.buffered.Flush()); err != nil {
			return fmt.Errorf("writing an archive: %w", err)
		}
		return nil
	})
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return newSpool(out.Name(), w.zip.at, [sha256.Size]byte(w.sum.Sum(nil))), nil
}

// read cuts a file into blocks, for the workers and, in order, for the writer.
func (a *archiver) read(ctx context.Context, f *file, queue, work chan<- *block) error {
	pass := func(b *block) { // both have room for all blocks
		queue <- b
		work <- b
	}
	if f.size <= blockSize {
		b, err := a.take(ctx, f)
		if err != nil {
			return err
		}
		b.first, b.last, b.whole = true, true, true
		pass(b)
		return nil
	}
	in, err := os.Open(f.path)
	if err != nil {
		return fmt.Errorf("opening %s: %s", f.path, problem.Cause(err))
	}
	defer in.Close() // nothing was written
	var crc uint32
	var before []byte
	for left := f.size; left > 0; {
		b, err := a.take(ctx, f)
		if err != nil {
			return err
		}
		b.dictionary = append(b.dictionary[:0], before...)
		b.data = b.room()[:min(blockSize, left)]
		if _, err := io.ReadFull(in, b.data); err != nil {
			b.giveBack()
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				return f.changed()
			}
			return fmt.Errorf("reading %s: %s", f.path, problem.Cause(err))
		}
		left -= int64(len(b.data))
		b.first, b.last, b.whole = left+int64(len(b.data)) == f.size, left == 0, false
		crc = checksum(crc, b.data)
		before = append(before[:0], b.data[max(0, len(b.data)-window):]...)
		if b.last {
			if n, err := in.Read(make([]byte, 1)); n > 0 || !errors.Is(err, io.EOF) || crc != f.crc {
				b.giveBack()
				return f.changed()
			}
		}
		pass(b)
	}
	return nil
}

// take waits for a block.
func (a *archiver) take(ctx context.Context, f *file) (*block, error) {
	blocks := a.large
	if f.size <= smallBlock {
		blocks = a.small
	}
	select {
	case b := <-blocks:
		b.file, b.ready = f, make(chan struct{})
		return b, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// A writer puts blocks down in order.
type writer struct {
	*archiver
	ctx      context.Context
	out      *os.File
	sum      hash.Hash
	buffered *bufio.Writer
	zip      zipWriter
	block    *block   // the one at hand; a worker may have it yet
	large    *os.File // what a file of many blocks is compressed to: its header, which comes first, tells its size
	size     int64    // of large
}

func (w *writer) writeAll(queue <-chan *block) error {
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

func (w *writer) write(b *block) (err error) {
	select {
	case <-b.ready:
	case <-w.ctx.Done():
		return w.ctx.Err()
	}
	e := &entry{name: b.file.name, exec: b.file.exec, method: deflated, crc: b.file.crc, size: b.file.size}
	if b.whole {
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
func (w *writer) storeLarge(e *entry, f *file) error {
	e.method, e.packed = stored, e.size
	in, err := os.Open(f.path)
	if err != nil {
		return fmt.Errorf("opening %s: %s", f.path, problem.Cause(err))
	}
	defer in.Close() // nothing was written
	crc := crc32.NewIEEE()
	if err := errors.Join(w.zip.header(e), w.copy(io.TeeReader(io.LimitReader(in, e.size), crc), e.size)); err != nil {
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
