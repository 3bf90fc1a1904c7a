package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
)

// A large application is one in some way: files of so many bytes each, as many as
// said, in each of so many functions' folders.
type large struct {
	name      string
	functions int
	files     int
	size      int64
	text      bool // it compresses
	regions   []int
	flags     []string
}

// scale measures large applications, each once: what matters is that it works,
// and what it takes in memory.
func (b *bench) scale() error {
	b.runs = 1
	fmt.Print("| application | regions | first run | sent | memory | unchanged | memory |\n|---|---|---|---|---|---|---|\n")
	for _, l := range []large{
		{"250 MB that do not compress", 1, 250, 1_000_000, false, []int{4, 16}, nil},
		{"the same, `--copy never`", 1, 250, 1_000_000, false, []int{4, 16}, []string{"--copy", "never"}},
		{"one file of 250 MB, `--copy never`", 1, 1, 250_000_000, false, []int{17}, []string{"--copy", "never"}},
		{"1,000 functions", 1000, 5, 4000, true, []int{30}, nil},
		{"100,000 files in one function", 1, 100_000, 2000, true, []int{4}, nil},
		{"one file of 5 GB", 1, 1, 5_000_000_000, false, []int{4}, nil},
		{"one file of 5 GB, text", 1, 1, 5_000_000_000, true, []int{4}, nil},
	} {
		if err := b.large(l); err != nil {
			return fmt.Errorf("%s: %w", l.name, err)
		}
	}
	return nil
}

func (b *bench) large(l large) (err error) {
	b.app = filepath.Join(b.dir, "large")
	defer func() { err = errors.Join(err, os.RemoveAll(b.app)) }()
	if err := l.make(b.ctx, b.app); err != nil {
		return err
	}
	for _, n := range l.regions {
		err := b.serving(nil, func() error {
			first, err := b.measure(n, func() []string { return append(b.fresh(), l.flags...) })
			if err != nil {
				return err
			}
			again, err := b.measure(n, b.same)
			if err != nil {
				return err
			}
			fmt.Printf("| %s | %d | %.2f s | %.1f MB | %.0f MB | %.2f s | %.0f MB |\n", l.name, n,
				first.took.Seconds(), float64(first.sent)/1e6, float64(first.memory)/1e6, again.took.Seconds(), float64(again.memory)/1e6)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// make writes the application. Its bytes are the same every time.
func (l large) make(ctx context.Context, dir string) error {
	random := rand.New(rand.NewChaCha8([32]byte{}))
	// One for all: on Linux the memory of a process begins as that of its parent.
	piece := make([]byte, 0, 2<<20)
	var template strings.Builder
	template.WriteString("Transform: AWS::Serverless-2016-10-31\nResources:\n")
	for f := range l.functions {
		fmt.Fprintf(&template, "  F%d: {Type: AWS::Serverless::Function, Properties: {CodeUri: f%d}}\n", f, f)
		for i := range l.files {
			path := filepath.Join(dir, fmt.Sprintf("f%d", f), fmt.Sprint(i/1000), fmt.Sprint(i))
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				return err
			}
			if err := l.write(ctx, path, random, piece); err != nil {
				return err
			}
		}
	}
	return os.WriteFile(filepath.Join(dir, "template.yaml"), []byte(template.String()), 0o644)
}

// write writes one file: noise, or words, drawn at random from few.
func (l large) write(ctx context.Context, path string, random *rand.Rand, piece []byte) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	words := strings.Fields("const function return await exports handler event context => { } ( ) ; = require ; if else 'use strict'")
	for left := l.size; left > 0 && ctx.Err() == nil; left -= int64(len(piece)) {
		piece = piece[:0]
		for want := min(left, 1<<20); int64(len(piece)) < want; {
			if l.text {
				piece = append(append(piece, words[random.IntN(len(words))]...), ' ')
			} else {
				n := random.Uint64()
				piece = append(piece, byte(n), byte(n>>8), byte(n>>16), byte(n>>24), byte(n>>32), byte(n>>40), byte(n>>48), byte(n>>56))
			}
		}
		piece = piece[:min(left, 1<<20)]
		if _, err := f.Write(piece); err != nil {
			return err
		}
	}
	return nil
}
