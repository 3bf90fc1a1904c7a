package s3store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/wire"
)

// Read streams an object that [Bucket.Stat] has described to a writer, in bounded memory. A
// connection that is cut is opened again where it ended. What comes is of the very object
// that was described, which S3 sees to; its length is held against that one's.
func (b *Bucket) Read(ctx context.Context, o Object, to io.Writer) error {
	at, w := int64(0), &writer{to: to}
	for tries := 1; ; tries++ {
		before := at
		w.begun = false
		err := b.copyRange(ctx, o, at, o.Size-1, w)
		at = w.n
		switch {
		case at == o.Size && err == nil:
			return nil
		case w.err != nil:
			return w.err
		case at == o.Size:
			return fmt.Errorf("all of it came, and S3 takes it for damaged: %w", err)
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil && !w.begun || at > o.Size:
			return b.unread(o.Key, err) // the request was tried often enough
		case at > before:
			tries = 0 // it moves
		case tries >= wire.Attempts:
			if err == nil {
				err = io.ErrUnexpectedEOF
			}
			return b.unread(o.Key, err)
		}
	}
}

// ReadRange returns the bytes of an object from a place on, so many of them.
func (b *Bucket) ReadRange(ctx context.Context, o Object, from, length int64) ([]byte, error) {
	if from < 0 || length <= 0 || from+length > o.Size {
		return nil, fmt.Errorf("s3://%s/%s has no bytes %d to %d", b.Bucket, o.Key, from, from+length-1)
	}
	var last error
	for range wire.Attempts {
		w := &writer{to: &fixed{room: make([]byte, 0, length)}}
		err := b.copyRange(ctx, o, from, from+length-1, w)
		if err == nil && w.n == length {
			return w.to.(*fixed).room, nil
		}
		if last = err; ctx.Err() != nil || !w.begun {
			break
		}
	}
	if last == nil {
		last = io.ErrUnexpectedEOF
	}
	return nil, b.unread(o.Key, last)
}

// copyRange copies what one request gives of the bytes from..to of an object.
func (b *Bucket) copyRange(ctx context.Context, o Object, from, to int64, w *writer) error {
	if o.Size == 0 {
		return nil
	}
	input := &s3.GetObjectInput{Bucket: &b.Bucket, Key: &o.Key, ExpectedBucketOwner: b.owner(), IfMatch: aws.String(`"` + o.ETag + `"`)}
	if o.Version != "" {
		input.VersionId = &o.Version
	}
	if whole := from == 0 && to == o.Size-1; !whole {
		input.Range = aws.String(fmt.Sprintf("bytes=%d-%d", from, to))
	}
	out, err := b.client.GetObject(ctx, input)
	if err != nil {
		return err
	}
	defer out.Body.Close() // nothing was written
	w.begun = true
	if n := aws.ToInt64(out.ContentLength); n != to-from+1 {
		return fmt.Errorf("the answer has %d bytes, and %d were asked for", n, to-from+1)
	}
	_, err = io.CopyBuffer(struct{ io.Writer }{w}, io.LimitReader(out.Body, to-from+1), make([]byte, 64<<10))
	return err
}

// unread says why an object could not be read.
func (b *Bucket) unread(key string, err error) error {
	switch {
	case status(err) == http.StatusForbidden && code(err) == "InvalidObjectState":
		return because(errDenied, "it is archived, and must be restored before it can be read")
	case status(err) == http.StatusForbidden:
		return because(errDenied, "S3 denies to read it")
	case status(err) == http.StatusPreconditionFailed, status(err) == http.StatusNotFound:
		return errors.New("it changed while it was read")
	}
	return b.explain("s3:GetObject", "reading", key, err)
}

// A writer counts what is written, and tells the fault of whom it writes to from others.
type writer struct {
	to    io.Writer
	n     int64
	err   error
	begun bool // an answer has begun
}

func (w *writer) Write(p []byte) (int, error) {
	n, err := w.to.Write(p)
	w.n += int64(n)
	if err != nil {
		w.err = err
	}
	return n, err
}

// fixed has room for so many bytes.
type fixed struct{ room []byte }

func (f *fixed) Write(p []byte) (int, error) {
	if len(f.room)+len(p) > cap(f.room) {
		return 0, errors.New("more bytes came than were asked for")
	}
	f.room = append(f.room, p...)
	return len(p), nil
}
