package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// makeApp takes Go's own source for the code of functions: real text, in small
// files for the most part, as node_modules holds it, and on every machine that
// can run this.
func (b *bench) makeApp() error {
	const functions, files, total = 8, 6600, 69_000_000
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return fmt.Errorf("asking for Go's source: %w", err)
	}
	source := filepath.Join(strings.TrimSpace(string(root)), "src")
	template := "Transform: AWS::Serverless-2016-10-31\nResources:\n"
	for f := range functions {
		template += fmt.Sprintf("  F%d:\n    Type: AWS::Serverless::Function\n    Properties:\n      CodeUri: f%d\n      Handler: a.b\n      Runtime: nodejs22.x\n", f, f)
	}
	err = filepath.WalkDir(source, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(source, path)
		if err != nil {
			return err
		}
		to := filepath.Join(b.app, fmt.Sprintf("f%d", b.bytes*functions/(total+1)), name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(to), 0o755), os.WriteFile(to, text, 0o644)); err != nil {
			return err
		}
		b.files++
		if b.bytes += int64(len(text)); b.files >= files || b.bytes >= total {
			return fs.SkipAll
		}
		return nil
	})
	return errors.Join(err, os.WriteFile(filepath.Join(b.app, "template.yaml"), []byte(template), 0o644))
}

// measureApp counts the files of an application of the user's own.
func (b *bench) measureApp() error {
	return filepath.WalkDir(b.app, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		b.files++
		b.bytes += info.Size()
		return nil
	})
}
