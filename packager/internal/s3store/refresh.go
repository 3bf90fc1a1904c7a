package s3store

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// defaultRefresh is well before the 90 days after which the pipeline's artifact
// buckets delete objects.
const defaultRefresh = 30 * 24 * time.Hour

// Old tells whether an object should be made young again: a lifecycle rule
// counts from the day that it was stored, although it is in use.
func (b *Bucket) Old(f Found) bool {
	age := cmp.Or(b.config.RefreshAfter, defaultRefresh)
	return age > 0 && f.head.LastModified != nil && time.Since(*f.head.LastModified) > age
}

// Refresh makes a proved object young by copying it onto itself, with all that
// it is stored with. An error means that it must be stored anew.
func (b *Bucket) Refresh(ctx context.Context, key string, f Found) (version string, err error) {
	if f.Size > maxCopy {
		return "", errors.New("too large for one copy")
	}
	input := &s3.CopyObjectInput{
		Bucket: &b.Bucket, Key: &key, ExpectedBucketOwner: b.owner(), ExpectedSourceBucketOwner: b.owner(),
		CopySource:        aws.String(copySource(b.Bucket, key)),
		CopySourceIfMatch: f.head.ETag, // what was proved, and nothing newer
		MetadataDirective: types.MetadataDirectiveReplace,
		Metadata:          f.head.Metadata,
		ContentType:       f.head.ContentType,
		ContentEncoding:   f.head.ContentEncoding,
		CacheControl:      f.head.CacheControl,
		StorageClass:      f.head.StorageClass,
		// What another program has stored may have these, too.
		ContentDisposition:      f.head.ContentDisposition,
		ContentLanguage:         f.head.ContentLanguage,
		WebsiteRedirectLocation: f.head.WebsiteRedirectLocation,
		// The checksum of an object in parts is one of the parts' checksums.
		ChecksumAlgorithm:    types.ChecksumAlgorithmSha256,
		ServerSideEncryption: f.head.ServerSideEncryption,
		SSEKMSKeyId:          f.head.SSEKMSKeyId,
		BucketKeyEnabled:     f.head.BucketKeyEnabled,
	}
	out, err := b.client.CopyObject(ctx, input)
	if err != nil {
		return "", err
	}
	switch {
	case f.SHA256 != nil:
	case aws.ToString(out.CopyObjectResult.ETag) != aws.ToString(f.head.ETag):
		return "", errors.New("the copy is not what it was made from")
	default:
		return aws.ToString(out.VersionId), nil
	}
	if out.CopyObjectResult.ChecksumSHA256 == nil {
		return "", errors.New("the answer has no checksum that would prove the copy")
	}
	if *out.CopyObjectResult.ChecksumSHA256 != base64.StdEncoding.EncodeToString(f.SHA256) {
		return "", errors.New("the copy is not what it was made from")
	}
	if want := input.ServerSideEncryption; want != "" && out.ServerSideEncryption != want {
		return "", errors.New("the copy is not encrypted as the object was")
	}
	return aws.ToString(out.VersionId), nil
}

// copySource names an object as CopyObject wants it, percent-encoded; S3 would
// take a plus for a space.
func copySource(bucket, key string) string {
	return bucket + "/" + strings.NewReplacer("+", "%20", "%2F", "/").Replace(url.QueryEscape(key))
}
