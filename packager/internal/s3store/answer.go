package s3store

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
)

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

// location is where an answer that is an error leads, without a secret.
func location(err error) string {
	var response *awshttp.ResponseError
	if errors.As(err, &response) && response.Response != nil {
		if to, err := response.Response.Location(); err == nil {
			return to.Redacted()
		}
	}
	return ""
}

// A hollowError is a success that lacks what S3 always tells. A proxy's page that says
// "blocked" comes as a success, too.
type hollowError struct{ lacks string }

func (e *hollowError) Error() string {
	return "the answer is a success, but not S3's: it has no " + e.lacks
}

// refuseHollow makes an error of every answer that lacks a field which this package, or
// the SDK's manager, takes for granted.
func refuseHollow(stack *middleware.Stack) error {
	return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("RefuseHollow",
		func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
			out, metadata, err := next.HandleInitialize(ctx, in)
			if err == nil {
				if lacks := lackOf(out.Result); lacks != "" {
					err = &hollowError{lacks}
				}
			}
			return out, metadata, err
		}), middleware.Before)
}

// lackOf is what an answer lacks of what S3 always tells (S3 API reference, the
// operations' response elements); "" where it is whole.
func lackOf(answer any) string {
	lacks := func(name string, field *string) string {
		if aws.ToString(field) == "" {
			return name
		}
		return ""
	}
	switch out := answer.(type) {
	case *s3.PutObjectOutput:
		return lacks("ETag", out.ETag)
	case *s3.UploadPartOutput:
		return lacks("ETag", out.ETag)
	case *s3.CompleteMultipartUploadOutput:
		return lacks("ETag", out.ETag)
	case *s3.CopyObjectOutput:
		if out.CopyObjectResult == nil {
			return "ETag"
		}
		return lacks("ETag", out.CopyObjectResult.ETag)
	case *s3.UploadPartCopyOutput:
		if out.CopyPartResult == nil {
			return "ETag"
		}
		return lacks("ETag", out.CopyPartResult.ETag)
	case *s3.CreateMultipartUploadOutput:
		return lacks("upload ID", out.UploadId)
	case *s3.HeadObjectOutput:
		if out.ContentLength == nil {
			return "Content-Length"
		}
		return lacks("ETag", out.ETag)
	case *s3.GetObjectOutput:
		return lacks("ETag", out.ETag)
	case *s3.GetBucketLifecycleConfigurationOutput:
		if len(out.Rules) == 0 { // where there are none, S3 answers with an error
			return "rules"
		}
	case *s3.GetObjectTaggingOutput:
		if out.TagSet == nil { // an empty one is there
			return "set of tags"
		}
	}
	return ""
}
