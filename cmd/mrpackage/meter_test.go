package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/symphoniacloud/multi-region-codepipeline/packager"
)

// A plot is a run as a meter sees it: one archive of 400 kB of files and one file that is
// stored as it is, of 1 MB, for some regions.
type plot struct {
	plan         *packager.Plan
	archive, raw packager.Object
	began        time.Time
	*meter
}

func newPlot(regions ...string) *plot {
	p := &plot{began: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), plan: &packager.Plan{}}
	artifacts := []packager.Artifact{
		{Name: "a.zip", Archive: true, Size: 400_000, References: []packager.Reference{{LogicalID: "A"}}},
		{Name: "b.jar", Size: 1_000_000, References: []packager.Reference{{LogicalID: "B"}}},
	}
	p.archive, p.raw = packager.Object{Key: "a.zip", Artifact: &artifacts[0]}, packager.Object{Key: "b.jar", Artifact: &artifacts[1]}
	for _, region := range regions {
		p.plan.Stores = append(p.plan.Stores, packager.Contents{Store: packager.Store{Region: region}, Objects: []packager.Object{p.archive, p.raw}})
	}
	p.meter = newMeter(p.plan.Stores)
	return p
}

func (p *plot) at(seconds float64) time.Time {
	return p.began.Add(time.Duration(seconds * float64(time.Second)))
}

func (p *plot) moved(seconds float64, kind packager.EventKind, region, key string, bytes int64) {
	p.event(packager.Event{Kind: kind, Region: region, Object: packager.Object{Key: key}, Bytes: bytes}, p.at(seconds))
}

func (p *plot) archived(size int64) {
	o := p.archive
	o.Size = size
	p.event(packager.Event{Kind: packager.Archived, Object: o}, p.began)
}

func (p *plot) stored(seconds float64, region string, o packager.Object, action packager.Action, size int64) {
	o.Action, o.Size = action, size
	p.event(packager.Event{Kind: packager.Stored, Region: region, Object: o}, p.at(seconds))
}

