package s3store

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/role"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// checkTimeout bounds the first questions to a bucket, tries included, and
// so how long a region that does not answer keeps everybody waiting.
const checkTimeout = 20 * time.Second

// Check finds out whether the bucket is there, in the region it is said to be
// in, of the owner that is expected, and open to this caller. It sends nothing
// that could be stored.
func (b *Bucket) Check(ctx context.Context) error {
	return b.checkBy(ctx, func(ctx context.Context) error {
		fewer := b.fewer()
		if listed, err := b.find(ctx, fewer); listed || err != nil {
			return err
		}
		return b.mayPut(ctx, fewer)
	})
}

// CheckRead finds out the same for a caller who only reads. listed tells whether the caller
// may list the bucket: to one who may not, S3 does not tell what is missing from what is
// forbidden. Every request is a HEAD or a GET.
func (b *Bucket) CheckRead(ctx context.Context) (listed bool, err error) {
	err = b.checkBy(ctx, func(ctx context.Context) (err error) {
		listed, err = b.find(ctx, b.fewer())
		return err
	})
	return listed, err
}

// fewer is how often the first questions are asked at most.
func (b *Bucket) fewer() func(*s3.Options) {
	return func(o *s3.Options) { o.Retryer = retry.AddWithMaxAttempts(o.Retryer, min(3, o.Retryer.MaxAttempts())) }
}

// checkBy asks, for a while.
func (b *Bucket) checkBy(ctx context.Context, ask func(context.Context) error) error {
	limited, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	err := ask(limited)
	if err != nil && limited.Err() != nil && ctx.Err() == nil && role.WithoutCredentials(b.config.AWS, err) == nil {
		return &problem.Error{
			Subject: b.Region, Err: err,
			Message: fmt.Sprintf("the bucket %s does not answer: waited %s", b.Bucket, checkTimeout),
			Hint:    unreachable(b.Region),
		}
	}
	return err
}

// find finds out where the bucket is and whose. listed is false where this caller may not
// list it, which need not be wrong.
func (b *Bucket) find(ctx context.Context, fewer func(*s3.Options)) (listed bool, err error) {
	out, err := b.client.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &b.Bucket, ExpectedBucketOwner: b.owner()}, fewer)
	region := ""
	if err == nil {
		region = aws.ToString(out.BucketRegion)
	} else {
		region = bucketRegion(err)
	}
	switch {
	case region != "" && region != b.Region:
		return false, b.elsewhere(region, err)
	case err == nil:
		return true, nil
	case status(err) != http.StatusForbidden && status(err) != http.StatusBadRequest:
		return false, b.absent(b.explain("s3:ListBucket", "looking for the bucket", "", err))
	}
	// A HEAD's answer does not say why. Only a lack of permission to look is no
	// problem: to put may be allowed.
	list := &s3.ListObjectsV2Input{Bucket: &b.Bucket, MaxKeys: aws.Int32(1), ExpectedBucketOwner: b.owner()}
	_, err = b.client.ListObjectsV2(ctx, list, fewer)
	if err == nil {
		return true, nil
	}
	if code(err) != "AccessDenied" {
		return false, b.explain("s3:ListBucket", "looking for the bucket", "", err)
	}
	if b.Owner != "" {
		list.ExpectedBucketOwner = nil // does it answer where no owner is expected?
		if _, err := b.client.ListObjectsV2(ctx, list, fewer); err == nil {
			return false, &problem.Error{
				Subject: b.Region, Err: errWrong,
				Message: fmt.Sprintf("the bucket %s does not belong to the account %s", b.Bucket, b.Owner),
				Hint:    cmp.Or(b.config.Foreign, "somebody else may own a bucket of this name: correct the name, or --expected-bucket-owner"),
			}
		}
	}
	return false, nil
}

// absent says what to do where there is no such bucket, if the caller knows that.
func (b *Bucket) absent(err error) error {
	var e *problem.Error
	if b.config.Absent != nil && status(err) == http.StatusNotFound && errors.As(err, &e) {
		e.Hint = b.config.Absent(b.Store)
	}
	return err
}

// mayPut finds out whether this caller may store objects, by a put whose body is never
// sent: S3 says whether it wants the body when it has seen the headers (S3 API
// reference, PutObject, 100-continue). Its headers are those of every put, by which
// policies decide. Nothing can be stored, whatever the server does.
func (b *Bucket) mayPut(ctx context.Context, fewer func(*s3.Options)) error {
	b.learnEncryption(ctx)
	sum := sha256.Sum256([]byte{0})
	body := &unsentBody{}
	input := &s3.PutObjectInput{
		Bucket: &b.Bucket, Key: aws.String(b.Key("mrpackage-probe.zip")), Body: body, Tagging: b.tagging(), ExpectedBucketOwner: b.owner(),
		ContentLength: aws.Int64(1), ChecksumSHA256: aws.String(base64.StdEncoding.EncodeToString(sum[:])),
	}
	input.ServerSideEncryption, input.SSEKMSKeyId = b.encryption()
	_, err := b.client.PutObject(ctx, input, fewer, s3.WithAPIOptions(signedBody(sum[:])), func(o *s3.Options) {
		o.ContinueHeaderThresholdBytes = 1
		o.Retryer = untilWanted{o.Retryer, body}
	})
	if body.wanted.Load() && b.client.Options().BaseEndpoint != nil {
		// A server that is not AWS's may want every body, and judge the request then.
		err = b.mayUploadPart(ctx, fewer)
	}
	if err == nil || body.wanted.Load() && status(err) != http.StatusForbidden || status(err) == http.StatusBadRequest {
		return nil
	}
	return b.explain("s3:PutObject", "asking whether objects may be stored in", "", err)
}

// mayUploadPart uploads a part of an upload that does not exist: it takes the permission
// to put objects, and can store nothing.
func (b *Bucket) mayUploadPart(ctx context.Context, fewer func(*s3.Options)) error {
	_, err := b.client.UploadPart(ctx, &s3.UploadPartInput{
		Bucket: &b.Bucket, Key: aws.String(b.Key("mrpackage-probe.zip")), UploadId: aws.String("mrpackage-probe"), PartNumber: aws.Int32(1),
		Body: bytes.NewReader(nil), ExpectedBucketOwner: b.owner(),
	}, fewer)
	return err
}

// An untilWanted retryer tries no more when the answer is known.
type untilWanted struct {
	aws.Retryer
	body *unsentBody
}

// IsErrorRetryable tells whether it is of use to ask again.
func (u untilWanted) IsErrorRetryable(err error) bool {
	return !u.body.wanted.Load() && u.Retryer.IsErrorRetryable(err)
}

// An unsentBody is said to have one byte, and never gives it.
type unsentBody struct{ wanted atomic.Bool }

// Read tells that somebody wants the byte.
func (u *unsentBody) Read([]byte) (int, error) {
	u.wanted.Store(true)
	return 0, errors.New("this body is not sent")
}

// Seek tells the length, for which the SDK asks.
func (u *unsentBody) Seek(offset int64, whence int) (int64, error) {
	if whence == io.SeekEnd {
		return 1 + offset, nil
	}
	return offset, nil
}
