package packager

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/image"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/registry"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/role"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/template"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// isCopied tells whether the image is read from a registry.
func (c *containerImage) isCopied() bool { return c.address.Host != "" }

// sources are the registries that images are copied from, for as long as a plan is made.
type sources struct {
	*registry.Connections // nil where none is asked
	aws                   aws.Config
	err                   error // why none can be asked
	tell                  func(Event)
}

// openSources makes ready to ask the registries. It makes no request.
func (p *planner) openSources(ctx context.Context) (s sources) {
	for _, c := range p.images.distinct {
		if !c.isCopied() || p.opts.DryRun || s.Connections != nil {
			continue
		}
		if p.opts.AWS != nil {
			s.aws = *p.opts.AWS
		} else if s.aws, s.err = role.LoadAWS(ctx, ""); s.err != nil {
			return s
		}
		s.Connections = registry.Connect(p.opts.registryConfig(s.aws))
		var telling sync.Mutex
		s.tell = func(e Event) {
			telling.Lock()
			defer telling.Unlock()
			if p.opts.Progress != nil && p.ctx.Err() == nil {
				p.opts.Progress(e)
			}
		}
	}
	return s
}

func (s sources) close() {
	if s.Connections != nil {
		s.Close()
	}
}

// withoutCredentials is why no registry of ECR could be asked, if that is it.
func (s sources) withoutCredentials(err error) error {
	if s.Connections == nil {
		return nil
	}
	return role.WithoutCredentials(s.aws, err)
}

// find finds out which manifest the address of an image means for the function, and
// whether Lambda takes it. A dry run believes that a digest is the manifest's.
func (c *containerImage) find(ctx context.Context, from sources) error {
	first := c.refs[0]
	if from.Connections == nil {
		if c.address.Digest == "" {
			e := first.Errorf("%q: a dry run asks no registry, and so does not know which image this is", first.Local)
			e.Hint = "write the image's digest behind the address: @sha256:…"
			return e
		}
		c.found(&image.Image{Digest: c.address.Digest})
		return nil
	}
	img, err := from.Fetch(ctx, c.address.String(), platformOf(c.source.Architectures), c.told(from.tell))
	if err != nil {
		return c.failed(err)
	}
	if err := image.Judge(img, c.source.Architectures); err != nil {
		e := first.Errorf("%q %v", first.Local, err)
		e.Err = err
		return e
	}
	c.asked = true
	c.found(&img)
	return nil
}

// failed is an error at the place of the image's first reference.
func (c *containerImage) failed(err error) error {
	text := err.Error()
	var of *problem.Error
	if errors.As(err, &of) {
		text = of.Message
	}
	e := c.refs[0].Errorf("%q: %s", c.refs[0].Local, text)
	if e.Err = err; of != nil {
		e.Hint, e.Statement = of.Hint, of.Statement
	}
	return e
}

// told has a run tell that a registry is asked again.
func (c *containerImage) told(tell func(Event)) registry.Told {
	return registry.Told{Retrying: func(err error, delay time.Duration) {
		tell(Event{Kind: Retrying, Bucket: c.refs[0].Local, Err: err, Took: delay})
	}}
}

// again is the image that was found, read by other connections: what counts is what was
// planned, wherever its tag has moved since.
func (c *containerImage) again(ctx context.Context, from *registry.Connections, told registry.Told) (*image.Image, error) {
	img, err := from.Again(ctx, c.address.String(), *c.planned, told)
	if err != nil {
		return nil, c.failed(err)
	}
	return &img, nil
}

// platformOf is what an image must be for that a function of these architectures runs.
func platformOf(architectures []string) registry.Platform {
	p := registry.Platform{OS: "linux"}
	if len(architectures) == 1 {
		p.Architecture = map[string]string{"x86_64": "amd64", "arm64": "arm64"}[architectures[0]]
	}
	return p
}

// unasked warns of images whose digest a dry run does not know for sure.
func (p *planner) unasked(t *template.Template) (warnings []error) {
	for _, c := range p.images.distinct {
		if first := c.refs[0]; c.isCopied() && !c.asked && first.Template == t {
			warnings = append(warnings, first.Errorf("%q: a dry run asks no registry: if the digest is that of an index of several platforms, a run writes the digest of the function's one", first.Local))
		}
	}
	return warnings
}

// addresses are those of the images that a run copies.
func addresses(opts Options) ([]string, error) {
	ctx := context.Background()
	p, err := newPlanner(ctx, opts)
	if err != nil {
		return nil, err
	}
	path, err := templateFile(opts.TemplateFile)
	if err != nil {
		return nil, err
	}
	p.project = newProject(path)
	p.template(path, path, nil)
	var all []string
	for _, c := range p.images.distinct {
		if c.isCopied() {
			all = append(all, c.address.String())
		}
	}
	return all, errors.Join(p.problems()...)
}