// Each case tells of a run, and says what is shown of it then.
func TestMeter(t *testing.T) {
	const sent, copying = packager.Sent, packager.Copying
	tests := []struct {
		name string
		tell func(p *plot)
		at   float64 // seconds
		want string  // all regions together
		east string  // one of the two
	}{
		{"nothing yet", func(*plot) {}, 0,
			"0.0 of ~2.2 MB, 0%, 0 of 4 objects", "0.0 of ~1.1 MB, 0%, 0 of 2 objects"},
		{"an archive is ready", func(p *plot) { p.archived(300_000) }, 0,
			"0.0 of 2.6 MB, 0%, 0 of 4 objects", "0.0 of 1.3 MB, 0%, 0 of 2 objects"},
		{"some is on its way", func(p *plot) { p.moved(0, sent, "east", "b.jar", 500_000) }, 0,
			"0.5 of ~2.2 MB, 22%, 0 of 4 objects", "0.5 of ~1.1 MB, 45%, 0 of 2 objects"},
		{"a try has failed", func(p *plot) {
			p.moved(0, sent, "east", "b.jar", 500_000)
			p.moved(0, sent, "east", "b.jar", -500_000)
			p.moved(0, sent, "east", "b.jar", 250_000)
		}, 0, "0.2 of ~2.2 MB, 11%, 0 of 4 objects", "0.2 of ~1.1 MB, 22%, 0 of 2 objects"},
		{"an object that is there already tells its size", func(p *plot) { p.stored(0, "west", p.archive, packager.Reused, 200_000) }, 9,
			"0.2 of 2.4 MB, 8%, 1 of 4 objects", "0.0 of 1.2 MB, 0%, 0 of 2 objects"},
		{"reused, refreshed and copied", func(p *plot) {
			p.stored(0, "east", p.raw, packager.Refreshed, 1_000_000)
			p.stored(0, "east", p.archive, packager.Reused, 100_000)
			p.stored(4, "west", p.raw, packager.Copied, 1_000_000)
		}, 9, "2.1 of 2.2 MB, 95%, 3 of 4 objects", "1.1 of 1.1 MB, 100%, 2 of 2 objects"},
		{"parts of a copy", func(p *plot) {
			p.archived(100_000)
			p.moved(0, copying, "east", "b.jar", 600_000)
			p.moved(1, copying, "west", "b.jar", 600_000)
			p.moved(2, copying, "west", "b.jar", -600_000)
			p.stored(9, "east", p.raw, packager.Copied, 1_000_000)
		}, 9, "1.0 of 2.2 MB, 45%, 1 of 4 objects", "1.0 of 1.1 MB, 90%, 1 of 2 objects"},
		{"all bytes are sent and nothing has arrived", func(p *plot) {
			p.archived(100_000)
			for _, region := range []string{"east", "west"} {
				p.moved(0, sent, region, "a.zip", 100_000)
				p.moved(0, sent, region, "b.jar", 1_000_000)
			}
		}, 9, "2.2 of 2.2 MB, 99%, 0 of 4 objects", "1.1 of 1.1 MB, 99%, 0 of 2 objects"},
		{"all is done", func(p *plot) {
			for _, region := range []string{"east", "west"} {
				p.moved(0, sent, region, "b.jar", 900_000) // however much of it was told
				p.stored(1, region, p.archive, packager.Uploaded, 100_000)
				p.stored(3, region, p.raw, packager.Uploaded, 1_000_000)
			}
		}, 4, "2.2 of 2.2 MB, 100%, 4 of 4 objects", "1.1 of 1.1 MB, 100%, 2 of 2 objects"},
		{"a region has failed", func(p *plot) {
			p.archived(100_000)
			p.moved(0, sent, "west", "b.jar", 550_000)
			p.event(packager.Event{Kind: packager.Failed, Region: "east"}, p.began)
		}, 0, "0.6 of 1.1 MB, 50%, 0 of 4 objects", "0.0 of 1.1 MB, 0%, 0 of 2 objects, failed"},
		{"all have failed", func(p *plot) {
			p.archived(100_000)
			for i := range 5 {
				p.moved(float64(i), sent, "west", "b.jar", 100_000)
			}
			p.event(packager.Event{Kind: packager.Failed, Region: "east"}, p.began)
			p.event(packager.Event{Kind: packager.Failed, Region: "west"}, p.began)
		}, 5, "500.0 of 500.0 kB, 99%, 0 of 4 objects, failed", "0.0 of 1.1 MB, 0%, 0 of 2 objects, failed"},

		{"too early for a rate", steadily(1.5), 1.5, "0.1 of 2.2 MB, 6%, 0 of 4 objects", ""},
		{"a rate", steadily(2.5), 2.5, "0.2 of 2.2 MB, 11%, 0 of 4 objects, 100.0 kB/s", ""},
		{"time left, if half is copied", steadily(4), 4, "0.4 of 2.2 MB, 18%, 0 of 4 objects, 100.0 kB/s, 7 s left", ""},
		{"each region is sent to", func(p *plot) {
			steadily(3)(p)
			for i := range 100 {
				p.moved(3+float64(i+1)/100, sent, "west", "b.jar", 1000)
			}
		}, 4, "0.4 of 2.2 MB, 18%, 0 of 4 objects, 100.0 kB/s, 18 s left", ""},
		{"it stands still", steadily(4), 7, "0.4 of 2.2 MB, 18%, 0 of 4 objects, 40.8 kB/s, 18 s left", ""},
		{"it stands still for long", steadily(4), 700, "0.4 of 2.2 MB, 18%, 0 of 4 objects", ""},
		{"a failed try crossed the link, too", func(p *plot) {
			steadily(3)(p)
			p.moved(3, sent, "east", "b.jar", -300_000)
			p.moved(4, sent, "east", "b.jar", 100_000)
		}, 4, "0.1 of 2.2 MB, 4%, 0 of 4 objects, 100.0 kB/s, 10 s left", ""},
		{"copies are not the link's", func(p *plot) {
			steadily(4)(p)
			p.moved(4, copying, "west", "b.jar", 900_000)
		}, 4, "1.3 of 2.2 MB, 59%, 0 of 4 objects, 100.0 kB/s, 7 s left", ""},
		{"half of the rest is copied, as half was", func(p *plot) {
			p.archived(1_000_000)
			for i := range 41 {
				p.moved(float64(i)/10, sent, "east", "a.zip", 25_000)
			}
			p.stored(4, "east", p.archive, packager.Uploaded, 1_000_000)
			p.stored(4, "west", p.archive, packager.Copied, 1_000_000)
		}, 4, "2.0 of 4.0 MB, 50%, 2 of 4 objects, 250.0 kB/s, 4 s left", ""},
		{"only copies are left", func(p *plot) {
			p.archived(100_000)
			for i := range 41 {
				p.moved(float64(i)/10, sent, "east", "a.zip", 2500)
				p.moved(float64(i)/10, sent, "east", "b.jar", 25_000)
			}
			p.stored(4, "east", p.archive, packager.Uploaded, 100_000)
			p.stored(4, "west", p.archive, packager.Copied, 100_000)
		}, 4, "1.2 of 2.2 MB, 55%, 2 of 4 objects, 275.0 kB/s", ""},
		{"what is there need not be sent", func(p *plot) {
			p.stored(0, "east", p.raw, packager.Reused, 1_000_000)
			p.stored(0, "west", p.raw, packager.Refreshed, 1_000_000)
			p.archived(1_000_000)
			for i := range 41 {
				p.moved(float64(i)/10, sent, "east", "a.zip", 20_000)
			}
		}, 4, "2.8 of 4.0 MB, 70%, 2 of 4 objects, 200.0 kB/s, 1 s left", ""},
		{"a put that another was quicker with", func(p *plot) {
			p.archived(1_000_000)
			for i := range 41 {
				p.moved(float64(i)/10, sent, "east", "a.zip", 20_000)
			}
			p.moved(4, sent, "east", "a.zip", -820_000)
			p.stored(4, "east", p.archive, packager.Reused, 1_000_000)
			p.moved(4, copying, "west", "b.jar", 500_000)
			p.stored(4, "west", p.raw, packager.Copied, 1_000_000)
			p.stored(4, "east", p.raw, packager.Uploaded, 1_000_000)
		}, 4, "3.0 of 4.0 MB, 75%, 3 of 4 objects, 200.0 kB/s", ""},
		{"too far away to be said", func(p *plot) {
			p.archived(1e12)
			steadily(4)(p)
		}, 4, "0.00 of 2000.00 GB, 0%, 0 of 4 objects, 100.0 kB/s", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newPlot("east", "west")
			tt.tell(p)
			shown := func(s state) string {
				text := []string{s.amount(), s.percent(), s.count()}
				if s.failed {
					text = append(text, "failed")
				}
				for _, speed := range s.speed() {
					if speed != "" {
						text = append(text, speed)
					}
				}
				return strings.Join(text, ", ")
			}
			if got := shown(p.all(p.at(tt.at))); got != tt.want {
				t.Errorf("all:  %s\nwant: %s", got, tt.want)
			}
			if got := shown(p.region(0)); tt.east != "" && got != tt.east {
				t.Errorf("east: %s\nwant: %s", got, tt.east)
			}
		})
	}
}

