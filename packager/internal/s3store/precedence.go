package s3store

import (
	"context"
	"io"
	"net/http"
	"sync"
	"time"
)

const (
	// turns is how many bodies that yield begin at once, and turn is after how long the next
	// ones do, wherever these are: one over a new connection does not fill the link, and many at
	// once fill all that is between here and there, which whatever does not yield then waits for.
	turns = 4
	turn  = 100 * time.Millisecond
)

// firstPiece is what a body that yields sends at once when it has its turn: together with it the
// headers leave, without which a server takes the connection for idle and closes it.
const firstPiece = 4 << 10

type yieldingKey struct{}

// Yielding returns a context for uploads that may turn out to be in vain: they wait while
// the bodies of others are being sent, and take none of the places that others need. When
// needed is closed, they will not be in vain, and yield no longer.
func Yielding(ctx context.Context, needed <-chan struct{}) context.Context {
	return context.WithValue(ctx, yieldingKey{}, needed)
}

// yields tells whether a context is one of Yielding, until when it is; nil where it is not, or
// no longer.
func yields(ctx context.Context) (needed <-chan struct{}) {
	needed, _ = ctx.Value(yieldingKey{}).(<-chan struct{})
	select {
	case <-needed:
		return nil
	default:
		return needed
	}
}

// A precedence has bodies that yield wait for the others. It is safe for concurrent use.
type precedence struct {
	// longest is how long a body that yields waits before a piece of it goes all the same: a
	// connection on which nothing moves is cut, by S3 after some 20 seconds (S3 API reference,
	// RequestTimeout) and by us.
	longest time.Duration
	turns   chan struct{} // of bodies that yield

	mu     sync.Mutex
	others int           // bodies that do not yield and are being sent
	none   chan struct{} // closed while there are none
}

func newPrecedence(longest time.Duration) *precedence {
	p := &precedence{longest: longest, turns: make(chan struct{}, turns), none: make(chan struct{})}
	close(p.none)
	return p
}

// body gives a request's body its place. The one that completes an upload in parts is small,
// and has none.
func (p *precedence) body(request *http.Request) {
	if request.ContentLength <= 0 || request.Method != http.MethodPut {
		return
	}
	if needed := yields(request.Context()); needed != nil {
		request.Body = &yieldingBody{ReadCloser: request.Body, ctx: request.Context(), needed: needed, to: p, left: request.ContentLength}
	} else {
		request.Body = &firstBody{ReadCloser: request.Body, of: p}
	}
}

// add takes in that so many bodies more are being sent that do not yield.
func (p *precedence) add(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	before := p.others
	switch p.others += n; {
	case before == 0:
		p.none = make(chan struct{})
	case p.others == 0:
		close(p.none)
	}
}

// wait returns when nothing is being sent that does not yield, or when one that yields is needed,
// or has waited for as long as it may.
func (p *precedence) wait(ctx context.Context, needed <-chan struct{}, longest <-chan time.Time) {
	p.mu.Lock()
	none := p.none
	p.mu.Unlock()
	select {
	case <-none:
	case <-needed:
	case <-longest:
	case <-ctx.Done():
	}
}

// takeTurn returns when it is a body's turn, or that need not wait for it any longer, as in wait.
// over ends the turn, which ends by itself, too, and with ctx.
func (p *precedence) takeTurn(ctx context.Context, needed <-chan struct{}, longest <-chan time.Time) (over func()) {
	select {
	case p.turns <- struct{}{}:
	case <-needed:
		return func() {}
	case <-longest:
		return func() {}
	case <-ctx.Done():
		return func() {}
	}
	over = sync.OnceFunc(func() { <-p.turns })
	time.AfterFunc(turn, over)
	context.AfterFunc(ctx, over)
	return over
}

// A firstBody does not yield. It is being sent from its first byte to its last.
type firstBody struct {
	io.ReadCloser
	of         *precedence
	begin, end sync.Once
}

func (b *firstBody) Read(buffer []byte) (int, error) {
	b.begin.Do(func() { b.of.add(1) })
	n, err := b.ReadCloser.Read(buffer)
	if err != nil {
		b.end.Do(func() { b.of.add(-1) })
	}
	return n, err
}

// Close is called for every body, also where none of it was read.
func (b *firstBody) Close() error {
	b.begin.Do(func() { b.of.add(1) })
	b.end.Do(func() { b.of.add(-1) })
	return b.ReadCloser.Close()
}

// A yieldingBody waits for its turn, and then with each piece for all that does not yield.
type yieldingBody struct {
	io.ReadCloser
	ctx    context.Context //nolint:containedctx // of its request
	needed <-chan struct{}
	to     *precedence
	left   int64  // bytes to read; with none, the read that finds the end waits for nothing
	over   func() // ends its turn; nil before that
}

func (b *yieldingBody) Read(buffer []byte) (int, error) {
	timer := time.NewTimer(b.to.longest)
	defer timer.Stop()
	switch {
	case b.over == nil:
		b.over = b.to.takeTurn(b.ctx, b.needed, timer.C)
		buffer = buffer[:min(len(buffer), firstPiece)]
	case b.left > 0:
		b.to.wait(b.ctx, b.needed, timer.C)
	}
	n, err := b.ReadCloser.Read(buffer)
	if b.left -= int64(n); err != nil {
		b.over()
	}
	return n, err
}
