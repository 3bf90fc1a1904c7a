package role

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// explain says why the role cannot be assumed, with region, AWS's code and request id, and
// what to do. What lies behind it stays there: who signs a request would take an error of
// STS for one of its own service, and try again.
func (s *session) explain(ctx context.Context, err error, late bool) error {
	if e := WithoutCredentials(s.roles.config.AWS, err); e != nil {
		return e
	}
	e := &problem.Error{Subject: s.region}
	var said string
	var api smithy.APIError
	switch {
	case errors.As(err, &api):
		said = apiSays(api, err)
		e.Hint, e.Statement = s.remedy(ctx, api)
		if code, status := api.ErrorCode(), statusOf(err); code == unknownError && e.Hint == "" {
			e.Hint = remedyOfStatus(status)
		}
	case late:
		said = fmt.Sprintf("STS does not answer: waited %s", s.roles.config.Patience)
		e.Hint = s.unreachable()
	default:
		said = unanswered(err)
		e.Hint = s.remedyOfSilence(err)
	}
	e.Message = fmt.Sprintf("assuming the role %s: %s", s.role.ARN, said)
	return e
}

// unknownError is the SDK's code for an answer that says nothing but its status.
const unknownError = "UnknownError"

// apiSays is what an answer of STS says, with its status and its request id.
func apiSays(api smithy.APIError, err error) string {
	said := api.ErrorCode() + " (" + api.ErrorMessage()
	if api.ErrorCode() == unknownError {
		said = http.StatusText(statusOf(err))
	}
	var response *awshttp.ResponseError
	if errors.As(err, &response) {
		said += fmt.Sprintf(", HTTP %d", response.HTTPStatusCode())
		if id := response.ServiceRequestID(); id != "" {
			said += ", request id " + id
		}
	}
	if api.ErrorCode() == unknownError {
		return said
	}
	return said + ")"
}

func statusOf(err error) int {
	var response *awshttp.ResponseError
	if errors.As(err, &response) && response.HTTPResponse() != nil {
		return response.HTTPStatusCode()
	}
	return 0
}

const (
	otherAnswers = "does a proxy answer in the place of STS? see HTTPS_PROXY"
	tooBusy      = "STS did not keep up after several tries: run again"
)

// remedyOfStatus says what to do about an answer that says nothing but its status.
func remedyOfStatus(status int) string {
	switch {
	case status < http.StatusBadRequest, status == http.StatusProxyAuthRequired:
		return otherAnswers
	case status == http.StatusTooManyRequests, status >= http.StatusInternalServerError:
		return tooBusy
	}
	return ""
}

// unanswered says why a request got no answer, without the SDK's words for it.
func unanswered(err error) string {
	var request *url.Error
	if !errors.As(err, &request) {
		return err.Error()
	}
	message := "no answer"
	if u, uerr := url.Parse(request.URL); uerr == nil {
		message += " from " + u.Host
	}
	return message + ": " + request.Err.Error()
}

// remedyOfSilence says what to do about a request that got no answer, or one of somebody
// else's.
func (s *session) remedyOfSilence(err error) string {
	var untrusted *tls.CertificateVerificationError
	var network net.Error
	var broken *smithy.DeserializationError
	switch {
	case errors.Is(err, errHollow{}), errors.As(err, &broken):
		return otherAnswers
	case errors.As(err, &untrusted):
		return "the server's certificate is not trusted here: where a proxy looks into TLS, let AWS_CA_BUNDLE name the file with its certificate"
	case strings.Contains(err.Error(), "proxyconnect "):
		return "this is the proxy that HTTPS_PROXY names: correct that, or let NO_PROXY hold what needs no proxy"
	case errors.As(err, &network), errors.Is(err, context.DeadlineExceeded):
		return s.unreachable()
	}
	return ""
}

func (s *session) unreachable() string {
	return "STS in " + s.region + " cannot be reached from here: in a VPC it takes a NAT gateway or an interface endpoint for sts"
}

