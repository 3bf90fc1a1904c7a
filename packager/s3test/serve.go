package s3test

import (
	"context"
	"encoding/xml"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// answer is what a call is answered. It never changes once it is returned.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// s3Error is an error in S3's own terms.
type s3Error struct {
	status        int
	code, message string
	details       []element
	bucketRegion  string // where it is told
	deleteMarker  bool   // that is what was found
}

// element is an XML element of a name not known in advance.
type element struct {
	XMLName xml.Name
	Value   string `xml:",chardata"`
}

// newAnswer returns an answer with the headers given as names and values in turn.
func newAnswer(status int, headers ...string) *answer {
	a := &answer{status: status, header: http.Header{}}
	for pair := range slices.Chunk(headers, 2) {
		a.header.Set(pair[0], pair[1])
	}
	return a
}

// withXML gives the answer v as its body.
func (a *answer) withXML(v any) *answer {
	body, err := xml.Marshal(v)
	if err != nil {
		panic(err) // v is one of this package's own types
	}
	a.body = append([]byte(xml.Header), body...)
	a.header.Set("Content-Type", "application/xml")
	return a
}

// newError returns an error with the details given as names and values in turn.
func newError(status int, code, message string, details ...string) *s3Error {
	e := &s3Error{status: status, code: code, message: message}
	for pair := range slices.Chunk(details, 2) {
		e.details = append(e.details, element{XMLName: xml.Name{Local: pair[0]}, Value: pair[1]})
	}
	return e
}

func accessDenied() *s3Error {
	return newError(http.StatusForbidden, "AccessDenied", "Access Denied")
}

func invalidRequest(message string) *s3Error {
	return newError(http.StatusBadRequest, "InvalidRequest", message)
}

func notImplemented(header string) *s3Error {
	return newError(http.StatusNotImplemented, "NotImplemented",
		"A header you provided implies functionality that is not implemented.", "Header", header)
}

// answer puts the error into S3's form.
func (e *s3Error) answer(requestID string) *answer {
	type body struct {
		XMLName   xml.Name `xml:"Error"`
		Code      string
		Message   string
		Details   []element
		RequestID string `xml:"RequestId"`
		HostID    string `xml:"HostId"`
	}
	a := newAnswer(e.status)
	if e.bucketRegion != "" {
		a.header.Set("X-Amz-Bucket-Region", e.bucketRegion)
	}
	if e.deleteMarker {
		a.header.Set("X-Amz-Delete-Marker", "true")
	}
	return a.withXML(body{Code: e.code, Message: e.message, Details: e.details, RequestID: requestID, HostID: "s3test"})
}

// serve answers one request, or drops its connection.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	c, err := newCall(r)
	record := s.record(c)
	var fault Fault
	if err == nil {
		fault = s.takeFault(c)
	}
	drop := func() {
		s.finish(record, c, &answer{})
		panic(http.ErrAbortHandler) // net/http's way to close the connection
	}

	if !wait(r.Context(), fault.Delay) {
		drop()
	}
	if c.readUntilCut(fault.Cut) {
		drop()
	}
	if c.wrong = fault.Wrong; c.wrong == Endless {
		continueEndlessly(w)
		drop()
	}
	var a *answer
	switch {
	case err != nil:
		if b := s.bucketNamed(c.bucket); b != nil && c.operation == "HeadBucket" {
			err.bucketRegion = b.region // no secret: the SDK's GetBucketRegion asks unsigned
		}
	case fault.Status == http.StatusOK && fault.Code == "":
		a = newAnswer(fault.Status, "Content-Type", "text/html")
		a.body = []byte("<html><body>Blocked</body></html>")
	case fault.Status != 0:
		code := fault.Code
		if code == "" {
			code = strings.ReplaceAll(http.StatusText(fault.Status), " ", "")
		}
		err = newError(fault.Status, code, fault.Message)
		err.bucketRegion = fault.BucketRegion
	default:
		a, err = s.performWrongly(c)
	}
	if err != nil {
		a = err.answer(c.requestID)
	}
	if fault.Cut == AnswerNone {
		drop()
	}

	// A client takes an answer for a broken connection if that is closed while it still sends: all it sends is read. One
	// that says "Expect: 100-continue" is answered first, as it may be waiting; but it may not (the SDK is not).
	answerFirst := c.Header.Get("Expect") != "" && c.body.n == 0
	if !answerFirst {
		_, _ = io.Copy(io.Discard, c.body)
	}
	s.finish(record, c, a) // before the client can know of the answer, and look at the record
	a.write(w, c, fault)
	if answerFirst && fault.Cut == "" {
		_ = http.NewResponseController(w).Flush()
		_, _ = io.Copy(io.Discard, c.body)
	}
}

// write sends the answer, or a part of it, or late.
func (a *answer) write(w http.ResponseWriter, c *call, fault Fault) {
	for name, values := range a.header {
		w.Header()[name] = values
	}
	w.Header().Set("Server", "AmazonS3")
	if fault.Location != "" {
		w.Header().Set("Location", fault.Location)
	}
	w.Header().Set("X-Amz-Request-Id", c.requestID)
	w.Header().Set("X-Amz-Id-2", "s3test")
	if w.Header().Get("Content-Length") == "" && a.status != http.StatusNoContent {
		w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	}
	if fault.Cut != "" {
		a.writeUntilCut(w, c, fault.Cut)
		return
	}
	w.WriteHeader(a.status)
	if fault.StallAnswer > 0 {
		_ = http.NewResponseController(w).Flush()
		if !wait(c.Context(), fault.StallAnswer) {
			panic(http.ErrAbortHandler)
		}
	}
	if c.Method != http.MethodHead {
		_, _ = w.Write(a.body) // the client may be gone
	}
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

// record notes the arrival of a call.
func (s *Server) record(c *call) *Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := &Request{
		Operation: c.operation, Region: c.region, Bucket: c.bucket, Key: c.key, Header: c.Header.Clone(),
	}
	s.requests = append(s.requests, r)
	return r
}

// finish completes a call's record.
func (s *Server) finish(r *Request, c *call, a *answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r.Status, r.BodyBytes = a.status, c.body.n
	if c.Method != http.MethodHead {
		r.AnswerBytes = int64(len(a.body))
	}
}

// takeFault returns the fault that hits a call, and counts the hit. It returns the zero Fault if there is none.
func (s *Server) takeFault(c *call) Fault {
	matches := func(want, got string) bool { return want == "" || want == got }
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.faults, func(f Fault) bool {
		return matches(f.Operation, c.operation) && matches(f.Region, c.region) &&
			matches(f.Bucket, c.bucket) && matches(f.Key, c.key)
	})
	if i < 0 {
		return Fault{}
	}
	f := s.faults[i]
	switch f.Times {
	case 0:
	case 1:
		s.faults = slices.Delete(s.faults, i, i+1)
	default:
		s.faults[i].Times--
	}
	return f
}