// steadily sends 100 kB a second, for so long.
func steadily(seconds float64) func(p *plot) {
	return func(p *plot) {
		if !p.artifacts["a.zip"].known {
			p.archived(100_000)
		}
		for i := range int(seconds * 100) {
			p.moved(float64(i+1)/100, packager.Sent, "east", "b.jar", 1000)
		}
	}
}

// What the system takes into its hands at once is no rate of the link.
func TestFirstBytesAreNoRate(t *testing.T) {
	p := newPlot("east")
	p.archived(10_000_000)
	p.moved(0, packager.Sent, "east", "a.zip", 4_000_000)
	for i := range 40 {
		p.moved(float64(i+1)/10, packager.Sent, "east", "a.zip", 100_000)
		switch rate := p.all(p.at(float64(i+1) / 10)).rate; {
		case i < 18 && rate != 0, i > 20 && (rate < 0.9e6 || rate > 1.1e6):
			t.Errorf("after %d tenths of a second the rate is %.0f", i+1, rate)
		}
	}
}

// A rate needs no more memory the longer it goes on.
func TestPaceForgets(t *testing.T) {
	var p pace
	began := time.Now()
	for i := range 100_000 {
		p.add(began.Add(time.Duration(i)*time.Millisecond), 1000)
	}
	if rate := p.rate(began.Add(100 * time.Second)); len(p.marks) > 50 || rate < 0.95e6 || rate > 1.05e6 {
		t.Errorf("%d marks, %.0f bytes a second", len(p.marks), rate)
	}
}

