package page

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/symphoniacloud/multi-region-codepipeline/cmd/mrpackage/internal/markup"
	"github.com/symphoniacloud/multi-region-codepipeline/cmd/mrpackage/internal/record"
)

const (
	// slowest is how many spans of a region are named.
	slowest = 10
	// mostEvents is how many moments are told.
	mostEvents = 100
	// resolution is into how many steps the width of the timeline is divided: so the drawing of a
	// lane has a bounded size, however much went on in it.
	resolution = 500
	laneHeight = 16
)

// lanes are those that are drawn, in this order. That an object is there already is part of the look.
func lanes() []record.Lane {
	return []record.Lane{record.Plan, record.Rewrite, record.Look, record.Archive, record.Upload, record.Pushing, record.Copy, record.Refresh, record.Wait}
}

// timeline draws what went on in each group. A lane is as high as much went on in it at once.
func timeline(r record.Run) markup.HTML {
	a := axisOf(r.Timeline)
	var groups []markup.HTML
	for _, g := range r.Timeline {
		if len(g.Spans) > 0 {
			groups = append(groups, a.group(g))
		}
	}
	if groups == nil {
		return markup.HTML{}
	}
	return markup.All(
		markup.El("p", markup.Class("note"), markup.Text("From left to right the time since the run began. The higher a lane, the more of it went on at once.")),
		a.scale(),
		markup.El("ol", markup.Class("groups"), markup.All(groups...)),
	)
}

// An axis is the time that the timeline shows.
type axis struct{ end, step time.Duration }

// axisOf ends with the last span. Its steps are 1, 2 or 5 times a power of ten.
func axisOf(groups []record.Group) axis {
	a := axis{end: time.Millisecond}
	for _, g := range groups {
		for _, s := range g.Spans {
			a.end = max(a.end, s.To)
		}
	}
	rough := float64(a.end) / 6
	power := math.Pow(10, math.Floor(math.Log10(rough)))
	for _, factor := range []float64{1, 2, 5, 10} {
		if a.step = time.Duration(factor * power); float64(a.step) >= rough {
			break
		}
	}
	return a
}

// at is the place of a moment in steps of the resolution.
func (a axis) at(t time.Duration) int {
	return int(min(max(float64(t)/float64(a.end), 0), 1) * resolution)
}

// scale is the axis with its figures.
func (a axis) scale() markup.HTML {
	var marks []markup.HTML
	for t := time.Duration(0); t <= a.end; t += a.step {
		percent, anchor := float64(t)/float64(a.end)*100, markup.Constant("middle")
		switch {
		case t == 0:
			anchor = "start"
		case percent > 96:
			anchor = "end"
		}
		marks = append(marks, markup.El("text", markup.Attr("x", fmt.Sprintf("%.2f%%", percent)), markup.Attr("y", "12"), markup.Attr("text-anchor", string(anchor)), markup.Text(a.figure(t))))
	}
	return markup.El("div", markup.Class("lane scale"), markup.Attr("aria-hidden", "true"), markup.El("span"), markup.El("svg", markup.Attr("height", "16"), markup.All(marks...)), markup.El("span"))
}

func (a axis) figure(t time.Duration) string {
	if a.end < time.Second {
		return strconv.FormatInt(t.Milliseconds(), 10) + " ms"
	}
	return strconv.FormatFloat(t.Round(time.Millisecond).Seconds(), 'f', -1, 64) + " s"
}

// grid are the lines of the axis behind a lane.
func (a axis) grid() string {
	var d strings.Builder
	for t := a.step; t < a.end; t += a.step {
		fmt.Fprintf(&d, "M%d 0V%d", a.at(t), laneHeight)
	}
	return d.String()
}

// group draws what went on in one group: its lanes, and by name what took longest.
func (a axis) group(g record.Group) markup.HTML {
	var drawn []markup.HTML
	for _, l := range lanes() {
		var spans []record.Span
		for _, s := range g.Spans {
			if s.Lane == l {
				spans = append(spans, s)
			}
		}
		if len(spans) > 0 {
			drawn = append(drawn, a.lane(string(l), l, spans))
		}
	}
	return markup.El("li", markup.El("h3", markup.Name(g.Name)), markup.El("div", markup.Class("lanes"), markup.All(drawn...), a.slowest(g)))
}

