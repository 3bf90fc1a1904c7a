package main

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/symphoniacloud/multi-region-codepipeline/packager"
)

// Spans on one track never overlap, or viewers draw them as if one were part of
// the other, however short they are and however late their ends are told.
func TestTraceTracks(t *testing.T) {
	began := time.Now()
	at := func(µs int) time.Time { return began.Add(time.Duration(µs)*time.Microsecond + 300*time.Nanosecond) }
	tr := &trace{began: began}
	for _, span := range [][2]int{{0, 1400}, {500, 700}, {800, 3000}, {3000, 3000}, {3000, 3001}, {3001, 9000}, {3002, 9000}, {9000, 9500}} {
		tr.spans = append(tr.spans, traceSpan{group: "us-east-1", kind: "request", several: true, from: at(span[0]), to: at(span[1])})
	}
	text, err := tr.json(packager.Times{}, []packager.Contents{{Store: packager.Store{Region: "us-east-1"}}})
	if err != nil {
		t.Fatal(err)
	}
	var got struct{ TraceEvents []traceEvent }
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	ends := make(map[int]int64)
	spans := 0
	for _, e := range got.TraceEvents {
		if e.Phase != "X" {
			continue
		}
		spans++
		if e.Time < ends[e.Track] || e.Duration < 1 {
			t.Errorf("track %d: a span of %d µs begins at %d, before the end of the last one at %d", e.Track, e.Duration, e.Time, ends[e.Track])
		}
		ends[e.Track] = e.Time + e.Duration
	}
	if spans != 8 || len(ends) != 2 {
		t.Errorf("%d spans on %d tracks, want 8 on 2", spans, len(ends))
	}
}
