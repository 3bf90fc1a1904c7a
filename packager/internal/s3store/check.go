package s3store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// checkTimeout bounds the first questions to a bucket, tries included, and
// so how long a region that does not answer keeps everybody waiting.
const checkTimeout = 20 * time.Second

// Check finds out whether the bucket is there, in the region it is said to be
// in, of the owner that is expected, and open to this caller. It sends nothing
// that could be stored.
func (b *Bucket) Check(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	err := b.ask(limited)
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		return &problem.Error{
			Subject: b.Region, Err: err,
			Message: fmt.Sprintf("the bucket %s does not answer: waited %s", b.Bucket, checkTimeout),
			Hint:    unreachable(b.Region),
		}
	}
	return err
}

func (b *Bucket) ask(ctx context.Context) error {
	fewer := func(o *s3.Options) { o.Retryer = retry.AddWithMaxAttempts(o.Retryer, min(3, o.Retryer.MaxAttempts())) }
	out, err := b.client.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &b.Bucket, ExpectedBucketOwner: b.owner()}, fewer)
	region := ""
	if err == nil {
		region = aws.ToString(out.BucketRegion)
	} else {
		region = bucketRegion(err)
	}
	switch {
	case region != "" && region != b.Region:
		return &problem.Error{
			Subject: b.Region, Err: err,
			Message: fmt.Sprintf("the bucket %s is in %s, not in %s", b.Bucket, region, b.Region),
			Hint:    "CloudFormation takes code only from a bucket in the stack's own region: name one in " + b.Region,
		}
	case err == nil:
		return nil
	case status(err) != http.StatusForbidden && status(err) != http.StatusBadRequest:
		return b.explain("s3:ListBucket", "looking for the bucket", "", err)
	}
	// A HEAD's answer does not say why. Only a lack of permission to look is no
	// problem: to put may be allowed.
	list := &s3.ListObjectsV2Input{Bucket: &b.Bucket, MaxKeys: aws.Int32(1), ExpectedBucketOwner: b.owner()}
	_, err = b.client.ListObjectsV2(ctx, list, fewer)
	if err == nil {
		return nil
	}
	if code(err) != "AccessDenied" {
		return b.explain("s3:ListBucket", "looking for the bucket", "", err)
	}
	if b.Owner != "" {
		list.ExpectedBucketOwner = nil // does it answer where no owner is expected?
		if _, err := b.client.ListObjectsV2(ctx, list, fewer); err == nil {
			return &problem.Error{
				Subject: b.Region,
				Message: fmt.Sprintf("the bucket %s does not belong to the account %s", b.Bucket, b.Owner),
				Hint:    "somebody else may own a bucket of this name: correct the name, or --expected-bucket-owner",
			}
		}
	}
	return b.mayPut(ctx, fewer)
}

// mayPut finds out whether this caller may store objects by a put that S3
// refuses in any case, as its checksum is that of another body.
func (b *Bucket) mayPut(ctx context.Context, fewer func(*s3.Options)) error {
	other := sha256.Sum256([]byte("not this"))
	input := &s3.PutObjectInput{
		Bucket: &b.Bucket, Key: aws.String(b.Key("mrpackage-probe.zip")), Body: bytes.NewReader(nil), Tagging: b.tagging(), ExpectedBucketOwner: b.owner(),
		ChecksumSHA256: aws.String(base64.StdEncoding.EncodeToString(other[:])),
	}
	input.ServerSideEncryption, input.SSEKMSKeyId = b.encryption()
	_, err := b.client.PutObject(ctx, input, fewer)
	if err == nil || status(err) == http.StatusBadRequest {
		return nil
	}
	return b.explain("s3:PutObject", "asking whether objects may be stored in", "", err)
}