// The total that is estimated is the mean of what archives of this run became, once
// there are enough of them, and never leaves what is between.
func TestEstimate(t *testing.T) {
	plan := &packager.Plan{}
	var objects []packager.Object
	for i := range 20 {
		artifact := &packager.Artifact{Name: fmt.Sprint(i), Archive: true, Size: 10e6, References: []packager.Reference{{}}}
		objects = append(objects, packager.Object{Key: artifact.Name, Artifact: artifact})
	}
	plan.Stores = []packager.Contents{{Store: packager.Store{Region: "east"}, Objects: objects}}
	m := newMeter(plan.Stores)
	last := m.all(time.Now()).total
	if last != 50e6 {
		t.Errorf("at first it is %d", last)
	}
	for i, o := range objects {
		o.Size = 5e6
		m.event(packager.Event{Kind: packager.Archived, Object: o}, time.Now())
		s := m.all(time.Now())
		if s.total < last || s.total > 100e6 || s.about != (i < len(objects)-1) {
			t.Errorf("after %d archives it is %d (an estimate: %v), after %d", i+1, s.total, s.about, last)
		}
		last = s.total
	}
	if last != 100e6 {
		t.Errorf("in the end it is %d", last)
	}
}

// The link's traffic is what was sent, also in vain, and not what was copied.
func TestTraffic(t *testing.T) {
	p := newPlot("east", "west")
	p.archived(100_000)
	p.moved(1, packager.Sent, "east", "b.jar", 600_000)
	p.moved(2, packager.Sent, "east", "b.jar", -600_000)
	p.moved(2, packager.Sent, "east", "b.jar", 1_000_000)
	p.stored(3, "east", p.raw, packager.Uploaded, 1_000_000)
	p.stored(9, "west", p.raw, packager.Copied, 1_000_000)
	const want = "sent 1.6 MB (600.0 kB of it in vain) in 2.00 s, 800.0 kB/s"
	if got := p.traffic().String(); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// The layers of images count as objects' bytes do, each once in a repository; what was there is done at once.
func TestMeterOfImages(t *testing.T) {
	base, one, two := packager.Layer{Digest: "sha256:b", Size: 800_000}, packager.Layer{Digest: "sha256:1", Size: 100_000}, packager.Layer{Digest: "sha256:2", Size: 300_000}
	first := packager.PushedImage{Image: &packager.Image{Layers: []packager.Layer{base, one, base}}, Repository: "r"}
	second := packager.PushedImage{Image: &packager.Image{Layers: []packager.Layer{base, two}}, Repository: "r"}
	plan := &packager.Plan{}
	for _, region := range []string{"east", "west"} {
		plan.Stores = append(plan.Stores, packager.Contents{Store: packager.Store{Region: region}, Images: []packager.PushedImage{first, second}})
	}
	m, now := newMeter(plan.Stores), time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	sent := func(layer packager.Layer, bytes int64) {
		m.event(packager.Event{Kind: packager.Sent, Region: "east", Bucket: "r", Layer: layer.Digest, Bytes: bytes}, now)
	}
	pushed := func(region string, i packager.PushedImage, action packager.Action) {
		i.Action = action
		m.event(packager.Event{Kind: packager.Pushed, Region: region, Bucket: "r", Image: i}, now)
	}
	for i, step := range []struct {
		tell func()
		want string
	}{
		{func() {}, "0.0 of 2.4 MB, 0%, 0 of 4 images"},
		{func() { sent(base, 500_000) }, "0.5 of 2.4 MB, 20%, 0 of 4 images"},
		{func() { sent(packager.Layer{Digest: "sha256:configuration"}, 700) }, "0.5 of 2.4 MB, 20%, 0 of 4 images"},
		{func() { sent(base, 300_000); pushed("east", first, packager.Uploaded) }, "0.9 of 2.4 MB, 37%, 1 of 4 images"},
		{func() { pushed("east", second, packager.Uploaded) }, "1.2 of 2.4 MB, 50%, 2 of 4 images"},
		{func() { pushed("west", first, packager.Reused) }, "2.1 of 2.4 MB, 87%, 3 of 4 images"},
		{func() { pushed("west", second, packager.Reused) }, "2.4 of 2.4 MB, 100%, 4 of 4 images"},
	} {
		step.tell()
		s := m.all(now)
		if got := s.amount() + ", " + s.percent() + ", " + s.count(); got != step.want {
			t.Errorf("step %d: %s, want %s", i, got, step.want)
		}
	}
	if len(m.pushedBefore("east")) != 0 || len(m.pushedBefore("west")) != 2 {
		t.Error("what was there before is not told")
	}
	if got := m.traffic(); got.bytes != 800_000 {
		t.Errorf("%d bytes were sent", got.bytes)
	}
}
