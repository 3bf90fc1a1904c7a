package packager

import (
	"bytes"
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

	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// An artifact is one local file or folder in one stored form.
type artifact struct {
	path   string  // absolute, links resolved
	folder string  // the folder to archive as the template names it, "" for a file
	files  []*file // what is archived; one file where it is stored as it is
	zip    bool    // stored as an archive of files
	left   int     // entries of the folder that are left out
	digest string
	name   string // the key without the store's prefix
	refs   []*reference
	view   *Artifact // in the plan
}

func (a *artifact) size() int64 { return sizeOf(a.files) }

func sizeOf(files []*file) (n int64) {
	for _, f := range files {
		n += f.size
	}
	return n
}

type planner struct {
	ctx       context.Context
	opts      Options
	table     []property
	excluder  *excluder
	templates map[string]*template // by real path
	order     []*template          // as they were met, the root first
	artifacts map[artifactID]*artifact
	distinct  []*artifact
	errs      map[*template][]error
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
	stores, storeErrs := complete(opts.Stores)
	storeErrs = append(storeErrs, checkKeys(stores, opts.SSE)...)
	opts.Stores = stores
	if err := opts.Shard.check(); err != nil {
		return nil, err
	}
	x, err := newExcluder(opts.Exclude, opts.Outputs)
	if err != nil {
		return nil, err
	}
	table, err := tableWith(opts.Properties)
	if err != nil {
		return nil, err
	}
	p := &planner{
		ctx: ctx, opts: opts, table: table, excluder: x, templates: make(map[string]*template),
		artifacts: make(map[artifactID]*artifact), errs: make(map[*template][]error),
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
			body, objects, err := packageFor(s, root, p.distinct, opts.UseJSON)
			objects = slices.DeleteFunc(objects, func(o object) bool { return !opts.Shard.stores(o) })
			plan.objects[i] = objects
			plan.Stores[i] = contents(s, objects)
			plan.Stores[i].Times.Rewrite.add(began, time.Now())
			plan.Templates[i] = Template{Region: s.Region, Body: body, JSON: root.JSON || opts.UseJSON}
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
func (p *planner) template(path, shown string, chain []string) *template {
	abs, err := filepath.Abs(path)
	if err == nil {
		path = abs
	}
	real := realPath(path)
	if t := p.templates[real]; t != nil {
		return t
	}
	t, errs := readTemplate(path, shown, p.table)
	p.templates[real] = t
	p.order = append(p.order, t)
	p.errs[t] = errs
	for _, r := range t.leaves() {
		if err := p.reference(r, append(chain, real)); err != nil {
			p.errs[t] = append(p.errs[t], err...)
		}
	}
	return t
}

// reference finds what a reference names.
func (p *planner) reference(r *reference, chain []string) []error {
	if r.fixed != nil {
		return nil
	}
	path := filepath.FromSlash(r.local)
	if !filepath.IsAbs(path) {
		path = filepath.Join(r.template.dir, path)
	}
	fail := func(hint, format string, args ...any) []error {
		e := r.errorf("%q: %s", r.local, fmt.Sprintf(format, args...))
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
		if r.file || r.row.nested {
			what = "file"
		}
		return fail(missingHint(r.template.dir, path, r.local), "no such %s: %s", what, path)
	case err != nil:
		return fail("", "%s: %s", path, problem.Cause(err))
	case !info.IsDir() && !info.Mode().IsRegular():
		return fail("", "%s is neither a file nor a folder (%s)", path, info.Mode().Type())
	case info.IsDir() && filepath.Dir(realPath(path)) == realPath(path):
		return fail("name the folder that holds the code", "%s is the whole file system", path)
	case info.IsDir() && r.file:
		return fail("name a file", "%s is a folder, and AWS::Include takes a file", path)
	case info.IsDir() && r.row.nested:
		return fail("name the template in it", "%s is a folder, and this property takes a template file", path)
	}
	if r.row.nested {
		real := realPath(path)
		if slices.Contains(chain, real) {
			return fail("", "this template nests itself: %s", strings.Join(append(chain, real), " → "))
		}
		r.nested = p.template(path, filepath.Join(filepath.Dir(r.template.path), filepath.FromSlash(r.local)), chain)
		return nil
	}
	return p.artifact(r, path, info)
}

// artifact lists the artifact that a reference names, once for all references.
func (p *planner) artifact(r *reference, path string, info os.FileInfo) []error {
	real := realPath(path)
	asZip := info.IsDir()
	if !asZip && r.row.zip {
		ready, err := isZip(path)
		if err != nil {
			return []error{r.errorf("%q: reading %s: %s", r.local, path, problem.Cause(err))}
		}
		asZip = !ready
	}
	id := artifactID{path: real, zip: asZip}
	if asZip && !info.IsDir() {
		id.name = filepath.Base(path)
	}
	if known := p.artifacts[id]; known != nil {
		known.refs = append(known.refs, r)
		r.target = known
		return nil
	}
	a := &artifact{path: real, zip: asZip, refs: []*reference{r}}
	r.target = a
	p.artifacts[id] = a
	p.distinct = append(p.distinct, a)
	if !info.IsDir() {
		a.files = []*file{{name: filepath.Base(path), path: path, exec: info.Mode()&0o111 != 0, size: info.Size()}}
		return nil
	}
	if p.opts.ArchiveDir != "" {
		// A later run without this option would take the archives for code.
		if dir, err := filepath.Abs(p.opts.ArchiveDir); err == nil && within(realPath(dir), real) {
			return []error{r.errorf("%q: the folder for archives, %s, lies inside this artifact: choose one outside", r.local, p.opts.ArchiveDir)}
		}
	}
	a.folder = path
	return nil
}

// walk lists the files of an artifact's folder.
func (p *planner) walk(a *artifact, found func(*file)) []error {
	r := a.refs[0]
	files, left, problems := list(p.ctx, a.folder, p.excluder, found)
	a.files, a.left = files, left
	var errs []error
	for _, problem := range problems {
		e := r.errorf("%q: %v", r.local, problem)
		e.Err = problem
		errs = append(errs, e)
	}
	if len(errs) == 0 && len(a.files) == 0 {
		e := r.errorf("%q: nothing to archive: %s holds no files", r.local, a.folder)
		if a.left > 0 {
			e.Message += fmt.Sprintf(" but the %d left out", a.left)
		} else {
			e.Hint = missingHint(r.template.dir, a.folder, r.local)
		}
		errs = append(errs, e)
	}
	return errs
}

// within tells whether path is folder or lies in it; both are real paths.
func within(path, folder string) bool {
	rel, err := filepath.Rel(folder, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}

// digest walks the folders of the artifacts and reads every file, in parallel,
// and gives the artifacts their digests and names.
//
// All concurrency of the plan is here, in two limited groups: some walk folders,
// and some read files as soon as they are found.
func (p *planner) digest(ctx context.Context, folders [][]byte) error {
	walks, reads := new(errgroup.Group), new(errgroup.Group)
	walks.SetLimit(runtime.GOMAXPROCS(0))
	found := make(chan *file, 1024)
	for range 2 * runtime.GOMAXPROCS(0) {
		reads.Go(func() error {
			buf := make([]byte, blockSize+longest(folders)+1)
			for f := range found {
				if ctx.Err() == nil {
					f.err = f.hash(ctx, folders, buf)
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
				problems[i] = p.walk(a, func(f *file) { found <- f })
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
			if f.err != nil {
				e := first.errorf("%q: %v", first.local, f.err)
				e.Err = f.err
				problems[i] = append(problems[i], e)
			}
		}
		p.errs[first.template] = append(p.errs[first.template], problems[i]...)
		if a.zip {
			a.digest = digestOf(a.files)
			a.name = a.digest + ".zip"
		} else if len(a.files) == 1 {
			a.digest = hex.EncodeToString(a.files[0].sum[:])
			a.name = a.digest + extension(a.path, a.refs[0].row.zip)
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
	nested   *template
	body     []byte
}

// packageFor rewrites the templates for one store, nested ones first, since
// their packaged form holds the store's bucket and so decides their key. It
// returns the root's bytes and all that the store must hold, each key once.
func packageFor(s Store, root *template, artifacts []*artifact, useJSON bool) ([]byte, []object, error) {
	var objects []object
	keys := make(map[string]bool)
	add := func(o object) string {
		if !keys[o.key] {
			keys[o.key] = true
			objects = append(objects, o)
		}
		return o.key
	}
	for _, a := range artifacts {
		add(object{key: s.key(a.name), artifact: a})
	}
	stored := make(map[*template]string)
	var rewrite func(t *template) ([]byte, []change, error)
	rewrite = func(t *template) ([]byte, []change, error) {
		for _, r := range t.leaves() {
			if r.nested == nil || stored[r.nested] != "" {
				continue
			}
			body, _, err := rewrite(r.nested)
			if err != nil {
				return nil, nil, err
			}
			sum := sha256.Sum256(body)
			stored[r.nested] = add(object{key: s.key(hex.EncodeToString(sum[:]) + ".template"), nested: r.nested, body: body})
		}
		return t.rewrite(func(r *reference) location {
			switch l := (location{region: s.Region, bucket: s.Bucket}); {
			case r.fixed != nil:
				return *r.fixed
			case r.nested != nil:
				l.key = stored[r.nested]
				return l
			default:
				l.key = s.key(r.target.name)
				return l
			}
		})
	}
	body, changes, err := rewrite(root)
	if err == nil && useJSON && !root.JSON {
		tree, _ := root.proofs[0].expected(changes) // it was proved
		var errs []error
		body, errs = root.toJSON(tree)
		err = errors.Join(errs...)
	}
	return bytes.Clone(body), objects, err
}
