// Package archive makes of files what is stored of them: it walks a folder, leaves out
// what is excluded, digests what is there, and writes the deterministic zip that the
// package comment of packager specifies. It knows nothing of templates and stores.
package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"

	"golang.org/x/sync/errgroup"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// An Archiver compresses on as many workers as there are processors, and holds
// as much in memory as its blocks: all archives share them.
type Archiver struct {
	dir     string // private, for temporary files
	piece   int64  // bytes of the pieces whose sums are wanted
	workers chan *compressor
	// There are many small blocks, so that workers have something to do while the
	// block that must be written next is a large one.
	large, small chan *block
}

// NewArchiver returns an archiver that keeps its files in dir, which should be private, and
// tells the sums of their pieces of so many bytes.
func NewArchiver(dir string, piece int64) *Archiver {
	return newArchiverWith(dir, piece, runtime.GOMAXPROCS(0))
}

func newArchiverWith(dir string, piece int64, workers int) *Archiver {
	a := &Archiver{dir: dir, piece: piece, workers: make(chan *compressor, workers), large: make(chan *block, 4*workers), small: make(chan *block, 64*workers)}
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

// Archive writes the deterministic zip of files, which are in order, into a
// new temporary file.
//
// Files are cut into blocks, which the shared workers compress while a writer
// puts them down in order. An archive takes its blocks in that order too and
// gives one back as soon as it is written, so archives cannot lock each other
// out.
func (a *Archiver) Archive(ctx context.Context, files []*File) (s *Spool, err error) {
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
	w := writer{Archiver: a, out: out, sum: newSums(a.piece)}
	defer func() { // what an archive that failed has taken
		if w.block != nil {
			w.block.giveBack()
		}
		for b := range queue {
			b.giveBack()
		}
	}()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return a.readAll(ctx, files, queue, work) })
	for range min(cap(a.workers), len(files)+int(Size(files)/blockSize)) {
		group.Go(func() error { return a.compress(ctx, work) })
	}
	group.Go(func() error {
		w.ctx = ctx
		return w.writeAll(queue)
	})
	if err := group.Wait(); err != nil {
		return nil, err
	}
	s = w.sum.spool(out.Name(), w.zip.at)
	s.Packed = w.zip.packed()
	return s, nil
}

// readAll cuts files into blocks, for the workers and, in order, for the writer.
func (a *Archiver) readAll(ctx context.Context, files []*File, queue, work chan<- *block) error {
	defer close(queue)
	defer close(work)
	for _, f := range files {
		if err := a.read(ctx, f, queue, work); err != nil {
			return err
		}
	}
	return nil
}

// compress compresses blocks, each by the worker that is free.
func (a *Archiver) compress(ctx context.Context, work <-chan *block) error {
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
}

// read cuts a file into blocks.
func (a *Archiver) read(ctx context.Context, f *File, queue, work chan<- *block) error {
	pass := func(b *block) { // both have room for all blocks
		queue <- b
		work <- b
	}
	if f.Size <= blockSize {
		b, err := a.take(ctx, f)
		if err != nil {
			return err
		}
		b.first, b.last, b.whole = true, true, true
		pass(b)
		return nil
	}
	in, err := os.Open(f.Path)
	if err != nil {
		return fmt.Errorf("opening %s: %s", f.Path, problem.Cause(err))
	}
	defer in.Close() // nothing was written
	var crc uint32
	var before []byte
	for left := f.Size; left > 0; {
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
			return fmt.Errorf("reading %s: %s", f.Path, problem.Cause(err))
		}
		left -= int64(len(b.data))
		b.first, b.last, b.whole = left+int64(len(b.data)) == f.Size, left == 0, false
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
func (a *Archiver) take(ctx context.Context, f *File) (*block, error) {
	if err := ctx.Err(); err != nil {
		return nil, err // select would take a block that is free, too
	}
	blocks := a.large
	if f.Size <= smallBlock {
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
