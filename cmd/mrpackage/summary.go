package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/symphoniacloud/multi-region-codepipeline/cmd/mrpackage/internal/record"
	"github.com/symphoniacloud/multi-region-codepipeline/packager"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// durations are the times of a run: the library's, and the program's own.
type durations struct {
	of         string // the template, or the cloud assembly
	isAssembly bool
	packager.Inventory
	Times          packager.Times
	writing, total time.Duration
	link           traffic
}

// summary is what a person takes in at a glance at the end.
func (u *ui) summary(d durations, dryRun bool, shard packager.Shard) {
	if u.quiet {
		return
	}
	files, bytes := 0, int64(0)
	for _, a := range d.Artifacts {
		files += a.Files
		bytes += a.Size
	}
	artifacts := problem.Count(len(d.Artifacts), "artifact")
	packaged := fmt.Sprintf("%s of %s (%s)", artifacts, problem.Count(files, "file"), size(bytes))
	share := ""
	if n := len(d.Images); n > 0 {
		images := problem.Count(n, "container image")
		if packaged += " and " + images; len(d.Artifacts) == 0 {
			packaged = images
		}
		share = fmt.Sprintf(" and %d of %s", len(d.shareOfImages()), problem.Count(n, "container image"))
	}
	if shard.Count > 0 {
		u.printf("shard %d/%d stores %d of %s%s; no template is written\n", shard.Index, shard.Count, len(d.Stores[0].Objects), artifacts, share)
	}
	u.printf("%s: %s for %s\n", d.of, packaged, problem.Count(len(d.Stores), "region"))
	if !dryRun {
		u.tables(d, fmt.Sprintf(", rewrite %s", seconds(d.Times.Rewrite.Took)))
	}
}

// tables are what became of each store's, and where the time went.
func (u *ui) tables(d durations, rewrite string) {
	var table strings.Builder
	writeStores(&table, d.Stores)
	for line := range strings.Lines(table.String()) {
		u.printf("%s\n", strings.TrimSuffix(line, "\n"))
	}
	if d.link.took >= telling {
		u.printf("  %s\n", d.link)
	}
	u.printf("  plan %s%s, look %s, archive %s, upload %s, write %s: %s in all\n",
		seconds(d.Times.Plan.Took), rewrite, seconds(d.Times.Look.Took), seconds(d.Times.Archive.Took),
		seconds(d.Times.Upload.Took), seconds(d.writing), seconds(d.total))
}

// shareOfImages are the digests of the images that this run's shard pushes.
func (d durations) shareOfImages() map[string]bool {
	share := make(map[string]bool)
	for _, i := range d.Stores[0].Images {
		share[i.Digest] = true
	}
	return share
}

// telling is how long something must be sent for before its rate says anything.
const telling = 100 * time.Millisecond

// String returns what was sent, in which time, and how fast.
func (t traffic) String() string {
	vain := ""
	if t.vain > 0 {
		vain = " (" + size(t.vain) + " of it in vain)"
	}
	return fmt.Sprintf("sent %s%s in %s, %s/s", size(t.bytes), vain, seconds(t.took), size(int64(float64(t.bytes)/t.took.Seconds())))
}

// writeStores writes a line for each store. A column for copied or refreshed
// objects is there only if there are some.
func writeStores(to io.Writer, stores []packager.Contents) {
	var all tally
	for _, s := range stores {
		t := tallyOf(s)
		all.copied += t.copied
		all.refreshed += t.refreshed
	}
	w, images := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0), tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	for _, s := range stores {
		if s.Bucket == "" {
			continue // there are images alone
		}
		t := tallyOf(s)
		counts := fmt.Sprintf("%d uploaded\t", t.uploaded)
		if all.copied > 0 {
			counts += fmt.Sprintf("%d copied\t", t.copied)
		}
		counts += fmt.Sprintf("%d reused", t.reused)
		if all.refreshed > 0 {
			counts += fmt.Sprintf("\t%d refreshed", t.refreshed)
		}
		fmt.Fprintf(w, "  %s\t%s\t%s sent\tlook %s\tupload %s\t%s\n", s.Region, counts, size(t.sent), seconds(s.Times.Look.Took), seconds(s.Times.Upload.Took), s.Bucket)
	}
	for _, s := range stores {
		if pushed, there := imagesOf(s); len(s.Images) > 0 {
			fmt.Fprintf(images, "  %s\t%s pushed\t%d reused\t%s\n", s.Region, problem.Count(pushed, "image"), there, repositoriesOf(s.Images))
		}
	}
	_, _ = w.Flush(), images.Flush() // they write into memory
}

// imagesOf counts the images of a store's region that were pushed, and that were there.
func imagesOf(c packager.Contents) (pushed, there int) {
	for _, i := range c.Images {
		switch i.Action {
		case packager.Uploaded:
			pushed++
		case packager.Reused:
			there++
		case packager.Planned, packager.Copied, packager.Refreshed:
		}
	}
	return pushed, there
}

// repositoriesOf names the repositories of images, or says how many there are.
func repositoriesOf(images []packager.PushedImage) string {
	var all []string
	for _, i := range images {
		if !slices.Contains(all, i.Repository) {
			all = append(all, i.Repository)
		}
	}
	if len(all) == 1 {
		return all[0]
	}
	return fmt.Sprintf("%d repositories", len(all))
}

// A tally counts what became of a store's objects.
type tally struct {
	uploaded, copied, reused, refreshed int
	sent                                int64 // bytes
}

func tallyOf(c packager.Contents) (t tally) {
	for _, o := range c.Objects {
		switch o.Action {
		case packager.Uploaded:
			t.uploaded++
			t.sent += o.Size
		case packager.Copied:
			t.copied++
		case packager.Reused:
			t.reused++
		case packager.Refreshed:
			t.refreshed++
		case packager.Planned:
		}
	}
	return t
}

// source names what an object is made of, as the template does.
func source(o packager.Object) string {
	if o.Artifact == nil {
		return o.Template
	}
	name := o.Artifact.References[0].String()
	if n := len(o.Artifact.References) - 1; n > 0 {
		name += fmt.Sprintf(" and %d more", n)
	}
	return name
}

// shortKey is enough of a key to know it by.
func shortKey(key string) string {
	dir, base := "", key
	if i := strings.LastIndexByte(key, '/'); i >= 0 {
		dir, base = key[:i+1], key[i+1:]
	}
	if len(base) > 16 {
		ext := ""
		if i := strings.LastIndexByte(base, '.'); i >= 0 {
			ext = base[i:]
		}
		base = base[:12] + "…" + ext
	}
	return dir + base
}

// size writes a number of bytes in decimal units.
func size(n int64) string { return record.Bytes(n) }

func seconds(d time.Duration) string { return record.Took(d) }
