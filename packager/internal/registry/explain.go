package registry

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/region"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// subject is where an error is: the region, or for a source without one its address.
func (r *Repository) subject() string {
	if r.Region == "" {
		return r.Repository
	}
	return r.Region
}

// address is the repository's, as far as it is known without a request.
func (r *Repository) address() string {
	at := r.door.place
	switch {
	case at.host != "":
		return at.host + "/" + at.name
	case at.account == "":
		return at.name
	}
	return ecrHostOf(at.account, at.region) + "/" + at.name
}

// explain turns an answer of a registry or of ECR's API into an Error that names region,
// repository, code and request id, and says what to do. action is the IAM action that the
// request needs; doing says what was done, and ends before the repository's address.
func (r *Repository) explain(action, doing string, err error) error {
	var explained *problem.Error
	if errors.As(err, &explained) {
		return explained
	}
	var unread *downloadError
	if errors.As(err, &unread) {
		of := unread.from.unread("reading it", unread.err)
		return &problem.Error{Subject: r.subject(), Message: fmt.Sprintf("%s %s: %s", doing, r.address(), of.Message), Err: err, Hint: of.Hint, Statement: of.Statement}
	}
	e := &problem.Error{Subject: r.subject(), Err: err}
	said := err.Error()
	var api smithy.APIError
	var unreadable *smithy.DeserializationError
	switch {
	case errors.As(err, &api):
		said = apiSays(api, err)
	case errors.As(err, &unreadable):
		said = "the answer is a success, but not ECR's"
	case said == io.EOF.Error():
		said = "the connection was cut before an answer came"
	}
	e.Message = fmt.Sprintf("%s %s: %s", doing, r.address(), said)
	switch {
	case r.missing(err):
		return r.absent(err)
	case r.client != nil && status(err) == http.StatusUnauthorized:
		e.Hint = "the registry does not take the token that ECR gave: does a proxy take the header Authorization away?"
	case denied(err):
		e.Hint, e.Statement = r.remedyOfDenial(action, said)
	default:
		e.Hint = r.remedy(err)
	}
	return e
}

// unread explains why an image, or a layer of one, cannot be read from here.
func (r *Repository) unread(doing string, err error) *problem.Error {
	var download *downloadError
	if errors.As(err, &download) {
		err = download.err
	}
	e := &problem.Error{Subject: r.subject(), Message: fmt.Sprintf("%s from %s: %s", doing, r.address(), err), Err: err}
	if explained := r.explain(fetchActions()[0], doing+" from", err); !errors.As(explained, &e) {
		return e
	}
	switch {
	case r.missing(err), code(err) == "MANIFEST_UNKNOWN", code(err) == "NAME_UNKNOWN":
		e.Hint = "has it been pushed? correct the address"
	case r.client == nil && denied(err): // which some registries also say of what they do not have
		e.Hint = "correct the address; or " + e.Hint
	case e.Statement != "" && !strings.Contains(e.Statement, loginAction):
		e.Statement = r.statement(fetchActions()...)
	}
	return e
}

// apiSays is what ECR's API says, in the form of an [answerError].
func apiSays(api smithy.APIError, err error) string {
	e := &answerError{code: api.ErrorCode(), message: api.ErrorMessage()}
	var response *awshttp.ResponseError
	if errors.As(err, &response) {
		e.status, e.id = response.HTTPStatusCode(), response.ServiceRequestID()
	}
	if e.code == "UnknownError" { // the SDK's, where the answer says nothing but its status
		e.code, e.message = "", strings.TrimPrefix(e.message, e.code)
	}
	return e.Error()
}

// missing tells whether an answer says that there is no such repository.
func (r *Repository) missing(err error) bool {
	return r.client != nil && (code(err) == "RepositoryNotFoundException" || code(err) == "NAME_UNKNOWN")
}

// absent is the problem of a repository of ECR's that is not there.
func (r *Repository) absent(err error) *problem.Error {
	at := r.door.place
	e := &problem.Error{Subject: r.subject(), Err: err, Message: fmt.Sprintf("there is no repository %s in %s", at.name, at.region)}
	if at.account != "" {
		e.Message = fmt.Sprintf("there is no repository %s in %s in the account %s", at.name, at.region, at.account)
	}
	if r.shared.config.Absent != nil {
		e.Hint = r.shared.config.Absent(r.Store)
		return e
	}
	e.Hint = fmt.Sprintf("create it: aws ecr create-repository --repository-name %s --region %s", at.name, at.region)
	if own := r.login.known().account; at.account != "" && own != "" && own != at.account {
		e.Hint = "with credentials of the account " + at.account + ", " + e.Hint
	}
	return e
}

// denied tells whether an answer says that the caller may not.
func denied(err error) bool {
	switch code(err) {
	case "AccessDeniedException", "AccessDenied", "DENIED", "UNAUTHORIZED":
		return true
	}
	return status(err) == http.StatusForbidden || status(err) == http.StatusUnauthorized
}

