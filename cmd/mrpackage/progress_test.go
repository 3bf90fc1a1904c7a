package main

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/symphoniacloud/multi-region-codepipeline/packager"
)

// A build log tells how far an upload is when it has said nothing for half a minute,
// and only then.
func TestLongSilence(t *testing.T) {
	for name, tt := range map[string]struct {
		quiet   bool
		seconds int // that the upload takes
		each    int // after how many seconds an object is stored
		want    string
	}{
		"short":      {false, 29, 100, ""},
		"busy":       {false, 100, 20, ""},
		"long":       {false, 65, 100, "still uploading: 0.3 of 2.2 MB, 0 of 4 objects, 10.0 kB/s, 1 min left\nstill uploading: 0.6 of 2.2 MB, 0 of 4 objects, 10.0 kB/s, 51 s left\n"},
		"long quiet": {true, 65, 100, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				plot := newPlot("east", "west")
				p := &progress{ui: &ui{err: &log, quiet: tt.quiet}}
				p.start(plot.plan.Stores, true)
				archive := plot.archive
				archive.Size = 100_000
				p.event(packager.Event{Kind: packager.Archived, Object: archive})
				for second := 1; second <= tt.seconds; second++ {
					time.Sleep(time.Second - time.Millisecond) // between the moments at which the log is looked at
					p.event(packager.Event{Kind: packager.Sent, Region: "east", Object: packager.Object{Key: "b.jar"}, Bytes: 10_000})
					if second%tt.each == 0 {
						stored := plot.raw
						stored.Action = packager.Uploaded
						p.event(packager.Event{Kind: packager.Stored, Region: "east", Object: stored})
					}
					time.Sleep(time.Millisecond)
				}
				p.stop(false)
				told := ""
				for line := range strings.Lines(log.String()) {
					if !strings.Contains(line, "uploaded") {
						told += line
					}
				}
				if told != tt.want {
					t.Errorf("told:\n%swant:\n%s", told, tt.want)
				}
				if !tt.quiet && tt.each < tt.seconds && !strings.Contains(log.String(), "east: uploaded b.jar") {
					t.Errorf("no line tells of an object:\n%s", log.String())
				}
			})
		})
	}
}
