package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/symphoniacloud/multi-region-codepipeline/packager"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// staged outputs are files that are whole and on the disk, each under a temporary
// name in the folder that it is meant for. They are staged before anything is
// sent: if the disk is full, nothing has been uploaded in vain, and what remains
// to be done, giving them their names, needs no more room.
type staged struct {
	files   []pending
	folders []string // those that were made for the files, the innermost last
	stdout  []byte   // the template that goes to standard output
}

// A pending output is the file temp until it becomes path. The file that was at
// path before is old too, so that it can be put back; "" where there was none.
type pending struct{ temp, path, old string }

// stage writes the packaged templates. What it returns must be discarded, also
// beside an error.
func (t templatePaths) stage(templates []packager.Template) (*staged, error) {
	s := &staged{}
	for i, path := range t {
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
	real := packager.WrittenPath(path)
	f, err := s.tempIn(filepath.Dir(real))
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	s.files = append(s.files, pending{temp: f.Name(), path: real})
	_, err = f.Write(body)
	// A packaged template is no secret: who deploys it may be another user.
	switch err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close()); {
	case errors.Is(err, syscall.ENOSPC):
		return &problem.Error{Subject: path, Message: "writing this output: " + syscall.ENOSPC.Error(), Err: err, Hint: "choose a place for it on another disk"}
	case err != nil:
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}

// tempIn makes a temporary file in a folder, and the folder: again where another run,
// which made it and failed, removes it before the file is there.
func (s *staged) tempIn(dir string) (f *os.File, err error) {
	for range raceTries {
		if err = s.makeFolder(dir); err == nil {
			f, err = os.CreateTemp(dir, packager.TempName())
		}
		if !errors.Is(err, os.ErrNotExist) {
			break
		}
	}
	return f, err
}

// makeFolder makes a folder, and those above it, and notes which ones it made.
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

// finish puts all outputs in their places, or none, when announce has succeeded.
func (s *staged) finish(stdout io.Writer, announce func() error) error {
	if _, err := stdout.Write(s.stdout); err != nil {
		return fmt.Errorf("writing the packaged template: %w", err)
	}
	if err := announce(); err != nil {
		return err
	}
	for i := range s.files {
		f := &s.files[i]
		// A second name keeps what is there, for restore. Where it cannot be
		// given, as nothing is there or the disk has no links, old stays empty.
		if old := strings.TrimSuffix(f.temp, ".tmp") + "-old.tmp"; os.Link(f.path, old) == nil {
			f.old = old
		}
		if err := packager.Rename(f.temp, f.path); err != nil {
			return errors.Join(notPlaced(f.path, err), s.restore(i))
		}
	}
	for _, f := range s.files {
		if f.old != "" {
			_ = os.Remove(f.old) // one that stays does no harm: no archive takes in such a name
		}
	}
	s.files, s.folders = nil, nil // discard leaves them now
	return nil
}

// notPlaced is the problem of an output that is whole and cannot get its name.
func notPlaced(path string, err error) error {
	cause := err
	var link *os.LinkError // it names the temporary file, too
	if errors.As(err, &link) {
		cause = link.Err
	}
	return &problem.Error{
		Subject: path, Message: "writing this output: " + cause.Error(), Err: err,
		Hint: "does another program use its folder? Run again; what is stored is not sent again",
	}
}

// restore makes the first n outputs what they were before.
func (s *staged) restore(n int) (err error) {
	for _, f := range s.files[:n] {
		if f.old != "" {
			err = errors.Join(err, packager.Rename(f.old, f.path))
		} else {
			err = errors.Join(err, os.Remove(f.path))
		}
	}
	return err
}

// discard removes what was not finished, as if it had never been.
func (s *staged) discard() (err error) {
	for _, f := range s.files {
		for _, name := range []string{f.temp, f.old} {
			if rerr := os.Remove(name); name != "" && !errors.Is(rerr, os.ErrNotExist) {
				err = errors.Join(err, rerr)
			}
		}
	}
	for i := range s.folders {
		_ = os.Remove(s.folders[len(s.folders)-1-i]) // one that holds something stays
	}
	return err
}
