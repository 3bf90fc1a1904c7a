package registry

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// A source is a blob that is read in parts, one after the other: it stays open as long as
// they follow each other.
type source struct {
	open   func() (io.ReadCloser, error)
	reader io.ReadCloser // nil where it is closed
	at     int64
}

// part returns so many bytes from a place on. The part before must have ended.
func (s *source) part(at, size int64) (*part, error) {
	if s.reader != nil && s.at != at {
		s.close()
	}
	if s.reader == nil {
		reader, err := s.open()
		if err != nil {
			return nil, sourceErrorOf(err)
		}
		s.reader, s.at = reader, at
		if err := skip(reader, at); err != nil {
			s.close()
			return nil, sourceErrorOf(err)
		}
	}
	return &part{reader: s.reader, left: size}, nil
}

// skip leaves out what stands before a place.
func skip(reader io.Reader, at int64) error {
	if at == 0 {
		return nil
	}
	if seeker, ok := reader.(io.Seeker); ok {
		_, err := seeker.Seek(at, io.SeekStart)
		return err
	}
	_, err := io.CopyN(io.Discard, reader, at)
	return err
}

// end takes the blob away from a part, which the HTTP client may be reading still.
// It returns why the blob could not be read, if so.
func (s *source) end(p *part) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.over = true
	s.at += p.read
	if p.left > 0 {
		s.close()
	}
	return p.err
}

func (s *source) close() {
	if s.reader != nil {
		_ = s.reader.Close() // nothing was written
		s.reader = nil
	}
}

// A part is what one request sends.
type part struct {
	mu         sync.Mutex
	reader     io.Reader
	left, read int64
	over       bool
	err        error // of the blob
}

// Read reads from the blob, as long as the part has not ended.
func (p *part) Read(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.over:
		return 0, errors.New("the request is over")
	case p.err != nil:
		return 0, p.err
	case p.left == 0:
		return 0, io.EOF
	}
	n, err := p.reader.Read(b[:min(int64(len(b)), p.left)])
	p.left -= int64(n)
	p.read += int64(n)
	if err != nil && p.left > 0 {
		if errors.Is(err, io.EOF) {
			err = fmt.Errorf("it ends %s early: did the file change?", problem.Count(p.left, "byte"))
		}
		p.err = sourceErrorOf(err)
		return n, p.err
	}
	return n, nil
}

// A sourceError is why a blob could not be read. To read it again helps only where it
// comes over the network.
type sourceError struct {
	err     error
	passing bool
}

func (e *sourceError) Error() string { return "reading it: " + e.err.Error() }

func (e *sourceError) Unwrap() error { return e.err }

func sourceErrorOf(err error) *sourceError {
	var download *downloadError
	return &sourceError{err, errors.As(err, &download) && passing(download.err)}
}
