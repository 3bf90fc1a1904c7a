// Package diff tells what differs between two packaged templates: of which resources the
// code changed, and in it which files; and what else changed, by resource and property, as
// CloudFormation reads the templates, and not as text.
//
// [Run] reads no more than it must. What has the same digest is the same, and nothing of it is
// read. Of other archives the central directories are read alone, from a folder of archives
// or from the end of the stored objects: sizes and CRCs decide. Nested templates are read
// and compared in their turn, and of container images the manifests. It sends nothing, and
// changes nothing.
//
// Two templates of one region are the same if they mean the same and name the same objects.
// Those of two regions, which one run has made, name each their region's buckets, so there
// the keys of the objects must be the same, and the contents of nested templates, which hold
// such names in their turn.
package diff

import (
	"cmp"
	"context"
	"errors"
	"io"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/packaged"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/template"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// Options say what to compare.
type Options struct {
	// Old and New are the templates: a file, REGION=FILE, or - for standard input.
	Old, New string
	Stdin    io.Reader
	// Outputs are patterns of the names of packaged templates, in which {region} stands for
	// the region's name. A template whose name is none of them has the region that is given
	// with it, or else none that is known.
	Outputs []string
	// Properties are packaged besides those that mrpackage knows.
	Properties []Property
	// ArchiveDir is a folder in which archives are looked for first, as packager.Options keeps
	// them there. Empty means none.
	ArchiveDir string
	// Jobs is how many archives are read at once. 0 means 32.
	Jobs int
	// EndpointURL replaces S3's own endpoints, for a server of one's own.
	EndpointURL string
	// AWS returns the configuration of the AWS SDK. It is called when the first object is to be
	// read from a bucket or a registry, and else never. Nil means the SDK's default chain.
	AWS func(context.Context) (aws.Config, error)
}

// A Property is packaged besides those that mrpackage knows, as packager.Property is. Form is
// s3, url, lambda, bucket or image.
type Property struct {
	Type, Path, Form string
	Zip              bool
}

// Run compares two packaged templates. The error joins what could not be read, in the order
// of the new template: the result says what is known all the same. Without a result a
// template itself could not be read.
func Run(ctx context.Context, opts Options) (*Result, error) {
	table, err := tableOf(opts.Properties)
	if err != nil {
		return nil, err
	}
	before, err := read(ctx, opts, opts.Old, table)
	after, alsoErr := read(ctx, opts, opts.New, table)
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err != nil || alsoErr != nil:
		return nil, errors.Join(err, alsoErr)
	}
	s := newSession(ctx, opts)
	defer s.close()
	d := &differ{session: s, table: table}
	result, errs := d.templates(ctx, before.version(), after.version())
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return result, joined(errs)
}

// tableOf is the table of what is packaged.
func tableOf(properties []Property) ([]template.Row, error) {
	var rows []template.Row
	for _, p := range properties {
		row, err := template.NewRow(p.Type, p.Path, p.Form, p.Zip)
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return template.TableWith(rows), nil
}

// read reads one of the two templates.
func read(ctx context.Context, opts Options, arg string, table []template.Row) (*given, error) {
	all, errs := packaged.Arguments([]string{arg}, opts.Outputs)
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	t, errs := packaged.Read(ctx, all[0], opts.Stdin, table)
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	// The URLs of a server in the place of S3 name objects, too.
	return &given{t, cmp.Or(opts.EndpointURL, os.Getenv("AWS_ENDPOINT_URL_S3"), os.Getenv("AWS_ENDPOINT_URL"))}, nil
}

// A given template is one of the two.
type given struct {
	*packaged.Template
	endpoint string
}

func (g *given) version() version {
	v := version{name: g.File, packaged: g.Packaged, forMany: g.How == packaged.ByMapping}
	for _, r := range g.Regions {
		v.stacks = append(v.stacks, template.Stack{Region: r, Endpoint: g.endpoint})
	}
	if len(v.stacks) == 0 {
		v.stacks = []template.Stack{{Endpoint: g.endpoint}}
	}
	return v
}

// joined joins errors, of which each is told once: one bucket may keep several archives from
// being read.
func joined(errs []error) error {
	var all []error
	said := make(map[string]bool)
	for _, err := range problem.Errors(errors.Join(errs...)) {
		if text := err.Error(); !said[text] {
			all, said[text] = append(all, err), true
		}
	}
	return errors.Join(all...)
}
