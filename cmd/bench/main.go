// Command bench measures mrpackage beside what else packages code on this
// machine: the AWS CLI once per region, Info-ZIP, and Python's zipfile. All of
// them store into one S3 on loopback, which runs in a process of its own, or
// archive into files. Every figure is a median of several runs, and both sides
// of a ratio were measured by the same run of this program.
//
//	go run ./cmd/bench
//	go run ./cmd/bench -network
//	go run ./cmd/bench -scale
//
// It leaves out what is not on the PATH. The application is eight functions
// with up to 69 MB of Go's source; -app names a folder of one's own instead,
// which holds a template.yaml and a folder for each function. With -network,
// requests take as long to reach S3 as they do in life. With -scale, it packages
// applications that are large in one way or another, which takes 20 GB of disk
// and some minutes. README.md has the method and the figures.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
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
	flag.DurationVar(&o.roundTrip, "round-trip", 0, "with -serve: how long a way to S3 and back takes")
	flag.Float64Var(&o.link, "link", 0, "with -serve: how many megabytes a second the link carries")
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
	roundTrip            time.Duration
	link                 float64
}

func run(ctx context.Context, o options) error {
	if o.beS3 {
		return serve(ctx, newNetwork(o.roundTrip, o.link))
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
	if o.scale {
		return b.scale()
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
	if o.network {
		return b.networks()
	}
	if err := b.uploads("S3 on loopback", []int{1, 4, 16}); err != nil {
		return err
	}
	return b.archives()
}

// networks measures over networks whose link carries a gigabit a second, as a
// build machine's does, and a tenth of it.
func (b *bench) networks() error {
	for _, link := range []string{"125", "12.5"} {
		title := fmt.Sprintf("100 ms to S3 and back, %s MB/s", link)
		if err := b.uploads(title, []int{1, 4, 16}, "-round-trip", "100ms", "-link", link); err != nil {
			return err
		}
	}
	return nil
}
