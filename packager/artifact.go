package packager

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/archive"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/template"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// An artifact is one local file or folder in one stored form.
type artifact struct {
	path   string          // absolute, links resolved
	folder string          // the folder to archive as the template names it, "" for a file
	files  []*archive.File // what is archived; one file where it is stored as it is
	zip    bool            // stored as an archive of files
	links  []archive.Link  // that were followed
	left   int             // entries of the folder that are left out
	roots  []string        // the folders that its files lie in, see archive.Listing
	digest string
	name   string // the key without the store's prefix
	refs   []*template.Reference
	view   *Artifact // in the plan

	unpacked int64                   // its size when Lambda has unpacked it, once it is known
	packed   atomic.Pointer[[]int64] // the bytes of each file in the archive, once it was made
}

func (a *artifact) size() int64 { return archive.Size(a.files) }

// reference finds what a reference names.
func (p *planner) reference(r *template.Reference, chain []string) []error {
	if r.Stored != nil {
		return nil
	}
	if r.IsImage() {
		return p.image(r)
	}
	path := filepath.FromSlash(r.Local)
	if !filepath.IsAbs(path) {
		path = filepath.Join(r.Template.Dir, path)
		p.project.named(r)
	}
	fail := func(hint, format string, args ...any) []error {
		e := r.Errorf("%q: %s", r.Local, fmt.Sprintf(format, args...))
		e.Hint = hint
		return []error{e}
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		if target, lerr := os.Readlink(path); lerr == nil {
			return fail("", "the link %s leads to %s: which is not there", path, target)
		}
		what := "file or folder"
		if r.FileOnly || r.IsNested() {
			what = "file"
		}
		return fail(p.hints.missing(r.Template.Dir, path, r.Local), "no such %s: %s", what, path)
	case err != nil:
		return fail("", "%s: %s", path, problem.Cause(err))
	case !info.IsDir() && !info.Mode().IsRegular():
		return fail("", "%s is neither a file nor a folder (%s)", path, info.Mode().Type())
	case info.IsDir() && filepath.Dir(archive.RealPath(path)) == archive.RealPath(path):
		return fail("name the folder that holds the code", "%s is the whole file system", path)
	case info.IsDir() && r.FileOnly:
		return fail("name a file", "%s is a folder, and AWS::Include takes a file", path)
	case info.IsDir() && r.IsNested():
		return fail("name the template in it", "%s is a folder, and this property takes a template file", path)
	}
	if r.IsNested() {
		real := archive.RealPath(path)
		if slices.Contains(chain, real) {
			return fail("", "this template nests itself: %s", strings.Join(append(chain, real), " → "))
		}
		p.nested[r] = p.template(path, filepath.Join(filepath.Dir(r.Template.Path), filepath.FromSlash(r.Local)), chain)
		return nil
	}
	return p.artifact(r, path, info)
}

// artifact lists the artifact that a reference names, once for all references.
func (p *planner) artifact(r *template.Reference, path string, info os.FileInfo) []error {
	real := archive.RealPath(path)
	asZip := info.IsDir()
	if !asZip && r.WantsZip() {
		ready, err := archive.IsZip(path)
		if err != nil {
			return []error{r.Errorf("%q: reading %s: %s", r.Local, path, problem.Cause(err))}
		}
		asZip = !ready
	}
	id := artifactID{path: real, zip: asZip}
	if asZip && !info.IsDir() {
		id.name = filepath.Base(path)
	}
	if known := p.artifacts[id]; known != nil {
		known.refs = append(known.refs, r)
		p.targets[r] = known
		return nil
	}
	a := &artifact{path: real, zip: asZip, refs: []*template.Reference{r}}
	p.targets[r] = a
	p.artifacts[id] = a
	p.distinct = append(p.distinct, a)
	if !info.IsDir() {
		a.files = []*archive.File{archive.NewFile(filepath.Base(path), path, info)}
		return nil
	}
	a.folder = path
	return nil
}

// walk lists the files of an artifact's folder.
func (p *planner) walk(a *artifact, found func(*archive.File)) []error {
	r := a.refs[0]
	listing, problems := archive.List(p.ctx, a.folder, p.excluder, found)
	a.files, a.links, a.left, a.roots = listing.Files, listing.Links, listing.Left, listing.Roots
	if p.opts.ArchiveDir != "" && within(p.opts.ArchiveDir, a.roots) {
		// A later run without this option would take the archives for code.
		return []error{r.Errorf("%q: the folder for archives, %s, lies inside this artifact: choose one outside", r.Local, p.opts.ArchiveDir)}
	}
	var errs []error
	for _, cause := range problems {
		e := r.Errorf("%q: %v", r.Local, cause)
		e.Err = cause
		var entry *problem.Error
		if errors.As(cause, &entry) {
			e.Hint = entry.Hint
		}
		errs = append(errs, e)
	}
	if len(errs) == 0 && len(a.files) == 0 {
		e := r.Errorf("%q: nothing to archive: %s holds no files", r.Local, a.folder)
		if a.left > 0 {
			e.Message += fmt.Sprintf(" but the %d left out", a.left)
		} else {
			e.Hint = p.hints.missing(r.Template.Dir, a.folder, r.Local)
		}
		errs = append(errs, e)
	}
	return errs
}
