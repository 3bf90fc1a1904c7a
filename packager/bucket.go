package packager

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/logging"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

const (
	// attempts is how often a request is tried, unless the configuration says
	// otherwise (AWS_MAX_ATTEMPTS).
	attempts = 6
	// checkTimeout bounds the first questions to a bucket, tries included, and
	// so how long a region that does not answer keeps everybody waiting.
	checkTimeout = 20 * time.Second
)

// A bucket is one store's client.
type bucket struct {
	Store
	options Options
	client  *s3.Client

	sent     func(key string, bytes int64) // told of every part that arrived
	replaced func(key string, size int64)  // told of what is stored and is something else
}

// openBuckets returns a client for each store from one configuration: one
// HTTP transport, one cache of credentials. home is the configuration's region,
// which is where this machine is, if it is in one.
func openBuckets(ctx context.Context, opts Options, t *transport, tell func(Event)) (buckets []*bucket, home string, err error) {
	var cfg aws.Config
	if opts.AWS != nil {
		cfg = opts.AWS.Copy()
	} else {
		if cfg, err = config.LoadDefaultConfig(ctx, config.WithLogger(logging.Nop{})); err != nil {
			return nil, "", fmt.Errorf("loading the AWS configuration: %w", err)
		}
	}
	cfg.Logger = logging.Nop{} // what matters comes back as an error
	cfg.HTTPClient = t.client(cfg.HTTPClient, opts.jobs()+opts.questions(), len(opts.Stores))
	uploads, questions := make(chan struct{}, opts.jobs()), make(chan struct{}, opts.questions())
	buckets = make([]*bucket, len(opts.Stores))
	for i, store := range opts.Stores {
		b := &bucket{Store: store, options: opts}
		b.sent = func(key string, n int64) {
			tell(Event{Kind: Sent, Region: b.Region, Bucket: b.Bucket, Object: Object{Key: key}, Bytes: n})
		}
		b.replaced = func(key string, size int64) {
			tell(Event{Kind: Replaced, Region: b.Region, Bucket: b.Bucket, Object: Object{Key: key, Size: size}})
		}
		b.client = s3.NewFromConfig(cfg, func(o *s3.Options) {
			o.Region = store.Region
			if opts.EndpointURL != "" {
				o.BaseEndpoint = aws.String(opts.EndpointURL)
			}
			// Servers other than S3 rarely have a DNS name per bucket.
			o.UsePathStyle = o.BaseEndpoint != nil
			o.Retryer = newRetryer(cfg, opts.backoff, func(err error, delay time.Duration) {
				tell(Event{Kind: Retrying, Region: b.Region, Bucket: b.Bucket, Took: delay, Err: err})
			})
			o.DisableLogOutputChecksumValidationSkipped = true
			o.APIOptions = append(o.APIOptions, limited(uploads, questions))
			if store.Owner != "" {
				o.APIOptions = append(o.APIOptions, smithyhttp.SetHeaderValue("X-Amz-Expected-Bucket-Owner", store.Owner))
			}
		})
		buckets[i] = b
	}
	return buckets, cfg.Region, nil
}

// check finds out whether the bucket is there, in the region it is said to be
// in, of the owner that is expected, and open to this caller. It sends nothing
// that could be stored.
func (b *bucket) check(ctx context.Context) error {
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

func (b *bucket) ask(ctx context.Context) error {
	fewer := func(o *s3.Options) { o.Retryer = retry.AddWithMaxAttempts(o.Retryer, min(3, o.Retryer.MaxAttempts())) }
	out, err := b.client.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &b.Bucket}, fewer)
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
	list := &s3.ListObjectsV2Input{Bucket: &b.Bucket, MaxKeys: aws.Int32(1)}
	_, err = b.client.ListObjectsV2(ctx, list, fewer)
	if err == nil {
		return nil
	}
	if code(err) != "AccessDenied" {
		return b.explain("s3:ListBucket", "looking for the bucket", "", err)
	}
	if b.Owner != "" {
		anyOwner := func(o *s3.Options) { o.APIOptions = o.APIOptions[:len(o.APIOptions)-1] } // the last one says who the owner is
		if _, err := b.client.ListObjectsV2(ctx, list, fewer, anyOwner); err == nil {
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
func (b *bucket) mayPut(ctx context.Context, fewer func(*s3.Options)) error {
	other := sha256.Sum256([]byte("not this"))
	input := &s3.PutObjectInput{
		Bucket: &b.Bucket, Key: aws.String(b.key("mrpackage-probe.zip")), Body: bytes.NewReader(nil), Tagging: b.tagging(),
		ChecksumSHA256: aws.String(base64.StdEncoding.EncodeToString(other[:])),
	}
	input.ServerSideEncryption, input.SSEKMSKeyId = b.encryption()
	_, err := b.client.PutObject(ctx, input, fewer)
	if err == nil || status(err) == http.StatusBadRequest {
		return nil
	}
	return b.explain("s3:PutObject", "asking whether objects may be stored in", "", err)
}

// status is the HTTP status of an answer, 0 where there was none.
func status(err error) int {
	var response *awshttp.ResponseError
	if errors.As(err, &response) {
		return response.HTTPStatusCode()
	}
	return 0
}

// code is AWS's code for an error, "" where there is none.
func code(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}

// bucketRegion is where S3 says a bucket is, in an answer that is an error.
func bucketRegion(err error) string {
	var response *awshttp.ResponseError
	if errors.As(err, &response) && response.Response != nil {
		return response.Response.Header.Get("X-Amz-Bucket-Region")
	}
	return ""
}
