package s3store

import (
	"cmp"
	"context"
	"io"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A slowBody has pieces that take a while each: the time that the link takes for them.
type slowBody struct {
	pieces int
	takes  time.Duration
	read   []time.Duration // when each was read
	began  time.Time
}

func (b *slowBody) Read(buffer []byte) (int, error) {
	if len(b.read) == b.pieces {
		return 0, io.EOF
	}
	b.read = append(b.read, time.Since(b.began).Round(time.Millisecond))
	time.Sleep(b.takes)
	return len(buffer), nil
}

func (b *slowBody) Close() error { return nil }

// send sends a body as net/http does.
func (p *precedence) send(ctx context.Context, b *slowBody) {
	b.began = time.Now()
	request, err := http.NewRequestWithContext(ctx, http.MethodPut, "https://s3.us-east-1.amazonaws.com/bucket/key", b)
	if err != nil {
		panic(err)
	}
	request.ContentLength = 1 << 20
	p.body(request)
	defer request.Body.Close()
	for buffer := make([]byte, 1000); ctx.Err() == nil; {
		if _, err := request.Body.Read(buffer); err != nil {
			return
		}
	}
}

const ms = time.Millisecond

// What yields is sent before and after what does not, and not beside it; but its first piece, with
// the headers, leaves at once, and never is a connection without a byte for so long that it would
// be cut.
func TestPrecedence(t *testing.T) {
	for name, tt := range map[string]struct {
		first slowBody
		from  time.Duration // when the first one begins
		ends  time.Duration // when its request is ended; 0 means that it is not
		want  []time.Duration
	}{
		"alone":                       {first: slowBody{}, want: []time.Duration{0, 10 * ms, 20 * ms}},
		"the other is first":          {first: slowBody{pieces: 5, takes: 100 * ms}, want: []time.Duration{0, 500 * ms, 510 * ms}},
		"the other comes later":       {first: slowBody{pieces: 5, takes: 100 * ms}, from: 15 * ms, want: []time.Duration{0, 10 * ms, 515 * ms}},
		"the other comes when it is":  {first: slowBody{pieces: 5, takes: 100 * ms}, from: time.Second, want: []time.Duration{0, 10 * ms, 20 * ms}},
		"the other is ended":          {first: slowBody{pieces: 5, takes: 100 * ms}, ends: 150 * ms, want: []time.Duration{0, 200 * ms, 210 * ms}},
		"the other takes a long time": {first: slowBody{pieces: 25, takes: time.Second}, want: []time.Duration{0, 10010 * ms, 20020 * ms}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPrecedence(10 * time.Second)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if tt.ends > 0 {
					time.AfterFunc(tt.ends, cancel)
				}
				var all sync.WaitGroup
				all.Go(func() {
					time.Sleep(tt.from)
					p.send(ctx, &tt.first)
				})
				synctest.Wait() // so that it is first where both begin at once
				yielding := &slowBody{pieces: 3, takes: 10 * ms}
				all.Go(func() { p.send(Yielding(t.Context(), make(chan struct{})), yielding) })
				all.Wait()
				if !slices.Equal(yielding.read, tt.want) {
					t.Errorf("its pieces are sent at %v, want %v", yielding.read, tt.want)
				}
				if p.others != 0 {
					t.Errorf("%d are said to be sent at the end", p.others)
				}
				time.Sleep(turn)
			})
		})
	}
}

