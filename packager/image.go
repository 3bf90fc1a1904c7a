package packager

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/archive"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/image"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/registry"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/template"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/upload"
)

// A containerImage is one image that a template names, by a path or a name, or if it is
// to be copied, by an address.
type containerImage struct {
	source  image.Source
	address image.Address // of one that is copied
	asked   bool          // and of which its registry was asked
	refs    []*template.Reference
	digest  string        // of its manifest, once it was read
	hint    func() string // what to do where an engine does not have it; nil for nothing
	// What was read, but for the bytes of its layers: these are closed.
	planned *image.Image
	view    *Image // in the plan
}

type imageID struct{ path, name, address, architectures string }

// images are the container images of the input.
type images struct {
	known    map[imageID]*containerImage
	distinct []*containerImage // as they were met
	of       map[*template.Reference]*containerImage
	paths    []string // of what was read
}

func newImages() images {
	return images{known: make(map[imageID]*containerImage), of: make(map[*template.Reference]*containerImage)}
}

// image lists the image that a reference names, once for all references; or looks at the
// address that it has.
func (p *planner) image(r *template.Reference) []error {
	fail := func(hint, format string, args ...any) []error {
		e := r.Errorf("%q: %s", r.Local, fmt.Sprintf(format, args...))
		e.Hint = hint
		return []error{e}
	}
	in := func(path string) string {
		path = filepath.FromSlash(path)
		if !filepath.IsAbs(path) {
			path = filepath.Join(r.Template.Dir, path)
		}
		return path
	}
	named, err := image.Classify(r.Local, func(path string) bool {
		_, err := os.Stat(in(path))
		return err == nil
	})
	if err != nil {
		return fail("", "%v", err)
	}
	if named.Kind == image.InRegistry && named.Address.Host == "localhost" && p.opts.podman() {
		named = image.Reference{Kind: image.InEngine, Name: r.Local}
	}
	source := image.Source{Name: named.Name, Architectures: r.Architectures()}
	id := imageID{architectures: strings.Join(source.Architectures, ",")}
	switch named.Kind {
	case image.InRegistry:
		if !p.opts.CopyImages {
			return p.imageAddress(r, named.Address)
		}
		id.address = named.Address.String()
	case image.InFile:
		path := in(named.Path)
		if _, err := os.Stat(path); err != nil {
			return fail(p.hints.missing(r.Template.Dir, path, named.Path), "no such file or folder: %s", path)
		}
		p.project.named(r)
		source.Path, source.Label = archive.RealPath(path), named.Path
	case image.InEngine:
		source.Engine = p.opts.ImageEngine
	}
	var hint func() string
	if named.Kind == image.InEngine && !strings.ContainsAny(named.Name, ":@") {
		hint = func() string {
			return "there is no file or folder of this name, either; " + p.hints.missing(r.Template.Dir, in(named.Name), named.Name)
		}
	}
	id.path, id.name = source.Path, source.Name
	i := p.images.known[id]
	if i == nil {
		i = &containerImage{source: source, address: named.Address, hint: hint}
		p.images.known[id] = i
		if source.Path != "" {
			p.images.paths = append(p.images.paths, source.Path)
		}
		p.images.distinct = append(p.images.distinct, i)
	}
	i.refs = append(i.refs, r)
	p.images.of[r] = i
	return nil
}

// imageAddress reports an address from which Lambda cannot take a function's image in one
// of the regions (Lambda guide, "Create a Lambda function using a container image").
func (p *planner) imageAddress(r *template.Reference, a image.Address) (errs []error) {
	if !r.IsFunction() {
		return nil
	}
	const hint = "give --copy-images, with which it is copied to each region's repository; or name the image by a file, or by the name that it has on this machine"
	if !a.ECR() {
		e := r.Errorf("%q: Lambda takes images from private repositories of Amazon ECR alone", r.Local)
		if e.Hint = hint; a.Host == "localhost" {
			e.Hint += "; with --image-engine podman it is the name that podman has for it"
		}
		return []error{e}
	}
	if a.FIPS {
		e := r.Errorf("%q: Lambda takes no FIPS endpoint", r.Local)
		e.Hint = hint
		return []error{e}
	}
	for _, s := range p.opts.Stores {
		if s.Region != a.Region {
			e := r.Errorf("%q: this image is in %s, and Lambda in %s takes images from its own region alone", r.Local, a.Region, s.Region)
			e.Hint = hint
			errs = append(errs, e)
		}
	}
	return errs
}

