package s3store

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go/middleware"
)

// CopyFrom stores a payload by copying it from another bucket, in which it is
// stored under the same name. With ifAbsent it replaces nothing, as far as the server knows
// that condition: S3 may make a copy after the caller has ceased to wait for it. Beside an
// error, made tells that something may be stored all the same, which nobody has proved:
// whoever stores the payload in another way must replace it.
func (b *Bucket) CopyFrom(ctx context.Context, from *Bucket, fromKey, key string, p Payload, ifAbsent bool) (version string, made bool, err error) {
	b.learnEncryption(ctx)
	if p.Size > maxCopy || b.config.CopyPart > 0 && p.Size > b.config.CopyPart {
		return b.copyParts(ctx, from, fromKey, key, p, ifAbsent)
	}
	input := &s3.CopyObjectInput{
		Bucket: &b.Bucket, Key: &key, CopySource: aws.String(copySource(from.Bucket, fromKey)), IfNoneMatch: absent(ifAbsent),
		MetadataDirective: types.MetadataDirectiveReplace, Metadata: b.metadataOf(p), ContentType: p.contentType(),
		TaggingDirective: types.TaggingDirectiveReplace, Tagging: b.tagging(),
		ChecksumAlgorithm: types.ChecksumAlgorithmSha256, ExpectedBucketOwner: b.owner(), ExpectedSourceBucketOwner: from.owner(),
	}
	input.ServerSideEncryption, input.SSEKMSKeyId = b.encryption()
	var tries int
	out, err := b.client.CopyObject(ctx, input, countTries(&tries))
	if ifAbsent && status(err) == http.StatusNotImplemented {
		input.IfNoneMatch = nil
		out, err = b.client.CopyObject(ctx, input)
	}
	if ifAbsent && Conflict(err) {
		// Another run was or is here, or this one, whose answer was lost.
		if there, lerr := b.Look(ctx, key, p); lerr == nil && there.Presence == Proved {
			return aws.ToString(there.head.VersionId), true, nil
		}
		return "", tries > 1, err // at the first try, it was there before
	}
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

// countTries counts how often a request is sent.
func countTries(n *int) func(*s3.Options) {
	count := middleware.FinalizeMiddlewareFunc("CountTries", func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
		*n++
		return next.HandleFinalize(ctx, in)
	})
	return s3.WithAPIOptions(func(stack *middleware.Stack) error { return stack.Finalize.Insert(count, "Retry", middleware.After) })
}

// Conflict tells whether a copy that was to replace nothing has failed because something is
// under its key, or is being stored there (S3 API reference, CopyObject, If-None-Match).
func Conflict(err error) bool {
	return status(err) == http.StatusPreconditionFailed || status(err) == http.StatusConflict
}

// absent is the condition that nothing is stored under a key (S3 guide, "Conditional
// writes").
func absent(wanted bool) *string {
	if !wanted {
		return nil
	}
	return aws.String("*")
}

// refused tells whether S3 has said that it does not do what was asked. Any other
// failure may have come after it was done.
func refused(err error) bool { return status(err) >= 400 && status(err) < 500 }
