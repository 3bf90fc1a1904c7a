package s3test_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/feature/s3/manager"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"go.uber.org/goleak"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/s3test"
)

const (
	here  = "bucket-eu" // in eu-west-1, of 111111111111
	there = "bucket-us" // in us-east-1, of 222222222222
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(t *testing.T) *s3test.Server {
	t.Helper()
	s := s3test.New()
	t.Cleanup(s.Close)
	s.CreateBucket("eu-west-1", here, "")
	s.CreateBucket("us-east-1", there, "222222222222")
	return s
}

// newClient returns a client of a region, which tries three times and never waits.
func newClient(t *testing.T, s *s3test.Server, region string, options ...func(*s3.Options)) *s3.Client {
	t.Helper()
	transport := &http.Transport{ExpectContinueTimeout: 10 * time.Second}
	t.Cleanup(transport.CloseIdleConnections)
	return s3.New(s3.Options{
		Region: region, BaseEndpoint: aws.String(s.URL()), UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider("AKID", "SECRET", ""),
		HTTPClient:  &http.Client{Transport: transport},
		Retryer: retry.NewStandard(func(o *retry.StandardOptions) {
			o.MaxAttempts = 3
			o.RateLimiter = ratelimit.None
			o.Backoff = retry.BackoffDelayerFunc(func(int, error) (time.Duration, error) { return 0, nil })
		}),
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenSupported,
		ResponseChecksumValidation: aws.ResponseChecksumValidationWhenSupported,
	}, options...)
}

func sha(data []byte) string {
	sum := sha256.Sum256(data)
	return base64.StdEncoding.EncodeToString(sum[:])
}

func etag(data []byte) string {
	sum := md5.Sum(data)
	return `"` + hex.EncodeToString(sum[:]) + `"`
}

// noise returns n bytes, the same for every test.
func noise(n int64) []byte {
	data := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{}).Read(data)
	return data
}

