package s3store

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"syscall"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/region"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/role"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// explain turns an answer of AWS into an Error that names region, bucket, key,
// AWS's code and request id, and says what to do. action is the IAM action
// that the request needs.
func (b *Bucket) explain(action, doing, key string, err error) error {
	var explained *problem.Error
	if errors.As(err, &explained) {
		return explained
	}
	if e := role.WithoutCredentials(b.config.AWS, err); e != nil {
		return e
	}
	if region := bucketRegion(err); region != "" && region != b.Region {
		return b.elsewhere(region, err)
	}
	object := "s3://" + b.Bucket
	if key != "" {
		object += "/" + key
	}
	code, message := "", err.Error()
	var api smithy.APIError
	if errors.As(err, &api) {
		code, message = api.ErrorCode(), api.ErrorMessage()
		if message == "" || message == code {
			message = http.StatusText(status(err))
		}
	}
	e := &problem.Error{Subject: b.Region, Err: err}
	if told := notS3s(err); told != "" {
		e.Message, e.Hint = fmt.Sprintf("%s %s: %s", doing, object, told), "does a proxy answer in S3's place? see HTTPS_PROXY, and --endpoint-url"
		return e
	}
	if told := unanswered(err); told != "" && code == "" {
		message = told
	}
	e.Message = fmt.Sprintf("%s %s: %s", doing, object, message)
	if code != "" {
		e.Message = fmt.Sprintf("%s %s: %s (%s", doing, object, code, message)
		var response *awshttp.ResponseError
		if errors.As(err, &response) {
			e.Message += fmt.Sprintf(", HTTP %d", response.HTTPStatusCode())
			if id := response.ServiceRequestID(); id != "" {
				e.Message += ", request id " + id
			}
		}
		e.Message += ")"
	}
	switch code {
	case "AccessDenied", "Forbidden", "AllAccessDisabled":
		e.Hint, e.Statement = b.denied(action, err.Error())
	default:
		e.Hint = b.remedy(code, err)
	}
	return e
}

// notS3s says why an answer cannot be S3's; "" where it can.
func notS3s(err error) string {
	var hollow *hollowError
	var circle *redirectedError
	var unreadable *smithy.DeserializationError
	switch {
	case errors.As(err, &hollow):
		return hollow.Error()
	case errors.As(err, &circle):
		return circle.Error()
	case errors.As(err, &unreadable) && !errors.Is(err, io.ErrUnexpectedEOF) && status(err) != 0:
		return fmt.Sprintf("the answer, of HTTP status %d, is not S3's: it cannot be read", status(err))
	}
	return ""
}

// elsewhere is the problem of a bucket that is in another region.
func (b *Bucket) elsewhere(region string, err error) error {
	return &problem.Error{
		Subject: b.Region, Err: errors.Join(errWrong, err),
		Message: fmt.Sprintf("the bucket %s is in %s, not in %s", b.Bucket, region, b.Region),
		Hint:    "CloudFormation takes code only from a bucket in the stack's own region: name one in " + b.Region,
	}
}