// readImages reads the images, and gives them their digests. common is what is not one
// image's fault.
func (p *planner) readImages(ctx context.Context) (common, err error) {
	sources := p.openSources(ctx)
	common = sources.err
	defer sources.close()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	errs := make([]error, len(p.images.distinct))
	for i, c := range p.images.distinct {
		group.Go(func() error {
			switch {
			case ctx.Err() != nil: // no temporary file is made any more
			case !c.isCopied():
				errs[i] = c.read(ctx)
			case sources.err == nil:
				errs[i] = c.find(ctx, sources)
			}
			return ctx.Err()
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	for i, c := range p.images.distinct {
		switch err, t := errs[i], c.refs[0].Template; {
		case err == nil:
		case sources.withoutCredentials(err) != nil:
			common = sources.withoutCredentials(err)
		default:
			p.errs[t] = append(p.errs[t], err)
		}
	}
	p.images.merge()
	return common, nil
}

// merge makes one of images that are the same, by their digests, whatever they are called.
func (i *images) merge() {
	first := make(map[string]*containerImage)
	i.distinct = slices.DeleteFunc(i.distinct, func(c *containerImage) bool {
		same := first[c.digest]
		if same == nil || c.digest == "" {
			first[c.digest] = c
			return false
		}
		same.refs = append(same.refs, c.refs...)
		same.view.References = append(same.view.References, c.view.References...)
		for _, r := range c.refs {
			i.of[r] = same
		}
		return true
	})
}

// read reads an image to its end, and closes it: where it is to be pushed it is read once
// more, and a plan needs no end.
func (c *containerImage) read(ctx context.Context) error {
	img, closeImage, err := image.Open(ctx, c.source)
	if err != nil {
		// What is wrong with a file begins with its name.
		said, found := strings.CutPrefix(err.Error(), c.refs[0].Local)
		if !found {
			said = ": " + said
		}
		e := c.refs[0].Errorf("%q%s", c.refs[0].Local, said)
		e.Err, e.Hint = err, upload.TempHint(err)
		if e.Hint == "" && c.hint != nil {
			e.Hint = c.hint()
		}
		return e
	}
	c.found(img)
	return closeImage()
}

// open opens the image for being pushed. It must be the one that was planned.
func (c *containerImage) open(ctx context.Context, from *registry.Connections, told registry.Told) (*image.Image, func() error, error) {
	if c.isCopied() {
		img, err := c.again(ctx, from, told)
		return img, nil, err
	}
	first := c.refs[0]
	img, release, err := image.Open(ctx, c.source)
	if err != nil {
		if ctx.Err() == nil {
			e := first.Errorf("%q: %v", first.Local, err)
			e.Err, e.Hint = err, upload.TempHint(err)
			err = e
		}
		return nil, nil, err
	}
	if img.Digest != c.digest {
		err = first.Errorf("%q: the image changed while it was read: is the build still running?", first.Local)
	}
	return img, func() error {
		if err := release(); err != nil {
			return fmt.Errorf("closing the image %s: %w", c.view.Source, err)
		}
		return nil
	}, err
}

// found takes in what is known of the image.
func (c *containerImage) found(img *image.Image) {
	c.digest, c.planned = img.Digest, img
	c.view = &Image{Source: c.refs[0].Local, Digest: img.Digest, Architecture: img.Architecture, Unpacked: img.Unpacked}
	for _, l := range img.Layers {
		c.view.Layers = append(c.view.Layers, Layer{l.Digest, l.Size})
		c.view.Size += l.Size
	}
	for _, r := range c.refs {
		c.view.References = append(c.view.References, referenceOf(r))
	}
}

// imageLocation is where an image is that a reference names, in a store's region.
func (p *planner) imageLocation(region string, r *template.Reference) template.Location {
	c := p.images.of[r]
	if c == nil {
		return template.Location{Repository: r.Local}
	}
	return template.Location{Region: region, Repository: p.opts.repositoryOf(region, r.LogicalID), Digest: c.digest}
}

// digestOf is the digest of the image that a reference names; "" for an address, which
// stays.
func (p *planner) digestOf(r *template.Reference) string {
	if c := p.images.of[r]; c != nil {
		return c.digest
	}
	return ""
}
