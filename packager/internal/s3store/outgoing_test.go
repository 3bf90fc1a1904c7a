package s3store

import (
	"bytes"
	"io"
	"slices"
	"testing"
)

// A new try takes back what the one before it has sent, however that has ended, and a
// body of it that is read on counts no more.
func TestOutgoing(t *testing.T) {
	var told []int64
	object := &outgoing{tell: func(bytes int64) { told = append(told, bytes) }}
	part := &outgoing{tell: object.add}
	read := func(body io.Reader, n int64) {
		if _, err := io.CopyN(io.Discard, body, n); err != nil {
			t.Error(err)
		}
	}
	body := func() io.ReadCloser { return io.NopCloser(bytes.NewReader(make([]byte, 100))) }
	first := part.begin(body())
	read(first, 10)
	read(first, 20)
	second := part.begin(body())
	read(first, 30)
	read(second, 40)
	part.done(100, nil)
	read(second, 50)
	part.done(100, nil) // says nothing new
	object.done(100, io.ErrUnexpectedEOF)
	if want := []int64{10, 20, -30, 40, 60, -100}; !slices.Equal(told, want) {
		t.Errorf("told %v, want %v", told, want)
	}
}
