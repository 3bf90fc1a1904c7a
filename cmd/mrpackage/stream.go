package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/vbauerster/mpb/v8/cwriter"
)

// A stream is standard output or standard error where that is no terminal. Its reader may
// be slow, or stand still: the run waits for it, but no longer than it goes on. An
// interrupt ends it within two seconds also while nobody reads what it says.
type stream struct {
	ctx context.Context
	w   io.Writer

	mu    sync.Mutex
	stuck bool // nobody reads, and nobody waits any more
}

// streamPatience is how long a reader has after an interrupt.
const streamPatience = 500 * time.Millisecond

// newStream returns a file as it is where it is a terminal, which shows what it got when
// it is interrupted.
func newStream(ctx context.Context, f *os.File) io.Writer {
	if cwriter.IsTerminal(int(f.Fd())) {
		return f
	}
	return &stream{ctx: ctx, w: f}
}

func (s *stream) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stuck {
		return 0, context.Cause(s.ctx)
	}
	type result struct {
		n   int
		err error
	}
	written := make(chan result, 1)
	text := append([]byte{}, p...) // it may be written when the caller has p again
	go func() {
		n, err := s.w.Write(text)
		written <- result{n, err}
	}()
	select {
	case r := <-written:
		return r.n, r.err
	case <-s.ctx.Done():
	}
	select {
	case r := <-written:
		return r.n, r.err
	case <-time.After(streamPatience):
		s.stuck = true
		return 0, context.Cause(s.ctx)
	}
}

// outliveReaders makes writing to a pipe that nobody reads an error, as it is for other
// files. Go ends a program that writes to such an output, in the middle of what it does:
// temporary files and unfinished uploads would stay.
func outliveReaders() { signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) }

// readEnough tells whether the reader of a pipe has gone: it has read what it wanted.
func readEnough(err error) bool { return errors.Is(err, syscall.EPIPE) }
