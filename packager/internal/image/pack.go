package image

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// A packed layer is one that was read to its end, and that is ready to be sent.
type packed struct {
	blob       Blob
	unpacked   int64
	compressed bool // by us
}

// A packer reads the layers of one image.
type packer struct {
	*reader
	compressor *compressor
	mu         sync.Mutex
	left       int64 // of what all layers may unpack to
}

// packAll reads all layers, several at once: so that what is damaged, or too large, is
// known before anything is sent, and so that plain layers are compressed once for all
// regions. Of their compressed form, nothing is held but on disk.
func (r *reader) packAll(ctx context.Context, layers []layer) ([]packed, error) {
	p := &packer{reader: r, compressor: newCompressor(workers()), left: r.unpacked}
	all := make([]packed, len(layers))
	errs := make([]error, len(layers))
	first := map[string]int{}
	var group errgroup.Group // one that fails does not end the others: the error is the same in every run
	group.SetLimit(workers())
	for i, l := range layers {
		if _, again := first[l.key]; again {
			continue
		}
		first[l.key] = i
		group.Go(func() error {
			all[i], errs[i] = p.pack(ctx, l)
			return nil
		})
	}
	_ = group.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	for i, l := range layers {
		if all[i] = all[first[l.key]]; l.diffID != layers[first[l.key]].diffID {
			return nil, fmt.Errorf("is damaged: its configuration says of layers %d and %d, which are the same, that they are not", first[l.key]+1, i+1)
		}
	}
	return all, nil
}

func (p *packer) pack(ctx context.Context, l layer) (packed, error) {
	switch l.format {
	case plain:
		return p.compress(ctx, l)
	case inGzip:
		return p.keep(ctx, l)
	case inZstd:
		return packed{}, errZstd(l.number)
	}
	return packed{}, fmt.Errorf("has a layer, %d, that is %s, and Lambda takes layers with gzip", l.number, l.format)
}

// keep reads a compressed layer, which is sent as it is.
func (p *packer) keep(ctx context.Context, l layer) (packed, error) {
	in, err := l.open()
	if err != nil {
		return packed{}, l.unread(err)
	}
	defer in.Close() // nothing was written
	sum, content := sha256.New(), p.content()
	// With a buffer of its own, so that what is hashed is all that is read.
	tee := bufio.NewReaderSize(io.TeeReader(contextReader{ctx, in}, sum), 64<<10)
	unpacked, err := decompress(inGzip, tee)
	if err == nil {
		_, err = io.Copy(content, unpacked)
	}
	if errors.Is(err, errTooLarge) {
		return packed{}, err
	}
	_, rest := io.Copy(io.Discard, tee) // after an error: which blob it is, says more
	digest := hexDigest(sum)
	if rest == nil && l.digest != "" && digest != l.digest {
		return packed{}, fmt.Errorf("is damaged: its layer %d should be %s, and is %s", l.number, l.digest, digest)
	}
	if err != nil {
		return packed{}, l.unread(err)
	}
	if err := content.check(l); err != nil {
		return packed{}, err
	}
	return packed{l.blob(digest, l.mediaType), content.size, false}, nil
}

// compress compresses a plain layer into a temporary file.
func (p *packer) compress(ctx context.Context, l layer) (_ packed, err error) {
	in, err := l.open()
	if err != nil {
		return packed{}, l.unread(err)
	}
	defer in.Close() // nothing was written
	out, err := p.temp.create()
	if err != nil {
		return packed{}, fmt.Errorf("cannot be compressed: %w", err)
	}
	sum, content := sha256.New(), p.content()
	size := &counter{}
	err = p.compressor.gzip(ctx, io.MultiWriter(toDisk{out}, sum, size), io.TeeReader(contextReader{ctx, in}, content))
	if err = errors.Join(err, out.Close()); err != nil {
		return packed{}, l.unread(err)
	}
	if err := content.check(l); err != nil {
		return packed{}, errors.Join(err, os.Remove(out.Name()))
	}
	digest := hexDigest(sum)
	return packed{onDisk(out.Name(), size.n).blob(digest, dockerLayer), content.size, true}, nil
}

// unread is the error where a layer could not be read to its end.
func (l layer) unread(err error) error {
	switch {
	case errors.Is(err, errTooLarge), errors.Is(err, errDisk), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return fmt.Errorf("is damaged: its layer %d ends too early: save the image again", l.number)
	}
	return fmt.Errorf("is damaged: its layer %d cannot be read: %s", l.number, problem.Cause(err))
}

// content is what a layer unpacks to.
type content struct {
	packer *packer
	sum    hash.Hash
	size   int64
}

func (p *packer) content() *content { return &content{packer: p, sum: sha256.New()} }

// Write refuses what is more than all layers together may unpack to.
func (c *content) Write(b []byte) (int, error) {
	c.packer.mu.Lock()
	c.packer.left -= int64(len(b))
	left := c.packer.left
	c.packer.mu.Unlock()
	if left < 0 {
		return 0, c.packer.tooLarge()
	}
	c.size += int64(len(b))
	return c.sum.Write(b)
}

// check holds a layer against the image's configuration.
func (c *content) check(l layer) error {
	if got := hexDigest(c.sum); got != l.diffID {
		return fmt.Errorf("is damaged: its layer %d should unpack to %s, and does to %s", l.number, l.diffID, got)
	}
	return nil
}

func (r *reader) tooLarge() error {
	return fmt.Errorf("%w: its layers unpack to more than %s, and Lambda takes no more", errTooLarge, gigabytes(r.unpacked))
}

func gigabytes(n int64) string { return fmt.Sprintf("%d GB", n>>30) }

func hexDigest(sum hash.Hash) string { return "sha256:" + hex.EncodeToString(sum.Sum(nil)) }

// toDisk tells an error of the disk from one of the layer.
type toDisk struct{ file *os.File }

func (d toDisk) Write(p []byte) (int, error) {
	n, err := d.file.Write(p)
	if err != nil {
		err = fmt.Errorf("%w: %w", errDisk, err)
	}
	return n, err
}

type counter struct{ n int64 }

func (c *counter) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	return len(p), nil
}
