package publish

import (
	"cmp"
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/symphoniacloud/multi-region-codepipeline/packager"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/archive"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/assembly"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/region"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// A planner collects what is to be stored where.
type planner struct {
	ctx      context.Context
	opts     Options
	assembly *assembly.Assembly
	account  func() (string, error)

	sources  []*source // each distinct one, as they were met
	known    map[sourceID]*source
	goals    []goal
	images   []*image
	imageOf  map[string]*image // by CDK's ID
	stores   *stores
	inRegion map[string]bool // whether something goes to a region

	errs, warnings []error
}

// A goal is a file asset at a destination.
type goal struct {
	asset  *assembly.Asset
	to     *assembly.Destination // resolved
	source *source
	store  int
}

// NewPlan reads the cloud assembly and its assets, and decides what must be stored where.
// Nothing is sent, and no command is run; the one question that may be asked is
// Options.Account. Every problem of the assembly is found; the error joins them, see
// [problem.Errors]. When ctx ends, so does NewPlan, with ctx's error.
func NewPlan(ctx context.Context, opts Options) (*Plan, error) {
	began := time.Now()
	if err := opts.Shard.Check(); err != nil {
		return nil, err
	}
	for _, in := range opts.Regions {
		if !region.Valid(in) {
			return nil, &problem.Error{Subject: in, Message: "this is not the name of a region", Hint: "a region's name is like us-east-1"}
		}
	}
	a, err := assembly.Read(ctx, opts.path())
	if err != nil {
		return nil, err
	}
	if err := a.Choose(opts.Stacks); err != nil {
		return nil, err
	}
	p := &planner{
		ctx: ctx, opts: opts, assembly: a, known: make(map[sourceID]*source), imageOf: make(map[string]*image),
		inRegion: make(map[string]bool), warnings: a.Warnings,
	}
	p.stores = newStores(p)
	p.account = sync.OnceValues(func() (string, error) {
		if opts.Account == nil {
			return "", errors.New("nobody has said which one it is")
		}
		return opts.Account(ctx)
	})
	p.collect()
	if err := p.read(); err != nil {
		return nil, cmp.Or(ctx.Err(), err)
	}
	plan := p.plan()
	for _, in := range opts.Regions {
		if !p.inRegion[in] && len(p.errs) == 0 {
			p.errs = append(p.errs, &problem.Error{Subject: in, Message: "nothing of this cloud assembly goes to this region", Hint: "correct --regions, or --stack"})
		}
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	problem.Sort(p.errs)
	if err := errors.Join(p.errs...); err != nil {
		return nil, err
	}
	plan.times.Plan = packager.Phase{Began: began, Took: time.Since(began)}
	return plan, nil
}

// collect finds the destinations of all assets, files first: an image goes with the bucket of
// its place.
func (p *planner) collect() {
	for _, m := range p.assembly.Manifests {
		for _, a := range m.Files {
			for _, d := range a.Destinations {
				p.each(a, d, p.file)
			}
		}
	}
	for _, m := range p.assembly.Manifests {
		for _, a := range m.Images {
			for _, d := range a.Destinations {
				p.each(a, d, p.image)
			}
		}
	}
}

// each calls a function with a destination in each region that it stands for.
func (p *planner) each(a *assembly.Asset, d *assembly.Destination, found func(*assembly.Asset, *assembly.Destination)) {
	if p.ctx.Err() != nil {
		return
	}
	regions := []string{d.Region}
	switch {
	case d.Region != "" && len(p.opts.Regions) > 0 && !slices.Contains(p.opts.Regions, d.Region):
		return
	case d.Region != "":
	case len(p.opts.Regions) > 0:
		regions = p.opts.Regions
	case p.opts.Region != "":
		regions[0] = p.opts.Region
	default:
		e := d.Place.Errorf("%s: this destination is of a stack without a region, and nobody has said which one is meant", a.Label())
		e.Hint = "give --regions, or set AWS_REGION"
		p.fail(e)
		return
	}
	for _, in := range regions {
		if resolved := p.resolve(a, d, in); resolved != nil {
			p.inRegion[in] = true
			found(a, resolved)
		}
	}
}

// file takes in a file asset at a destination.
func (p *planner) file(a *assembly.Asset, to *assembly.Destination) {
	s := p.source(a)
	store, ok := p.stores.of(a, to)
	if s == nil || !ok {
		return
	}
	if len(to.Key) > 1024 || strings.ContainsFunc(to.Key, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		p.fail(to.Place.Errorf("%s: the key %q cannot be one of S3's: it holds a control character, or has more than 1024 bytes", a.Label(), to.Key))
		return
	}
	p.goals = append(p.goals, goal{a, to, s, store})
}

func (p *planner) fail(e *problem.Error) { p.errs = append(p.errs, e) }

// read reads the files of all sources, and gives each its digest.
func (p *planner) read() error {
	problems := make([][]error, len(p.sources))
	err := archive.ReadAll(p.ctx, nil, len(p.sources), func(i int, found func(*archive.File)) {
		problems[i] = p.sources[i].list(p.ctx, found)
	})
	if err != nil {
		return err
	}
	for i, s := range p.sources {
		p.errs = append(p.errs, problems[i]...)
		p.errs = append(p.errs, s.unreadable()...)
		p.warnings = append(p.warnings, s.leftOut()...)
		s.identify()
		if s.dir != "" && len(s.files) == 0 && len(problems[i]) == 0 {
			p.warnings = append(p.warnings, s.errorf("%s holds no files: an empty zip is stored, which Lambda does not take", s.dir))
		}
	}
	return nil
}

// plan is what all that was found comes to. What has the same bytes and the same media type
// is one artifact.
func (p *planner) plan() *Plan {
	plan := &Plan{Path: p.opts.path(), opts: p.opts, assembly: p.assembly}
	plan.Stores, plan.roles, plan.Warnings = p.stores.contents, p.stores.roles, p.warnings
	plan.objects, plan.pushes = make([][]int, len(plan.Stores)), make([][]push, len(plan.Stores))
	artifacts, stored, first := make(map[string]int), make(map[objectID]bool), make(map[location]goal)
	for _, g := range p.goals {
		id, at := objectID{g.store, g.to.Key}, location{g.to.Region, g.to.Bucket, g.to.Key}
		before, taken := first[at]
		switch {
		case !taken:
			first[at] = g
		case before.same(g):
			g.source = before.source
		default:
			p.errs = append(p.errs, p.conflict(before, g))
		}
		twice := stored[id]
		stored[id] = true
		i, known := artifacts[g.source.identity()]
		if !known {
			i = len(plan.sources)
			artifacts[g.source.identity()] = i
			plan.sources, plan.keys = append(plan.sources, g.source), append(plan.keys, g.to.Key)
		}
		plan.sources[i].refer(g.asset)
		if !twice && p.opts.Shard.Has(g.source.share()) {
			plan.objects[g.store] = append(plan.objects[g.store], i)
			plan.Stores[g.store].Objects = append(plan.Stores[g.store].Objects, packager.Object{Key: g.to.Key, Action: packager.Planned})
		}
	}
	for _, s := range plan.sources {
		plan.Artifacts = append(plan.Artifacts, s.artifact())
	}
	for i, objects := range plan.objects {
		for j, a := range objects {
			plan.Stores[i].Objects[j].Artifact = &plan.Artifacts[a]
		}
	}
	p.planImages(plan)
	return plan
}

// same tells whether two assets are the same. What commands make is known by CDK's ID alone.
func (g goal) same(other goal) bool {
	made := g.source.command != nil || other.source.command != nil
	return g.source.identity() == other.source.identity() || made && g.asset.ID == other.asset.ID
}

type objectID struct {
	store int
	key   string
}

// A location is where an object is, whichever role stores it.
type location struct{ region, bucket, key string }

// conflict is the problem of two assets that are different and would have one key: one
// stack's code would be another's.
func (p *planner) conflict(a, b goal) error {
	e := b.to.Place.Errorf("%s and %s (%s:%d) are different, and go to the same place, s3://%s/%s",
		b.asset.Label(), a.asset.Label(), a.asset.Place.File.Path, a.asset.Place.Line, b.to.Bucket, b.to.Key)
	e.Hint = "do they have the same assetHash? CDK's own hash tells them apart"
	return e
}

// isOfCDK tells whether a file in the cloud assembly has a name that CDK gives to what no manifest
// need list: a stack's template, what is told of it, the tree, the version.
func isOfCDK(real, root string) bool {
	name := filepath.Base(real)
	named := name == "tree.json" || name == "cdk.out" || strings.HasSuffix(name, ".template.json") || strings.HasSuffix(name, ".metadata.json")
	return named && root != "" && archive.Within(real, root)
}

// Reads tells whether path is a file of the cloud assembly, also of a stack that was not
// chosen: a manifest, a file of an asset, or another one that CDK writes. Nothing may be written there.
func (p *Plan) Reads(path string) bool {
	real := archive.RealPath(absolute(path))
	return isOfCDK(real, p.assembly.Root) || slices.ContainsFunc(p.assembly.Files(), func(file string) bool {
		return archive.Within(real, archive.RealPath(absolute(file)))
	})
}
