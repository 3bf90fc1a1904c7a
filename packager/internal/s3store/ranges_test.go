package s3store_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/s3test"
)

// Parts of an object are read as its bytes are, with one request for all of its end.
func TestRanges(t *testing.T) {
	_, b, s := connect(t, east())
	body := make([]byte, 300<<10)
	source := rand.NewChaCha8([32]byte{1})
	_, _ = source.Read(body)
	s.PutObject("east", "k", s3test.Object{Body: body})
	o, err := b.Stat(t.Context(), "k", "")
	if err != nil {
		t.Fatal(err)
	}
	s.ResetRequests()
	r := b.Ranges(t.Context(), o)
	read := func(at int64, n int) {
		t.Helper()
		p := make([]byte, n)
		want := body[min(at, int64(len(body))):min(at+int64(n), int64(len(body)))]
		got, err := r.ReadAt(p, at)
		if !bytes.Equal(p[:got], want) || err != nil && !errors.Is(err, io.EOF) || (err == nil) != (got == n) {
			t.Errorf("%d bytes at %d: %d, %v", n, at, got, err)
		}
	}
	size := int64(len(body))
	read(size-10, 10)
	read(size-20, 100)
	read(size-100_000, 50_000)
	if n := len(s.Requests()); n != 1 {
		t.Errorf("%d requests for the end", n)
	}
	read(1000, 5000)
	read(2000, 10)
	read(size, 1)
	if n := len(s.Requests()); n != 2 {
		t.Errorf("%d requests in all", n)
	}
	if got := s.Requests()[1].AnswerBytes; got != 5000 {
		t.Errorf("%d bytes for 5000", got)
	}
	read(0, len(body))

	// All parts are those of one object.
	s.PutObject("east", "k", s3test.Object{Body: body[1:]})
	if _, err := b.Ranges(t.Context(), o).ReadAt(make([]byte, 10), 0); err == nil {
		t.Error("a part of another object was read")
	}
}
