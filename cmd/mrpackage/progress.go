package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/symphoniacloud/multi-region-codepipeline/packager"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// progress shows a run while it goes on: live bars on a terminal, one line per
// finished object elsewhere, as in a build log.
type progress struct {
	ui    *ui
	live  bool
	began time.Time
	order []*regionBar          // from top to bottom
	bar   map[string]*regionBar // each region's; where there are many regions, all have one

	terminal io.Writer // what the bars are drawn on
	bars     *mpb.Progress
}

type regionBar struct {
	name          string
	objects, done int64
	sent          atomic.Int64 // bytes; the bar is drawn by a goroutine of its own
	bar           *mpb.Bar
}

const (
	// maxBars keeps the bars on one screen; more regions share one bar.
	maxBars = 12
	// patience is how long a run may take before bars are drawn: what is over
	// in a moment needs none.
	patience = 300 * time.Millisecond
)

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb"
}

// start begins to show the upload of a plan; live is whether bars are wanted.
func (p *progress) start(plan *packager.Plan, live bool) {
	p.live = live && !p.ui.quiet && isTerminal(p.ui.err)
	p.began = time.Now()
	p.bar = make(map[string]*regionBar, len(plan.Stores))
	for _, s := range plan.Stores {
		b := &regionBar{name: s.Region}
		if p.live && len(plan.Stores) > maxBars {
			if len(p.order) > 0 {
				b = p.order[0]
			}
			b.name = "all regions"
		}
		if !slices.Contains(p.order, b) {
			p.order = append(p.order, b)
		}
		b.objects += int64(len(s.Objects))
		p.bar[s.Region] = b
	}
}

// event is told by the library what happens.
func (p *progress) event(e packager.Event) {
	b := p.bar[e.Region]
	switch e.Kind {
	case packager.Replaced:
		p.ui.replaced(e)
	case packager.Retrying:
		p.ui.retrying(e)
	case packager.Looked:
		if !p.live {
			p.ui.looked(e, int(b.objects))
		}
	case packager.Archived:
		if !p.live {
			p.ui.archived(e)
		}
	case packager.Sent:
		b.sent.Add(e.Bytes)
	case packager.Stored:
		if !p.live {
			p.ui.stored(e)
		}
		b.done++
	}
	if p.live && time.Since(p.began) > patience {
		p.draw()
	}
}

// draw brings the bars up to date.
func (p *progress) draw() {
	if p.bars == nil {
		p.terminal = p.ui.err
		p.bars = mpb.New(mpb.WithOutput(p.terminal), mpb.WithWidth(40))
		p.ui.err = p.bars // warnings go above the bars
		for _, b := range p.order {
			objects := problem.Count(b.objects, "object")
			b.bar = p.bars.AddBar(b.objects,
				mpb.PrependDecorators(decor.Name(b.name, decor.WCSyncSpaceR)),
				mpb.AppendDecorators(
					decor.Any(func(s decor.Statistics) string { return fmt.Sprintf("%d of %s", s.Current, objects) }, decor.WCSyncSpace),
					decor.Any(func(decor.Statistics) string { return size(b.sent.Load()) + " sent" }, decor.WCSyncSpace),
				))
		}
	}
	for _, b := range p.order {
		b.bar.SetCurrent(b.done)
	}
}

// stop leaves the terminal to the lines that follow, the bars as they stand.
func (p *progress) stop(interrupted bool) {
	if p.bars == nil {
		return
	}
	if interrupted {
		// The terminal shows ^C where the cursor is: what is drawn last
		// begins on a line of its own.
		_, _ = io.WriteString(p.terminal, "\n")
	}
	for _, b := range p.order {
		b.bar.Abort(false) // nothing happens to a bar that is complete
	}
	p.bars.Wait()
	p.ui.err = p.terminal
}
