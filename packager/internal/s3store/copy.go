package s3store

import (
	"context"
	"encoding/base64"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// CopyFrom stores a payload by copying it from another bucket, in which it is
// stored under the same name. Beside an error, made tells that something may be
// stored all the same, which nobody has proved: whoever stores the payload in another
// way must replace it.
func (b *Bucket) CopyFrom(ctx context.Context, from *Bucket, fromKey, key string, p Payload) (version string, made bool, err error) {
	b.learnEncryption(ctx)
	if p.Size > maxCopy || b.config.CopyPart > 0 && p.Size > b.config.CopyPart {
		return b.copyParts(ctx, from, fromKey, key, p)
	}
	input := &s3.CopyObjectInput{
		Bucket: &b.Bucket, Key: &key, CopySource: aws.String(copySource(from.Bucket, fromKey)),
		MetadataDirective: types.MetadataDirectiveReplace, Metadata: b.metadataOf(p), ContentType: p.contentType(),
		TaggingDirective: types.TaggingDirectiveReplace, Tagging: b.tagging(),
		ChecksumAlgorithm: types.ChecksumAlgorithmSha256, ExpectedBucketOwner: b.owner(), ExpectedSourceBucketOwner: from.owner(),
	}
	input.ServerSideEncryption, input.SSEKMSKeyId = b.encryption()
	out, err := b.client.CopyObject(ctx, input)
	if err != nil {
		return "", !refused(err), err
	}
	// S3 computes the copy's checksum from what it copied: proof enough.
	if aws.ToString(out.CopyObjectResult.ChecksumSHA256) != base64.StdEncoding.EncodeToString(p.SHA256) {
		return "", true, errors.New("the copy is not what was to be copied")
	}
	if want := input.ServerSideEncryption; want != "" && out.ServerSideEncryption != want {
		return "", true, errors.New("the copy is not encrypted as was asked for")
	}
	return aws.ToString(out.VersionId), true, nil
}

// refused tells whether S3 has said that it does not do what was asked. Any other
// failure may have come after it was done.
func refused(err error) bool { return status(err) >= 400 && status(err) < 500 }
