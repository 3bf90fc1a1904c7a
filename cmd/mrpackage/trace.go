package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/symphoniacloud/multi-region-codepipeline/cmd/mrpackage/internal/record"
	"github.com/symphoniacloud/multi-region-codepipeline/packager"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// A trace records where a run's time goes, for --trace and for the page of --report. One that is nil
// records nothing.
type trace struct {
	began   time.Time
	spans   []traceSpan
	moments []traceMoment
}

// A traceSpan is something that took time. It is drawn on a track of its group:
// on the one that has its kind's name or, where several of the kind may go on at
// once, on one of "request 1", "request 2" and so on.
type traceSpan struct {
	group, kind string
	several     bool // of this kind may go on at once
	name        string
	from, to    time.Time
	args        map[string]any
	lane        record.Lane // in which the page draws it
}

// end is where the span is drawn to end: a microsecond after its beginning at
// least, as viewers do not show a span without a length.
func (s *traceSpan) end() time.Time {
	if s.to.Sub(s.from) < time.Microsecond {
		return s.from.Add(time.Microsecond)
	}
	return s.to
}

// A traceMoment is something that happened and took no time.
type traceMoment struct {
	group, name string
	at          time.Time
	wait        time.Duration // what a request waits from then on until it is sent again
	usual       bool          // no news to a person
}

// The groups above those of the regions.
const (
	phasesGroup  = "phases"
	workersGroup = "workers"
)

// event takes in what the library tells.
func (t *trace) event(e packager.Event) {
	if t == nil {
		return
	}
	now := time.Now()
	switch e.Kind {
	case packager.Archived:
		t.spans = append(t.spans, traceSpan{workersGroup, "worker", true, source(e.Object), now.Add(-e.Took), now,
			map[string]any{"files": e.Object.Artifact.Files, "bytes": e.Object.Artifact.Size, "archived": e.Object.Size}, record.Archive})
	case packager.Stored:
		t.spans = append(t.spans, traceSpan{e.Region, "request", true, string(e.Object.Action) + " " + source(e.Object), now.Add(-e.Took), now,
			map[string]any{"key": e.Object.Key, "bytes": e.Object.Size}, laneOf(e.Object.Action)})
	case packager.Pushed:
		lane := record.Reuse
		if e.Image.Action == packager.Uploaded {
			lane = record.Pushing
		}
		t.spans = append(t.spans, traceSpan{e.Region, "image", true, pushWord(e.Image.Action) + " " + imageSource(e.Image), now.Add(-e.Took), now,
			map[string]any{"repository": e.Bucket, "digest": e.Image.Digest, "bytes": e.Image.Size}, lane})
	case packager.Looked:
		t.moment(traceMoment{group: e.Region, name: "looked: " + problem.Count(e.Objects, "object") + " missing", at: now, usual: true})
	case packager.Replaced:
		t.moment(traceMoment{group: e.Region, name: "not what it should be: " + e.Object.Key, at: now})
	case packager.Retrying:
		t.moment(traceMoment{group: cmp.Or(e.Region, workersGroup), name: "trying again: " + e.Err.Error(), at: now, wait: e.Took})
	case packager.Failed:
		t.moment(traceMoment{group: e.Region, name: "failed: " + e.Err.Error(), at: now})
	case packager.Kept:
		t.moment(traceMoment{group: e.Region, name: "another, and stays: " + e.Object.Key, at: now})
	case packager.Running:
		t.moment(traceMoment{group: workersGroup, name: "running " + strings.Join(e.Command, " "), at: now})
	case packager.Sent, packager.Copying:
	}
}

// laneOf is where the page draws what became of an object.
func laneOf(action packager.Action) record.Lane {
	switch action {
	case packager.Uploaded:
		return record.Upload
	case packager.Copied:
		return record.Copy
	case packager.Refreshed:
		return record.Refresh
	case packager.Reused, packager.Planned:
	}
	return record.Reuse
}

// moment takes in a moment. What servers say in its name may hold secrets.
func (t *trace) moment(m traceMoment) {
	m.name = hideSecrets(m.name)
	t.moments = append(t.moments, m)
}

// phases are the phases of a run, or of a store.
func phases(group string, times packager.Times) (spans []traceSpan) {
	for _, p := range []struct {
		lane record.Lane
		packager.Phase
	}{{record.Plan, times.Plan}, {record.Rewrite, times.Rewrite}, {record.Look, times.Look}, {record.Archive, times.Archive}, {record.Upload, times.Upload}} {
		if !p.Began.IsZero() {
			name := string(p.lane)
			spans = append(spans, traceSpan{group, name, false, name, p.Began, p.Began.Add(p.Took), nil, p.lane})
		}
	}
	return spans
}

// of is all that took time in a run, with its phases, and the groups of it: the run's phases,
// the workers that archive, and the regions.
func (t *trace) of(times packager.Times, stores []packager.Contents) (groups []string, spans []traceSpan) {
	groups = []string{phasesGroup, workersGroup}
	spans = append(phases(phasesGroup, times), t.spans...)
	for _, s := range stores {
		groups = append(groups, s.Region)
		spans = append(spans, phases(s.Region, s.Times)...)
	}
	return groups, spans
}

