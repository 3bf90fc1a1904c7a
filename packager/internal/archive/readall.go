package archive

import (
	"context"
	"errors"
	"runtime"

	"golang.org/x/sync/errgroup"
)

// ReadAll lists n things and reads every file of them, in parallel: list finds the i-th one's,
// and hands each to found. Of what cannot be read, File.Err says why. folders are those whose
// paths are looked for, see [NewHasher]. The error is ctx's.
//
// All concurrency is here, in two limited groups: some walk folders, and some read files as
// soon as they are found.
func ReadAll(ctx context.Context, folders [][]byte, n int, list func(i int, found func(*File))) error {
	walks, reads := new(errgroup.Group), new(errgroup.Group)
	walks.SetLimit(runtime.GOMAXPROCS(0))
	found := make(chan *File, 1024)
	for range 2 * runtime.GOMAXPROCS(0) {
		reads.Go(func() error {
			h := NewHasher(folders)
			for f := range found {
				if ctx.Err() == nil {
					f.Err = h.Hash(ctx, f)
				}
			}
			return nil
		})
	}
	for i := range n {
		walks.Go(func() error {
			list(i, func(f *File) { found <- f })
			return nil
		})
	}
	err := walks.Wait()
	close(found)
	return errors.Join(err, reads.Wait(), ctx.Err())
}
