package packager

import (
	"context"
	"errors"
	"fmt"

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
func (b *bucket) copyParts(ctx context.Context, from *bucket, fromKey, key string, p payload) (version string, err error) {
	source, err := from.look(ctx, fromKey, p)
	if err != nil {
		return "", err
	}
	if source.presence != proved {
		return "", errors.New("the source is not what was to be copied")
	}
	grace, done := graceOf(ctx)
	defer done()
	client := multipartClient{b.client, b, key, nil, grace}
	create := &s3.CreateMultipartUploadInput{
		Bucket: &b.Bucket, Key: &key, Metadata: b.metadataOf(p), Tagging: b.tagging(), ChecksumAlgorithm: types.ChecksumAlgorithmSha256,
	}
	create.ServerSideEncryption, create.SSEKMSKeyId = b.encryption()
	upload, err := client.CreateMultipartUpload(ctx, create)
	if err != nil {
		return "", err
	}
	defer func() {
		if err != nil {
			_, aerr := client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &b.Bucket, Key: &key, UploadId: upload.UploadId})
			err = errors.Join(err, aerr)
		}
	}()
	size := b.options.copyPart
	if size == 0 {
		size = copyPartSize
	}
	parts := make([]types.CompletedPart, (p.size+size-1)/size)
	group, copying := errgroup.WithContext(ctx)
	group.SetLimit(b.options.jobs())
	for i := range parts {
		group.Go(func() error {
			first := int64(i) * size
			input := &s3.UploadPartCopyInput{
				Bucket: &b.Bucket, Key: &key, UploadId: upload.UploadId, PartNumber: aws.Int32(int32(i + 1)), //nolint:gosec // S3 has no object of so many parts
				CopySource: aws.String(copySource(from.Bucket, fromKey)), CopySourceIfMatch: source.head.ETag,
				CopySourceRange: aws.String(fmt.Sprintf("bytes=%d-%d", first, min(first+size, p.size)-1)),
			}
			if from.Owner != "" {
				input.ExpectedSourceBucketOwner = &from.Owner
			}
			out, err := b.client.UploadPartCopy(copying, input)
			if err != nil {
				return err
			}
			if out.CopyPartResult == nil || out.CopyPartResult.ETag == nil {
				return b.notS3(key)
			}
			parts[i] = types.CompletedPart{ETag: out.CopyPartResult.ETag, ChecksumSHA256: out.CopyPartResult.ChecksumSHA256, PartNumber: input.PartNumber}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return "", err
	}
	complete, err := b.client.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
		Bucket: &b.Bucket, Key: &key, UploadId: upload.UploadId, MultipartUpload: &types.CompletedMultipartUpload{Parts: parts},
	})
	if err != nil {
		return "", err
	}
	return aws.ToString(complete.VersionId), b.verify(ctx, key, p)
}
