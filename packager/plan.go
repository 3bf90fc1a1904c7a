package packager

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/archive"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/template"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

type planner struct {
	ctx       context.Context
	opts      Options
	table     []template.Row
	excluder  *archive.Excluder
	templates map[string]*template.Template // by real path
	paths     map[*template.Template]string // the real paths
	order     []*template.Template          // as they were met, the root first
	artifacts map[artifactID]*artifact
	targets   map[*template.Reference]*artifact          // what a reference names, if an artifact
	nested    map[*template.Reference]*template.Template // what it names, if a template
	distinct  []*artifact
	images    images
	errs      map[*template.Template][]error
	forAll    map[*template.Template]nested // the packaged form of those that are one for all regions

	project *project
	hints   hints
}

type artifactID struct {
	path string
	zip  bool
	name string // of the one file in an archive, which a link may call otherwise
}

func newPlanner(ctx context.Context, opts Options) (*planner, error) {
	if err := errors.Join(opts.Shard.Check(), opts.checkObjects()); err != nil {
		return nil, err
	}
	x, err := archive.NewExcluder(opts.Exclude, opts.Outputs)
	if err != nil {
		return nil, err
	}
	table, err := table(opts)
	if err != nil {
		return nil, err
	}
	return &planner{
		ctx: ctx, opts: opts, table: table, excluder: x, templates: make(map[string]*template.Template),
		artifacts: make(map[artifactID]*artifact), targets: make(map[*template.Reference]*artifact),
		nested: make(map[*template.Reference]*template.Template), errs: make(map[*template.Template][]error),
		paths: make(map[*template.Template]string), forAll: make(map[*template.Template]nested), images: newImages(),
	}, nil
}

// NewPlan reads the template and everything that it refers to, and decides
// what must be stored where: keys come from content. Nothing is sent and
// nothing written. No request is made, but with Options.CopyImages: then each registry is
// asked what the addresses in the template mean. Every problem of the input is found; the error joins them
// in the order of the template, see [problem.Errors]. When ctx ends, so does NewPlan, with
// ctx's error.
func NewPlan(ctx context.Context, opts Options) (*Plan, error) {
	// All steps look at the context. But a large template takes some of them seconds, and a
	// file system that does not answer takes for ever; nobody waits for these. What they
	// make is dropped when they end.
	type result struct {
		plan *Plan
		err  error
	}
	done := make(chan result, 1)
	reading := new(atomic.Bool)
	go func() {
		plan, err := newPlan(ctx, opts, reading)
		done <- result{plan, err}
	}()
	select {
	case r := <-done:
		return r.plan, r.err
	case <-ctx.Done():
	}
	if reading.Load() { // images have temporary files, which are removed when reading ends: soon, if the disk answers
		select {
		case <-done:
		case <-time.After(endTimeout):
		}
	}
	return nil, ctx.Err()
}

// endTimeout is how long the end of what was interrupted is waited for.
const endTimeout = 1500 * time.Millisecond

// newPlan tells by reading that it has temporary files.
func newPlan(ctx context.Context, opts Options, reading *atomic.Bool) (*Plan, error) {
	began := time.Now()
	p, err := newPlanner(ctx, opts)
	if err != nil {
		return nil, err
	}
	path, err := templateFile(opts.TemplateFile)
	if err != nil {
		_, storeErrs := opts.stores(func(string) bool { return true })
		return nil, errors.Join(append([]error{err}, storeErrs...)...)
	}
	p.project = newProject(path)
	root := p.template(path, path, nil)
	stores, storeErrs := opts.stores(func(string) bool { return !p.onlyImages() })
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err := p.digest(ctx, buildFolders(path)); err != nil {
		return nil, err
	}
	reading.Store(true)
	common, err := p.readImages(ctx)
	reading.Store(false)
	if err != nil {
		return nil, err
	}
	if common != nil {
		storeErrs = append(storeErrs, common)
	}
	storeErrs = append(storeErrs, p.checkRepositories(stores)...)
	p.checkForAll(stores, root)
	if err := samePrefix(stores); opts.OneTemplate && err != nil {
		storeErrs = append(storeErrs, err)
	}
	if errs := append(p.problems(), storeErrs...); len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	plan := &Plan{
		TemplateFile: path, opts: opts, objects: make([][]object, len(stores)), pushes: make([][]push, len(stores)),
		Templates: make([]Template, len(stores)), Inventory: Inventory{Stores: make([]Contents, len(stores))},
	}
	plan.describe(p.distinct)
	plan.describeImages(p.images.distinct)
	digested := time.Now()
	plan.times.Plan.add(began, digested)
	if err := p.rewrite(ctx, plan, stores, root); err != nil {
		return nil, err
	}
	plan.Warnings = p.warnings(plan)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	plan.reads = p.reads()
	for _, path := range p.images.paths {
		plan.images = append(plan.images, archive.RealPath(path))
	}
	plan.outputs = p.outputs()
	plan.times.Rewrite.add(digested, time.Now())
	return plan, nil
}

// problems returns what is wrong with the input, in the templates' order.
func (p *planner) problems() (all []error) {
	for _, t := range p.order {
		problem.Sort(p.errs[t])
		all = append(all, p.errs[t]...)
	}
	return all
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

// maxProblems bounds what is said of one template.
const maxProblems = 10_000

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
	t, errs := template.Read(p.ctx, path, shown, p.table)
	p.templates[real], p.paths[t] = t, real
	p.order = append(p.order, t)
	p.errs[t] = errs
	refs := t.References()
	for i, r := range refs {
		if p.ctx.Err() != nil {
			return t
		}
		if len(p.errs[t]) >= maxProblems {
			p.errs[t] = append(p.errs[t], &problem.Error{File: t.Path, Message: fmt.Sprintf("the last %d paths of this template were not looked at", len(refs)-i)})
			break
		}
		p.errs[t] = append(p.errs[t], p.reference(r, append(chain, real))...)
	}
	return t
}
