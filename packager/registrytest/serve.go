package registrytest

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Wrong is a way to answer that no registry has, and that broken servers and proxies do.
type Wrong string

// The wrong answers.
const (
	// Hollow is the status of a success, without a body and without any header of a registry's. Nothing is done.
	Hollow Wrong = "hollow"
	// OK is status 200 with a page of somebody else's, as of a proxy. Nothing is done.
	OK Wrong = "ok"
	// OtherDigest does what was asked, and says that it was something else.
	OtherDigest Wrong = "other digest"
	// Truncated does what was asked, and answers with half a body.
	Truncated Wrong = "truncated"
	// Broken does what was asked, and drops the connection in the middle of the answer's body.
	Broken Wrong = "broken"
	// Circle is a redirection to the request's own URL. Nothing is done.
	Circle Wrong = "circle"
	// Spoiled stores half of what it should, and answers as if that were right.
	Spoiled Wrong = "spoiled"
	// Lost stores nothing, and answers as if it had.
	Lost Wrong = "lost"
	// Early is the answer before anything of the body was read, as if it had been.
	Early Wrong = "early"
	// Echo is an error that repeats the secret it was sent.
	Echo Wrong = "echo"
)

// call is one request on its way through the server.
type call struct {
	*http.Request
	body      *countingReader
	operation string
	place     Place
	reference string // digest, tag or upload
	wrong     Wrong
	cut       bool // the connection is to be dropped when half of the body is read
}

type countingReader struct {
	io.Reader
	n int64
}

func (r *countingReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	r.n += int64(n)
	return n, err
}

// answer is what a call is answered.
type answer struct {
	status int
	header map[string]string
	body   []byte
}

// newCall reads the head of a request.
func (s *Server) newCall(r *http.Request) *call {
	c := &call{Request: r, body: &countingReader{Reader: r.Body}, operation: r.Method}
	if target := r.Header.Get("X-Amz-Target"); target != "" {
		_, c.operation, _ = strings.Cut(target, ".")
		if m := regexp.MustCompile(`Credential=[^/]+/[0-9]+/([a-z0-9-]+)/ecr/`).FindStringSubmatch(r.Header.Get("Authorization")); m != nil {
			c.place.Region = m[1]
		}
		return c
	}
	if m := regexp.MustCompile(`^([0-9]{12})\.dkr\.ecr(?:-fips)?\.([a-z0-9-]+)\.`).FindStringSubmatch(r.Host); m != nil {
		c.place.Account, c.place.Region = m[1], m[2]
	}
	switch m := regexp.MustCompile(`^/v2/(.+)/(blobs/uploads|blobs|manifests)/([^/]*)$`).FindStringSubmatch(r.URL.Path); {
	case m != nil:
		c.place.Name, c.reference = m[1], m[3]
		if operation, ok := map[string]string{
			"POST blobs/uploads": "StartUpload", "PATCH blobs/uploads": "UploadPart", "PUT blobs/uploads": "CompleteUpload",
			"GET blobs/uploads": "UploadStatus", "DELETE blobs/uploads": "CancelUpload", "HEAD blobs": "HeadBlob", "GET blobs": "GetBlob",
			"GET manifests": "GetManifest", "HEAD manifests": "GetManifest", "PUT manifests": "PutManifest",
		}[r.Method+" "+m[2]]; ok {
			c.operation = operation
		}
	case r.URL.Path == "/v2/":
		c.operation = "Ping"
	case r.URL.Path == "/token":
		c.operation = "Token"
	}
	return c
}

// serve answers one request, or drops its connection.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	c := s.newCall(r)
	record := s.record(c)
	fault := s.takeFault(c)
	c.wrong, c.cut = fault.Wrong, fault.CutBody
	drop := func() {
		s.finish(record, c, 0)
		panic(http.ErrAbortHandler)
	}
	if !wait(r.Context(), fault.Delay) {
		drop()
	}
	if c.cut {
		c.body.Reader = io.LimitReader(r.Body, max(0, r.ContentLength)/2)
	}
	if c.wrong == Early {
		c.body.Reader = strings.NewReader("")
	}
	a := s.respond(c, fault)
	if a == nil || fault.CutAnswer || c.cut && c.operation != "GetBlob" {
		drop()
	}
	if c.wrong == Early {
		s.finish(record, c, a.status)
		a.write(w, c)
		_ = http.NewResponseController(w).Flush()
		_, _ = io.Copy(io.Discard, r.Body)
		return
	}
	_, _ = io.Copy(io.Discard, r.Body) // a client takes an answer for a broken connection that comes while it still sends
	s.finish(record, c, a.status)      // before the client can know of the answer, and look at the record
	a.write(w, c)
}

