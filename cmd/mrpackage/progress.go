package main

import (
	"io"
	"os"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/cwriter"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/symphoniacloud/multi-region-codepipeline/packager"
)

// progress shows a run while it goes on: live bars on a terminal, one line per
// finished object elsewhere, as in a build log.
type progress struct {
	ui    *ui
	live  bool
	meter *meter

	shown sync.WaitGroup // of what shows it besides the events
	ended chan struct{}  // closed when the upload is over

	terminal io.Writer // what the bars are drawn on
	bars     *mpb.Progress
	drawn    []*mpb.Bar
}

const (
	// maxBars is how many regions have a bar each; more share one.
	maxBars = 12
	// patience is how long a run may take before bars are drawn: what is over
	// in a moment needs none.
	patience = 300 * time.Millisecond
	// longSilence is how long a build log says nothing at most.
	longSilence = 30 * time.Second
)

// heightOf is how many lines a terminal has; 0 where w is none, or one that
// cannot be drawn on.
func heightOf(w io.Writer) int {
	f, ok := w.(*os.File)
	if !ok || os.Getenv("TERM") == "dumb" || !cwriter.IsTerminal(int(f.Fd())) {
		return 0
	}
	width, height, err := cwriter.GetSize(int(f.Fd()))
	if err != nil || width <= 0 { // as some that nobody looks at
		return 0
	}
	return height
}

// start begins to show the upload to stores; live is whether bars are wanted.
func (p *progress) start(stores []packager.Contents, live bool) {
	p.live = live && !p.ui.quiet && heightOf(p.ui.err) > 0
	p.meter = newMeter(stores)
	p.ended = make(chan struct{})
	if !p.live {
		p.shown.Go(p.breakSilence)
		return
	}
	p.shown.Go(func() {
		select {
		case <-time.After(patience):
			p.draw()
		case <-p.ended:
		}
	})
}

// breakSilence has a build log tell how far the upload is, whenever it has said nothing
// for long.
func (p *progress) breakSilence() {
	began, ticker := time.Now(), time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case now := <-ticker.C:
			if now.Sub(began) >= longSilence && p.ui.silence() >= longSilence {
				p.ui.uploading(p.meter.all(now))
			}
		case <-p.ended:
			return
		}
	}
}

// event is told by the library what happens.
func (p *progress) event(e packager.Event) {
	p.meter.event(e, time.Now())
	switch e.Kind {
	case packager.Pushed:
		if !p.live {
			p.ui.pushed(e)
			p.ui.pushedBefore(e.Region, p.meter.pushedBefore(e.Region))
		}
	case packager.Replaced:
		p.ui.replaced(e)
	case packager.Kept:
		p.ui.kept(e)
	case packager.Running:
		p.ui.running(e)
	case packager.Retrying:
		p.ui.retrying(e)
	case packager.Looked:
		if !p.live {
			p.ui.looked(e, p.meter.store[e.Region].objects)
		}
	case packager.Archived:
		if !p.live {
			p.ui.archived(e)
		}
	case packager.Stored:
		if !p.live {
			p.ui.stored(e)
		}
	case packager.Sent, packager.Copying:
	case packager.Failed: // the end of the run tells of all failures together
	}
}

// draw begins to draw the bars: one for each region and one for all together, or that
// alone. From then on they are drawn anew several times a second, whatever happens.
func (p *progress) draw() {
	var lines []func() state
	names := 0
	if n := len(p.meter.stores); n > 1 && n <= maxBars && n+2 < heightOf(p.ui.err) {
		for i, s := range p.meter.stores {
			lines = append(lines, func() state { return p.meter.region(i) })
			names = max(names, len(s.region))
		}
	}
	all := func() state { return p.meter.all(time.Now()) }
	lines, names = append(lines, all), max(names, len(all().name))
	p.bars = mpb.New(mpb.WithOutput(p.ui.err))
	p.terminal = p.ui.divert(p.bars) // warnings go above the bars
	for _, now := range lines {
		text := decor.Any(func(s decor.Statistics) string { return now().line(s.AvailableWidth, names) })
		p.drawn = append(p.drawn, p.bars.New(0, mpb.NopStyle(), mpb.BarFillerTrim(), mpb.PrependDecorators(text)))
	}
}

// stop leaves the terminal to the lines that follow, the bars as they stand.
func (p *progress) stop(interrupted bool) {
	close(p.ended)
	p.shown.Wait()
	if p.bars == nil {
		return
	}
	if interrupted {
		// The terminal shows ^C where the cursor is: what is drawn last
		// replaces it.
		_, _ = io.WriteString(p.terminal, "\r")
	}
	for _, b := range p.drawn {
		b.Abort(false)
	}
	p.bars.Wait()
	p.ui.divert(p.terminal)
}
