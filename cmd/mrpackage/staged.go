package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"github.com/symphoniacloud/multi-region-codepipeline/packager"
)

// staged outputs are whole and on the disk, each beside its place and not in it
// yet. They are staged before anything is sent: a disk that is full then costs
// no upload, and what remains to be done cannot fail for want of space.
type staged struct {
	files   []pending
	folders []string // that were made for them, the innermost last
	stdout  []byte   // a template that goes there
}

type pending struct{ temp, path string }

// stage writes the packaged templates. What it returns must be discarded, also
// beside an error.
func (o outputs) stage(templates []packager.Template) (*staged, error) {
	s := &staged{}
	for i, path := range o {
		if path == "-" {
			s.stdout = templates[i].Body
		} else if err := s.add(path, templates[i].Body); err != nil {
			return s, err
		}
	}
	return s, nil
}

// add stages one more output.
func (s *staged) add(path string, body []byte) error {
	real := target(path)
	if err := s.makeFolder(filepath.Dir(real)); err != nil {
		return fmt.Errorf("making the folder of %s: %w", path, err)
	}
	f, err := os.CreateTemp(filepath.Dir(real), packager.TempName())
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	s.files = append(s.files, pending{f.Name(), real})
	_, err = f.Write(body)
	// A packaged template is no secret: who deploys it may be another user.
	switch err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close()); {
	case errors.Is(err, syscall.ENOSPC):
		return &packager.Error{Subject: path, Message: "writing this output: " + syscall.ENOSPC.Error(), Err: err, Hint: "choose an --output-template-file on another disk"}
	case err != nil:
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}

// makeFolder makes a folder and remembers what it made.
func (s *staged) makeFolder(dir string) error {
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := s.makeFolder(filepath.Dir(dir)); err != nil {
		return err
	}
	err := os.Mkdir(dir, 0o777)
	if errors.Is(err, os.ErrExist) {
		return nil // another run was faster
	}
	if err == nil {
		s.folders = append(s.folders, dir)
	}
	return err
}

// finish puts all outputs in their places, when announce has succeeded.
func (s *staged) finish(stdout io.Writer, announce func() error) error {
	if _, err := stdout.Write(s.stdout); err != nil {
		return fmt.Errorf("writing the packaged template: %w", err)
	}
	if err := announce(); err != nil {
		return err
	}
	for len(s.files) > 0 {
		if err := os.Rename(s.files[0].temp, s.files[0].path); err != nil {
			return fmt.Errorf("writing %s: %w", s.files[0].path, err)
		}
		s.files = s.files[1:]
		s.folders = nil // they are wanted
	}
	return nil
}

// discard removes what was not finished, as if it had never been.
func (s *staged) discard() (err error) {
	for _, f := range s.files {
		err = errors.Join(err, os.Remove(f.temp))
	}
	for i := range s.folders {
		_ = os.Remove(s.folders[len(s.folders)-1-i]) // one that holds something stays
	}
	return err
}
