package image_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/imagetest"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/image"
)

// BenchmarkOpen reads an image of five layers, 100 MB unpacked: what a run costs in which
// nothing is to be pushed.
func BenchmarkOpen(b *testing.B) {
	random := rand.New(rand.NewPCG(1, 2))
	var plain imagetest.Image
	for n := range 5 {
		var content bytes.Buffer
		for content.Len() < 20<<20 {
			fmt.Fprintf(&content, "line %d of a program: %x\n", random.IntN(1000), random.Uint32())
		}
		plain.Layers = append(plain.Layers, imagetest.Layer(fmt.Sprint(n), content.Bytes()))
	}
	for name, i := range map[string]imagetest.Image{"plain": plain, "gzip": inForm(plain, "gzip", "")} {
		path := write(b, imagetest.Layout(i).Tar())
		b.Run(name, func(b *testing.B) {
			b.SetBytes(100 << 20)
			b.ReportAllocs()
			for b.Loop() {
				_, closeImage, err := image.Open(b.Context(), image.Source{Path: path, TempDir: b.TempDir()})
				if err != nil {
					b.Fatal(err)
				}
				if err := closeImage(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
