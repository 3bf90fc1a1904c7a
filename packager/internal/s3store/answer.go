package s3store

import (
	"context"
	"errors"

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
	var field *string
	lacks := "ETag"
	switch out := answer.(type) {
	case *s3.PutObjectOutput:
		field = out.ETag
	case *s3.UploadPartOutput:
		field = out.ETag
	case *s3.CompleteMultipartUploadOutput:
		field = out.ETag
	case *s3.CopyObjectOutput:
		if out.CopyObjectResult != nil {
			field = out.CopyObjectResult.ETag
		}
	case *s3.UploadPartCopyOutput:
		if out.CopyPartResult != nil {
			field = out.CopyPartResult.ETag
		}
	case *s3.CreateMultipartUploadOutput:
		field, lacks = out.UploadId, "upload ID"
	case *s3.HeadObjectOutput:
		field = out.ETag
	case *s3.GetObjectOutput:
		field = out.ETag
	default:
		return ""
	}
	if field == nil || *field == "" {
		return lacks
	}
	return ""
}
