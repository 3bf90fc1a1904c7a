package main

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/symphoniacloud/multi-region-codepipeline/packager"
)

// A trace records where a run's time goes, in the Trace Event Format ("Trace
// Event Format", Google): a group of tracks for each region, whose tracks are
// the requests under way at once, one for archiving, whose tracks are the
// workers, and one for the phases. https://ui.perfetto.dev shows it.
type trace struct {
	began  time.Time
	groups map[string]int         // by name, numbered in their order
	ends   map[string][]time.Time // of the last span on each track of a group
	events []traceEvent
}

// A traceEvent is a span ("X"), a moment ("i"), or the name of a group ("M").
// Times are microseconds since the beginning.
type traceEvent struct {
	Name     string         `json:"name"`
	Phase    string         `json:"ph"`
	Time     int64          `json:"ts"`
	Duration int64          `json:"dur,omitempty"`
	Group    int            `json:"pid"`
	Track    int            `json:"tid"`
	Scope    string         `json:"s,omitempty"`
	Args     map[string]any `json:"args,omitempty"`
}

func newTrace(began time.Time) *trace {
	return &trace{began: began, groups: make(map[string]int), ends: make(map[string][]time.Time)}
}

// event takes in what the library tells.
func (t *trace) event(e packager.Event) {
	now := time.Now()
	switch e.Kind {
	case packager.Archived:
		t.span("archive", source(e.Object), now.Add(-e.Took), now, map[string]any{"bytes": e.Object.Size})
	case packager.Stored:
		t.span(e.Region, string(e.Object.Action)+" "+source(e.Object), now.Add(-e.Took), now, map[string]any{"key": e.Object.Key, "bytes": e.Object.Size})
	case packager.Looked:
		t.moment(e.Region, fmt.Sprintf("looked: %d objects are missing", e.Objects), now)
	case packager.Replaced:
		t.moment(e.Region, "not what it should be: "+e.Object.Key, now)
	case packager.Retrying:
		t.moment(e.Region, "trying again: "+e.Err.Error(), now)
	case packager.Sent:
	}
}

// span records what took from one time to another, on the first track of its
// group that was free then.
func (t *trace) span(group, name string, from, to time.Time, args map[string]any) {
	track := 0
	for track < len(t.ends[group]) && t.ends[group][track].After(from) {
		track++
	}
	if track == len(t.ends[group]) {
		t.ends[group] = append(t.ends[group], to)
	}
	t.ends[group][track] = to
	t.events = append(t.events, traceEvent{
		Name: name, Phase: "X", Time: from.Sub(t.began).Microseconds(), Duration: max(1, to.Sub(from).Microseconds()),
		Group: t.group(group), Track: track, Args: args,
	})
}

func (t *trace) moment(group, name string, at time.Time) {
	t.events = append(t.events, traceEvent{
		Name: name, Phase: "i", Time: at.Sub(t.began).Microseconds(), Group: t.group(group), Scope: "p",
	})
}

func (t *trace) group(name string) int {
	if _, ok := t.groups[name]; !ok {
		t.groups[name] = len(t.groups) + 1
		t.events = append(t.events, traceEvent{
			Name: "process_name", Phase: "M", Group: t.groups[name], Args: map[string]any{"name": name},
		})
	}
	return t.groups[name]
}

// json is the whole trace of a run.
func (t *trace) json(r *packager.Result) ([]byte, error) {
	phase := func(group, name string, p packager.Phase) {
		if !p.Began.IsZero() {
			t.span(group, name, p.Began, p.Began.Add(p.Took), nil)
		}
	}
	phase("phases", "plan", r.Times.Plan)
	phase("phases", "rewrite", r.Times.Rewrite)
	phase("phases", "look", r.Times.Look)
	phase("phases", "archive", r.Times.Archive)
	phase("phases", "upload", r.Times.Upload)
	for _, s := range r.Stores {
		phase("phases of "+s.Region, "rewrite", s.Times.Rewrite)
		phase("phases of "+s.Region, "look", s.Times.Look)
		phase("phases of "+s.Region, "upload", s.Times.Upload)
	}
	text, err := json.Marshal(map[string]any{"traceEvents": t.events, "displayTimeUnit": "ms"})
	if err != nil {
		return nil, fmt.Errorf("writing the trace: %w", err)
	}
	return append(text, '\n'), nil
}