// A few that yield are sent at once; where they take long, more.
func TestTurns(t *testing.T) {
	for name, tt := range map[string]struct {
		takes time.Duration
		want  []time.Duration // when they begin, four by four
	}{
		"short ones":                  {30 * ms, []time.Duration{0, 30 * ms, 60 * ms}},
		"long ones":                   {time.Second, []time.Duration{0, 100 * ms, 200 * ms}},
		"about as long as a turn is":  {100 * ms, []time.Duration{0, 100 * ms, 200 * ms}},
		"a little longer than a turn": {110 * ms, []time.Duration{0, 100 * ms, 200 * ms}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPrecedence(10 * time.Second)
				var all sync.WaitGroup
				bodies := make([]*slowBody, turns*len(tt.want))
				for i := range bodies {
					bodies[i] = &slowBody{pieces: 1, takes: tt.takes}
					all.Go(func() { p.send(Yielding(t.Context(), make(chan struct{})), bodies[i]) })
				}
				all.Wait()
				var got []time.Duration
				for _, b := range bodies {
					got = append(got, b.read[0])
				}
				slices.Sort(got)
				for i, at := range got {
					if at != tt.want[i/turns] {
						t.Fatalf("they begin at %v, want %v", got, tt.want)
					}
				}
				time.Sleep(turn)
				if len(p.turns) != 0 {
					t.Errorf("%d turns have no end", len(p.turns))
				}
			})
		})
	}
}

// A request that ends waits no longer, and keeps no turn.
func TestYieldingEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPrecedence(10 * time.Second)
		p.add(1)
		ctx, cancel := context.WithTimeout(Yielding(t.Context(), make(chan struct{})), 5*ms)
		defer cancel()
		began := time.Now()
		var all sync.WaitGroup
		for range 3 * turns {
			all.Go(func() { p.send(ctx, &slowBody{pieces: 10, takes: ms}) })
		}
		all.Wait()
		if took := time.Since(began); took > 10*ms {
			t.Errorf("they end after %v", took)
		}
		synctest.Wait()
		if len(p.turns) != 0 {
			t.Errorf("%d turns have no end", len(p.turns))
		}
		time.Sleep(turn)
	})
}

// A body that nobody reads, as where the server does not want it, is not waited for.
func TestPrecedenceUnread(t *testing.T) {
	p := newPrecedence(time.Hour)
	request, err := http.NewRequest(http.MethodPut, "https://s3.us-east-1.amazonaws.com/bucket/key", &slowBody{})
	if err != nil {
		t.Fatal(err)
	}
	request.ContentLength = 1
	p.body(request)
	for range 2 {
		if err := request.Body.Close(); err != nil || p.others != 0 {
			t.Errorf("%d are sent, %v", p.others, err)
		}
	}
	p.wait(t.Context(), nil, nil)
}

// However many bodies there are, none waits for its turn so long that its connection would be
// cut; and none waits when all of it was sent, or it will not be in vain.
func TestYieldingBodyWaits(t *testing.T) {
	for name, tt := range map[string]struct {
		turns  int // that are taken
		others int
		length int64
		method string // "" means PUT
		needed bool   // after its first piece
		want   time.Duration
	}{
		"nothing":                  {length: 2000},
		"turns":                    {turns: turns, length: 1000, want: 10 * time.Second},
		"others":                   {others: 1, length: 2000, want: 10 * time.Second},
		"others, and it is short":  {others: 1, length: 1000},
		"what completes an upload": {turns: turns, others: 1, length: 5000, method: http.MethodPost},
		"others, and it is needed": {others: 1, length: 5000, needed: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPrecedence(10 * time.Second)
				for range tt.turns {
					p.turns <- struct{}{}
				}
				if tt.others > 0 {
					p.add(tt.others)
				}
				needed := make(chan struct{})
				request, err := http.NewRequestWithContext(Yielding(t.Context(), needed), cmp.Or(tt.method, http.MethodPut), "https://s3.us-east-1.amazonaws.com/bucket/key", &slowBody{pieces: int(tt.length / 1000), began: time.Now()})
				if err != nil {
					t.Fatal(err)
				}
				request.ContentLength = tt.length
				p.body(request)
				began := time.Now()
				for buffer := make([]byte, 1000); err == nil; {
					if _, err = request.Body.Read(buffer); tt.needed && err == nil {
						tt.needed = false
						close(needed)
					}
				}
				if took := time.Since(began); took != tt.want {
					t.Errorf("it takes %v, want %v", took, tt.want)
				}
				time.Sleep(turn)
			})
		})
	}
}