// remedy says what to do about an error code of STS (API reference, AssumeRole and "Common
// errors"), and the IAM statements that it takes.
func (s *session) remedy(ctx context.Context, api smithy.APIError) (hint, statement string) {
	switch api.ErrorCode() {
	case "AccessDenied", "AccessDeniedException":
		return s.denied(ctx, api.ErrorMessage())
	case "ExpiredToken", "ExpiredTokenException", "RequestExpired":
		return "the caller's credentials have expired: sign in again", ""
	case "InvalidClientTokenId", "UnrecognizedClientException", "SignatureDoesNotMatch", "AuthFailure":
		return "AWS does not know the caller's credentials: check AWS_PROFILE and the AWS_* variables; a region that is switched on for the account on request needs tokens of a regional STS endpoint", ""
	case "RegionDisabledException":
		return "STS is switched off in this region: an administrator of the caller's account switches it on, in IAM's account settings", ""
	case "MalformedPolicyDocument", "PackedPolicyTooLarge":
		return "correct the session's policy, or its tags, which have their limit together", ""
	case "ValidationError":
		if strings.Contains(api.ErrorMessage(), "DurationSeconds") {
			return "ask for a shorter session, or let the role's maximum session duration be longer; a role that assumes another has an hour at most", ""
		}
	case "Throttling", "ThrottlingException", "RequestLimitExceeded", "ServiceUnavailable", "InternalFailure":
		return tooBusy, ""
	}
	return "", ""
}

// denied says what lets the caller assume the role. AWS says the same where there is no such
// role. The statements are of two policies.
func (s *session) denied(ctx context.Context, message string) (hint, statement string) {
	if strings.Contains(message, "with an explicit deny") {
		return "a policy denies this explicitly, and no other can permit it: see the role's trust policy, the caller's policies, and the organization's", ""
	}
	caller := ""
	if m := regexp.MustCompile(`User: (arn:[^ ]+) is not authorized`).FindStringSubmatch(message); m != nil {
		caller = m[1]
	} else {
		caller = s.roles.callerARN(ctx, s.client)
	}
	actions := quoted(s.role.actions())
	own := fmt.Sprintf(`{"Effect": "Allow", "Action": %s, "Resource": %q}`, actions, s.role.ARN)
	if qualifier, account, region, ok := s.role.cdk(); ok {
		return bootstrap(qualifier, account, region, accountOf(caller)), own
	}
	who := principal(caller)
	if who == "" {
		who = "the caller's ARN"
	}
	condition := ""
	if s.role.ExternalID != "" {
		condition = `, "Condition": {"StringEquals": {"sts:ExternalId": "the external ID"}}`
	}
	trust := fmt.Sprintf(`{"Effect": "Allow", "Principal": {"AWS": %q}, "Action": %s%s}`, who, actions, condition)
	return "is there such a role? its trust policy must let the caller assume it, and the caller's own policy, too: here is a statement for each", trust + ", " + own
}

// bootstrap says how CDK makes its roles. They trust their own account, and others that
// the bootstrap was told to trust (CDK guide, "Bootstrap your environment").
func bootstrap(qualifier, account, region, caller string) string {
	command := "cdk bootstrap aws://" + account + "/" + region
	if qualifier != "hnb659fds" {
		command += " --qualifier " + qualifier
	}
	hint := "has this environment been bootstrapped? " + command
	if caller != "" && caller != account {
		hint += " --trust " + caller + " --cloudformation-execution-policies ARN"
	}
	return hint + "; and the caller's own policy must allow it"
}

// quoted is one action, or a list of several, in JSON.
func quoted(actions []string) string {
	list := make([]string, len(actions))
	for i, action := range actions {
		list[i] = fmt.Sprintf("%q", action)
	}
	if len(list) == 1 {
		return list[0]
	}
	return "[" + strings.Join(list, ", ") + "]"
}