// remedy says what to do about an error code of S3 (API reference, "Error
// responses") or a request that got no answer.
func (b *Bucket) remedy(code string, err error) string {
	variable := region.BucketVariable(b.Region)
	switch code {
	case "NoSuchBucket", "NotFound":
		return fmt.Sprintf("there is no bucket %s: create it in %s, or correct --s3-bucket or %s", b.Bucket, b.Region, variable)
	case "PermanentRedirect", "MovedPermanently", "Found", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException":
		hint := fmt.Sprintf("the bucket is not in %s: name one that is", b.Region)
		if to := location(err); to != "" {
			hint += "; or does a proxy answer in S3's place? the answer leads to " + to
		}
		return hint
	case "ExpiredToken", "ExpiredTokenException", "RequestExpired":
		return "the credentials have expired: sign in again"
	case "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "UnrecognizedClientException":
		return "AWS does not know these credentials: check AWS_PROFILE and the AWS_* variables; a region that is switched on for the account on request needs tokens of a regional STS endpoint"
	case "RequestTimeTooSkewed":
		return "this machine's clock is wrong"
	case "SlowDown", "ServiceUnavailable", "InternalError":
		return "S3 did not keep up after several tries: run again; what is stored is not sent again"
	case "BadDigest", "XAmzContentSHA256Mismatch":
		return "the file changed while it was sent, or the connection damages data: run again"
	}
	var network net.Error
	var name *net.DNSError
	var untrusted *tls.CertificateVerificationError
	var local *fs.PathError // whose system call's error looks like one of the network
	switch {
	case errors.Is(err, syscall.EMFILE):
		return "this process may not open so many files: raise ulimit -n, or give a smaller --jobs"
	case errors.As(err, &local):
		return ""
	case errors.As(err, &untrusted):
		return "the server's certificate is not trusted here: where a proxy looks into TLS, let AWS_CA_BUNDLE name the file with its certificate"
	case strings.Contains(err.Error(), "proxyconnect "):
		return "this is the proxy that HTTPS_PROXY names: correct that, or let NO_PROXY hold what needs no proxy"
	case cut(err):
		return "the connection is cut on its way: does a proxy or a firewall do that? Run again; what is stored is not sent again"
	case errors.As(err, &name) && name.IsNotFound:
		return unreachable(b.Region) + "; the name server here does not know " + name.Name + ": is that the name that you mean?"
	case errors.As(err, &name):
		return unreachable(b.Region) + "; the name server here does not tell the address of " + name.Name + ": see /etc/resolv.conf, or the VPC's DNS, and run again"
	case errors.As(err, &network), errors.Is(err, context.DeadlineExceeded):
		return unreachable(b.Region)
	}
	return ""
}

// unanswered says why a request got no whole answer, without the SDK's words for it and
// without the URL, whose key stands before it; "" where it got one.
func unanswered(err error) string {
	var sent *smithyhttp.RequestSendError
	var request *url.Error
	var tries *retry.MaxAttemptsError
	var late *lateError
	switch {
	case errors.As(err, &late):
		return late.Error()
	case errors.As(err, &sent) && errors.As(sent.Err, &request):
		message := "no answer"
		if u, uerr := url.Parse(request.URL); uerr == nil {
			message += " from " + u.Host
		}
		if errors.As(err, &tries) {
			message += " in " + problem.Count(tries.Attempt, "attempt")
		}
		return message + ": " + request.Err.Error()
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "the answer has no end"
	}
	return ""
}

// cut tells whether a connection was there and ended before the answer did. Of one that
// ends within a line net/http tells in words alone.
func cut(err error) bool {
	return strings.Contains(err.Error(), "transport connection broken") || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

func unreachable(region string) string {
	return region + " cannot be reached from here; in a VPC, an S3 gateway endpoint serves its own region only, other regions need a NAT gateway or an interface endpoint"
}

// denied says what allows a denied action, and the IAM statement that does. Within one account AWS tells which
// one it is, which may be another than the request's own: tags need one more,
// and KMS keys have actions of their own (IAM guide, "Troubleshoot access denied
// error messages").
func (b *Bucket) denied(action, message string) (hint, statement string) {
	told := regexp.MustCompile(`not authorized to perform: ((?:s3|kms):[A-Za-z]+)(?: on resource: "?(arn:[A-Za-z0-9:/_-]+))?`).FindStringSubmatch(message)
	switch {
	case strings.Contains(message, "with an explicit deny"):
		return "a policy denies this explicitly, and no other can permit it: see the bucket's policy, the role's, and the organization's", ""
	case told != nil && strings.HasPrefix(told[1], "kms:") && told[2] != "":
		return "the KMS key's policy or the caller's role denies this; allow the caller", fmt.Sprintf(`{"Effect": "Allow", "Action": %q, "Resource": %q}`, told[1], told[2])
	case told != nil:
		action = told[1]
	}
	return "the bucket belongs to another account, or its policy, its KMS key or the caller's role denies this; allow the caller", b.statement(action)
}

// statement is the IAM statement that allows an action here.
func (b *Bucket) statement(action string) string {
	resource := b.arn(b.Key("*"))
	if action == "s3:ListBucket" {
		resource = b.arn("")
	}
	actions := strconv.Quote(action)
	if action == "s3:PutObject" && len(b.config.Tags) > 0 {
		actions = `["s3:PutObject", "s3:PutObjectTagging"]`
	}
	return fmt.Sprintf(`{"Effect": "Allow", "Action": %s, "Resource": %q}`, actions, resource)
}
