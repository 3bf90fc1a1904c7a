package image

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/iotest"
)

// text is as long as it should be, compresses as programs do, and is the same everywhere.
func text(size int) []byte {
	random := rand.New(rand.NewPCG(1, 2))
	var out bytes.Buffer
	for out.Len() < size {
		if random.IntN(3) == 0 {
			fmt.Fprintf(&out, "%x", random.Uint64())
		}
		fmt.Fprintf(&out, "func f%d(x int) { return x + %d }\n", random.IntN(100), random.IntN(1000))
	}
	return out.Bytes()[:size]
}

// The digest of everybody's images follows from these bytes. If this test fails, a new
// version of the compressor, or a change of ours, would have all of them pushed, and all
// functions deployed, anew.
func TestCompressedBytes(t *testing.T) {
	c := newCompressor(2)
	for size, want := range map[int]string{
		0:               "sha256:ac73670af3abed54ac6fb4695131f4099be9fbe39d6076c5d0264a6bbdae9d83",
		1:               "sha256:fca1046ade260ae0b73058ad466ef1aab03802a94d5226668d6070d277cbb57d",
		blockSize - 1:   "sha256:7b7461e6959a8519f536f2aa9ba9ea99d97b183dedaeaf5875ba84d633e59b2a",
		blockSize:       "sha256:cb03c623cb222a2b02aeea57627a9ea8c9524132f0c54d05780c1db9445f3f57",
		3*blockSize + 5: "sha256:b4580e1d7da31d62fd6ca3634e42b7083f6b502dcf9d5fd164373dd5c06de2cd",
	} {
		var out bytes.Buffer
		if err := c.gzip(t.Context(), &out, bytes.NewReader(text(size))); err != nil {
			t.Fatal(err)
		}
		if got := digestOf(out.Bytes()); got != want {
			t.Errorf("%d bytes: %s, not %s", size, got, want)
		}
	}
	var out bytes.Buffer
	if err := c.gzip(t.Context(), &out, bytes.NewReader([]byte("x"))); err != nil {
		t.Fatal(err)
	}
	if got := hex.EncodeToString(out.Bytes()); got != "1f8b08000000000000ff000100feff7803008316dc8c01000000" {
		t.Error(got)
	}
}

// The bytes do not depend on how many compress, on what they have compressed before, on
// what else they compress, or on how the layer is read. They are one gzip file, which
// Go's own reader reads.
func TestCompressedAlike(t *testing.T) {
	sizes := []int{0, 10, blockSize - 1, blockSize, 3*blockSize + 7}
	want := map[int][]byte{}
	all := text(sizes[len(sizes)-1])
	for _, workers := range []int{1, 3} {
		c := newCompressor(workers)
		results := make([][]byte, 2*len(sizes))
		var group sync.WaitGroup
		for n := range results {
			group.Go(func() {
				var out bytes.Buffer
				var in io.Reader = bytes.NewReader(all[:sizes[n%len(sizes)]])
				if n >= len(sizes) {
					in = iotest.HalfReader(in)
				}
				if err := c.gzip(t.Context(), &out, in); err != nil {
					t.Error(err)
				}
				results[n] = out.Bytes()
			})
		}
		group.Wait()
		for n, got := range results {
			size := sizes[n%len(sizes)]
			if want[size] == nil {
				want[size] = got
			}
			if !bytes.Equal(got, want[size]) {
				t.Errorf("%d workers: %d bytes become others", workers, size)
			}
		}
		if free := len(c.blocks); free != cap(c.blocks) || len(c.workers) != workers {
			t.Errorf("%d blocks of %d, %d workers of %d", free, cap(c.blocks), len(c.workers), workers)
		}
	}
	for size, got := range want {
		r, err := gzip.NewReader(bytes.NewReader(got))
		if err != nil {
			t.Fatal(err)
		}
		r.Multistream(false)
		plain, err := io.ReadAll(r)
		if err != nil || !bytes.Equal(plain, all[:size]) || !r.ModTime.IsZero() || r.Name != "" {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
}

// After an error of any part, all that a compressor has is free again.
func TestCompressorAfterErrors(t *testing.T) {
	c := newCompressor(2)
	failure := errors.New("failure")
	long := text(6 * blockSize)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for name, try := range map[string]func() error{
		"reading": func() error {
			in := io.MultiReader(bytes.NewReader(long), iotest.ErrReader(failure))
			return c.gzip(t.Context(), io.Discard, in)
		},
		"writing": func() error {
			return c.gzip(t.Context(), &boundedWriter{io.Discard, 1000, failure}, bytes.NewReader(long))
		},
		"cancelled": func() error {
			if err := c.gzip(cancelled, io.Discard, bytes.NewReader(long)); !errors.Is(err, context.Canceled) {
				return err
			}
			return failure
		},
	} {
		for range 5 {
			if err := try(); !errors.Is(err, failure) {
				t.Errorf("%s: %v", name, err)
			}
			if len(c.blocks) != cap(c.blocks) || len(c.workers) != cap(c.workers) {
				t.Fatalf("%s: %d blocks of %d, %d workers of %d", name, len(c.blocks), cap(c.blocks), len(c.workers), cap(c.workers))
			}
		}
	}
}
