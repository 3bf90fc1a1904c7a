package s3store

import (
	"context"
	"io"
	"sync"
)

// tailSize is how much of an object's end is read at once: of most archives that is all of
// the directory, and it takes hardly longer than a byte.
const tailSize = 128 << 10

// Ranges are an object of which parts are read, each with one request. They are parts of the
// very object that was described, which S3 sees to. It is safe for concurrent use.
type Ranges struct {
	bucket *Bucket
	ctx    context.Context // io.ReaderAt takes none
	object Object
	mu     sync.Mutex
	part   []byte // what was read last
	at     int64  // where that begins
}

// Ranges returns what reads parts of an object that [Bucket.Stat] has described, for as long
// as ctx lasts.
func (b *Bucket) Ranges(ctx context.Context, o Object) *Ranges {
	return &Ranges{bucket: b, ctx: ctx, object: o}
}

// ReadStatement is the IAM statement that allows to read the bucket's objects, or versions of
// them.
func (b *Bucket) ReadStatement(versions bool) string {
	if versions {
		return b.statement("s3:GetObjectVersion")
	}
	return b.statement("s3:GetObject")
}

// ReadAt reads a part of the object, and what is behind it where that is near the object's end.
func (r *Ranges) ReadAt(p []byte, at int64) (int, error) {
	size := r.object.Size
	if at < 0 || at >= size {
		return 0, io.EOF
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	end := min(at+int64(len(p)), size)
	if at < r.at || end > r.at+int64(len(r.part)) {
		from, to := at, end
		if from >= size-tailSize {
			from, to = max(0, size-tailSize), size
		}
		part, err := r.bucket.ReadRange(r.ctx, r.object, from, to-from)
		if err != nil {
			return 0, err
		}
		r.part, r.at = part, from
	}
	n := copy(p, r.part[at-r.at:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}
