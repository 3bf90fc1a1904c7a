package s3store

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"golang.org/x/sync/errgroup"
)

// copyPartSize is that of the parts of an object that is too large for one copy:
// small enough for many to be copied at once.
const copyPartSize = 256 << 20

// copyParts stores a payload that is larger than CopyObject takes, by copying it
// part by part from another bucket. Each part must come from the object that was
// proved, and the whole is looked at in the end.
func (b *Bucket) copyParts(ctx context.Context, from *Bucket, fromKey, key string, p Payload, ifAbsent bool) (version string, made bool, err error) {
	source, err := from.prove(ctx, fromKey, p)
	if err != nil {
		return "", false, err
	}
	if source.Presence != Proved {
		return "", false, errors.New("the source is not what was to be copied")
	}
	grace, done := graceOf(ctx)
	defer done()
	client := multipartClient{b.client, b, nil, nil, grace}
	create := &s3.CreateMultipartUploadInput{
		Bucket: &b.Bucket, Key: &key, Metadata: b.metadataOf(p), Tagging: b.tagging(), ChecksumAlgorithm: types.ChecksumAlgorithmSha256,
		ContentType: p.contentType(), ExpectedBucketOwner: b.owner(),
	}
	create.ServerSideEncryption, create.SSEKMSKeyId = b.encryption()
	upload, err := client.CreateMultipartUpload(ctx, create)
	if err != nil {
		return "", false, err
	}
	defer func() {
		if err != nil {
			_, aerr := client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &b.Bucket, Key: &key, UploadId: upload.UploadId})
			err = errors.Join(err, aerr)
		}
	}()
	copied := &outgoing{tell: func(bytes int64) { b.told.Copying(key, bytes) }}
	defer func() { copied.done(p.Size, err) }()
	parts, err := b.copyEach(ctx, p.Size, copied, s3.UploadPartCopyInput{
		Bucket: &b.Bucket, Key: &key, UploadId: upload.UploadId,
		CopySource: aws.String(copySource(from.Bucket, fromKey)), CopySourceIfMatch: source.head.ETag,
		ExpectedBucketOwner: b.owner(), ExpectedSourceBucketOwner: from.owner(),
	})
	if err != nil {
		return "", false, err
	}
	input := &s3.CompleteMultipartUploadInput{
		Bucket: &b.Bucket, Key: &key, UploadId: upload.UploadId, MultipartUpload: &types.CompletedMultipartUpload{Parts: parts},
		ExpectedBucketOwner: b.owner(), IfNoneMatch: absent(ifAbsent),
	}
	complete, err := b.client.CompleteMultipartUpload(ctx, input)
	if ifAbsent && status(err) == http.StatusNotImplemented {
		input.IfNoneMatch = nil
		complete, err = b.client.CompleteMultipartUpload(ctx, input)
	}
	if err != nil {
		return "", !refused(err), err
	}
	return aws.ToString(complete.VersionId), true, b.verify(ctx, key, p)
}

// copyEach copies the parts of an object of that size, many at once. request is what
// all parts have in common.
func (b *Bucket) copyEach(ctx context.Context, size int64, copied *outgoing, request s3.UploadPartCopyInput) ([]types.CompletedPart, error) {
	each := b.config.CopyPart
	if each == 0 {
		each = copyPartSize
	}
	parts := make([]types.CompletedPart, (size+each-1)/each)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(b.config.Jobs)
	for i := range parts {
		group.Go(func() error {
			first, input := int64(i)*each, request
			last := min(first+each, size) - 1
			input.PartNumber = aws.Int32(int32(i + 1)) //nolint:gosec // S3 has no object of so many parts
			input.CopySourceRange = aws.String(fmt.Sprintf("bytes=%d-%d", first, last))
			out, err := b.client.UploadPartCopy(ctx, &input)
			if err != nil {
				return err
			}
			copied.add(last + 1 - first)
			parts[i] = types.CompletedPart{ETag: out.CopyPartResult.ETag, ChecksumSHA256: out.CopyPartResult.ChecksumSHA256, PartNumber: input.PartNumber}
			return nil
		})
	}
	return parts, group.Wait()
}
