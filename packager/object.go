package packager

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/feature/s3/manager"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go/middleware"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

const (
	// partSize is that of a multipart upload's parts. What is smaller goes in
	// one request, whose checksum covers the whole object. From 5 to 64 MB, over
	// loopback and a network of 100 ms, it makes no difference to the time.
	partSize = 16 << 20
	// maxCopy is the largest object that CopyObject takes (S3 API reference).
	maxCopy = 5 << 30
	// abortTimeout bounds the request that removes an unfinished upload;
	// interruptTimeout what is done yet where somebody waits for the program
	// to end.
	abortTimeout     = 10 * time.Second
	interruptTimeout = 1500 * time.Millisecond
	// conflicts is how often a conditional put is tried that collides with
	// another one.
	conflicts = 8
)

// Metadata that every object carries, so that a later run can prove what is
// stored. S3 keeps such keys in lower case.
const (
	digestMeta = "mrpackage-digest" // the artifact's digest
	sizeMeta   = "mrpackage-size"   // the object's size in bytes
	sumMeta    = "mrpackage-sha256" // the object's SHA-256, hex
)

// presence is what a look at a key found.
type presence uint8

const (
	absent    presence = iota
	proved             // the object is what it should be
	foreign            // there is another object
	different          // it is what it should be, under other metadata or encryption, or archived
	unknown            // S3 does not tell this caller
)

// A found object, as far as S3 tells.
type found struct {
	presence
	size     int64
	recorded []byte               // its SHA-256 as its metadata has it
	head     *s3.HeadObjectOutput // it is large: nobody keeps it
}

// look asks for the object under a key and compares it with what is recorded
// and expected.
func (b *bucket) look(ctx context.Context, key string, want payload) (found, error) {
	out, err := b.head(ctx, key)
	switch {
	case err == nil:
	case status(err) == http.StatusNotFound:
		return found{presence: absent}, nil
	case status(err) == http.StatusForbidden:
		return found{presence: unknown}, nil
	case status(err) == http.StatusBadRequest:
		// Nothing is wrong with the request: it takes a customer's own key to
		// look at this object.
		return found{presence: foreign}, nil
	default:
		return found{presence: unknown}, b.explain("s3:GetObject", "looking for", key, err)
	}
	recorded, malformed := hex.DecodeString(out.Metadata[sumMeta])
	f := found{proved, aws.ToInt64(out.ContentLength), recorded, out}
	switch {
	case malformed != nil || out.Metadata[digestMeta] != want.digest || out.Metadata[sizeMeta] != strconv.FormatInt(f.size, 10),
		want.size >= 0 && (f.size != want.size || !bytes.Equal(recorded, want.sum)),
		out.ChecksumSHA256 != nil && out.ChecksumType == types.ChecksumTypeFullObject &&
			*out.ChecksumSHA256 != base64.StdEncoding.EncodeToString(recorded):
		f.presence = foreign
	case !b.sameMetadata(out.Metadata) || !b.encrypted(out) || archived(out):
		f.presence = different
	}
	return f, nil
}

// head asks for an object. The answer to a HEAD does not say why it is refused:
// where the credentials have expired, another question has them renewed, and
// else says what is wrong.
func (b *bucket) head(ctx context.Context, key string) (*s3.HeadObjectOutput, error) {
	input := &s3.HeadObjectInput{Bucket: &b.Bucket, Key: &key, ChecksumMode: types.ChecksumModeEnabled}
	out, err := b.client.HeadObject(ctx, input)
	if status(err) != http.StatusBadRequest {
		return out, err
	}
	_, lerr := b.client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &b.Bucket, MaxKeys: aws.Int32(1)})
	if lerr != nil && code(lerr) != "AccessDenied" {
		return nil, lerr
	}
	return b.client.HeadObject(ctx, input)
}

// archived tells whether an object must be restored before anybody can read it,
// as a lifecycle rule may have brought about: CloudFormation could not.
func archived(out *s3.HeadObjectOutput) bool {
	return out.StorageClass == types.StorageClassGlacier || out.StorageClass == types.StorageClassDeepArchive || out.ArchiveStatus != ""
}

