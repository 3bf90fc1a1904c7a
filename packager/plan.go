package packager

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/archive"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/s3store"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/template"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// An artifact is one local file or folder in one stored form.
type artifact struct {
	path   string          // absolute, links resolved
	folder string          // the folder to archive as the template names it, "" for a file
	files  []*archive.File // what is archived; one file where it is stored as it is
	zip    bool            // stored as an archive of files
	left   int             // entries of the folder that are left out
	digest string
	name   string // the key without the store's prefix
	refs   []*template.Reference
	view   *Artifact // in the plan
}

func (a *artifact) size() int64 { return archive.Size(a.files) }

type planner struct {
	ctx       context.Context
	opts      Options
	table     []template.Row
	excluder  *archive.Excluder
	templates map[string]*template.Template // by real path
	order     []*template.Template          // as they were met, the root first
	artifacts map[artifactID]*artifact
	targets   map[*template.Reference]*artifact          // what a reference names, if an artifact
	nested    map[*template.Reference]*template.Template // what it names, if a template
	distinct  []*artifact
	errs      map[*template.Template][]error
}

type artifactID struct {
	path string
	zip  bool
	name string // of the one file in an archive, which a link may call otherwise
}

// NewPlan reads the template and everything that it refers to, and decides
// what must be stored where: keys come from content. Nothing is sent and
// nothing written. Every problem of the input is found; the error joins them
// in the order of the template, see [problem.Errors].
func NewPlan(ctx context.Context, opts Options) (*Plan, error) {
	began := time.Now()
	stores, storeErrs := opts.stores()
	if err := opts.Shard.check(); err != nil {
		return nil, err
	}
	x, err := archive.NewExcluder(opts.Exclude, opts.Outputs)
	if err != nil {
		return nil, err
	}
	table, err := table(opts.Properties)
	if err != nil {
		return nil, err
	}
	p := &planner{
		ctx: ctx, opts: opts, table: table, excluder: x, templates: make(map[string]*template.Template),
		artifacts: make(map[artifactID]*artifact), targets: make(map[*template.Reference]*artifact),
		nested: make(map[*template.Reference]*template.Template), errs: make(map[*template.Template][]error),
	}
	path, err := templateFile(opts.TemplateFile)
	if err != nil {
		return nil, errors.Join(append([]error{err}, storeErrs...)...)
	}
	root := p.template(path, path, nil)
	if err := p.digest(ctx, buildFolders(path)); err != nil {
		return nil, err
	}
	var errs []error
	for _, t := range p.order {
		problem.Sort(p.errs[t])
		errs = append(errs, p.errs[t]...)
	}
	if errs = append(errs, storeErrs...); len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	plan := &Plan{
		TemplateFile: path, opts: opts, objects: make([][]object, len(stores)),
		Templates: make([]Template, len(stores)), Stores: make([]Contents, len(stores)),
	}
	plan.describe(p.distinct)
	digested := time.Now()
	plan.times.Plan.add(began, digested)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, s := range stores {
		group.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			began := time.Now()
			body, objects, err := p.packageFor(s, root)
			objects = slices.DeleteFunc(objects, func(o object) bool { return !opts.Shard.stores(o) })
			plan.objects[i] = objects
			plan.Stores[i] = contents(s, objects)
			plan.Stores[i].Times.Rewrite.add(began, time.Now())
			plan.Templates[i] = Template{Region: s.Region, Body: body, JSON: root.IsJSON() || opts.UseJSON}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	plan.Warnings = p.warnings(plan)
	plan.reads = p.reads()
	plan.times.Rewrite.add(digested, time.Now())
	return plan, nil
}

// templateFile returns the template that is meant, by default the first of the
// usual names that is there.
func templateFile(given string) (string, error) {
	if given != "" {
		return given, nil
	}
	names := []string{"template.yaml", "template.yml", "template.json"}
	for _, name := range names {
		if _, err := os.Stat(name); err == nil {
			return name, nil
		}
	}
	dir, err := os.Getwd()
	if err != nil {
		dir = "this folder"
	}
	return "", &problem.Error{Message: fmt.Sprintf("no template: none of %s is in %s", strings.Join(names, ", "), dir), Hint: "name it with --template-file"}
}

// reads lists the templates and single files that the plan was made of, by
// their real paths. The walk of a folder sees outputs in it itself.
func (p *planner) reads() map[string]bool {
	reads := make(map[string]bool)
	for path := range p.templates {
		reads[path] = true
	}
	for _, a := range p.distinct {
		reads[a.path] = true
	}
	return reads
}

// template reads a template and plans everything that it refers to. chain
// holds the files that lead here, to see a template that nests itself.
func (p *planner) template(path, shown string, chain []string) *template.Template {
	abs, err := filepath.Abs(path)
	if err == nil {
		path = abs
	}
	real := archive.RealPath(path)
	if t := p.templates[real]; t != nil {
		return t
	}
	t, errs := template.Read(path, shown, p.table)
	p.templates[real] = t
	p.order = append(p.order, t)
	p.errs[t] = errs
	for _, r := range t.References() {
		if err := p.reference(r, append(chain, real)); err != nil {
			p.errs[t] = append(p.errs[t], err...)
		}
	}
	return t
}

// reference finds what a reference names.
func (p *planner) reference(r *template.Reference, chain []string) []error {
	if r.Stored != nil {
		return nil
	}
	path := filepath.FromSlash(r.Local)
	if !filepath.IsAbs(path) {
		path = filepath.Join(r.Template.Dir, path)
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
		return fail(missingHint(r.Template.Dir, path, r.Local), "no such %s: %s", what, path)
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
	if p.opts.ArchiveDir != "" {
		// A later run without this option would take the archives for code.
		if dir, err := filepath.Abs(p.opts.ArchiveDir); err == nil && archive.Within(archive.RealPath(dir), real) {
			return []error{r.Errorf("%q: the folder for archives, %s, lies inside this artifact: choose one outside", r.Local, p.opts.ArchiveDir)}
		}
	}
	a.folder = path
	return nil
}

// walk lists the files of an artifact's folder.
func (p *planner) walk(a *artifact, found func(*archive.File)) []error {
	r := a.refs[0]
	files, left, problems := archive.List(p.ctx, a.folder, p.excluder, found)
	a.files, a.left = files, left
	var errs []error
	for _, problem := range problems {
		e := r.Errorf("%q: %v", r.Local, problem)
		e.Err = problem
		errs = append(errs, e)
	}
	if len(errs) == 0 && len(a.files) == 0 {
		e := r.Errorf("%q: nothing to archive: %s holds no files", r.Local, a.folder)
		if a.left > 0 {
			e.Message += fmt.Sprintf(" but the %d left out", a.left)
		} else {
			e.Hint = missingHint(r.Template.Dir, a.folder, r.Local)
		}
		errs = append(errs, e)
	}
	return errs
}

// digest walks the folders of the artifacts and reads every file, in parallel,
// and gives the artifacts their digests and names.
//
// All concurrency of the plan is here, in two limited groups: some walk folders,
// and some read files as soon as they are found.
func (p *planner) digest(ctx context.Context, folders [][]byte) error {
	walks, reads := new(errgroup.Group), new(errgroup.Group)
	walks.SetLimit(runtime.GOMAXPROCS(0))
	found := make(chan *archive.File, 1024)
	for range 2 * runtime.GOMAXPROCS(0) {
		reads.Go(func() error {
			h := archive.NewHasher(folders)
			for f := range found {
				if ctx.Err() == nil {
					f.Err = h.Hash(ctx, f)
				}
			}
			return nil
		})
	}
	problems := make([][]error, len(p.distinct))
	for i, a := range p.distinct {
		walks.Go(func() error {
			for _, f := range a.files {
				found <- f
			}
			if a.folder != "" {
				problems[i] = p.walk(a, func(f *archive.File) { found <- f })
			}
			return nil
		})
	}
	err := walks.Wait()
	close(found)
	if err := errors.Join(err, reads.Wait(), ctx.Err()); err != nil {
		return err
	}
	for i, a := range p.distinct {
		first := a.refs[0]
		for _, f := range a.files {
			if f.Err != nil {
				e := first.Errorf("%q: %v", first.Local, f.Err)
				e.Err = f.Err
				problems[i] = append(problems[i], e)
			}
		}
		p.errs[first.Template] = append(p.errs[first.Template], problems[i]...)
		if a.zip {
			a.digest = archive.Digest(a.files)
			a.name = a.digest + ".zip"
		} else if len(a.files) == 1 {
			a.digest = hex.EncodeToString(a.files[0].SHA256[:])
			a.name = a.digest + extension(a.path, a.refs[0].WantsZip())
		}
	}
	return nil
}

// extension is a file's extension as far as it is fit for a key.
func extension(path string, isZip bool) string {
	ext := filepath.Ext(path)
	if !regexp.MustCompile(`^\.[A-Za-z0-9_-]{1,16}$`).MatchString(ext) {
		ext = ""
	}
	if ext == "" && isZip {
		return ".zip"
	}
	return ext
}

// An object is what one store must hold.
type object struct {
	key      string
	artifact *artifact // nil: body is a nested template
	nested   *template.Template
	body     []byte
}

// packageFor rewrites the templates for one store, nested ones first, since
// their packaged form holds the store's bucket and so decides their key. It
// returns the root's bytes and all that the store must hold, each key once.
func (p *planner) packageFor(s s3store.Store, root *template.Template) ([]byte, []object, error) {
	var objects []object
	keys := make(map[string]bool)
	add := func(o object) string {
		if !keys[o.key] {
			keys[o.key] = true
			objects = append(objects, o)
		}
		return o.key
	}
	for _, a := range p.distinct {
		add(object{key: s.Key(a.name), artifact: a})
	}
	stored := make(map[*template.Template]string) // the keys of nested templates
	var rewrite func(t *template.Template) ([]byte, error)
	rewrite = func(t *template.Template) ([]byte, error) {
		for _, r := range t.References() {
			nested := p.nested[r]
			if nested == nil || stored[nested] != "" {
				continue
			}
			body, err := rewrite(nested)
			if err != nil {
				return nil, err
			}
			sum := sha256.Sum256(body)
			stored[nested] = add(object{key: s.Key(hex.EncodeToString(sum[:]) + ".template"), nested: nested, body: body})
		}
		return t.Rewrite(t == root && p.opts.UseJSON, func(r *template.Reference) template.Location {
			l := template.Location{Region: s.Region, Bucket: s.Bucket}
			switch {
			case r.Stored != nil:
				return *r.Stored
			case p.nested[r] != nil:
				l.Key = stored[p.nested[r]]
			default:
				l.Key = s.Key(p.targets[r].name)
			}
			return l
		})
	}
	body, err := rewrite(root)
	return body, objects, err
}
