package main

import (
	"fmt"
	"time"
)

// copies compares what --copy may say, over links of two rates and with copies that take
// a tenth of what is guessed, that, and three times it: nobody knows what S3 takes today.
func (b *bench) copies() error {
	fmt.Print("\n| link | a copy takes | regions | always | never | auto | auto against the better | sent by auto |\n|---|---|---|---|---|---|---|---|\n")
	for _, link := range []float64{12.5, 125} {
		for _, tenths := range []time.Duration{1, 10, 30} {
			over := usual(link)
			over.copies.latency = over.copies.latency * tenths / 10
			over.copies.perMB = over.copies.perMB * tenths / 10
			if err := b.serving(over, func() error { return b.copyRows(over) }); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *bench) copyRows(over *overNetwork) error {
	for _, n := range []int{2, 4, 16, 30} {
		sent := int64(0)
		mode := func(mode string) func() (time.Duration, error) {
			return func() (time.Duration, error) {
				if _, err := b.taken(); err != nil {
					return 0, err
				}
				took, err := b.mrpackage(n, append(b.fresh(), "--copy", mode)...)
				if err == nil {
					sent, err = b.taken()
				}
				return took, err
			}
		}
		took, err := b.medians(mode("always"), mode("never"), mode("auto"))
		if err != nil {
			return err
		}
		always, never, auto := took[0].Seconds(), took[1].Seconds(), took[2].Seconds()
		fmt.Printf("| %g MB/s | %.2f s and %d ms a MB | %d | %.2f s | %.2f s | %.2f s | %.2f times | %.0f MB |\n", over.link,
			over.copies.latency.Seconds(), over.copies.perMB.Milliseconds(), n, always, never, auto, auto/min(always, never), float64(sent)/1e6)
	}
	return nil
}