func check[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func must[T any](t *testing.T) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// checkError checks an error's HTTP status and S3's code.
func checkError(t *testing.T, err error, status int, code string) {
	t.Helper()
	var response *smithyhttp.ResponseError
	var api smithy.APIError
	if !errors.As(err, &response) || !errors.As(err, &api) {
		t.Fatalf("got %v, want %d %s", err, status, code)
	}
	if response.HTTPStatusCode() != status || api.ErrorCode() != code {
		t.Errorf("got %v, want %d %s", err, status, code)
	}
}

func operations(s *s3test.Server) (names []string) {
	for _, r := range s.Requests() {
		names = append(names, r.Operation)
	}
	return names
}

// downgrade makes a client believe that it speaks TLS, over which alone it sends checksums in trailers.
type downgrade struct{ http.RoundTripper }

func (d downgrade) RoundTrip(r *http.Request) (*http.Response, error) {
	r.URL.Scheme = "http"
	return d.RoundTripper.RoundTrip(r)
}

func TestPutHeadGet(t *testing.T) {
	t.Parallel()
	body := []byte("123456789") // whose CRCs every specification tells
	sum := sha(body)
	tests := map[string]struct {
		input  s3.PutObjectInput
		option func(*s3.Options)
		want   s3test.Object
	}{
		"SHA-256 given":    {input: s3.PutObjectInput{ChecksumSHA256: &sum}, want: s3test.Object{ChecksumSHA256: sum}},
		"SHA-256 computed": {input: s3.PutObjectInput{ChecksumAlgorithm: "SHA256"}, want: s3test.Object{ChecksumSHA256: sum}},
		"SHA-1": {
			input: s3.PutObjectInput{ChecksumAlgorithm: "SHA1"},
			want:  s3test.Object{ChecksumSHA1: "98O8HYCOBHMq32eZZczDTKeuNEE="},
		},
		"CRC-32C": {input: s3.PutObjectInput{ChecksumAlgorithm: "CRC32C"}, want: s3test.Object{ChecksumCRC32C: "4waSgw=="}},
		"the SDK's default": {
			want: s3test.Object{ChecksumCRC32: "y/Q5Jg=="},
		},
		"S3's default": {
			option: func(o *s3.Options) { o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired },
			want:   s3test.Object{ChecksumCRC64NVME: "rosUhgp5mIg="},
		},
	}
	for name, tt := range tests {
		for _, scheme := range []string{"http", "https"} {
			t.Run(name+" over "+scheme, func(t *testing.T) {
				t.Parallel()
				s := start(t)
				client := newClient(t, s, "eu-west-1", func(o *s3.Options) {
					if tt.option != nil {
						tt.option(o)
					}
					if scheme == "https" {
						o.BaseEndpoint = aws.String(strings.Replace(s.URL(), "http:", "https:", 1))
						c := o.HTTPClient.(*http.Client)
						c.Transport = downgrade{c.Transport}
					}
				})
				input := tt.input
				input.Bucket, input.Key, input.Body = aws.String(here), aws.String("a b/ü+.zip"), bytes.NewReader(body)
				input.Metadata, input.ContentType = map[string]string{"Digest": "d"}, aws.String("application/zip")
				put := must[*s3.PutObjectOutput](t)(client.PutObject(t.Context(), &input))

				o, ok := s.Object(here, "a b/ü+.zip")
				check(t, "stored", ok, true)
				check(t, "time", time.Since(o.LastModified) < time.Minute, true)
				want := tt.want
				want.Body, want.ContentType, want.Metadata = body, "application/zip", map[string]string{"digest": "d"}
				want.ETag, want.ChecksumType, want.ServerSideEncryption = etag(body), "FULL_OBJECT", "AES256"
				want.VersionID, want.LastModified = *put.VersionId, o.LastModified
				check(t, "object", o, want)
				check(t, "put's ETag", *put.ETag, want.ETag)
				check(t, "put's checksum", aws.ToString(put.ChecksumSHA256), want.ChecksumSHA256)

				head := must[*s3.HeadObjectOutput](t)(client.HeadObject(t.Context(), &s3.HeadObjectInput{
					Bucket: input.Bucket, Key: input.Key, ChecksumMode: "ENABLED",
				}))
				check(t, "head's checksum", aws.ToString(head.ChecksumSHA256), want.ChecksumSHA256)
				check(t, "head's CRC-64", aws.ToString(head.ChecksumCRC64NVME), want.ChecksumCRC64NVME)
				check(t, "head's checksum type", head.ChecksumType, "FULL_OBJECT")
				check(t, "head's size", *head.ContentLength, int64(len(body)))
				check(t, "head's metadata", head.Metadata, want.Metadata)
				check(t, "head's version", *head.VersionId, want.VersionID)
				check(t, "head's time", *head.LastModified, want.LastModified)

				get := must[*s3.GetObjectOutput](t)(client.GetObject(t.Context(), &s3.GetObjectInput{
					Bucket: input.Bucket, Key: input.Key,
				}))
				got := must[[]byte](t)(io.ReadAll(get.Body)) // verifies the checksum
				_ = get.Body.Close()
				check(t, "body", string(got), string(body))
			})
		}
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	bucket, key, missing := aws.String(here), aws.String("new"), aws.String("missing")
	body := func() io.Reader { return strings.NewReader("body") }
	put := func(ctx context.Context, c *s3.Client, in s3.PutObjectInput) error {
		if in.Bucket == nil {
			in.Bucket = bucket
		}
		in.Key, in.Body = key, body()
		_, err := c.PutObject(ctx, &in)
		return err
	}
	type call func(ctx context.Context, c *s3.Client) error
	tests := map[string]struct {
		region string // eu-west-1 by default
		call   call
		status int
		code   string
	}{
		"put, no bucket": {"", func(ctx context.Context, c *s3.Client) error {
			return put(ctx, c, s3.PutObjectInput{Bucket: missing})
		}, 404, "NoSuchBucket"},
		"head, no bucket": {"", func(ctx context.Context, c *s3.Client) error {
			_, err := c.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: missing})
			return err
		}, 404, "NotFound"},
		"head, no object": {"", func(ctx context.Context, c *s3.Client) error {
			_, err := c.HeadObject(ctx, &s3.HeadObjectInput{Bucket: bucket, Key: missing})
			return err
		}, 404, "NotFound"},
		"get, no object": {"", func(ctx context.Context, c *s3.Client) error {
			_, err := c.GetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: missing})
			return err
		}, 404, "NoSuchKey"},
		"get, no version": {"", func(ctx context.Context, c *s3.Client) error {
			_, err := c.GetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: aws.String("old"), VersionId: missing})
			return err
		}, 404, "NoSuchVersion"},
		"put, another region": {"us-east-1", func(ctx context.Context, c *s3.Client) error {
			return put(ctx, c, s3.PutObjectInput{})
		}, 301, "PermanentRedirect"},
		"head bucket, another region": {"us-east-1", func(ctx context.Context, c *s3.Client) error {
			_, err := c.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: bucket})
			return err
		}, 301, "MovedPermanently"},
		"put, another owner": {"", func(ctx context.Context, c *s3.Client) error {
			return put(ctx, c, s3.PutObjectInput{ExpectedBucketOwner: aws.String("222222222222")})
		}, 403, "AccessDenied"},
		"head bucket, another owner": {"", func(ctx context.Context, c *s3.Client) error {
			_, err := c.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: bucket, ExpectedBucketOwner: aws.String("222222222222")})
			return err
		}, 403, "Forbidden"},
		"put, another SHA-256": {"", func(ctx context.Context, c *s3.Client) error {
			return put(ctx, c, s3.PutObjectInput{ChecksumSHA256: aws.String(sha(nil))})
		}, 400, "BadDigest"},
		"put, another MD5": {"", func(ctx context.Context, c *s3.Client) error {
			return put(ctx, c, s3.PutObjectInput{ContentMD5: aws.String("1B2M2Y8AsgTpgAmY7PhCfg==")})
		}, 400, "BadDigest"},
		"put, no MD5": {"", func(ctx context.Context, c *s3.Client) error {
			return put(ctx, c, s3.PutObjectInput{ContentMD5: aws.String("no")})
		}, 400, "InvalidDigest"},
		"put, another region's KMS key": {"", func(ctx context.Context, c *s3.Client) error {
			return put(ctx, c, s3.PutObjectInput{
				ServerSideEncryption: "aws:kms", SSEKMSKeyId: aws.String("arn:aws:kms:us-east-1:111111111111:key/k"),
			})
		}, 400, "KMS.NotFoundException"},
		"put, KMS key without KMS": {"", func(ctx context.Context, c *s3.Client) error {
			return put(ctx, c, s3.PutObjectInput{SSEKMSKeyId: aws.String("k")})
		}, 400, "InvalidArgument"},
		"put, much metadata": {"", func(ctx context.Context, c *s3.Client) error {
			return put(ctx, c, s3.PutObjectInput{Metadata: map[string]string{"k": strings.Repeat("v", 2048)}})
		}, 400, "MetadataTooLarge"},
		"put over an object": {"", func(ctx context.Context, c *s3.Client) error {
			_, err := c.PutObject(ctx, &s3.PutObjectInput{
				Bucket: bucket, Key: aws.String("old"), Body: body(), IfNoneMatch: aws.String("*"),
			})
			return err
		}, 412, "PreconditionFailed"},
		"copy onto itself": {"", func(ctx context.Context, c *s3.Client) error {
			_, err := c.CopyObject(ctx, &s3.CopyObjectInput{
				Bucket: bucket, Key: aws.String("old"), CopySource: aws.String(here + "/old"),
			})
			return err
		}, 400, "InvalidRequest"},
		"copy of nothing": {"", func(ctx context.Context, c *s3.Client) error {
			_, err := c.CopyObject(ctx, &s3.CopyObjectInput{Bucket: bucket, Key: key, CopySource: aws.String(here + "/missing")})
			return err
		}, 404, "NoSuchKey"},
		"copy from no bucket": {"", func(ctx context.Context, c *s3.Client) error {
			_, err := c.CopyObject(ctx, &s3.CopyObjectInput{Bucket: bucket, Key: key, CopySource: aws.String("missing/old")})
			return err
		}, 404, "NoSuchBucket"},
		"copy over an object": {"", func(ctx context.Context, c *s3.Client) error {
			_, err := c.CopyObject(ctx, &s3.CopyObjectInput{
				Bucket: bucket, Key: aws.String("old"), CopySource: aws.String(here + "/old"),
				MetadataDirective: "REPLACE", IfNoneMatch: aws.String("*"),
			})
			return err
		}, 412, "PreconditionFailed"},
		"copy from another owner": {"", func(ctx context.Context, c *s3.Client) error {
			_, err := c.CopyObject(ctx, &s3.CopyObjectInput{
				Bucket: bucket, Key: key, CopySource: aws.String(here + "/old"),
				ExpectedSourceBucketOwner: aws.String("222222222222"),
			})
			return err
		}, 403, "AccessDenied"},
		"copy, malformed": {"", func(ctx context.Context, c *s3.Client) error {
			_, err := c.CopyObject(ctx, &s3.CopyObjectInput{Bucket: bucket, Key: key, CopySource: aws.String(here)})
			return err
		}, 400, "InvalidArgument"},
		"unknown operation": {"", func(ctx context.Context, c *s3.Client) error {
			_, err := c.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: bucket, Key: aws.String("old")})
			return err
		}, 501, "NotImplemented"},
		"unknown header": {"", func(ctx context.Context, c *s3.Client) error {
			_, err := c.GetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: aws.String("old"), Range: aws.String("bytes=-1")})
			return err
		}, 501, "NotImplemented"},
		"unknown checksum": {"", func(ctx context.Context, c *s3.Client) error {
			return put(ctx, c, s3.PutObjectInput{ChecksumXXHASH64: aws.String("AAAAAAAAAAA=")})
		}, 501, "NotImplemented"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t)
			s.PutObject(here, "old", s3test.Object{Body: []byte("old")})
			region := "eu-west-1"
			if tt.region != "" {
				region = tt.region
			}
			client := newClient(t, s, region, func(o *s3.Options) { o.RetryMaxAttempts = 1 })
			err := tt.call(t.Context(), client)
			checkError(t, err, tt.status, tt.code)
			var response interface{ ServiceRequestID() string }
			check(t, "request ID", errors.As(err, &response) && response.ServiceRequestID() != "", true)
			var http *smithyhttp.ResponseError
			if errors.As(err, &http) && tt.status == 301 {
				check(t, "region", http.Response.Header.Get("X-Amz-Bucket-Region"), "eu-west-1")
			}
			check(t, "keys", s.Keys(here), []string{"old"})
			o, _ := s.Object(here, "old")
			check(t, "object", string(o.Body), "old")
			requests := s.Requests()
			check(t, "requests", len(requests), 1)
			check(t, "recorded status", requests[0].Status, tt.status)
			check(t, "recorded region", requests[0].Region, region)
		})
	}
}

