package main

import (
	"io"
	"os"
	"sync/atomic"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/symphoniacloud/multi-region-codepipeline/packager"
)

// progress shows a run while it goes on: live bars on a terminal, one line per
// finished object elsewhere, as in a build log.
type progress struct {
	ui      *ui
	objects map[string]int // by region

	terminal io.Writer // what the bars are drawn on
	bars     *mpb.Progress
	bar      map[string]*regionBar
}

type regionBar struct {
	*mpb.Bar
	sent atomic.Int64 // bytes; the bar is drawn by a goroutine of its own
}

// maxBars keeps the bars on one screen; more regions share one bar.
const maxBars = 12

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
	p.objects = make(map[string]int, len(plan.Stores))
	for _, s := range plan.Stores {
		p.objects[s.Region] = len(s.Objects)
	}
	if !live || p.ui.quiet || !isTerminal(p.ui.err) {
		return
	}
	p.terminal = p.ui.err
	p.bars = mpb.New(mpb.WithOutput(p.terminal), mpb.WithWidth(40))
	p.bar = make(map[string]*regionBar)
	totals, names := make(map[string]int), []string(nil)
	for _, s := range plan.Stores {
		name := p.barName(s.Region)
		if totals[name] == 0 && len(s.Objects) > 0 {
			names = append(names, name)
		}
		totals[name] += len(s.Objects)
	}
	for _, name := range names {
		b := &regionBar{}
		b.Bar = p.bars.AddBar(int64(totals[name]),
			mpb.PrependDecorators(decor.Name(name, decor.WCSyncSpaceR)),
			mpb.AppendDecorators(
				decor.CountersNoUnit("%d of %d objects", decor.WCSyncSpace),
				decor.Any(func(decor.Statistics) string { return size(b.sent.Load()) + " sent" }, decor.WCSyncSpace),
			))
		p.bar[name] = b
	}
	p.ui.err = p.bars // warnings go above the bars
}

func (p *progress) barName(region string) string {
	if len(p.objects) > maxBars {
		return "all regions"
	}
	return region
}

// event is told by the library what happens.
func (p *progress) event(e packager.Event) {
	bar := p.bar[p.barName(e.Region)]
	switch {
	case e.Kind == packager.Replaced:
		p.ui.replaced(e)
	case bar != nil && e.Kind == packager.Stored:
		bar.Increment()
	case bar != nil && e.Kind == packager.Sent:
		bar.sent.Add(e.Bytes)
	case p.bars != nil: // the bars show the rest
	case e.Kind == packager.Looked:
		p.ui.looked(e, p.objects[e.Region])
	case e.Kind == packager.Archived:
		p.ui.archived(e)
	case e.Kind == packager.Stored:
		p.ui.stored(e)
	}
}

// stop leaves the terminal to the lines that follow, the bars as they stand.
func (p *progress) stop() {
	if p.bars == nil {
		return
	}
	for _, b := range p.bar {
		b.Abort(false) // nothing happens to a bar that is complete
	}
	p.bars.Wait()
	p.ui.err = p.terminal
}
