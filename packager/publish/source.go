package publish

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/archive"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/assembly"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// A source is what file assets are made of: a folder, which is archived; a file, which is
// stored as it is; or a command, which names a file.
type source struct {
	asset     *assembly.Asset // the first one that is made of it
	dir       string          // a folder
	files     []*archive.File // the folder's, or the file
	command   []string
	mediaType string
	digest    string // "" of a command
	dangling  []archive.Link

	named []*assembly.Asset // of these, one each is named
}

type sourceID struct {
	path, command string
	zip           bool
}

// source is what an asset is made of, once for all assets; nil where that is wrong.
func (p *planner) source(a *assembly.Asset) *source {
	id := sourceID{command: strings.Join(a.Source.Executable, "\x00"), zip: a.Source.Zip}
	path := a.File()
	if path != "" {
		id.path = archive.RealPath(absolute(path))
	}
	if s, known := p.known[id]; known {
		return s
	}
	s := &source{asset: a, command: a.Source.Executable, mediaType: "application/zip"}
	p.known[id] = s
	if path != "" {
		if err := p.find(s, path, id.path); err != nil {
			p.errs = append(p.errs, err)
			p.known[id] = nil
			return nil
		}
	}
	p.sources = append(p.sources, s)
	return s
}

// find finds the file or folder of a source.
func (p *planner) find(s *source, path, real string) error {
	info, err := os.Stat(path)
	given := s.asset.Source.Path
	switch {
	case errors.Is(err, fs.ErrNotExist):
		e := s.errorf("%q: no such file or folder: %s", given, path)
		e.Hint = "is the cloud assembly whole? run cdk synth again"
		return e
	case err != nil:
		return s.errorf("%q: %s: %s", given, path, problem.Cause(err))
	case s.asset.Source.Zip && info.IsDir() && filepath.Dir(real) == real:
		return s.errorf("%q: %s is the whole file system", given, path)
	case s.asset.Source.Zip && info.IsDir():
		s.dir = path
	case s.asset.Source.Zip:
		return s.errorf(`%q: %s is no folder, and the packaging "zip" takes one`, given, path)
	case !info.Mode().IsRegular():
		return s.errorf(`%q: %s is not a file, and the packaging "file" takes one`, given, path)
	default:
		s.files = []*archive.File{archive.NewFile(filepath.Base(path), path, info)}
		s.mediaType = mediaType(path)
	}
	if !archive.Within(real, p.assembly.Root) {
		e := s.errorf("%q: %s lies outside of the cloud assembly: what is there now is stored under the key of what was there at cdk synth", given, path)
		e.Hint = "synthesize with asset staging, as CDK does by itself"
		p.warnings = append(p.warnings, e)
	}
	return nil
}

// errorf is an error at the place where the manifest names the source.
func (s *source) errorf(format string, args ...any) *problem.Error {
	e := s.asset.Source.Place.Errorf(format, args...)
	e.Subject = s.asset.Label()
	return e
}

// list lists the files of a source.
func (s *source) list(ctx context.Context, found func(*archive.File)) (errs []error) {
	if s.dir == "" {
		for _, f := range s.files {
			found(f)
		}
		return nil
	}
	listing, problems := archive.List(ctx, s.dir, archive.Everything(), found)
	s.files, s.dangling = listing.Files, listing.Dangling
	for _, cause := range problems {
		e := s.errorf("%q: %v", s.asset.Source.Path, cause)
		e.Err = cause
		var of *problem.Error
		if errors.As(cause, &of) {
			e.Hint = of.Hint
		}
		errs = append(errs, e)
	}
	return errs
}

// leftOut warns of links that lead to nothing. CDK's tools leave them out, too.
func (s *source) leftOut() (warnings []error) {
	for _, l := range s.dangling {
		warnings = append(warnings, s.errorf("%q: the link %s leads to %s, which is not there: it is left out", s.asset.Source.Path, l.Path, l.Target))
	}
	return warnings
}

// unreadable returns what kept files from being read.
func (s *source) unreadable() (errs []error) {
	for _, f := range s.files {
		if f.Err != nil {
			e := s.errorf("%q: %v", s.asset.Source.Path, f.Err)
			e.Err = f.Err
			errs = append(errs, e)
		}
	}
	return errs
}

// identify gives a source its digest.
func (s *source) identify() {
	switch {
	case s.dir != "":
		s.digest = archive.Digest(s.files)
	case len(s.files) == 1:
		s.digest = hex.EncodeToString(s.files[0].SHA256[:])
	}
}

// identity is equal for sources of which the same is stored.
func (s *source) identity() string {
	if s.command != nil {
		return "command " + strings.Join(s.command, "\x00")
	}
	return fmt.Sprintf("%t %s %s", s.dir != "", s.mediaType, s.digest)
}

// share is the digest by which a shard knows whether the source is its own.
func (s *source) share() string {
	if s.digest != "" {
		return s.digest
	}
	return digestOf(s.identity())
}

func digestOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// refer takes in that an asset is made of the source, once for all its destinations.
func (s *source) refer(a *assembly.Asset) {
	for _, other := range s.named {
		if other == a {
			return
		}
	}
	s.named = append(s.named, a)
}

// artifact is the public view of a source.
func (s *source) artifact() packager.Artifact {
	view := packager.Artifact{Digest: s.digest, Archive: s.dir != "", Files: len(s.files), Size: archive.Size(s.files), Name: s.share()}
	switch {
	case s.command != nil:
		view.Path, view.Archive = strings.Join(s.command, " "), true // its size is not known before it is made
	default:
		view.Path = s.realPath()
	}
	view.References = references(s.named)
	return view
}

// realPath is that of the folder or file.
func (s *source) realPath() string {
	if s.dir != "" {
		return archive.RealPath(absolute(s.dir))
	}
	return archive.RealPath(absolute(s.files[0].Path))
}

// references are where assets stand in their manifests.
func references(assets []*assembly.Asset) (all []packager.Reference) {
	for _, a := range assets {
		all = append(all, packager.Reference{Template: a.Manifest.Path, Line: a.Place.Line, Column: a.Place.Column, Property: a.Label()})
	}
	return all
}

func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}
