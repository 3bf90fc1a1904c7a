package s3store

import (
	"context"
	"errors"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// RegionOf asks S3 where a bucket is. guess is the region to ask first: of a bucket that is
// elsewhere S3 says so in its refusal, also to a caller who may not use it.
func (c *Connections) RegionOf(ctx context.Context, bucket, guess string, told Told) (string, error) {
	b := c.Bucket(Store{Region: guess, Bucket: bucket}, told)
	found := ""
	err := b.checkBy(ctx, func(ctx context.Context) error {
		out, err := b.client.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &bucket}, b.fewer())
		if err == nil {
			found = aws.ToString(out.BucketRegion)
			return nil
		}
		found = bucketRegion(err)
		return err
	})
	switch {
	case found != "":
		return found, nil
	case err == nil:
		return guess, nil // a server that is not S3 may not say it
	case status(err) == http.StatusNotFound:
		return "", &problem.Error{Message: "there is no bucket " + bucket, Err: err}
	}
	return "", b.explain("s3:ListBucket", "asking where the bucket is:", "", err)
}

// errWrong lies behind an error that says that a bucket is another one than it should be.
var errWrong = errors.New("the wrong bucket")

// IsWrong tells an error that says that a bucket is not there, in another region, or of
// another owner; any other one says that this could not be found out.
func IsWrong(err error) bool { return errors.Is(err, errWrong) || IsMissing(err) }

// IsMissing tells an error that says that there is no such bucket.
func IsMissing(err error) bool { return status(err) == http.StatusNotFound }