// remedyOfDenial says what allows a denied action, and the IAM statement that does. ECR
// says which one it is, which may be another than the request's own (IAM guide,
// "Troubleshoot access denied error messages").
func (r *Repository) remedyOfDenial(action, message string) (hint, statement string) {
	if r.client == nil {
		return "log in with docker login, or correct what the Docker configuration has for " + r.door.place.host, ""
	}
	if strings.Contains(message, "with an explicit deny") {
		return "a policy denies this explicitly, and no other can permit it: see the repository's policy, the role's, and the organization's", ""
	}
	if told := regexp.MustCompile(`not authorized to perform: (ecr:[A-Za-z]+)`).FindStringSubmatch(message); told != nil {
		action = told[1]
	}
	return "the repository belongs to another account, or its policy or the caller's role denies this; allow the caller", r.statement(action)
}

// statement is the IAM statement that allows actions here.
func (r *Repository) statement(actions ...string) string {
	quoted := make([]string, len(actions))
	for i, action := range actions {
		quoted[i] = strconv.Quote(action)
	}
	list, resource := strings.Join(quoted, ", "), arn(r.door.place)
	if len(actions) > 1 {
		list = "[" + list + "]"
	} else if actions[0] == loginAction {
		resource = "*"
	}
	return fmt.Sprintf(`{"Effect": "Allow", "Action": %s, "Resource": %q}`, list, resource)
}

// remedy says what to do about an error that is no denial, or a request that got no
// answer.
func (r *Repository) remedy(err error) string {
	var hollow *hollowError
	var wrong *falseError
	var redirects *redirectError
	var choice *choiceError
	var helper *helperError
	var untrusted *tls.CertificateVerificationError
	var network net.Error
	switch code(err) {
	case "ExpiredToken", "ExpiredTokenException", "RequestExpired":
		return "the credentials have expired: sign in again"
	case "InvalidSignatureException", "UnrecognizedClientException", "InvalidClientTokenId":
		return "AWS does not know these credentials: check AWS_PROFILE and the AWS_* variables"
	case "TOOMANYREQUESTS", "ThrottlingException", "UNAVAILABLE", "ServerException":
		return tooBusy
	}
	switch {
	case errors.As(err, &hollow), errors.As(err, &wrong), errors.As(err, &redirects):
		return otherAnswers
	case errors.As(err, &helper):
		return "does it wait for somebody at a keyboard? see credsStore and credHelpers in Docker's config.json"
	case errors.As(err, &choice):
		return "name the image of the index that is meant by its own digest, if it is there"
	case errors.As(err, &untrusted):
		return "the server's certificate is not trusted here: where a proxy looks into TLS, let AWS_CA_BUNDLE name the file with its certificate"
	case strings.Contains(err.Error(), "proxyconnect "):
		return "this is the proxy that HTTPS_PROXY names: correct that, or let NO_PROXY hold what needs no proxy"
	case statusOf(err) != 0:
		return remedyOfStatus(statusOf(err))
	case errors.As(err, &network), errors.Is(err, context.DeadlineExceeded):
		return r.unreachable()
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "does a proxy cut the connection? run again; what is there is not sent again"
	}
	return ""
}

const (
	otherAnswers = "does a proxy answer in the registry's place? see HTTPS_PROXY"
	tooBusy      = "the registry did not keep up after several tries: run again; what is there is not sent again"
)

// statusOf is the HTTP status of an answer, also of ECR's API; 0 where there was none.
func statusOf(err error) int {
	var response *awshttp.ResponseError
	if errors.As(err, &response) && response.HTTPResponse() != nil {
		return response.HTTPStatusCode()
	}
	return status(err)
}

// remedyOfStatus says what to do about an answer of which no code tells more. No registry answers
// with a success that was not asked for, or has requests of its API go elsewhere.
func remedyOfStatus(status int) string {
	switch {
	case status < http.StatusBadRequest, status == http.StatusRequestEntityTooLarge, status == http.StatusProxyAuthRequired:
		return otherAnswers
	case status == http.StatusTooManyRequests, status >= http.StatusInternalServerError:
		return tooBusy
	}
	return ""
}

func (r *Repository) unreachable() string {
	if r.client == nil {
		return r.door.place.host + " cannot be reached from here"
	}
	return r.Region + " cannot be reached from here; in a VPC it takes a NAT gateway, or interface endpoints for ecr.api and ecr.dkr and a gateway endpoint for s3"
}

// arn is the repository's.
func arn(at place) string {
	account := at.account
	if account == "" {
		account = "*"
	}
	return fmt.Sprintf("arn:%s:ecr:%s:%s:repository/%s", region.Partition(at.region), at.region, account, at.name)
}