// lane draws spans of one kind in one line: its name, the drawing, how long it went on.
func (a axis) lane(name string, l record.Lane, spans []record.Span) markup.HTML {
	runs, busy := levels(spans)
	from, to := spans[0].From, spans[0].To
	for _, s := range spans {
		from, to = min(from, s.From), max(to, s.To)
	}
	said := fmt.Sprintf("%s: from %s to %s", name, record.Took(from), record.Took(to))
	figure := record.Took(busy)
	if len(spans) > 1 {
		said = fmt.Sprintf("%s: %d, from %s to %s", name, len(spans), record.Took(from), record.Took(to))
		figure = fmt.Sprintf("%d × in %s", len(spans), figure)
	}
	return markup.El("div", markup.Class("lane"),
		markup.El("span", markup.Class("what"), markup.Name(name)),
		markup.El("svg", markup.Attr("viewBox", fmt.Sprintf("0 0 %d %d", resolution, laneHeight)), markup.Attr("preserveAspectRatio", "none"),
			markup.Attr("height", strconv.Itoa(laneHeight)), markup.Attr("role", "img"), markup.Attr("aria-label", said),
			markup.El("title", markup.Text(said)),
			markup.El("path", markup.Class("grid"), markup.Attr("d", a.grid())),
			markup.El("path", markup.Attr("class", "bar "+string(l)), markup.Attr("d", a.outline(runs)))),
		markup.El("span", markup.Class("figure"), markup.Text(figure)))
}

// A level is how many spans went on at once for some time.
type level struct {
	from, to time.Duration
	n        int
}

// levels are how many of the spans went on at once from when to when, and for how long
// at least one did.
func levels(spans []record.Span) (all []level, busy time.Duration) {
	type change struct {
		at time.Duration
		by int
	}
	var changes []change
	for _, s := range spans {
		changes = append(changes, change{s.From, 1}, change{max(s.To, s.From+1), -1})
	}
	slices.SortFunc(changes, func(x, y change) int { return cmp.Or(cmp.Compare(x.at, y.at), x.by-y.by) })
	n := 0
	for i, c := range changes {
		n += c.by
		if i+1 == len(changes) || changes[i+1].at == c.at || n == 0 {
			continue
		}
		all = append(all, level{c.at, changes[i+1].at, n})
		busy += changes[i+1].at - c.at
	}
	return all, busy
}

// outline is the path around the levels: each step of the resolution as high as the highest level in it.
func (a axis) outline(all []level) string {
	var heights [resolution + 1]int
	most := 1
	for _, l := range all {
		from, to := min(a.at(l.from), resolution-1), a.at(l.to)
		for x := from; x < max(to, from+1); x++ {
			heights[x] = max(heights[x], l.n)
		}
		most = max(most, l.n)
	}
	const top = laneHeight - 3
	var d strings.Builder
	for x := 0; x < resolution; {
		to := x + 1
		for to < resolution && heights[to] == heights[x] {
			to++
		}
		if n := heights[x]; n > 0 {
			h := max(top*n/most, 2)
			fmt.Fprintf(&d, "M%d %dv-%dh%dv%dz", x, laneHeight-1, h, to-x, h)
		}
		x = to
	}
	return d.String()
}

// slowest names the spans of a group that took longest.
func (a axis) slowest(g record.Group) markup.HTML {
	spans := slices.DeleteFunc(slices.Clone(g.Spans), func(s record.Span) bool {
		return s.Lane == record.Reuse || s.Name == string(s.Lane)
	})
	if len(spans) == 0 {
		return markup.HTML{}
	}
	slices.SortStableFunc(spans, func(x, y record.Span) int { return cmp.Compare(y.To-y.From, x.To-x.From) })
	title, rest := "each one", len(spans)-slowest
	if rest > 0 {
		title, spans = "the "+strconv.Itoa(slowest)+" slowest", spans[:slowest]
	}
	slices.SortStableFunc(spans, func(x, y record.Span) int { return cmp.Compare(x.From, y.From) })
	var drawn []markup.HTML
	for _, s := range spans {
		drawn = append(drawn, a.lane(s.Name, s.Lane, []record.Span{s}))
	}
	return markup.El("details", markup.El("summary", markup.Text(title)), markup.All(drawn...), more(rest, "span"))
}

// events are the moments of the run that a person should know of.
func events(groups []record.Group) markup.HTML {
	type event struct {
		record.Moment
		group string
	}
	var all []event
	for _, g := range groups {
		for _, m := range g.Moments {
			all = append(all, event{m, g.Name})
		}
	}
	if all == nil {
		return markup.HTML{}
	}
	slices.SortStableFunc(all, func(x, y event) int { return cmp.Compare(x.At, y.At) })
	rest := len(all) - mostEvents
	var rows []markup.HTML
	for _, e := range all[:min(len(all), mostEvents)] {
		rows = append(rows, markup.El("tr",
			markup.El("td", markup.Class("figure"), markup.Text(record.Took(e.At))),
			markup.El("th", markup.Attr("scope", "row"), markup.Name(e.group)),
			markup.El("td", markup.Said(e.Name))))
	}
	head := markup.El("thead", markup.El("tr", column("when"), column("where"), column("what")))
	return markup.All(scrolling("What happened besides", markup.El("table", head, markup.El("tbody", markup.All(rows...)))), more(rest, "event"))
}
