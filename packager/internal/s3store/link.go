package s3store

import (
	"cmp"
	"net/http"
	"net/http/httptrace"
	"slices"
	"sync"
	"time"
)

// A link learns how fast this machine's way to S3 is, which all buckets share, from the
// requests of a run. It is safe for concurrent use.
type link struct {
	mu    sync.Mutex
	trips map[string]time.Duration // the shortest way to a host and back that was seen
	sent  []sending
}

func newLink() *link { return &link{trips: make(map[string]time.Duration)} }

// A sending is a body that has arrived.
type sending struct {
	host       string
	bytes      int64
	begin, end time.Time // when its first byte left, and when the answer came
}

// smallestSending is below what a body tells little of the link: most of its time is
// the server's.
const smallestSending = 64 << 10

// tellingSending is from what size on a single body tells how fast the link is at least.
const tellingSending = 1 << 20

// remembered is how many sendings count, the last ones.
const remembered = 200

// traced has the link learn from a request. answered is to be called with its
// answer's status.
//
// The way there and back is what a request without a body takes, or the server's leave to
// send one. A body's time begins with that leave, or with its headers.
func (l *link) traced(request *http.Request) (_ *http.Request, answered func(status int)) {
	var mu sync.Mutex // the hooks run in the connection's goroutines
	var headers, begin time.Time
	host, body := request.URL.Host, request.ContentLength
	trace := &httptrace.ClientTrace{
		WroteHeaders: func() {
			mu.Lock()
			defer mu.Unlock()
			headers = time.Now()
			begin = headers
		},
		Got100Continue: func() {
			mu.Lock()
			defer mu.Unlock()
			begin = time.Now()
			l.trip(host, begin.Sub(headers))
		},
	}
	if body <= 0 && request.Method == http.MethodHead {
		trace.GotFirstResponseByte = func() {
			mu.Lock()
			defer mu.Unlock()
			l.trip(host, time.Since(headers))
		}
	}
	return request.WithContext(httptrace.WithClientTrace(request.Context(), trace)), func(status int) {
		mu.Lock()
		defer mu.Unlock()
		if status == http.StatusOK && body >= smallestSending && !begin.IsZero() {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.sent = append(l.sent[max(0, len(l.sent)-remembered+1):], sending{host, body, begin, time.Now()})
		}
	}
}

func (l *link) trip(host string, took time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if known, ok := l.trips[host]; !ok || took < known {
		l.trips[host] = took
	}
}

// rate returns how many bytes a second the link carries, 0 where nothing was sent yet:
// all bytes by the time in which any were on their way, or what one body showed that was
// faster, for this machine may have been busy when the others were sent. It is computed anew
// from all that is known, for a shorter way there and back makes all bodies before it faster.
func (l *link) rate() float64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	sent := slices.SortedFunc(slices.Values(l.sent), func(a, b sending) int { return a.begin.Compare(b.begin) })
	var bytes int64
	var busy time.Duration
	var until time.Time
	var fastest float64
	for _, s := range sent {
		arrived := s.end.Add(-l.trips[s.host])
		if alone := arrived.Sub(s.begin); s.bytes >= tellingSending && alone > 0 {
			fastest = max(fastest, float64(s.bytes)/alone.Seconds())
		}
		begin := s.begin
		if begin.Before(until) {
			begin = until
		}
		bytes += s.bytes
		if arrived.After(begin) {
			busy += arrived.Sub(begin)
			until = arrived
		}
	}
	if bytes == 0 {
		return 0
	}
	return max(float64(bytes)/cmp.Or(busy, time.Millisecond).Seconds(), fastest)
}

// Rate returns how many bytes a second this machine sends to S3, as far as the run's
// uploads have shown; 0 where none has.
func (c *Connections) Rate() float64 { return c.link.rate() }
