package main

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"time"
)

// uploads compares whole runs with the AWS CLI's, and those for many regions with
// those for one. What it prints is Markdown.
func (b *bench) uploads(title string, counts []int, over *overNetwork) error {
	return b.serving(over, func() error {
		loop, err := b.loop(title)
		if err != nil {
			return err
		}
		var one measure
		for _, n := range counts {
			m, err := b.forRegions(n, loop, one)
			if err != nil {
				return err
			}
			if n == 1 {
				one = m
			}
		}
		return nil
	})
}

// forRegions prints the rows of so many regions: of a first run, with and without
// copies, and of one that finds nothing changed. It returns the first row's
// measure.
func (b *bench) forRegions(n int, loop time.Duration, one measure) (first measure, err error) {
	for _, mode := range []string{"auto", "never"} {
		if n == 1 && mode == "never" {
			continue // there is nothing to copy
		}
		m, err := b.measure(n, func() []string { return append(b.fresh(), "--copy", mode) })
		if err != nil {
			return first, err
		}
		if mode == "auto" {
			first = m
		}
		row{regionsAnd(n, mode), m, loop, n, one}.print()
	}
	again, err := b.measure(n, b.same)
	if err != nil {
		return first, err
	}
	row{regionsAnd(n, "auto") + ", unchanged", again, loop, n, measure{}}.print()
	return first, nil
}

// loop prints the table's head, and what the AWS CLI takes for each region; 0
// where there is none.
func (b *bench) loop(title string) (took time.Duration, err error) {
	aws, err := exec.LookPath("aws")
	if err == nil {
		b.peak = 0
		took, err = b.median(func() (time.Duration, error) {
			return b.command(aws, append([]string{
				"cloudformation", "package", "--template-file", "template.yaml", "--region", "us-east-1",
				"--s3-bucket", "peer-us-east-1", "--output-template-file", filepath.Join(b.dir, "peer.yaml"),
			}, b.fresh()...)...)
		})
		if err != nil {
			return 0, err
		}
	}
	fmt.Printf("\n| %s | times faster than the AWS CLI | seconds | sent | memory | compared with one region |\n|---|---|---|---|---|---|\n", title)
	if took > 0 {
		fmt.Printf("| AWS CLI, for each region | | %.2f | | %.0f MB | |\n", took.Seconds(), float64(b.peak)/1e6)
	}
	return took, nil
}

// A row is one line of the table.
type row struct {
	name string
	measure
	peer  time.Duration // what the peer takes for one region
	times int           // regions
	one   measure       // what one region takes, where that is compared
}

func (r row) print() {
	ratio := ""
	if r.peer > 0 {
		ratio = fmt.Sprintf("%.1f", float64(r.times)*r.peer.Seconds()/r.took.Seconds())
	}
	to := ""
	if r.one.took > 0 && r.times > 1 {
		to = fmt.Sprintf("%.2f times the time, %.2f times the bytes", r.took.Seconds()/r.one.took.Seconds(), float64(r.sent)/float64(r.one.sent))
	}
	fmt.Printf("| %s | %s | %.2f | %.1f MB | %.0f MB | %s |\n", r.name, ratio, r.took.Seconds(), float64(r.sent)/1e6, float64(r.memory)/1e6, to)
}

func regionsAnd(n int, mode string) string {
	switch {
	case n == 1:
		return "1 region"
	case mode == "never":
		return fmt.Sprintf("%d regions, `--copy never`", n)
	}
	return fmt.Sprintf("%d regions", n)
}
