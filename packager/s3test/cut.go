package s3test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
)

// Cut is a place at which a connection is dropped.
type Cut string

// The places in a request, of whose body so much is read, and nothing is done. One without a body is cut behind its head.
const (
	RequestBegun Cut = "request begun" // nothing of the body
	RequestByte  Cut = "request byte"  // its first byte
	RequestHalf  Cut = "request half"
	RequestTail  Cut = "request tail" // all but its last byte
)

// The places in an answer: what was asked for is done.
const (
	AnswerNone   Cut = "answer none"   // before the first byte
	AnswerStatus Cut = "answer status" // within the status line
	AnswerHeader Cut = "answer header" // within the headers
	AnswerHead   Cut = "answer head"   // before the empty line that ends the headers
	AnswerBegun  Cut = "answer begun"  // between the headers and the body
	AnswerByte   Cut = "answer byte"   // behind the body's first byte
	AnswerHalf   Cut = "answer half"   // within the body
	AnswerTail   Cut = "answer tail"   // before the body's last byte
)

// Cuts are all places, in the order of time.
func Cuts() []Cut {
	return []Cut{
		RequestBegun, RequestByte, RequestHalf, RequestTail,
		AnswerNone, AnswerStatus, AnswerHeader, AnswerHead, AnswerBegun, AnswerByte, AnswerHalf, AnswerTail,
	}
}

// readUntilCut reads as much of a request's body as comes before the cut, and tells whether that is in the request.
func (c *call) readUntilCut(cut Cut) bool {
	var n int64
	switch cut {
	case RequestBegun:
		return true
	case RequestByte:
		n = min(1, c.ContentLength)
	case RequestHalf:
		n = c.ContentLength / 2
	case RequestTail:
		n = max(0, c.ContentLength-1)
	default:
		return false
	}
	_, _ = io.CopyN(io.Discard, c.body, n) // the client may be gone
	return true
}

// writeUntilCut sends as much of an answer as comes before the cut, and drops the connection.
func (a *answer) writeUntilCut(w http.ResponseWriter, c *call, cut Cut) {
	var head bytes.Buffer
	fmt.Fprintf(&head, "HTTP/1.1 %d %s\r\n", a.status, http.StatusText(a.status))
	status := head.Len()
	_ = w.Header().Write(&head) // a buffer takes all
	headers := head.Len()
	body := a.body
	if c.Method == http.MethodHead {
		body = nil
	}
	all := append(append(head.Bytes(), "\r\n"...), body...)
	begun := headers + len("\r\n")
	n := map[Cut]int{
		AnswerNone:   0,
		AnswerStatus: status / 2,
		AnswerHeader: status + (headers-status)/2,
		AnswerHead:   headers,
		AnswerBegun:  begun,
		AnswerByte:   min(begun+1, len(all)),
		AnswerHalf:   begun + len(body)/2,
		AnswerTail:   max(begun, len(all)-1),
	}[cut]
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	_, _ = conn.Write(all[:n]) // the client may be gone
	_ = conn.Close()
}