// sameMetadata tells whether an object carries the metadata that is asked for.
func (b *bucket) sameMetadata(stored map[string]string) bool {
	for key, value := range b.options.Metadata {
		if stored[strings.ToLower(key)] != value {
			return false
		}
	}
	return true
}

// put stores a payload. With ifAbsent it leaves an object alone that is there
// and is what it should be, as far as this caller is told. It returns what was
// there: absent where the payload is stored now, else proved or unknown.
func (b *bucket) put(ctx context.Context, key string, p payload, ifAbsent bool) (was presence, version string, err error) {
	for try := range conflicts {
		version, err = b.putOnce(ctx, key, p, ifAbsent)
		switch {
		case err == nil:
			return absent, version, nil
		case status(err) == http.StatusConflict && ctx.Err() == nil:
			// Somebody else is writing to this key (S3 guide, "Conditional
			// writes": try again).
			pause := time.Duration(rand.Int64N(int64(200*time.Millisecond) << min(try, 4))) //nolint:gosec // no secret
			if b.options.backoff > 0 {
				pause = min(pause, b.options.backoff)
			}
			select {
			case <-ctx.Done():
			case <-time.After(pause):
			}
		case ifAbsent && status(err) == http.StatusPreconditionFailed:
			there, err := b.look(ctx, key, p)
			switch {
			case err != nil:
				return unknown, "", err
			case there.presence == proved || there.presence == unknown:
				return there.presence, "", nil
			case there.presence == foreign:
				b.replaced(key, there.size)
			}
			ifAbsent = false // what is there is something else
		case code(err) == "NoSuchUpload" && ctx.Err() == nil:
			// The answer to the completion was lost, and S3 has forgotten it.
			if there, lerr := b.look(ctx, key, p); lerr == nil && there.presence == proved {
				return absent, aws.ToString(there.head.VersionId), nil
			}
			return unknown, "", b.explain("s3:PutObject", "uploading", key, err)
		default:
			return unknown, "", b.explain("s3:PutObject", "uploading", key, err)
		}
	}
	return unknown, "", b.explain("s3:PutObject", "uploading", key, err)
}

func (b *bucket) putOnce(ctx context.Context, key string, p payload, ifAbsent bool) (version string, err error) {
	var body io.ReadSeeker = bytes.NewReader(p.body)
	if p.path != "" {
		f, err := os.Open(p.path)
		if err != nil {
			return "", fmt.Errorf("opening %s: %w", p.path, err)
		}
		defer f.Close() // nothing was written
		body = f
	}
	input := &s3.PutObjectInput{
		Bucket: &b.Bucket, Key: &key, Body: body, Metadata: b.metadataOf(p),
		ContentLength: aws.Int64(p.size), Tagging: b.tagging(),
	}
	input.ServerSideEncryption, input.SSEKMSKeyId = b.encryption()
	if ifAbsent {
		input.IfNoneMatch = aws.String("*")
	}
	if p.size <= partSize {
		// S3 refuses the body if its checksum is another.
		input.ChecksumSHA256 = aws.String(base64.StdEncoding.EncodeToString(p.sum))
		out, err := b.client.PutObject(ctx, input, s3.WithAPIOptions(signedBody(p.sum)))
		if err != nil {
			return "", err
		}
		if out.ETag == nil {
			return "", b.notS3(key)
		}
		b.sent(key, p.size)
		return aws.ToString(out.VersionId), nil
	}
	input.ChecksumAlgorithm = types.ChecksumAlgorithmSha256
	input.ContentLength = nil
	grace, done := graceOf(ctx)
	defer done()
	uploader := manager.NewUploader(multipartClient{b.client, b, key, p.parts, grace}, func(u *manager.Uploader) {
		u.PartSize, u.Concurrency = partSize, b.options.jobs() // which the client bounds for all objects together
	})
	out, err := uploader.Upload(ctx, input)
	if err != nil {
		return "", err
	}
	return aws.ToString(out.VersionID), b.verify(ctx, key, p)
}

// signedBody has a request signed with the body's SHA-256 as it is known, which
// the SDK would read the whole body for, in every region.
func signedBody(sum []byte) func(*middleware.Stack) error {
	return func(stack *middleware.Stack) error {
		_, err := stack.Finalize.Swap((&v4.ComputePayloadSHA256{}).ID(), middleware.FinalizeMiddlewareFunc("KnownPayloadHash",
			func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
				return next.HandleFinalize(v4.SetPayloadHash(ctx, hex.EncodeToString(sum)), in)
			}))
		return err
	}
}

