package ststest

import (
	"context"
	"encoding/xml"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// call is one request on its way through the server.
type call struct {
	form           url.Values
	region, signer string
	code           string // why it was not signed by anybody; "" where it was
}

// answer is what a call is answered.
type answer struct {
	status int
	body   string
}

// requestID is that of every answer.
const requestID = "ststest-request-id"

func success(operation, result string) *answer {
	return &answer{http.StatusOK, "<" + operation + `Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><` + operation + "Result>" + result + "</" + operation +
		"Result><ResponseMetadata><RequestId>" + requestID + "</RequestId></ResponseMetadata></" + operation + "Response>"}
}

func failed(status int, code, message string) *answer {
	var text strings.Builder
	_ = xml.EscapeText(&text, []byte(message)) // a Builder takes all
	return &answer{status, `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>` + code +
		"</Code><Message>" + text.String() + "</Message></Error><RequestId>" + requestID + "</RequestId></ErrorResponse>"}
}

// serve answers one request, or drops its connection.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	form, formErr := url.ParseQuery(string(body))
	if err != nil || formErr != nil {
		panic(http.ErrAbortHandler) // net/http's way to close the connection
	}
	c := &call{form: form}
	if m := regexp.MustCompile(`Credential=([^/]+)/[0-9]+/([a-z0-9-]+)/sts/`).FindStringSubmatch(r.Header.Get("Authorization")); m != nil {
		c.region = m[2]
		c.signer, c.code = s.Signer(m[1], r.Header.Get("X-Amz-Security-Token"))
	} else {
		c.code = "MissingAuthenticationToken"
	}
	record, fault := s.begin(c)
	status := 0
	defer func() { s.end(record, status) }()
	if !wait(r.Context(), fault.Delay) || fault.Cut {
		panic(http.ErrAbortHandler)
	}
	a := s.respond(c, fault)
	status = a.status
	w.Header().Set("Content-Type", "text/xml")
	w.Header().Set("X-Amzn-Requestid", requestID)
	w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	w.WriteHeader(a.status)
	_, _ = io.WriteString(w, a.body) // the client may be gone
}

// respond is what a call is answered.
func (s *Server) respond(c *call, fault Fault) *answer {
	operation := c.form.Get("Action")
	switch {
	case fault.Hollow:
		return success(operation, "")
	case fault.Status != 0:
		return failed(fault.Status, fault.Code, fault.Message)
	case c.code != "":
		return failed(http.StatusForbidden, c.code, "The security token included in the request is invalid or expired")
	case operation == "GetCallerIdentity":
		return identity(c)
	case operation == "AssumeRole":
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.assume(c)
	}
	return failed(http.StatusBadRequest, "InvalidAction", "ststest knows no "+operation)
}

// begin notes the arrival of a call, and returns the fault that hits it, the zero Fault if none does.
func (s *Server) begin(c *call) (*Request, Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now++
	s.most = max(s.most, s.now)
	record := &Request{Operation: c.form.Get("Action"), Region: c.region, Signer: c.signer, Role: c.form.Get("RoleArn"), Form: c.form}
	s.requests = append(s.requests, record)
	fits := func(want, is string) bool { return want == "" || want == is }
	for i := range s.faults {
		f := &s.faults[i]
		if !fits(f.Operation, record.Operation) || !fits(f.Region, c.region) || !fits(f.Role, record.Role) || f.Times < 0 {
			continue
		}
		if f.Skip > 0 {
			f.Skip--
			return record, Fault{}
		}
		hit := *f
		if f.Times == 1 {
			f.Times = -1
		} else if f.Times > 1 {
			f.Times--
		}
		return record, hit
	}
	return record, Fault{}
}

// end notes how a call was answered.
func (s *Server) end(r *Request, status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now--
	r.Status = status
}

// wait reports whether d passed before ctx ended.
func wait(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
