package image

import "context"

// OpenSmall is Open with limits that a test reaches, and a fuzzer does not fill a disk by.
func OpenSmall(ctx context.Context, s Source) (*Image, func() error, error) {
	return open(ctx, s, limits{unpacked: 16 << 20, overhead: 1 << 20, document: 64 << 10, entries: 200})
}