// timeline is what the page draws. In a region its objects stand for the phase of the upload, and the
// time of its rewriting is the run's.
func (t *trace) timeline(times packager.Times, stores []packager.Contents) []record.Group {
	if t == nil {
		return nil
	}
	names, spans := t.of(times, stores)
	groups := make([]record.Group, len(names))
	for i, name := range names {
		groups[i].Name = name
	}
	for _, s := range spans {
		if inRegion := s.group != phasesGroup && s.group != workersGroup; inRegion && !s.several && s.lane != record.Look {
			continue
		}
		g := &groups[slices.Index(names, s.group)]
		g.Spans = append(g.Spans, record.Span{Lane: s.lane, Name: s.name, From: s.from.Sub(t.began), To: s.to.Sub(t.began)})
	}
	for _, m := range t.moments {
		g := &groups[slices.Index(names, m.group)]
		at := m.at.Sub(t.began)
		if m.wait > 0 {
			g.Spans = append(g.Spans, record.Span{Lane: record.Wait, Name: m.name, From: at, To: at + m.wait})
		}
		if !m.usual {
			g.Moments = append(g.Moments, record.Moment{Name: m.name, At: at})
		}
	}
	return groups
}

// A traceEvent is a span ("X"), a moment ("i"), or the name or place of a group or
// a track ("M"), in the Trace Event Format ("Trace Event Format", Google), which
// https://ui.perfetto.dev shows: a group is a process there, a track a thread.
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

// json is the whole trace of a run: a group of tracks for its phases, one for the
// workers that archive, and one for each region.
func (t *trace) json(times packager.Times, stores []packager.Contents) ([]byte, error) {
	text, err := json.Marshal(map[string]any{"traceEvents": t.events(t.of(times, stores)), "displayTimeUnit": "ms"})
	if err != nil {
		return nil, fmt.Errorf("writing the trace: %w", err)
	}
	return append(text, '\n'), nil
}

// events are the names of groups and tracks, the spans and the moments.
func (t *trace) events(groups []string, spans []traceSpan) (events []traceEvent) {
	since := func(at time.Time) int64 { return at.Sub(t.began).Microseconds() }
	for i, group := range groups {
		events = append(events, nameEvents("process", group, i+1, 0, i)...)
	}
	slices.SortStableFunc(spans, func(a, b traceSpan) int { return a.from.Compare(b.from) })
	tracks := make([]traceTracks, len(groups))
	for _, s := range spans {
		g := slices.Index(groups, s.group)
		known := len(tracks[g])
		track := tracks[g].take(&s)
		if track == known {
			events = append(events, nameEvents("thread", tracks[g][track].name, g+1, track, track)...)
		}
		events = append(events, traceEvent{
			Name: s.name, Phase: "X", Time: since(s.from), Duration: since(s.end()) - since(s.from),
			Group: g + 1, Track: track, Args: s.args,
		})
	}
	for _, m := range t.moments {
		events = append(events, traceEvent{Name: m.name, Phase: "i", Time: since(m.at), Group: slices.Index(groups, m.group) + 1, Scope: "p"})
	}
	return events
}

// nameEvents name a group ("process") or a track ("thread"), and say where it
// stands among the others.
func nameEvents(what, name string, group, track, place int) []traceEvent {
	return []traceEvent{
		{Name: what + "_name", Phase: "M", Group: group, Track: track, Args: map[string]any{"name": name}},
		{Name: what + "_sort_index", Phase: "M", Group: group, Track: track, Args: map[string]any{"sort_index": place}},
	}
}

// traceTracks are the tracks of a group, by their numbers.
type traceTracks []struct {
	name string
	end  time.Time // of the last span
}

// jitter is how much later than it happened the end of a span may be told. A span
// that seems to begin so little before the end of another one came after it.
const jitter = time.Millisecond

// take returns the number of the track for a span: the first one of its kind that
// is free when the span begins, else a new one. Spans are to be given in the order
// in which they begin. The span's beginning is moved to the end of the one before
// it on the track, where jitter made them overlap.
func (tracks *traceTracks) take(s *traceSpan) int {
	of := 0 // tracks of the span's kind that are not free
	name := func() string {
		if s.several {
			return fmt.Sprintf("%s %d", s.kind, of+1)
		}
		return s.kind
	}
	for n, track := range *tracks {
		if track.name != name() {
			continue
		}
		if track.end.After(s.from.Add(jitter)) {
			of++
			continue
		}
		if track.end.After(s.from) {
			s.from = track.end
		}
		if s.to.Before(s.from) {
			s.to = s.from
		}
		(*tracks)[n].end = s.end()
		return n
	}
	*tracks = append(*tracks, struct {
		name string
		end  time.Time
	}{name(), s.end()})
	return len(*tracks) - 1
}
