package s3store

import (
	"context"
	"io"
	"net/http"
	"sync"
)

// An outgoing counts what of an object, or of a part of one, is on its way. It counts
// bytes when the transport takes them, and takes back those of a try that failed, as
// they are sent again: at no time are there more than the object has.
type outgoing struct {
	tell func(bytes int64) // how many more there are; less than 0 where some are taken back

	mu   sync.Mutex
	sum  int64
	body *countedBody // the one that counts: one of an earlier try may be read for a while yet
}

// add takes in the bytes of a part.
func (s *outgoing) add(n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.set(s.sum + n)
}

// set is called with s.mu locked, so that what is told is in order.
func (s *outgoing) set(sum int64) {
	if n := sum - s.sum; n != 0 {
		s.sum = sum
		s.tell(n)
	}
}

// begin returns the body of a new try, from which on nothing of an earlier one counts.
func (s *outgoing) begin(body io.ReadCloser) io.ReadCloser {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.set(0)
	s.body = &countedBody{body, s}
	return s.body
}

// end says how many bytes have arrived in the end: all, or none.
func (s *outgoing) end(sum int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.set(sum)
	s.body = nil
}

// done says what became of an object, or a part, of that size.
func (s *outgoing) done(size int64, err error) {
	if err != nil {
		size = 0
	}
	s.end(size)
}

// A countedBody is a request's body.
type countedBody struct {
	io.ReadCloser
	of *outgoing
}

func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.of.mu.Lock()
	defer b.of.mu.Unlock()
	if b.of.body == b {
		b.of.set(b.of.sum + int64(n))
	}
	return n, err
}

// outgoingKey finds the *outgoing of a request's context.
type outgoingKey struct{}

// counted has a request's body counted, each time that it is sent.
func (s *outgoing) counted(ctx context.Context) context.Context {
	return context.WithValue(ctx, outgoingKey{}, s)
}

// count has the body of a try counted, where somebody wants to know.
func count(request *http.Request) *outgoing {
	s, _ := request.Context().Value(outgoingKey{}).(*outgoing)
	if s == nil || request.ContentLength <= 0 {
		return nil
	}
	request.Body = s.begin(request.Body)
	return s
}