// notS3 is the error of a success that S3 did not report: it always tells an
// object's ETag. A proxy's page that says "blocked" comes as 200 as well.
func (b *bucket) notS3(key string) error {
	return &problem.Error{
		Subject: b.Region,
		Message: fmt.Sprintf("uploading s3://%s/%s: the answer is a success, but not S3's: it has no ETag", b.Bucket, key),
		Hint:    "does a proxy answer in S3's place? see HTTPS_PROXY, and --endpoint-url",
	}
}

// metadataOf is what a payload's object carries: the user's, where it comes
// from, and what proves it.
func (b *bucket) metadataOf(p payload) map[string]string {
	metadata := make(map[string]string)
	maps.Copy(metadata, b.options.Provenance)
	maps.Copy(metadata, b.options.Metadata)
	metadata[digestMeta] = p.digest
	metadata[sizeMeta] = strconv.FormatInt(p.size, 10)
	metadata[sumMeta] = hex.EncodeToString(p.sum)
	return metadata
}

// tagging is the tags in the form of a URL's query, as S3 wants it.
func (b *bucket) tagging() *string {
	if len(b.options.Tags) == 0 {
		return nil
	}
	tags := make(url.Values)
	for key, value := range b.options.Tags {
		tags.Set(key, value)
	}
	return aws.String(tags.Encode())
}

// verify looks at an object that came in parts, each with a checksum of its
// own, once more as a whole.
func (b *bucket) verify(ctx context.Context, key string, p payload) error {
	there, err := b.look(ctx, key, p)
	if err != nil || there.presence == proved || there.presence == unknown {
		return err
	}
	return &problem.Error{
		Subject: b.Region,
		Message: fmt.Sprintf("s3://%s/%s is not what was uploaded: it has %d bytes, and %d were sent", b.Bucket, key, there.size, p.size),
		Hint:    "does another process write to this key? run again",
	}
}

// old tells whether an object should be made young again: a lifecycle rule
// counts from the day that it was stored, although it is in use.
func (b *bucket) old(f found) bool {
	age := cmp.Or(b.options.RefreshAfter, defaultRefresh)
	return age > 0 && f.head.LastModified != nil && time.Since(*f.head.LastModified) > age
}

// refresh makes a proved object young by copying it onto itself, with all that
// it is stored with. An error means that it must be stored anew.
func (b *bucket) refresh(ctx context.Context, key string, f found) (version string, err error) {
	if f.size > maxCopy {
		return "", errors.New("too large for one copy")
	}
	input := &s3.CopyObjectInput{
		Bucket: &b.Bucket, Key: &key,
		CopySource:        aws.String(copySource(b.Bucket, key)),
		CopySourceIfMatch: f.head.ETag, // what was proved, and nothing newer
		MetadataDirective: types.MetadataDirectiveReplace,
		Metadata:          f.head.Metadata,
		ContentType:       f.head.ContentType,
		ContentEncoding:   f.head.ContentEncoding,
		CacheControl:      f.head.CacheControl,
		StorageClass:      f.head.StorageClass,
		// The checksum of an object in parts is one of the parts' checksums.
		ChecksumAlgorithm:    types.ChecksumAlgorithmSha256,
		ServerSideEncryption: f.head.ServerSideEncryption,
		SSEKMSKeyId:          f.head.SSEKMSKeyId,
		BucketKeyEnabled:     f.head.BucketKeyEnabled,
	}
	if b.Owner != "" {
		input.ExpectedSourceBucketOwner = &b.Owner
	}
	out, err := b.client.CopyObject(ctx, input)
	if err != nil {
		return "", err
	}
	if out.CopyObjectResult == nil || out.CopyObjectResult.ETag == nil {
		return "", b.notS3(key)
	}
	return aws.ToString(out.VersionId), nil
}

// copySource names an object as CopyObject wants it, percent-encoded; S3 would
// take a plus for a space.
func copySource(bucket, key string) string {
	return bucket + "/" + strings.NewReplacer("+", "%20", "%2F", "/").Replace(url.QueryEscape(key))
}
