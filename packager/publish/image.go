package publish

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/assembly"
	images "github.com/symphoniacloud/multi-region-codepipeline/packager/internal/image"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/region"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/registry"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/role"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// An image is what image assets of one ID are made of. In a stage's manifest, the way to it is
// written differently than in the application's.
type image struct {
	id    string // CDK's
	asset *assembly.Asset
	named []*assembly.Asset
	goals []imageGoal
}

// An imageGoal is an image at a destination.
type imageGoal struct {
	store int
	to    registry.Store
	name  string // of the repository
	tag   string
}

// An imagePlace is a tag of a repository, whose account may not be known.
type imagePlace struct{ region, name, tag string }

// A takenBy is the image that gets a tag, and where: the repository has its account, where
// that is known.
type takenBy struct {
	image      *image
	store      int
	repository string
}

// A push is an image on its way to a repository.
type push struct {
	image int // by Plan.Images
	to    registry.Store
}

// image takes in an image asset at a destination.
func (p *planner) image(a *assembly.Asset, to *assembly.Destination) {
	img := p.imageOf[a.ID]
	if img == nil {
		img = &image{id: a.ID, asset: a}
		p.imageOf[a.ID] = img
		p.images = append(p.images, img)
		if err := checkFolder(a); err != nil {
			p.errs = append(p.errs, err)
		}
	} else if img.named[len(img.named)-1] != a && !sameBuild(img.asset, a) {
		p.warnings = append(p.warnings, a.Place.Errorf("%s has the ID of %s (%s:%d), and is built in another way: that one is built, and goes to the destinations of both",
			a.Label(), img.asset.Label(), img.asset.Place.File.Path, img.asset.Place.Line))
	}
	if len(img.named) == 0 || img.named[len(img.named)-1] != a {
		img.named = append(img.named, a)
	}
	as, err := p.stores.role(to)
	if err != nil {
		p.stores.failOnce(a, to, err)
		return
	}
	if !regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$`).MatchString(to.Tag) {
		p.fail(to.Place.Errorf("%s: %q is not the tag of an image", a.Label(), to.Tag))
		return
	}
	store := registry.Store{Region: to.Region, Repository: to.Repository, Role: as}
	account := p.repositoryAccount(as, to)
	if account != "" {
		store.Repository = fmt.Sprintf("%s.dkr.ecr.%s.%s/%s", account, to.Region, region.DNSSuffix(to.Region), to.Repository)
	}
	if errs := registry.Complete([]registry.Store{store}); len(errs) > 0 {
		p.stores.failOnce(a, to, errs...)
		return
	}
	img.goals = append(img.goals, imageGoal{p.stores.ofImage(to.Region, account, as), store, to.Repository, to.Tag})
}

// sameBuild tells whether what is built of two assets is the same. Where the cache is, and the
// folder, which each manifest names in its own way, does not matter; of what commands make
// nobody knows.
func sameBuild(a, b *assembly.Asset) bool {
	if a.Source.Executable != nil || b.Source.Executable != nil {
		return true
	}
	x, y := *a.Image, *b.Image
	for _, i := range []*assembly.ImageSource{&x, &y} {
		i.Directory, i.CacheFrom, i.CacheTo, i.NoCache = "", nil, nil, false
	}
	return reflect.DeepEqual(x, y)
}

// repositoryAccount is the account that a repository is in: that of whoever asks for it, as
// far as that is known.
func (p *planner) repositoryAccount(as role.Role, to *assembly.Destination) string {
	if as != (role.Role{}) {
		return as.Account()
	}
	return to.Account
}

// checkFolder finds what is amiss with the folder that an image is built of.
func checkFolder(a *assembly.Asset) error {
	path := a.File()
	if path == "" {
		return nil
	}
	info, err := os.Stat(path)
	if err == nil && info.IsDir() {
		return nil
	}
	said := "this is no folder"
	switch {
	case errors.Is(err, fs.ErrNotExist):
		said = "there is no such folder"
	case err != nil:
		said = problem.Cause(err)
	}
	e := a.Source.Place.Errorf("%q: %s: %s", a.Image.Directory, path, said)
	e.Subject, e.Hint = a.Label(), "is the cloud assembly whole? run cdk synth again"
	return e
}

// planImages puts the images into the plan.
func (p *planner) planImages(plan *Plan) {
	taken := make(map[imagePlace][]takenBy)
	for i, img := range p.images {
		source := img.asset.File()
		if source == "" {
			source = strings.Join(img.asset.Source.Executable, " ")
		}
		plan.Images = append(plan.Images, packager.Image{Source: source, References: references(img.named)})
		plan.images = append(plan.images, img)
		for _, g := range img.goals {
			at := imagePlace{g.to.Region, g.name, g.tag}
			by := takenBy{img, g.store, g.to.Repository}
			if p.conflicts(taken[at], by, g) || slices.Contains(taken[at], by) {
				continue
			}
			taken[at] = append(taken[at], by)
			if p.opts.Shard.Has(digestOf(img.id)) {
				plan.pushes[g.store] = append(plan.pushes[g.store], push{i, g.to})
				plan.Stores[g.store].Images = append(plan.Stores[g.store].Images, packager.PushedImage{Repository: g.to.Repository, Tag: g.tag, Action: packager.Planned})
			}
		}
	}
	for i, pushes := range plan.pushes {
		for j, push := range pushes {
			plan.Stores[i].Images[j].Image = &plan.Images[push.image]
		}
	}
}

// conflicts tells whether another image has the tag that an image gets, and reports that.
// Repositories of one name may be of two accounts, where both are known.
func (p *planner) conflicts(taken []takenBy, img takenBy, g imageGoal) bool {
	for _, by := range taken {
		different := by.repository != img.repository && by.repository != g.name && img.repository != g.name
		if by.image != img.image && !different {
			p.fail(img.image.asset.Place.Errorf("%s and %s are different images, and both get the tag %s of %s", img.image.asset.Label(), by.image.asset.Label(), g.tag, img.repository))
			return true
		}
	}
	return false
}

// open makes or finds the image, and opens it.
func (i *image) open(ctx context.Context, engine string, tell func(packager.Event)) (*images.Image, func() error, error) {
	opened, release, err := i.find(ctx, engine, tell)
	if err != nil && ctx.Err() == nil {
		e := i.asset.Source.Place.Errorf("%v", err)
		e.Subject, e.Err = i.asset.Label(), err
		return nil, release, e
	}
	return opened, release, err
}

func (i *image) find(ctx context.Context, engine string, tell func(packager.Event)) (*images.Image, func() error, error) {
	source := images.Source{Engine: engine}
	if i.asset.Source.Executable == nil {
		name, err := i.build(ctx, engine, tell)
		if err != nil {
			return nil, nil, err
		}
		source.Name = name
		return images.Open(ctx, source)
	}
	printed, err := command{args: i.asset.Source.Executable, dir: i.asset.Manifest.Dir}.run(ctx, tell)
	if err != nil {
		return nil, nil, err
	}
	in := func(path string) string {
		if path = filepath.FromSlash(path); filepath.IsAbs(path) {
			return path
		}
		return filepath.Join(i.asset.Manifest.Dir, path)
	}
	named, err := images.Classify(printed, func(path string) bool {
		_, err := os.Stat(in(path))
		return err == nil
	})
	switch {
	case err != nil:
		return nil, nil, fmt.Errorf("the command %s printed %q: %w", i.asset.Source.Executable[0], printed, err)
	case named.Kind == images.InFile:
		source.Path, source.Label, source.Engine = in(named.Path), named.Path, ""
		source.Name = named.Name
	case named.Kind == images.InRegistry:
		source.Name = printed // the engine has pulled it, or built it under this name
	default:
		source.Name = named.Name
	}
	return images.Open(ctx, source)
}
