package s3store

import (
	"bytes"
	"context"
	"crypto/md5" //nolint:gosec // see Payload.md5
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"github.com/aws/smithy-go"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/feature/s3/manager"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go/middleware"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

const (
	// PartSize is that of a multipart upload's parts. What is smaller goes in
	// one request, whose checksum covers the whole object. From 5 to 64 MB, over
	// loopback and a network of 100 ms, it makes no difference to the time.
	PartSize = 16 << 20
	// maxParts is how many parts S3 takes of one object (S3 guide, "Multipart upload
	// limits").
	maxParts = 10_000
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

// Put stores a payload. With ifAbsent it leaves an object alone that is there
// and is what it should be, as far as this caller is told. It returns what was
// there: absent where the payload is stored now, else proved or unknown.
func (b *Bucket) Put(ctx context.Context, key string, p Payload, ifAbsent bool) (was Presence, version string, err error) {
	b.learnEncryption(ctx)
	for try := range conflicts {
		version, err = b.putOnce(ctx, key, p, ifAbsent)
		switch {
		case err == nil:
			return Absent, version, nil
		case status(err) == http.StatusConflict && ctx.Err() == nil:
			// Somebody else is writing to this key (S3 guide, "Conditional
			// writes": try again).
			pause := time.Duration(rand.Int64N(int64(200*time.Millisecond) << min(try, 4))) //nolint:gosec // no secret
			if b.config.Backoff > 0 {
				pause = min(pause, b.config.Backoff)
			}
			select {
			case <-ctx.Done():
			case <-time.After(pause):
			}
		case ifAbsent && status(err) == http.StatusPreconditionFailed && conditional(err):
			there, err := b.Look(ctx, key, p)
			switch {
			case err != nil:
				return Unknown, "", err
			case there.Presence == Proved || there.Presence == Unknown:
				return there.Presence, "", nil
			case there.Presence == Foreign:
				b.told.Replaced(key, there.Size)
			}
			ifAbsent = false // what is there is something else
		case code(err) == "NoSuchUpload" && ctx.Err() == nil:
			// The answer to the completion was lost, and S3 has forgotten it.
			if there, lerr := b.prove(ctx, key, p); lerr == nil && there.Presence == Proved {
				return Absent, aws.ToString(there.head.VersionId), nil
			}
			return Unknown, "", b.explain("s3:PutObject", "uploading", key, err)
		default:
			return Unknown, "", b.explain("s3:PutObject", "uploading", key, err)
		}
	}
	return Unknown, "", b.explain("s3:PutObject", "uploading", key, err)
}

func (b *Bucket) putOnce(ctx context.Context, key string, p Payload, ifAbsent bool) (version string, err error) {
	sent := &outgoing{tell: func(bytes int64) { b.told.Sent(key, bytes) }}
	defer func() { sent.done(p.Size, err) }()
	if p.Size > maxParts*b.part() {
		return "", &problem.Error{
			Subject: b.Region,
			Message: fmt.Sprintf("s3://%s/%s has %d bytes, and %d go in the %d parts that S3 takes", b.Bucket, key, p.Size, maxParts*b.part(), maxParts),
			Hint:    "leave out what is not needed, with --exclude or .mrpackageignore",
		}
	}
	var body io.ReadSeeker = bytes.NewReader(p.Body)
	if p.Path != "" {
		f, content, err := p.open()
		if err != nil {
			return "", err
		}
		defer f.Close() // nothing was written
		body = content
	}
	input := &s3.PutObjectInput{
		Bucket: &b.Bucket, Key: &key, Body: body, Metadata: b.metadataOf(p),
		ContentLength: aws.Int64(p.Size), ContentType: p.contentType(), Tagging: b.tagging(), ExpectedBucketOwner: b.owner(),
		IfNoneMatch: absent(ifAbsent),
	}
	input.ServerSideEncryption, input.SSEKMSKeyId = b.encryption()
	if p.Size <= b.part() {
		// S3 refuses the body if its checksum is another.
		input.ChecksumSHA256 = aws.String(base64.StdEncoding.EncodeToString(p.SHA256))
		out, err := b.client.PutObject(sent.counted(ctx), input, s3.WithAPIOptions(signedBody(p.SHA256)))
		if err != nil {
			return "", err
		}
		return aws.ToString(out.VersionId), b.arrived(ctx, key, p, out)
	}
	input.ChecksumAlgorithm = types.ChecksumAlgorithmSha256
	input.ContentLength = nil
	grace, done := graceOf(ctx)
	defer done()
	uploader := manager.NewUploader(multipartClient{b.client, b, sent, p.parts, grace}, func(u *manager.Uploader) {
		u.PartSize, u.Concurrency = b.part(), b.config.Jobs // which the client bounds for all objects together
	})
	out, err := uploader.Upload(ctx, input)
	if err != nil {
		return "", err
	}
	if err = p.heldAgainst(out.ChecksumSHA256); err != nil {
		err = b.spoiled(key, err.Error())
	} else {
		err = b.verify(ctx, key, p)
	}
	if err != nil {
		// A completion that was none leaves the parts; after one that was, there is
		// nothing to remove.
		abort := &s3.AbortMultipartUploadInput{Bucket: &b.Bucket, Key: &key, UploadId: &out.UploadID}
		_, _ = multipartClient{b.client, b, nil, nil, grace}.AbortMultipartUpload(ctx, abort)
		return "", err
	}
	return aws.ToString(out.VersionID), nil
}

// conditional tells whether the operation that failed is one that carries the condition
// of a put.
func conditional(err error) bool {
	var operation *smithy.OperationError
	return errors.As(err, &operation) && (operation.Operation() == "PutObject" || operation.Operation() == "CompleteMultipartUpload")
}

// arrived tells whether a single put has stored what was sent, encrypted as was asked
// for: by the checksum in the answer; else by the ETag, which is the content's MD5 unless
// a KMS key encrypts it (S3 API reference, Object); else, as for an object in parts, by
// another look.
func (b *Bucket) arrived(ctx context.Context, key string, p Payload, out *s3.PutObjectOutput) error {
	if want, _ := b.encryption(); want != "" && out.ServerSideEncryption != want {
		return b.spoiled(key, fmt.Sprintf("its encryption is %q, and %s was asked for", out.ServerSideEncryption, want))
	}
	switch aws.ToString(out.ChecksumSHA256) {
	case "":
	case base64.StdEncoding.EncodeToString(p.SHA256):
		return nil
	default:
		return b.spoiled(key, "its checksum is another")
	}
	sum, err := p.md5()
	if err != nil {
		return err
	}
	tag := strings.Trim(strings.TrimPrefix(*out.ETag, "W/"), `"`)
	byKMS := strings.HasPrefix(string(out.ServerSideEncryption), "aws:kms")
	switch _, err := hex.DecodeString(tag); {
	case strings.EqualFold(tag, hex.EncodeToString(sum)):
		return nil
	case err == nil && len(tag) == 2*md5.Size && !byKMS:
		return b.spoiled(key, fmt.Sprintf("its ETag is %s, and %x was sent", tag, sum))
	}
	there, err := b.prove(ctx, key, p)
	switch {
	case err != nil || there.Presence == Proved:
		return err
	case there.Presence == Unknown && byKMS:
		return nil // S3 tells nothing more to this caller
	case there.Why != "":
		return b.unlike(key, p, there)
	}
	return b.spoiled(key, fmt.Sprintf("its ETag is %s, and %x was sent", tag, sum))
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

// verify looks at an object once more as a whole, where the answer to its upload does
// not prove it: one that came in parts has a checksum for each of them.
func (b *Bucket) verify(ctx context.Context, key string, p Payload) error {
	there, err := b.prove(ctx, key, p)
	if err != nil || there.Presence == Proved || there.Presence == Unknown {
		return err
	}
	return b.unlike(key, p, there)
}

// unlike is the problem of an object that was just uploaded and is not what it should be.
func (b *Bucket) unlike(key string, p Payload, there Found) error {
	e := b.spoiled(key, there.Why)
	if there.Size == p.Size {
		e.Hint = "this server keeps less than it is asked for: mrpackage needs the metadata and the encryption, also of objects that are sent in parts; or another process writes to this key"
	}
	return e
}

func (b *Bucket) spoiled(key, how string) *problem.Error {
	return &problem.Error{
		Subject: b.Region,
		Message: fmt.Sprintf("s3://%s/%s is not what was uploaded: %s", b.Bucket, key, how),
		Hint:    "does another process write to this key? run again",
	}
}
