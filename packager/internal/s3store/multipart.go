package s3store

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// multipartClient is what the manager uploads parts with.
type multipartClient struct {
	*s3.Client
	bucket *Bucket
	sent   *outgoing       // of the object; nil where nothing is sent
	sums   [][]byte        // of the parts; none where they are copied
	grace  context.Context //nolint:containedctx // the manager passes on another one
}

// UploadPart has the part's checksum as it is known.
func (c multipartClient) UploadPart(ctx context.Context, in *s3.UploadPartInput, opts ...func(*s3.Options)) (*s3.UploadPartOutput, error) {
	if c.sums != nil {
		sum := c.sums[*in.PartNumber-1]
		in.ChecksumSHA256 = aws.String(base64.StdEncoding.EncodeToString(sum))
		opts = append(opts, s3.WithAPIOptions(signedBody(sum)))
	}
	size, err := in.Body.(io.Seeker).Seek(0, io.SeekEnd)
	if err == nil {
		_, err = in.Body.(io.Seeker).Seek(0, io.SeekStart)
	}
	if err != nil {
		return nil, fmt.Errorf("reading a part: %w", err)
	}
	part := &outgoing{tell: c.sent.add}
	out, err := c.Client.UploadPart(part.counted(ctx), in, opts...)
	part.done(size, err)
	return out, err
}

// CreateMultipartUpload goes on for a moment when the run is interrupted: an
// upload whose ID is not known cannot be removed.
func (c multipartClient) CreateMultipartUpload(ctx context.Context, in *s3.CreateMultipartUploadInput, opts ...func(*s3.Options)) (*s3.CreateMultipartUploadOutput, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return c.Client.CreateMultipartUpload(c.grace, in, opts...)
}

// AbortMultipartUpload removes the parts even when the run was interrupted:
// the manager passes on the context that has ended, and they would be stored,
// and paid for, until a lifecycle rule removes them.
func (c multipartClient) AbortMultipartUpload(_ context.Context, in *s3.AbortMultipartUploadInput, opts ...func(*s3.Options)) (*s3.AbortMultipartUploadOutput, error) {
	in.ExpectedBucketOwner = c.bucket.owner() // which the manager leaves out
	ctx, cancel := context.WithTimeout(c.grace, abortTimeout)
	defer cancel()
	return c.Client.AbortMultipartUpload(ctx, in, opts...)
}

// A SupersededError is why a context ends whose work is done already, in another way. Nobody
// waits for the program to end then, before the context of its run ends.
type SupersededError struct {
	Run context.Context //nolint:containedctx // it outlives the one that ends
}

func (*SupersededError) Error() string { return "it is stored already" }

// graceOf returns a context that ends a moment after ctx does: one moment for
// all that remains to be done, as somebody waits for the program to end. Where nobody does, it
// is a longer one.
func graceOf(ctx context.Context) (context.Context, context.CancelFunc) {
	grace, cancel := context.WithCancel(context.WithoutCancel(ctx))
	soon := func() { time.AfterFunc(interruptTimeout, cancel) }
	stop := context.AfterFunc(ctx, func() {
		var superseded *SupersededError
		if !errors.As(context.Cause(ctx), &superseded) {
			soon()
			return
		}
		notSoon := context.AfterFunc(superseded.Run, soon)
		context.AfterFunc(grace, func() { notSoon() })
		time.AfterFunc(abortTimeout, cancel)
	})
	return grace, func() {
		stop()
		cancel()
	}
}