func TestMultipart(t *testing.T) {
	t.Parallel()
	const size = manager.MinUploadPartSize
	body := noise(2*size + 1)
	parts := [][]byte{body[:size], body[size : 2*size], body[2*size:]}
	var sums, md5s []byte
	for _, part := range parts {
		s, m := sha256.Sum256(part), md5.Sum(part)
		sums, md5s = append(sums, s[:]...), append(md5s, m[:]...)
	}
	tests := map[string]struct {
		algorithm types.ChecksumAlgorithm
		sha256    string
		wantType  types.ChecksumType
	}{
		"SHA-256":           {"SHA256", sha(sums) + "-3", "COMPOSITE"},
		"CRC-64":            {"CRC64NVME", "", "FULL_OBJECT"},
		"the SDK's default": {"", "", "COMPOSITE"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t)
			client := newClient(t, s, "eu-west-1")
			out := must[*manager.UploadOutput](t)(newUploader(client).Upload(t.Context(), &s3.PutObjectInput{
				Bucket: aws.String(here), Key: aws.String("big"), Body: bytes.NewReader(body),
				ChecksumAlgorithm: tt.algorithm, Metadata: map[string]string{"digest": "d"},
			}))
			o, _ := s.Object(here, "big")
			check(t, "body", bytes.Equal(o.Body, body), true)
			check(t, "metadata", o.Metadata, map[string]string{"digest": "d"})
			check(t, "ETag", o.ETag, strings.TrimSuffix(etag(md5s), `"`)+`-3"`)
			check(t, "checksum", o.ChecksumSHA256, tt.sha256)
			check(t, "checksum type", o.ChecksumType, string(tt.wantType))
			check(t, "version", *out.VersionID, o.VersionID)
			check(t, "answered ETag", *out.ETag, o.ETag)
			check(t, "answered checksum", aws.ToString(out.ChecksumSHA256), tt.sha256)
			check(t, "open uploads", len(s.OpenUploads(here)), 0)
			head := must[*s3.HeadObjectOutput](t)(client.HeadObject(t.Context(), &s3.HeadObjectInput{
				Bucket: aws.String(here), Key: aws.String("big"), ChecksumMode: "ENABLED",
			}))
			check(t, "head's checksum", aws.ToString(head.ChecksumSHA256), tt.sha256)
			check(t, "head's checksum type", head.ChecksumType, tt.wantType)

			get := must[*s3.GetObjectOutput](t)(client.GetObject(t.Context(), &s3.GetObjectInput{
				Bucket: aws.String(here), Key: aws.String("big"),
			}))
			got := must[[]byte](t)(io.ReadAll(get.Body))
			_ = get.Body.Close()
			check(t, "got", bytes.Equal(got, body), true)
		})
	}
}

func newUploader(client *s3.Client) *manager.Uploader {
	return manager.NewUploader(client, func(u *manager.Uploader) { u.PartSize = manager.MinUploadPartSize })
}

