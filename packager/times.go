package packager

import (
	"time"
)

// Times tell where the time of a run went, or of a store: then without Plan and
// Archive, which are done once for all. Rewrite follows on Plan; the others
// overlap.
type Times struct {
	Plan    Phase // reading templates and everything that they refer to
	Rewrite Phase // making the packaged templates
	Look    Phase // asking what is stored
	Archive Phase
	Upload  Phase // uploading and copying
}

// A Phase is part of a run, from when it first began to when it last ended. The
// zero value is one that was not needed.
type Phase struct {
	Began time.Time
	Took  time.Duration
}

// add takes in a span of time.
func (p *Phase) add(from, to time.Time) {
	if p.Began.IsZero() {
		p.Began, p.Took = from, to.Sub(from)
		return
	}
	end := p.Began.Add(p.Took)
	if from.Before(p.Began) {
		p.Began = from
	}
	if to.After(end) {
		end = to
	}
	p.Took = end.Sub(p.Began)
}
