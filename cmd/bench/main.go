// Command bench measures mrpackage beside what else packages code on this
// machine: the AWS CLI once per region, Info-ZIP, and Python's zipfile. All of
// them store into one S3 on loopback, which runs in a process of its own, or
// archive into files. Every figure is a median of several runs, and both sides
// of a ratio were measured by the same run of this program.
//
//	go run ./cmd/bench
//	go run ./cmd/bench -network
//	go run ./cmd/bench -copies
//	go run ./cmd/bench -scale
//	go run ./cmd/bench -images
//	go run ./cmd/bench -cdk
//
// It leaves out what is not on the PATH. The application is eight functions
// with up to 69 MB of Go's source; -app names a folder of one's own instead,
// which holds a template.yaml and a folder for each function. With -network,
// requests take as long to reach S3 as they do in life; with -copies, too, to
// compare what --copy may say. With -scale, it packages
// applications that are large in one way or another, which takes 20 GB of disk
// and some minutes. With -images, it pushes a container image to four regions,
// beside docker and crane once per region. With -cdk, it publishes a cloud assembly of CDK's to four
// regions, beside cdk-assets. README.md has the method and the figures.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

func main() {
	var o options
	flag.IntVar(&o.runs, "runs", 5, "runs of each command; the median counts")
	flag.StringVar(&o.app, "app", "", "the folder of the application; made of Go's source by default")
	flag.BoolVar(&o.network, "network", false, "measure over simulated networks")
	flag.BoolVar(&o.scale, "scale", false, "measure large applications")
	flag.BoolVar(&o.beS3, "serve", false, "be the S3 that is stored into")
	flag.BoolVar(&o.copies, "copies", false, "measure when copies are better, over simulated networks")
	flag.BoolVar(&o.cdk, "cdk", false, "measure a cloud assembly that is published to four regions")
	flag.BoolVar(&o.images, "images", false, "measure an image that is pushed to four regions")
	flag.StringVar(&o.trusted, "certificate", "", "with -serve: serve over TLS, and write the certificate to this file")
	flag.DurationVar(&o.over.roundTrip, "round-trip", 0, "with -serve: how long a way to S3 and back takes")
	flag.Float64Var(&o.over.link, "link", 0, "with -serve: how many megabytes a second the link carries")
	flag.DurationVar(&o.over.copies.latency, "copy", 0, "with -serve: how long a copy takes, whatever its size")
	flag.DurationVar(&o.over.copies.perMB, "copy-mb", 0, "with -serve: how long each megabyte of a copy takes")
	flag.Parse()
	if flag.NArg() > 0 || o.runs < 1 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

type options struct {
	runs                 int
	app                  string
	network, scale, beS3 bool
	copies, images, cdk  bool
	over                 overNetwork
	trusted              string
}

// An overNetwork says what is simulated.
type overNetwork struct {
	roundTrip time.Duration
	link      float64 // megabytes a second
	copies    copyCost
}

// flags have the server simulate it.
func (o overNetwork) flags(trusted string) []string {
	return []string{
		"-certificate", trusted, "-round-trip", o.roundTrip.String(), "-link", strconv.FormatFloat(o.link, 'g', -1, 64),
		"-copy", o.copies.latency.String(), "-copy-mb", o.copies.perMB.String(),
	}
}

// usual is a network whose link carries so many megabytes a second.
func usual(link float64) *overNetwork {
	return &overNetwork{100 * time.Millisecond, link, copyCost{300 * time.Millisecond, 20 * time.Millisecond}}
}

func run(ctx context.Context, o options) error {
	if o.beS3 {
		return serve(ctx, newNetwork(o.over.roundTrip, o.over.link, o.over.copies), o.trusted)
	}
	dir, err := os.MkdirTemp("", "mrpackage-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b := &bench{ctx: ctx, dir: dir, app: o.app, runs: o.runs}
	if err := b.build(); err != nil {
		return err
	}
	switch {
	case o.scale:
		return b.scale()
	case o.images:
		return b.images()
	}
	if b.app == "" {
		b.app = filepath.Join(b.dir, "app")
		err = b.makeApp()
	} else {
		err = b.measureApp()
	}
	if err != nil {
		return err
	}
	fmt.Printf("%d files, %.0f MB; medians of %d\n", b.files, float64(b.bytes)/1e6, b.runs)
	switch {
	case o.network:
		return b.networks()
	case o.copies:
		return b.copies()
	case o.cdk:
		return b.cdk()
	}
	if err := b.uploads("S3 on loopback", []int{1, 4, 16}, nil); err != nil {
		return err
	}
	return b.archives()
}

// networks measures over networks whose link carries a gigabit a second, as a
// build machine's does, and a tenth of it.
func (b *bench) networks() error {
	for _, link := range []float64{125, 12.5} {
		title := fmt.Sprintf("100 ms to S3 and back, %g MB/s", link)
		if err := b.uploads(title, []int{1, 4, 16}, usual(link)); err != nil {
			return err
		}
	}
	return nil
}