func TestMultipartErrors(t *testing.T) {
	t.Parallel()
	first, last := noise(manager.MinUploadPartSize), []byte("last")
	tests := map[string]struct {
		before func(s *s3test.Server)
		change func(in *s3.CompleteMultipartUploadInput)
		status int // 0: none
		code   string
	}{
		"none": {},
		"another ETag": {change: func(in *s3.CompleteMultipartUploadInput) {
			in.MultipartUpload.Parts[0].ETag = in.MultipartUpload.Parts[1].ETag
		}, status: 400, code: "InvalidPart"},
		"no such part": {change: func(in *s3.CompleteMultipartUploadInput) {
			in.MultipartUpload.Parts[1].PartNumber = aws.Int32(3)
		}, status: 400, code: "InvalidPart"},
		"another part's checksum": {change: func(in *s3.CompleteMultipartUploadInput) {
			in.MultipartUpload.Parts[0].ChecksumSHA256 = in.MultipartUpload.Parts[1].ChecksumSHA256
		}, status: 400, code: "InvalidPart"},
		"no part's checksum": {change: func(in *s3.CompleteMultipartUploadInput) {
			in.MultipartUpload.Parts[1].ChecksumSHA256 = nil
		}, status: 400, code: "InvalidRequest"},
		"order": {change: func(in *s3.CompleteMultipartUploadInput) {
			slices.Reverse(in.MultipartUpload.Parts)
		}, status: 400, code: "InvalidPartOrder"},
		"no parts": {change: func(in *s3.CompleteMultipartUploadInput) {
			in.MultipartUpload.Parts = nil
		}, status: 400, code: "MalformedXML"},
		"a small part": {change: func(in *s3.CompleteMultipartUploadInput) {
			small := in.MultipartUpload.Parts[1]
			in.MultipartUpload.Parts = append([]types.CompletedPart{}, small, small)
			in.MultipartUpload.Parts[1].PartNumber = aws.Int32(3) // uploaded as well
		}, status: 400, code: "EntityTooSmall"},
		"the digest of the whole": {change: func(in *s3.CompleteMultipartUploadInput) {
			in.ChecksumSHA256 = aws.String(sha(slices.Concat(first, last)))
		}, status: 400, code: "BadDigest"},
		"another type": {change: func(in *s3.CompleteMultipartUploadInput) {
			in.ChecksumType = "FULL_OBJECT"
		}, status: 400, code: "BadDigest"},
		"another size": {change: func(in *s3.CompleteMultipartUploadInput) {
			in.MpuObjectSize = aws.Int64(1)
		}, status: 400, code: "InvalidRequest"},
		"another upload": {change: func(in *s3.CompleteMultipartUploadInput) {
			in.UploadId = aws.String("another")
		}, status: 404, code: "NoSuchUpload"},
		"another key": {change: func(in *s3.CompleteMultipartUploadInput) {
			in.Key = aws.String("another")
		}, status: 404, code: "NoSuchUpload"},
		"an object meanwhile": {
			before: func(s *s3test.Server) { s.PutObject(here, "big", s3test.Object{}) },
			change: func(in *s3.CompleteMultipartUploadInput) { in.IfNoneMatch = aws.String("*") },
			status: 412, code: "PreconditionFailed",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t)
			client := newClient(t, s, "eu-west-1")
			created := must[*s3.CreateMultipartUploadOutput](t)(client.CreateMultipartUpload(t.Context(),
				&s3.CreateMultipartUploadInput{
					Bucket: aws.String(here), Key: aws.String("big"), ChecksumAlgorithm: "SHA256",
				}))
			in := &s3.CompleteMultipartUploadInput{
				Bucket: aws.String(here), Key: aws.String("big"), UploadId: created.UploadId,
				MultipartUpload: &types.CompletedMultipartUpload{},
			}
			upload := func(number int32, body []byte) types.CompletedPart {
				out := must[*s3.UploadPartOutput](t)(client.UploadPart(t.Context(), &s3.UploadPartInput{
					Bucket: in.Bucket, Key: in.Key, UploadId: in.UploadId, PartNumber: &number, Body: bytes.NewReader(body),
					ChecksumAlgorithm: "SHA256",
				}))
				return types.CompletedPart{PartNumber: &number, ETag: out.ETag, ChecksumSHA256: out.ChecksumSHA256}
			}
			in.MultipartUpload.Parts = append(in.MultipartUpload.Parts, upload(1, first), upload(2, last))
			if name == "a small part" {
				upload(3, last)
			}
			if tt.before != nil {
				tt.before(s)
			}
			if tt.change != nil {
				tt.change(in)
			}
			_, err := client.CompleteMultipartUpload(t.Context(), in)
			if tt.status == 0 {
				check(t, "error", err, nil)
				check(t, "open uploads", len(s.OpenUploads(here)), 0)
				return
			}
			checkError(t, err, tt.status, tt.code)
			check(t, "open uploads", s.OpenUploads(here), []string{"big"})
			_, err = client.AbortMultipartUpload(t.Context(), &s3.AbortMultipartUploadInput{
				Bucket: in.Bucket, Key: aws.String("big"), UploadId: created.UploadId,
			})
			check(t, "error of abort", err, nil)
			check(t, "open uploads", len(s.OpenUploads(here)), 0)
		})
	}
}

func TestUploadChecksums(t *testing.T) {
	t.Parallel()
	create := func(in s3.CreateMultipartUploadInput) s3.CreateMultipartUploadInput {
		in.Bucket, in.Key = aws.String(here), aws.String("big")
		return in
	}
	ofSHA256 := create(s3.CreateMultipartUploadInput{ChecksumAlgorithm: "SHA256"})
	tests := map[string]struct {
		create s3.CreateMultipartUploadInput
		part   s3.UploadPartInput
		code   string // "" for none
	}{
		"another algorithm":    {ofSHA256, s3.UploadPartInput{ChecksumAlgorithm: "CRC32"}, "InvalidRequest"},
		"another checksum":     {ofSHA256, s3.UploadPartInput{ChecksumSHA256: aws.String(sha(nil))}, "BadDigest"},
		"no checksum":          {ofSHA256, s3.UploadPartInput{}, "InvalidRequest"},
		"another number":       {ofSHA256, s3.UploadPartInput{PartNumber: aws.Int32(10001)}, "InvalidArgument"},
		"another upload":       {ofSHA256, s3.UploadPartInput{UploadId: aws.String("another")}, "NoSuchUpload"},
		"an unknown algorithm": {create(s3.CreateMultipartUploadInput{ChecksumAlgorithm: "XXHASH3"}), s3.UploadPartInput{}, "NotImplemented"},
		"SHA-256 of the whole": {create(s3.CreateMultipartUploadInput{ChecksumAlgorithm: "SHA256", ChecksumType: "FULL_OBJECT"}), s3.UploadPartInput{}, "InvalidRequest"},
		"CRC-64 of the parts":  {create(s3.CreateMultipartUploadInput{ChecksumAlgorithm: "CRC64NVME", ChecksumType: "COMPOSITE"}), s3.UploadPartInput{}, "InvalidRequest"},
		"CRC-32 of the whole":  {create(s3.CreateMultipartUploadInput{ChecksumAlgorithm: "CRC32", ChecksumType: "FULL_OBJECT"}), s3.UploadPartInput{}, ""},
		"none":                 {create(s3.CreateMultipartUploadInput{}), s3.UploadPartInput{}, ""},
		"undeclared":           {create(s3.CreateMultipartUploadInput{}), s3.UploadPartInput{ChecksumAlgorithm: "SHA256"}, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t)
			client := newClient(t, s, "eu-west-1", func(o *s3.Options) {
				o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
			})
			created, err := client.CreateMultipartUpload(t.Context(), &tt.create)
			if err == nil {
				in := tt.part
				in.Bucket, in.Key, in.Body = tt.create.Bucket, tt.create.Key, strings.NewReader("part")
				if in.UploadId == nil {
					in.UploadId = created.UploadId
				}
				if in.PartNumber == nil {
					in.PartNumber = aws.Int32(1)
				}
				_, err = client.UploadPart(t.Context(), &in)
			}
			var api smithy.APIError
			switch {
			case tt.code == "" && err != nil,
				tt.code != "" && (!errors.As(err, &api) || api.ErrorCode() != tt.code):
				t.Errorf("got %v, want %q", err, tt.code)
			}
		})
	}
}

