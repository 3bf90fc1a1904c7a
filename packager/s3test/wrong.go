package s3test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
)

// Wrong is a way to answer that S3 does not have, and that broken servers and proxies do.
type Wrong string

// The wrong answers.
const (
	// Hollow is status 200 without a body and without any header of S3's. Nothing is done.
	Hollow Wrong = "hollow"
	// Early is the answer to an empty body, before anything of the body was read. PutObject and UploadPart then store
	// nothing but that.
	Early Wrong = "early"
	// Unchecked stores a body without a look at its checksums, and tells none.
	Unchecked Wrong = "unchecked"
	// Spoiled stores half of what it should, and answers as if that were right: of a put, a copy, or a completion.
	Spoiled Wrong = "spoiled"
	// Bare stores what it should without metadata and without the encryption that is asked for, as servers do that know
	// of neither.
	Bare Wrong = "bare"
	// Circle is a redirection to the request's own URL. Nothing is done.
	Circle Wrong = "circle"
	// Endless is 100 Continue, again and again, and never an answer.
	Endless Wrong = "endless"
)

// performWrongly carries a call out, or does not, as its fault says.
func (s *Server) performWrongly(c *call) (*answer, *s3Error) {
	switch c.wrong {
	case Hollow:
		return newAnswer(http.StatusOK), nil
	case Circle:
		return newAnswer(http.StatusTemporaryRedirect, "Location", c.URL.String()), nil
	case Bare:
		for name := range c.Header {
			if strings.HasPrefix(name, "X-Amz-Meta-") || strings.HasPrefix(name, "X-Amz-Server-Side-Encryption") {
				c.Header.Del(name)
			}
		}
	case Early:
		unread := c.body
		defer func() { c.body = unread }()
		c.body = &countingReader{ReadCloser: io.NopCloser(bytes.NewReader(nil))}
	}
	a, err := s.perform(c)
	if err == nil && (c.wrong == Early || c.wrong == Unchecked) {
		for name := range a.header {
			if strings.HasPrefix(name, "X-Amz-Checksum-") {
				a.header.Del(name)
			}
		}
	}
	return a, err
}

// continueEndlessly returns when the client is gone.
func continueEndlessly(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	for err == nil {
		_, err = io.WriteString(conn, "HTTP/1.1 100 Continue\r\n\r\n")
	}
	if conn != nil {
		_ = conn.Close() // it is broken
	}
}

// spoil cuts a body that is to be stored in half, where the call's fault says so.
func (c *call) spoil(body []byte) []byte {
	if c.wrong == Spoiled {
		return body[:len(body)/2]
	}
	return body
}
