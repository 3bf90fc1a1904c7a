package packager

import (
	"time"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/upload"
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
func (p *Phase) add(from, to time.Time) { (*upload.Phase)(p).Add(from, to) }

// take takes in the times of an upload.
func (t *Times) take(of upload.Times) {
	t.Look, t.Archive, t.Upload = Phase(of.Look), Phase(of.Archive), Phase(of.Upload)
}