// TestCompletedUpload: the same completion is answered the same again; all else finds the upload gone.
func TestCompletedUpload(t *testing.T) {
	t.Parallel()
	s := start(t)
	client := newClient(t, s, "eu-west-1")
	bucket, key := aws.String(here), aws.String("big")
	created := must[*s3.CreateMultipartUploadOutput](t)(client.CreateMultipartUpload(t.Context(),
		&s3.CreateMultipartUploadInput{Bucket: bucket, Key: key}))
	part := &s3.UploadPartInput{
		Bucket: bucket, Key: key, UploadId: created.UploadId, PartNumber: aws.Int32(1), Body: strings.NewReader("part"),
	}
	uploaded := must[*s3.UploadPartOutput](t)(client.UploadPart(t.Context(), part))
	complete := &s3.CompleteMultipartUploadInput{
		Bucket: bucket, Key: key, UploadId: created.UploadId,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: []types.CompletedPart{
			{PartNumber: aws.Int32(1), ETag: uploaded.ETag, ChecksumCRC32: uploaded.ChecksumCRC32},
		}},
	}
	first := must[*s3.CompleteMultipartUploadOutput](t)(client.CompleteMultipartUpload(t.Context(), complete))
	again := must[*s3.CompleteMultipartUploadOutput](t)(client.CompleteMultipartUpload(t.Context(), complete))
	check(t, "version", *again.VersionId, *first.VersionId)

	complete.MultipartUpload.Parts[0].PartNumber = aws.Int32(2)
	_, err := client.CompleteMultipartUpload(t.Context(), complete)
	checkError(t, err, 404, "NoSuchUpload")
	part.Body = strings.NewReader("part")
	_, err = client.UploadPart(t.Context(), part)
	checkError(t, err, 404, "NoSuchUpload")
	_, err = client.AbortMultipartUpload(t.Context(), &s3.AbortMultipartUploadInput{
		Bucket: bucket, Key: key, UploadId: created.UploadId,
	})
	checkError(t, err, 404, "NoSuchUpload")
}

// TestAbort shows the manager's two ends: it aborts an upload that failed, but a cancelled one it leaves, as its abort
// has the cancelled context.
func TestAbort(t *testing.T) {
	t.Parallel()
	body := noise(2 * manager.MinUploadPartSize)
	upload := func(ctx context.Context, t *testing.T, s *s3test.Server) error {
		_, err := newUploader(newClient(t, s, "eu-west-1")).Upload(ctx, &s3.PutObjectInput{
			Bucket: aws.String(here), Key: aws.String("big"), Body: bytes.NewReader(body),
		})
		return err
	}
	t.Run("failed", func(t *testing.T) {
		t.Parallel()
		s := start(t)
		s.Fail(s3test.Fault{Operation: "UploadPart", Status: 403, Code: "AccessDenied"})
		checkError(t, upload(t.Context(), t, s), 403, "AccessDenied")
		check(t, "open uploads", len(s.OpenUploads(here)), 0)
		check(t, "last", s.Requests()[len(s.Requests())-1].Operation, "AbortMultipartUpload")
	})
	t.Run("cancelled", func(t *testing.T) {
		t.Parallel()
		s := start(t)
		s.Fail(s3test.Fault{Operation: "UploadPart", Delay: time.Minute})
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			for !slices.Contains(operations(s), "UploadPart") {
				time.Sleep(time.Millisecond)
			}
			cancel()
		}()
		check(t, "cancelled", errors.Is(upload(ctx, t, s), context.Canceled), true)
		check(t, "open uploads", s.OpenUploads(here), []string{"big"})
	})
}

