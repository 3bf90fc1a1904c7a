package s3store

import (
	"math"
	"net/http"
	"net/http/httptrace"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A request is what its connection tells of it; times are in milliseconds.
type request struct {
	at       time.Duration // when its headers are written
	leave    time.Duration // until the server has said that it wants the body; 0 where it was not asked
	body     int64         // 0 is a question
	answered time.Duration // from what was before to the answer
	status   int
}

func (q request) send(l *link) {
	time.Sleep(q.at * time.Millisecond)
	method := http.MethodPut
	if q.body == 0 {
		method = http.MethodHead
	}
	r, err := http.NewRequest(method, "https://s3.us-east-1.amazonaws.com/bucket/key", http.NoBody)
	if err != nil {
		panic(err)
	}
	r.ContentLength = q.body
	r, answered := l.traced(r)
	trace := httptrace.ContextClientTrace(r.Context())
	trace.WroteHeaders()
	if q.leave > 0 {
		time.Sleep(q.leave * time.Millisecond)
		trace.Got100Continue()
	}
	time.Sleep(q.answered * time.Millisecond)
	if trace.GotFirstResponseByte != nil {
		trace.GotFirstResponseByte()
	}
	answered(max(q.status, http.StatusOK))
}

// The rate is that of all bytes in the time in which any of them were on their way, or of the
// fastest large body: what takes the way there and back, or passes between two bodies, is none of it.
func TestRate(t *testing.T) {
	for name, tt := range map[string]struct {
		requests []request
		want     float64 // MB/s
	}{
		"nothing":                          {nil, 0},
		"a question":                       {[]request{{answered: 100}}, 0},
		"a body":                           {[]request{{body: 2e6, answered: 200}}, 10},
		"a question and a body":            {[]request{{answered: 100}, {at: 100, body: 2e6, answered: 200}}, 20},
		"a body that was asked for":        {[]request{{leave: 100, body: 2e6, answered: 200}}, 20},
		"a trip that is seen later":        {[]request{{body: 2e6, answered: 200}, {at: 500, answered: 100}}, 20},
		"bodies one after the other":       {[]request{{answered: 100}, {at: 100, body: 2e6, answered: 200}, {at: 900, body: 2e6, answered: 200}}, 20},
		"bodies at the same time":          {[]request{{answered: 100}, {at: 100, body: 2e6, answered: 300}, {at: 100, body: 2e6, answered: 300}}, 20},
		"one within another":               {[]request{{answered: 100}, {at: 100, body: 3e6, answered: 300}, {at: 150, body: 1e6, answered: 200}}, 20},
		"one that begins when one ends":    {[]request{{answered: 100}, {at: 100, body: 2e6, answered: 200}, {at: 200, body: 2e6, answered: 200}}, 20},
		"small ones tell of the server":    {[]request{{answered: 100}, {at: 100, body: 2e6, answered: 200}, {at: 900, body: 100, answered: 300}}, 20},
		"the fastest tells what it can":    {[]request{{answered: 100}, {at: 100, body: 2e6, answered: 200}, {at: 900, body: 2e6, answered: 1100}}, 20},
		"a small one may be fast":          {[]request{{answered: 100}, {at: 100, body: 2e6, answered: 200}, {at: 900, body: 1e5, answered: 101}}, 20.792},
		"a refused one was not received":   {[]request{{answered: 100}, {at: 100, body: 2e6, answered: 200}, {at: 900, body: 9e6, answered: 300, status: 503}}, 20},
		"there in no time":                 {[]request{{answered: 100}, {at: 100, body: 2e6, answered: 100}}, 2000},
		"a question that waits for others": {[]request{{answered: 900}, {at: 900, answered: 100}, {at: 1000, body: 2e6, answered: 200}}, 20},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLink()
				var all sync.WaitGroup
				for _, q := range tt.requests {
					all.Go(func() { q.send(l) })
				}
				all.Wait()
				if got := l.rate() / 1e6; math.Abs(got-tt.want) > tt.want/1000 {
					t.Errorf("%g MB/s, want %g", got, tt.want)
				}
			})
		})
	}
}

// It goes by the last bodies, and keeps no more of them.
func TestRateOfLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLink()
		for range 2 * remembered {
			request{at: 1, body: 1e6, answered: 1000}.send(l)
		}
		for range remembered {
			request{at: 1, body: 1e6, answered: 100}.send(l)
		}
		if got := l.rate() / 1e6; math.Abs(got-10) > 0.1 || len(l.sent) != remembered {
			t.Errorf("%g MB/s of %d", got, len(l.sent))
		}
	})
}
