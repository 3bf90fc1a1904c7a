package archive

import (
	"bytes"
	"fmt"
	"hash/crc32"

	"github.com/klauspost/compress/flate"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

const (
	// level is deflate's. Archiving a node_modules of 245 MB and 69 MB of Go's
	// source on two processors takes, with level 4, 1.11 and 0.36 s for 57.7 and
	// 19.8 MB; with 5, 1.26 and 0.38 s for 54.9 and 19.2 MB; with 6, 1.32 and 0.40 s
	// for 54.0 and 18.9 MB. Level 7 takes up to twice the time of 6. 6 is what zip
	// programs take, too: code that others just get below a limit of Lambda's is
	// hardly larger here.
	level = 6
	// blockSize is what one worker compresses at a time, and window how much of
	// the block before it looks back into (RFC 1951, section 2): so cut, a large
	// file is compressed on all processors, and hardly larger.
	blockSize = 1 << 20
	window    = 32 << 10
	// smallBlock has room for most files of most packages.
	smallBlock = 64 << 10
)

// A block is a file, or a piece of a large one, on its way into an archive.
type block struct {
	file               *File
	first, last, whole bool // of its file
	dictionary         []byte
	data               []byte
	packed             bytes.Buffer
	ready              chan struct{} // closed when it is compressed

	home   chan *block // where it waits to be taken
	most   int         // bytes that it has room for
	memory []byte
}

// room is the block's memory, with a byte more than it has room for, which tells a
// file that has grown.
func (b *block) room() []byte {
	if b.memory == nil {
		b.memory = make([]byte, b.most+1)
	}
	return b.memory
}

// giveBack lets the block be taken again.
func (b *block) giveBack() { b.home <- b }

// A compressor is one worker's.
type compressor struct{ w *flate.Writer }

// compress deflates a block, which it reads first if it is a whole file. Its
// bytes follow from its content and dictionary alone.
func (c *compressor) compress(b *block) (err error) {
	if b.whole {
		n, err := readFile(b.file.Path, b.room()[:b.file.Size+1])
		if err != nil {
			return fmt.Errorf("reading %s: %s", b.file.Path, problem.Cause(err))
		}
		b.data, b.dictionary = b.room()[:n], b.dictionary[:0]
		if int64(n) != b.file.Size || checksum(0, b.data) != b.file.crc {
			return b.file.changed()
		}
	}
	if c.w == nil {
		if c.w, err = flate.NewWriter(nil, level); err != nil {
			return fmt.Errorf("compressing: %w", err)
		}
	}
	b.packed.Reset()
	c.w.ResetDict(&b.packed, b.dictionary)
	_, err = c.w.Write(b.data)
	if err == nil && b.last {
		err = c.w.Close()
	} else if err == nil {
		err = c.w.Flush() // ends on a whole byte, so that the next block can follow
	}
	if err != nil {
		return fmt.Errorf("compressing %s: %w", b.file.Name, err)
	}
	close(b.ready)
	return nil
}

func checksum(crc uint32, p []byte) uint32 { return crc32.Update(crc, crc32.IEEETable, p) }