func TestConditionalPut(t *testing.T) {
	t.Parallel()
	s := start(t)
	client := newClient(t, s, "eu-west-1")
	errs := make([]error, 8)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() {
			_, errs[i] = client.PutObject(t.Context(), &s3.PutObjectInput{
				Bucket: aws.String(here), Key: aws.String("k"), Body: strings.NewReader(fmt.Sprint(i)), IfNoneMatch: aws.String("*"),
			})
		})
	}
	wg.Wait()
	won := slices.Index(errs, nil)
	o, _ := s.Object(here, "k")
	check(t, "body", string(o.Body), fmt.Sprint(won))
	for i, err := range errs {
		if i != won {
			checkError(t, err, 412, "PreconditionFailed")
		}
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	body := noise(3 << 20) // above what the SDK sends at once, without "Expect: 100-continue"
	put := func(ctx context.Context, c *s3.Client) error {
		_, err := c.PutObject(ctx, &s3.PutObjectInput{
			Bucket: aws.String(here), Key: aws.String("k"), Body: bytes.NewReader(body), IfNoneMatch: aws.String("*"),
		})
		return err
	}
	get := func(ctx context.Context, c *s3.Client) error {
		out, err := c.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String(there), Key: aws.String("old")})
		if err != nil {
			return err
		}
		defer func() { _ = out.Body.Close() }()
		_, err = io.Copy(io.Discard, out.Body)
		return err
	}
	copyObject := func(ctx context.Context, c *s3.Client) error {
		_, err := c.CopyObject(ctx, &s3.CopyObjectInput{
			Bucket: aws.String(here), Key: aws.String("k"), CopySource: aws.String(there + "/old"),
		})
		return err
	}
	head := func(ctx context.Context, c *s3.Client) error {
		_, err := c.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: aws.String(here)})
		return err
	}
	tests := map[string]struct {
		fault    s3test.Fault
		region   string // eu-west-1 by default
		call     func(context.Context, *s3.Client) error
		statuses []int
		code     string // of the error, "" for none, "*" for one that is not S3's
		stored   bool
	}{
		"503 twice": {
			fault: s3test.Fault{Operation: "PutObject", Status: 503, Code: "SlowDown", Times: 2},
			call:  put, statuses: []int{503, 503, 200}, stored: true,
		},
		"503 always": {
			fault: s3test.Fault{Key: "k", Status: 503, Code: "SlowDown"},
			call:  put, statuses: []int{503, 503, 503}, code: "SlowDown",
		},
		"403 is final": {
			fault: s3test.Fault{Bucket: here, Status: 403, Code: "AccessDenied", Message: "no"},
			call:  put, statuses: []int{403}, code: "AccessDenied",
		},
		"a code from the status": {fault: s3test.Fault{Status: 400}, call: put, statuses: []int{400}, code: "BadRequest"},
		"another operation":      {fault: s3test.Fault{Operation: "GetObject", Status: 403}, call: put, statuses: []int{200}, stored: true},
		"another region":         {fault: s3test.Fault{Region: "us-east-1", Status: 403}, call: put, statuses: []int{200}, stored: true},
		"another bucket":         {fault: s3test.Fault{Bucket: there, Status: 403}, call: put, statuses: []int{200}, stored: true},
		"another key":            {fault: s3test.Fault{Key: "l", Status: 403}, call: put, statuses: []int{200}, stored: true},
		"HEAD": {
			fault: s3test.Fault{Operation: "HeadBucket", Status: 403, Code: "AccessDenied"},
			call:  head, statuses: []int{403}, code: "Forbidden",
		},
		"an upload is cut":        {fault: s3test.Fault{Cut: s3test.RequestHalf, Times: 1}, call: put, statuses: []int{0, 200}, stored: true},
		"every upload is cut":     {fault: s3test.Fault{Cut: s3test.RequestHalf}, call: put, statuses: []int{0, 0, 0}, code: "*"},
		"a download is cut":       {fault: s3test.Fault{Cut: s3test.AnswerHalf}, region: "us-east-1", call: get, statuses: []int{200}, code: "*"},
		"an answer is lost":       {fault: s3test.Fault{Cut: s3test.AnswerNone, Times: 1}, call: put, statuses: []int{0, 412}, code: "PreconditionFailed", stored: true},
		"an error in a success":   {fault: s3test.Fault{Status: 200, Code: "InternalError", Times: 1}, call: copyObject, statuses: []int{200, 200}, stored: true},
		"late, but still in time": {fault: s3test.Fault{Delay: 10 * time.Millisecond}, call: put, statuses: []int{200}, stored: true},
		"a copy refused":          {fault: s3test.Fault{Operation: "CopyObject", Status: 403}, call: copyObject, statuses: []int{403}, code: "Forbidden"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t)
			s.PutObject(there, "old", s3test.Object{Body: body})
			s.Fail(tt.fault)
			region := "eu-west-1"
			if tt.region != "" {
				region = tt.region
			}
			err := tt.call(t.Context(), newClient(t, s, region))
			var api smithy.APIError
			switch isAPI := errors.As(err, &api); {
			case tt.code == "" && err != nil, tt.code == "*" && (err == nil || isAPI):
				t.Errorf("got %v, want %q", err, tt.code)
			case tt.code != "" && tt.code != "*" && (!isAPI || api.ErrorCode() != tt.code):
				t.Errorf("got %v, want %s", err, tt.code)
			}
			var statuses []int
			for _, r := range s.Requests() {
				statuses = append(statuses, r.Status)
				if r.Operation == "PutObject" && r.Status == 0 && tt.fault.Cut == s3test.RequestHalf {
					check(t, "bytes", r.BodyBytes, int64(len(body)/2))
				}
				if r.Operation == "PutObject" && r.Status == 503 {
					check(t, "bytes of one refused before it was sent", r.BodyBytes, 0)
				}
			}
			check(t, "statuses", statuses, tt.statuses)
			_, stored := s.Object(here, "k")
			check(t, "stored", stored, tt.stored)
		})
	}
}

// TestLostCompletion: the SDK tries a completion again whose answer is lost, and S3 answers as if for the first time.
func TestLostCompletion(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.Fail(s3test.Fault{Operation: "CompleteMultipartUpload", Cut: s3test.AnswerNone, Times: 1})
	out := must[*manager.UploadOutput](t)(newUploader(newClient(t, s, "eu-west-1")).Upload(t.Context(), &s3.PutObjectInput{
		Bucket: aws.String(here), Key: aws.String("big"), Body: bytes.NewReader(noise(manager.MinUploadPartSize + 1)),
	}))
	o, _ := s.Object(here, "big")
	check(t, "version", *out.VersionID, o.VersionID)
	check(t, "open uploads", len(s.OpenUploads(here)), 0)
}

func TestStall(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.Fail(s3test.Fault{Delay: time.Hour})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := newClient(t, s, "eu-west-1").PutObject(ctx, &s3.PutObjectInput{
		Bucket: aws.String(here), Key: aws.String("k"), Body: strings.NewReader("body"),
	})
	check(t, "timed out", errors.Is(err, context.DeadlineExceeded), true)
	s.Close() // does not wait for the hour to pass
	check(t, "keys", len(s.Keys(here)), 0)
}

