package registry

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aws/smithy-go"
)

// maxError is how much is read of an answer that is an error, and maxMessage what is
// shown of it: it is a stranger's text.
const (
	maxError   = 64 << 10
	maxMessage = 500
)

// An answer is what a registry says, but for a blob.
type answer struct {
	status int
	header http.Header
	body   []byte
	asked  *http.Request // the last one, after redirections
}

// An answerError is an answer that is an error.
type answerError struct {
	status        int
	code, message string
	id            string // of the request
	after         time.Duration
}

func (e *answerError) Error() string {
	text := http.StatusText(e.status)
	if e.message != "" {
		text = e.message
	}
	said := fmt.Sprintf("%s, HTTP %d", strings.TrimRight(strings.Join(strings.Fields(text), " "), "."), e.status)
	if e.id != "" {
		said += ", request id " + e.id
	}
	if e.code == "" {
		return said
	}
	return e.code + " (" + said + ")"
}

// errorOf reads an answer that is an error (OCI Distribution Specification, Error Codes).
func errorOf(response *http.Response) *answerError {
	e := &answerError{status: response.StatusCode, id: response.Header.Get("X-Amzn-Requestid")}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxError))
	var said struct {
		Errors []struct {
			Code    string `json:"code"`
			Message string `json:"message"`
		} `json:"errors"`
	}
	switch text := string(body); {
	case err != nil:
	case json.Unmarshal(body, &said) == nil && len(said.Errors) > 0:
		e.code, e.message = said.Errors[0].Code, scrub(said.Errors[0].Message, response.Request.Header)
	case utf8.Valid(body) && !strings.HasPrefix(strings.TrimSpace(text), "<"): // ECR has some in plain words
		e.message = scrub(text, response.Request.Header)
	}
	if len(e.code) > maxMessage || len(e.message) > maxMessage {
		e.code, e.message = "", strings.ToValidUTF8(e.message[:min(len(e.message), maxMessage)], "")
	}
	if seconds, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil && seconds > 0 {
		e.after = time.Duration(min(seconds, 3600)) * time.Second
	}
	return e
}

// scrub takes out of a server's text what it was sent as a secret.
func scrub(text string, sent http.Header) string {
	scheme, secret, _ := strings.Cut(sent.Get("Authorization"), " ")
	secrets := []string{secret}
	if decoded, err := base64.StdEncoding.DecodeString(secret); err == nil && strings.EqualFold(scheme, "Basic") {
		_, password, _ := strings.Cut(string(decoded), ":")
		secrets = append(secrets, string(decoded), password)
	}
	for _, s := range secrets {
		if s != "" {
			text = strings.ReplaceAll(text, s, "…")
		}
	}
	return text
}

// A hollowError is a success that lacks what a registry always tells. A proxy's page that
// says "blocked" comes as a success, too.
type hollowError struct{ lacks string }

func (e *hollowError) Error() string {
	return "the answer is a success, but not a registry's: it has no " + e.lacks
}

// A falseError is a success that says something else than what was asked for.
type falseError struct{ how string }

func (e *falseError) Error() string { return e.how }

// status is the HTTP status of an answer that is an error, 0 where there was none.
func status(err error) int {
	var e *answerError
	if errors.As(err, &e) {
		return e.status
	}
	return 0
}

// code is the registry's or ECR's code for an error, "" where there is none.
func code(err error) string {
	var e *answerError
	if errors.As(err, &e) {
		return e.code
	}
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}
