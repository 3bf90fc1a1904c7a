package packager

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/feature/s3/manager"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/logging"
)

const (
	// partSize is that of a multipart upload's parts. What is smaller goes in
	// one request, whose checksum covers the whole object.
	partSize = 16 << 20
	// attempts is how often a request is tried, unless the configuration says
	// otherwise (AWS_MAX_ATTEMPTS).
	attempts = 6
	// headerTimeout bounds the wait for an answer once a request is sent.
	headerTimeout = time.Minute
	// abortTimeout bounds the request that removes an unfinished upload.
	abortTimeout = 10 * time.Second
)

// Metadata that every object carries, so that a later run can prove what is
// stored. S3 keeps such keys in lower case.
const (
	digestMeta = "mrpackage-digest" // the artifact's digest
	sizeMeta   = "mrpackage-size"   // the object's size in bytes
	sumMeta    = "mrpackage-sha256" // the object's SHA-256, hex
)

// A bucket is one store's client.
type bucket struct {
	Store
	client   *s3.Client
	metadata map[string]string
	sent     func(key string, bytes int64) // told of every part that arrived
}

// openBuckets returns a client for each store from one configuration: one
// HTTP transport on the dialer, one cache of credentials.
func openBuckets(ctx context.Context, opts Options, dial *dialer, sent func(i int, key string, n int64)) ([]*bucket, error) {
	var cfg aws.Config
	if opts.AWS != nil {
		cfg = opts.AWS.Copy()
	} else {
		var err error
		if cfg, err = config.LoadDefaultConfig(ctx); err != nil {
			return nil, fmt.Errorf("loading the AWS configuration: %w", err)
		}
	}
	cfg.Logger = logging.Nop{} // what matters comes back as an error
	client, ok := cfg.HTTPClient.(*awshttp.BuildableClient)
	if cfg.HTTPClient == nil {
		client, ok = awshttp.NewBuildableClient(), true
	}
	if ok {
		cfg.HTTPClient = client.WithTransportOptions(func(t *http.Transport) {
			t.DialContext = dial.DialContext
			t.ResponseHeaderTimeout = headerTimeout
			t.MaxIdleConns = 0 // no limit but the one for each host
			t.MaxIdleConnsPerHost = opts.jobs()
		})
	}
	buckets := make([]*bucket, len(opts.Stores))
	for i, store := range opts.Stores {
		buckets[i] = &bucket{
			Store: store, metadata: opts.Metadata,
			sent: func(key string, n int64) { sent(i, key, n) },
			client: s3.NewFromConfig(cfg, func(o *s3.Options) {
				o.Region = store.Region
				if opts.EndpointURL != "" {
					o.BaseEndpoint = aws.String(opts.EndpointURL)
				}
				// Servers other than S3 rarely have a DNS name per bucket.
				o.UsePathStyle = o.BaseEndpoint != nil
				// The SDK's retry quota is made for a client that sends one
				// request at a time; here a whole run shares it.
				o.Retryer = retry.NewStandard(func(r *retry.StandardOptions) {
					r.MaxAttempts = attempts
					if cfg.RetryMaxAttempts > 0 {
						r.MaxAttempts = cfg.RetryMaxAttempts
					}
					r.RateLimiter = ratelimit.None
				})
				o.DisableLogOutputChecksumValidationSkipped = true
			}),
		}
	}
	return buckets, nil
}

// check finds out whether the bucket is there, and in the region it is said to
// be in. Where that may not be asked, the upload will tell.
func (b *bucket) check(ctx context.Context) error {
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
		return &Error{
			Subject: b.Region, Err: err,
			Message: fmt.Sprintf("the bucket %s is in %s, not in %s", b.Bucket, region, b.Region),
			Hint:    "CloudFormation takes code only from a bucket in the stack's own region: name one in " + b.Region,
		}
	case err == nil:
		return nil
	case status(err) == http.StatusForbidden || status(err) == http.StatusBadRequest:
		// A HEAD's answer does not say why. Only a lack of permission to look
		// is no problem: to put may be allowed.
		_, err = b.client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &b.Bucket, MaxKeys: aws.Int32(1)}, fewer)
		if err == nil || code(err) == "AccessDenied" {
			return nil
		}
	}
	return b.explain("s3:ListBucket", "looking for the bucket", "", err)
}

// presence is what a look at a key found.
type presence uint8

const (
	absent  presence = iota
	proved           // the object is what it should be
	foreign          // there is another object
	unknown          // S3 does not tell this caller
)

// A payload is what is to be stored under a key.
type payload struct {
	digest string
	size   int64 // -1 before an archive is made
	sum    []byte
	spool  *spool
	body   []byte // where there is no spool
}

