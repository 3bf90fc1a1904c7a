package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"
)

// archives compares archiving alone, which others do with one processor.
func (b *bench) archives() error {
	const python = "import os, sys, zipfile\nfor f in sorted(os.listdir('.')):\n  if not os.path.isdir(f): continue\n" +
		"  with zipfile.ZipFile(sys.argv[1] + f + '.zip', 'w', zipfile.ZIP_DEFLATED) as z:\n" +
		"    for d, _, names in os.walk(f):\n      for n in names: z.write(os.path.join(d, n))\n"
	fmt.Print("\n| archives alone | times faster | seconds | size | ours is larger by |\n|---|---|---|---|---|\n")
	ours := filepath.Join(b.dir, "ours")
	for _, peer := range []struct {
		name, program string
		args          []string
	}{
		{"Info-ZIP -6", "zip", []string{"sh", "-c", `for f in */; do (cd "$f" && zip -q -6 -r "$0${f%/}.zip" .); done`}},
		{"Python's zipfile", "python3", []string{"python3", "-c", python}},
	} {
		if _, err := exec.LookPath(peer.program); err != nil {
			continue
		}
		prefix := filepath.Join(b.dir, "peer-")
		took, err := b.medians(func() (time.Duration, error) {
			if err := os.RemoveAll(ours); err != nil {
				return 0, err
			}
			return b.mrpackage(1, "--dry-run", "--archive-dir", ours)
		}, func() (time.Duration, error) {
			old, err := filepath.Glob(prefix + "*.zip")
			for _, name := range old {
				err = errors.Join(err, os.Remove(name))
			}
			if err != nil {
				return 0, err
			}
			return b.command(peer.args[0], append(slices.Clone(peer.args[1:]), prefix)...)
		})
		if err != nil {
			return err
		}
		ourSize, err := sizeOf(filepath.Join(ours, "*.zip"))
		if err != nil {
			return err
		}
		theirSize, err := sizeOf(prefix + "*.zip")
		if err != nil {
			return err
		}
		fmt.Printf("| mrpackage | %.1f | %.2f | %.1f MB | %.1f %% |\n| %s | | %.2f | %.1f MB | |\n",
			took[1].Seconds()/took[0].Seconds(), took[0].Seconds(), ourSize, 100*(ourSize/theirSize-1), peer.name, took[1].Seconds(), theirSize)
	}
	return nil
}

// sizeOf is that of the files that match, in megabytes.
func sizeOf(pattern string) (total float64, err error) {
	names, err := filepath.Glob(pattern)
	for _, name := range names {
		info, serr := os.Stat(name)
		if serr != nil {
			return 0, serr
		}
		total += float64(info.Size()) / 1e6
	}
	return total, err
}