// respond is what a call is answered; nil where the connection is to be dropped.
func (s *Server) respond(c *call, fault Fault) *answer {
	switch {
	case c.wrong == Echo:
		_, secrets, _ := cut(c.Header.Get("Authorization"))
		return failed(http.StatusBadRequest, "MANIFEST_INVALID", "bad request with "+strings.Join(secrets, " and "))
	case c.wrong == OK:
		return &answer{http.StatusOK, map[string]string{"Content-Type": "text/html"}, []byte("<html><body>Blocked</body></html>")}
	case c.wrong == Circle:
		return &answer{http.StatusTemporaryRedirect, map[string]string{"Location": c.URL.RequestURI()}, nil}
	case c.wrong == Hollow:
		return &answer{cmp.Or(map[string]int{
			"StartUpload": http.StatusAccepted, "UploadPart": http.StatusAccepted, "CompleteUpload": http.StatusCreated, "PutManifest": http.StatusCreated,
			"UploadStatus": http.StatusNoContent,
		}[c.operation], http.StatusOK), nil, nil}
	case fault.Status != 0:
		a := failed(fault.Status, fault.Code, fault.Message)
		if c.Header.Get("X-Amz-Target") != "" {
			a = apiFailed(fault.Status, fault.Code, fault.Message)
		}
		for name, value := range fault.Header {
			a.header[name] = value
		}
		return a
	case c.Header.Get("X-Amz-Target") != "":
		return s.api(c)
	}
	return s.hub(c)
}

// write sends the answer, or half of it.
func (a *answer) write(w http.ResponseWriter, c *call) {
	for name, value := range a.header {
		if name == "Docker-Content-Digest" && c.wrong == OtherDigest {
			value = digestOf([]byte("other"))
		}
		w.Header().Set(name, value)
	}
	body := a.body
	if c.wrong == Truncated {
		body = body[:len(body)/2]
	}
	if w.Header().Get("Content-Length") == "" && a.status != http.StatusNoContent {
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	}
	w.WriteHeader(a.status)
	if c.cut || c.wrong == Broken && len(body) > 0 && c.Method != http.MethodHead {
		_, _ = w.Write(body[:len(body)/2])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
	if c.Method != http.MethodHead {
		_, _ = w.Write(body) // the client may be gone
	}
}

// failed is an error in the registry protocol's form; without a code in plain words.
func failed(status int, code, message string) *answer {
	body, _ := json.Marshal(map[string]any{"errors": []map[string]string{{"code": code, "message": message}}})
	if code == "" {
		return &answer{status, map[string]string{"Content-Type": "text/plain"}, []byte(message)}
	}
	return &answer{status, map[string]string{"Content-Type": "application/json"}, body}
}

// cut takes a header of credentials apart: the scheme, and all forms of the secret.
func cut(header string) (scheme string, secrets []string, ok bool) {
	scheme, secret, ok := strings.Cut(header, " ")
	if !ok || scheme != "Basic" && scheme != "Bearer" {
		return scheme, nil, false
	}
	secrets = []string{secret}
	if decoded, err := base64.StdEncoding.DecodeString(secret); err == nil && scheme == "Basic" {
		_, password, _ := strings.Cut(string(decoded), ":")
		secrets = append(secrets, password)
	}
	return scheme, secrets, true
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
	r := &Request{Operation: c.operation, Place: c.place, Host: c.Host, Path: c.URL.Path, Query: c.URL.Query(), Header: c.Header.Clone()}
	s.requests = append(s.requests, r)
	return r
}

// finish completes a call's record.
func (s *Server) finish(r *Request, c *call, status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r.Status, r.BodyBytes, r.Place = status, c.body.n, c.place
}

// takeFault returns the fault that hits a call, the zero Fault if none does.
func (s *Server) takeFault(c *call) Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	fits := func(want, is string) bool { return want == "" || want == is }
	for i := range s.faults {
		f := &s.faults[i]
		if !fits(f.Operation, c.operation) || !fits(f.Region, c.place.Region) || !fits(f.Name, c.place.Name) || f.Times < 0 {
			continue
		}
		if f.Skip > 0 {
			f.Skip--
			return Fault{}
		}
		hit := *f
		if f.Times == 1 {
			f.Times = -1
		} else if f.Times > 1 {
			f.Times--
		}
		return hit
	}
	return Fault{}
}