func TestBuckets(t *testing.T) {
	t.Parallel()
	s := start(t)
	client := newClient(t, s, "us-east-1")
	region := must[string](t)(manager.GetBucketRegion(t.Context(), client, here))
	check(t, "region by an unsigned request", region, "eu-west-1")
	for bucket, want := range map[string]types.BucketLocationConstraint{here: "eu-west-1", there: ""} {
		location := must[*s3.GetBucketLocationOutput](t)(client.GetBucketLocation(t.Context(), &s3.GetBucketLocationInput{
			Bucket: &bucket,
		}))
		check(t, "location", location.LocationConstraint, want)
	}
	head := must[*s3.HeadBucketOutput](t)(client.HeadBucket(t.Context(), &s3.HeadBucketInput{
		Bucket: aws.String(there), ExpectedBucketOwner: aws.String("222222222222"),
	}))
	check(t, "region", *head.BucketRegion, "us-east-1")

	want := []string{"a/1", "a/2", "a/3", "b"}
	for _, key := range want {
		s.PutObject(there, key, s3test.Object{Body: []byte(key)})
	}
	check(t, "keys", s.Keys(there), want)
	var got []string
	pages := s3.NewListObjectsV2Paginator(client, &s3.ListObjectsV2Input{
		Bucket: aws.String(there), Prefix: aws.String("a/"), MaxKeys: aws.Int32(2),
	})
	for pages.HasMorePages() {
		page := must[*s3.ListObjectsV2Output](t)(pages.NextPage(t.Context()))
		for _, o := range page.Contents {
			got = append(got, *o.Key)
			check(t, "size", *o.Size, 3)
		}
	}
	check(t, "listed", got, want[:3])
}

func TestCopy(t *testing.T) {
	t.Parallel()
	s := start(t)
	body := []byte("body")
	old := time.Now().Add(-1000 * time.Hour).UTC().Truncate(time.Second)
	s.PutObject(there, "a b", s3test.Object{
		Body: body, Metadata: map[string]string{"digest": "d"}, ContentType: "application/zip", ETag: `"0-2"`,
		ChecksumSHA256: "composite-2", ChecksumType: "COMPOSITE", LastModified: old,
	})
	out := must[*s3.CopyObjectOutput](t)(newClient(t, s, "eu-west-1").CopyObject(t.Context(), &s3.CopyObjectInput{
		Bucket: aws.String(here), Key: aws.String("k"), CopySource: aws.String(there + "/a%20b"),
		Metadata: map[string]string{"ignored": ""},
	}))
	o, _ := s.Object(here, "k")
	check(t, "object", o, s3test.Object{
		Body: body, Metadata: map[string]string{"digest": "d"}, ContentType: "application/zip", ETag: etag(body),
		ChecksumSHA256: sha(body), ChecksumType: "FULL_OBJECT", ServerSideEncryption: "AES256",
		VersionID: *out.VersionId, LastModified: o.LastModified,
	})
	check(t, "answered checksum", *out.CopyObjectResult.ChecksumSHA256, sha(body))
	check(t, "answered ETag", *out.CopyObjectResult.ETag, etag(body))
	check(t, "answered time", *out.CopyObjectResult.LastModified, o.LastModified)

	_ = must[*s3.CopyObjectOutput](t)(newClient(t, s, "us-east-1").CopyObject(t.Context(), &s3.CopyObjectInput{
		Bucket: aws.String(there), Key: aws.String("a b"), CopySource: aws.String(there + "/a%20b"),
		MetadataDirective: "REPLACE", Metadata: map[string]string{"digest": "e"},
		ServerSideEncryption: "aws:kms", SSEKMSKeyId: aws.String("alias/k"),
	}))
	refreshed, _ := s.Object(there, "a b")
	check(t, "metadata", refreshed.Metadata, map[string]string{"digest": "e"})
	check(t, "newer", refreshed.LastModified.After(old), true)
	check(t, "key", refreshed.SSEKMSKeyID, "alias/k")
	check(t, "ETag is an MD5 under KMS", refreshed.ETag == etag(body), false)
}

func TestVersionsAndCopies(t *testing.T) {
	t.Parallel()
	s := start(t)
	body := []byte("one")
	s.PutObject(here, "k", s3test.Object{Body: body, VersionID: "v1"})
	s.PutObject(here, "k", s3test.Object{Body: []byte("two")})
	body[0] = 'X'
	o, _ := s.Object(here, "k")
	o.Body[0] = 'X'
	client := newClient(t, s, "eu-west-1")
	for version, want := range map[string]string{"v1": "one", "": "two"} {
		in := &s3.GetObjectInput{Bucket: aws.String(here), Key: aws.String("k")}
		if version != "" {
			in.VersionId = &version
		}
		out := must[*s3.GetObjectOutput](t)(client.GetObject(t.Context(), in))
		got := must[[]byte](t)(io.ReadAll(out.Body))
		_ = out.Body.Close()
		check(t, "version "+version, string(got), want)
		check(t, "checksum of an object without one", out.ChecksumCRC64NVME, nil)
	}
	_, ok := s.Object(here, "l")
	check(t, "object", ok, false)
	_, ok = s.Object("missing", "k")
	check(t, "object", ok, false)
	s.ResetRequests()
	check(t, "requests", len(s.Requests()), 0)
}