// look asks for the object under a key and compares it with what is recorded
// and expected.
func (b *bucket) look(ctx context.Context, key string, want payload) (presence, int64, error) {
	out, err := b.client.HeadObject(ctx, &s3.HeadObjectInput{
		Bucket: &b.Bucket, Key: &key, ChecksumMode: types.ChecksumModeEnabled,
	})
	switch {
	case err == nil:
	case status(err) == http.StatusNotFound:
		return absent, 0, nil
	case status(err) == http.StatusForbidden:
		return unknown, 0, nil
	default:
		return unknown, 0, b.explain("s3:GetObject", "looking for", key, err)
	}
	size := aws.ToInt64(out.ContentLength)
	recorded, malformed := hex.DecodeString(out.Metadata[sumMeta])
	switch {
	case malformed != nil || out.Metadata[digestMeta] != want.digest || out.Metadata[sizeMeta] != strconv.FormatInt(size, 10):
		return foreign, size, nil //nolint:nilerr // somebody else's object is no error
	case want.size >= 0 && (size != want.size || !bytes.Equal(recorded, want.sum)):
		return foreign, size, nil
	case out.ChecksumSHA256 != nil && out.ChecksumType == types.ChecksumTypeFullObject &&
		*out.ChecksumSHA256 != base64.StdEncoding.EncodeToString(recorded):
		return foreign, size, nil
	}
	for key, value := range b.metadata {
		if out.Metadata[strings.ToLower(key)] != value {
			return absent, size, nil // it was stored with other metadata than is asked for now
		}
	}
	return proved, size, nil
}

// put stores a payload. With ifAbsent it leaves an object that is there alone
// and returns false.
func (b *bucket) put(ctx context.Context, key string, p payload, ifAbsent bool) (stored bool, version string, err error) {
	metadata := maps.Clone(b.metadata)
	if metadata == nil {
		metadata = make(map[string]string)
	}
	metadata[digestMeta] = p.digest
	metadata[sizeMeta] = strconv.FormatInt(p.size, 10)
	metadata[sumMeta] = hex.EncodeToString(p.sum)

	var body io.ReadSeeker = bytes.NewReader(p.body)
	if p.spool != nil {
		f, err := os.Open(p.spool.path)
		if err != nil {
			return false, "", fmt.Errorf("opening %s: %w", p.spool.path, err)
		}
		defer f.Close() // nothing was written
		body = f
	}
	input := &s3.PutObjectInput{
		Bucket: &b.Bucket, Key: &key, Body: body, Metadata: metadata,
		ContentLength: aws.Int64(p.size),
	}
	if ifAbsent {
		input.IfNoneMatch = aws.String("*")
	}
	if p.size <= partSize {
		// S3 refuses the body if its checksum is another.
		input.ChecksumSHA256 = aws.String(base64.StdEncoding.EncodeToString(p.sum))
		var out *s3.PutObjectOutput
		if out, err = b.client.PutObject(ctx, input); err == nil {
			b.sent(key, p.size)
			return true, aws.ToString(out.VersionId), nil
		}
	} else {
		input.ChecksumAlgorithm = types.ChecksumAlgorithmSha256
		input.ContentLength = nil
		uploader := manager.NewUploader(multipartClient{b.client, b, key}, func(u *manager.Uploader) { u.PartSize = partSize })
		var out *manager.UploadOutput
		if out, err = uploader.Upload(ctx, input); err == nil {
			if version, err = aws.ToString(out.VersionID), b.verify(ctx, key, p); err == nil {
				return true, version, nil
			}
			return false, "", err
		}
	}
	if ifAbsent && status(err) == http.StatusPreconditionFailed {
		return false, "", nil
	}
	return false, "", b.explain("s3:PutObject", "uploading", key, err)
}

// verify looks at an object that came in parts, each with a checksum of its
// own, once more as a whole.
func (b *bucket) verify(ctx context.Context, key string, p payload) error {
	found, size, err := b.look(ctx, key, p)
	if err != nil || found == proved || found == unknown {
		return err
	}
	return &Error{
		Subject: b.Region,
		Message: fmt.Sprintf("s3://%s/%s is not what was uploaded: it has %d bytes, and %d were sent", b.Bucket, key, size, p.size),
		Hint:    "does another process write to this key? run again",
	}
}

// multipartClient is what the manager uploads parts with.
type multipartClient struct {
	*s3.Client
	bucket *bucket
	key    string
}

func (c multipartClient) UploadPart(ctx context.Context, in *s3.UploadPartInput, opts ...func(*s3.Options)) (*s3.UploadPartOutput, error) {
	out, err := c.Client.UploadPart(ctx, in, opts...)
	if size, serr := in.Body.(io.Seeker).Seek(0, io.SeekEnd); err == nil && serr == nil {
		c.bucket.sent(c.key, size)
	}
	return out, err
}

// AbortMultipartUpload removes the parts even when the run was interrupted:
// the manager passes on the context that has ended, and they would be stored,
// and paid for, until a lifecycle rule removes them.
func (c multipartClient) AbortMultipartUpload(ctx context.Context, in *s3.AbortMultipartUploadInput, opts ...func(*s3.Options)) (*s3.AbortMultipartUploadOutput, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortTimeout)
	defer cancel()
	return c.Client.AbortMultipartUpload(ctx, in, opts...)
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