// TestWire sends what the SDK does not, byte by byte.
func TestWire(t *testing.T) {
	t.Parallel()
	const (
		scope     = "Authorization: AWS4-HMAC-SHA256 Credential=AKID/20260101/eu-west-1/s3/aws4_request, "
		signature = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
		signed    = scope + "SignedHeaders=host, Signature=" + signature
		unsigned  = "X-Amz-Content-Sha256: UNSIGNED-PAYLOAD"
		put       = "PUT /" + here + "/k HTTP/1.1"
		streaming = "X-Amz-Content-Sha256: STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
		trailing  = "X-Amz-Content-Sha256: STREAMING-UNSIGNED-PAYLOAD-TRAILER"
		decoded   = "X-Amz-Decoded-Content-Length: 9"
		trailer   = "X-Amz-Trailer: x-amz-checksum-crc32"
		chunk     = ";chunk-signature=" + signature + "\r\n"
	)
	tests := map[string]struct {
		head   []string
		body   string
		length int // of the body, if it is not as announced
		status string
		code   string
	}{
		"plain":               {head: []string{put, signed, unsigned}, body: "123456789", status: "200"},
		"no authorization":    {head: []string{put, unsigned}, status: "403", code: "AccessDenied"},
		"no signature":        {head: []string{put, scope + "SignedHeaders=host", unsigned}, status: "400", code: "AuthorizationHeaderMalformed"},
		"another service":     {head: []string{put, strings.Replace(signed, "/s3/", "/sts/", 1), unsigned}, status: "400", code: "AuthorizationHeaderMalformed"},
		"another mechanism":   {head: []string{put, "Authorization: AWS AKID:c2ln", unsigned}, status: "400", code: "InvalidRequest"},
		"no content hash":     {head: []string{put, signed}, status: "400", code: "InvalidRequest"},
		"another hash":        {head: []string{put, signed, "X-Amz-Content-Sha256: " + signature}, body: "b", status: "400", code: "XAmzContentSHA256Mismatch"},
		"cut short":           {head: []string{put, signed, unsigned}, body: "1234", length: 9, status: "400", code: "IncompleteBody"},
		"two checksums":       {head: []string{put, signed, unsigned, "X-Amz-Checksum-Crc32: y/Q5Jg==", "X-Amz-Checksum-Crc32c: 4waSgw=="}, body: "123456789", status: "400", code: "InvalidRequest"},
		"checksum announced":  {head: []string{put, signed, unsigned, "X-Amz-Sdk-Checksum-Algorithm: SHA256"}, status: "400", code: "InvalidRequest"},
		"HTTP's own chunks":   {head: []string{put, signed, unsigned, "Transfer-Encoding: chunked"}, body: "0\r\n\r\n", length: -1, status: "501", code: "NotImplemented"},
		"signed chunks":       {head: []string{put, signed, streaming, decoded}, body: "5" + chunk + "12345\r\n4" + chunk + "6789\r\n0" + chunk + "\r\n", status: "200"},
		"signed trailer":      {head: []string{put, signed, streaming + "-TRAILER", decoded, trailer}, body: "9" + chunk + "123456789\r\n0" + chunk + "x-amz-checksum-crc32:y/Q5Jg==\r\nx-amz-trailer-signature:" + signature + "\r\n\r\n", status: "200"},
		"unsigned trailer":    {head: []string{put, signed, trailing, decoded, trailer}, body: "9\r\n123456789\r\n0\r\nx-amz-checksum-crc32:y/Q5Jg==\r\n\r\n", status: "200"},
		"wrong trailer":       {head: []string{put, signed, trailing, decoded, trailer}, body: "9\r\n123456789\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n", status: "400", code: "BadDigest"},
		"no trailer":          {head: []string{put, signed, trailing, decoded, trailer}, body: "9\r\n123456789\r\n0\r\n\r\n", status: "400", code: "MalformedTrailerError"},
		"no decoded length":   {head: []string{put, signed, trailing}, body: "0\r\n\r\n", status: "411", code: "MissingContentLength"},
		"another length":      {head: []string{put, signed, trailing, decoded}, body: "4\r\n1234\r\n0\r\n\r\n", status: "400", code: "IncompleteBody"},
		"no last chunk":       {head: []string{put, signed, trailing, decoded}, body: "9\r\n123456789\r\n", status: "400", code: "IncompleteBody"},
		"no end":              {head: []string{put, signed, trailing, decoded}, body: "9\r\n123456789\r\n0\r\n", status: "400", code: "IncompleteBody"},
		"more than a chunk":   {head: []string{put, signed, trailing, decoded}, body: "4\r\n123456789\r\n0\r\n\r\n", status: "400", code: "IncompleteBody"},
		"more after the end":  {head: []string{put, signed, trailing, decoded}, body: "9\r\n123456789\r\n0\r\n\r\nx", status: "400", code: "IncompleteBody"},
		"no size":             {head: []string{put, signed, trailing, decoded}, body: "x\r\n", status: "400", code: "IncompleteBody"},
		"no chunk signatures": {head: []string{put, signed, streaming, decoded}, body: "9\r\n123456789\r\n0\r\n\r\n", status: "400", code: "IncompleteBody"},
		"a long key":          {head: []string{"PUT /" + here + "/" + strings.Repeat("k", 1025) + " HTTP/1.1", signed, unsigned}, status: "400", code: "KeyTooLongError"},
		"refused at once":     {head: []string{"PUT /missing/k HTTP/1.1", signed, unsigned, "Expect: 100-continue"}, length: 9, status: "404", code: "NoSuchBucket"},
		"told to continue":    {head: []string{put, signed, unsigned, "Expect: 100-continue"}, body: "123456789", status: "100"},
		"no bucket at all":    {head: []string{"GET / HTTP/1.1", signed, unsigned}, status: "501", code: "NotImplemented"},
		"another subresource": {head: []string{"PUT /" + here + "/k?tagging HTTP/1.1", signed, unsigned}, status: "501", code: "NotImplemented"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t)
			conn := must[net.Conn](t)(net.Dial("tcp", strings.TrimPrefix(s.URL(), "http://")))
			defer func() { _ = conn.Close() }()
			head := append(slices.Clone(tt.head), "Host: s3", "Connection: close")
			switch {
			case tt.length > 0:
				head = append(head, fmt.Sprintf("Content-Length: %d", tt.length))
			case tt.length == 0:
				head = append(head, fmt.Sprintf("Content-Length: %d", len(tt.body)))
			}
			_, err := io.WriteString(conn, strings.Join(head, "\r\n")+"\r\n\r\n"+tt.body)
			check(t, "error of write", err, nil)
			check(t, "error of close", conn.(*net.TCPConn).CloseWrite(), nil)
			answer := string(must[[]byte](t)(io.ReadAll(conn)))
			if !strings.HasPrefix(answer, "HTTP/1.1 "+tt.status) || !strings.Contains(answer, "<Code>"+tt.code+"</Code>") && tt.code != "" {
				t.Errorf("got %s\nwant %s %s", answer, tt.status, tt.code)
			}
			check(t, "request ID", strings.Contains(answer, "X-Amz-Request-Id: "), true)
			o, stored := s.Object(here, "k")
			check(t, "stored", stored, tt.code == "")
			if stored {
				check(t, "body", string(o.Body), "123456789")
			}
		})
	}
}
