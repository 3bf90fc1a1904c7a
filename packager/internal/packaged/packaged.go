// Package packaged is packaged templates as a command line names them: which files, in
// which regions each is deployed, and how that was found.
//
// A packaged template does not say its region. Whoever names it may; else its file's name
// does, by the pattern of the outputs; else the mapping in which a template for all regions
// finds its buckets; else S3, which tells where the bucket is that it names.
package packaged

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/region"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/s3store"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/template"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// A How says how the regions of a template were found.
type How string

// The ways.
const (
	Unfound   How = ""              // they are not known
	BySaying  How = "as given"      // REGION=FILE
	ByName    How = "by its name"   // the pattern of the outputs
	ByMapping How = "by mapping"    // it is one for several regions
	ByBucket  How = "by its bucket" // S3 says where that is
	ByImage   How = "by its image"  // whose address says the region, where it names no bucket
)

// A Template is a packaged template, and where it is deployed.
type Template struct {
	File    string // as messages call it
	Regions []string
	How     How
	*template.Packaged
}

// maxFile is far more than CloudFormation takes, and bounds what is read.
const maxFile = 8<<20 + 1

// Read reads a template. Its regions are known but where only S3 can tell them: see
// [Template.Locate]. stdin is what "-" stands for. It is nil where it cannot be read.
func Read(ctx context.Context, g Given, stdin io.Reader, table []template.Row) (*Template, []error) {
	t := &Template{File: g.File}
	if g.File == "-" {
		t.File = "standard input"
	}
	text, err := g.readUntil(ctx, stdin)
	if ctx.Err() != nil {
		return nil, []error{ctx.Err()}
	}
	if err != nil {
		return nil, []error{&problem.Error{File: t.File, Message: err.Error(), Err: err}}
	}
	var errs []error
	if t.Packaged, errs = template.ReadPackaged(ctx, text, t.File, table); len(errs) > 0 {
		return nil, errs
	}
	switch {
	case g.Region != "":
		t.Regions, t.How = []string{g.Region}, g.how
	default:
		if t.Regions = t.Packaged.Regions(); len(t.Regions) > 0 {
			t.How = ByMapping
		}
	}
	return t, nil
}

// readUntil is read, and returns when ctx ends: a pipe may never say a word. Who reads it then
// is left to the end of the process.
func (g Given) readUntil(ctx context.Context, stdin io.Reader) ([]byte, error) {
	type answer struct {
		text []byte
		err  error
	}
	read := make(chan answer, 1)
	go func() {
		text, err := g.read(stdin)
		read <- answer{text, err}
	}()
	select {
	case a := <-read:
		return a.text, a.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// read returns the bytes of a template, or so many of them that it is known to be none.
func (g Given) read(stdin io.Reader) ([]byte, error) {
	if g.File == "-" {
		return io.ReadAll(io.LimitReader(stdin, maxFile))
	}
	info, err := os.Stat(g.File)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, errors.New("no such file")
	case err != nil:
		return nil, errors.New(problem.Cause(err))
	case info.IsDir():
		return nil, errors.New("this is a folder, and a template is a file")
	}
	f, err := os.Open(g.File)
	if err != nil {
		return nil, errors.New(problem.Cause(err))
	}
	defer f.Close() // nothing was written
	text, err := io.ReadAll(io.LimitReader(f, maxFile))
	if err != nil {
		return nil, errors.New(problem.Cause(err))
	}
	return text, nil
}

// Locate asks S3 for the region of a template of which it is not known yet: of the first
// bucket that it names. guess is the region that is asked first, where the template names
// none. One that names no bucket stays without a region.
func (t *Template) Locate(ctx context.Context, c *s3store.Connections, guess string, told s3store.Told) error {
	if t.How != Unfound {
		return nil
	}
	for _, u := range t.Uses(template.Stack{}) {
		if u.Location.Bucket == "" {
			continue
		}
		found, err := c.RegionOf(ctx, u.Location.Bucket, cmp.Or(u.Location.Region, guess), told)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if s3store.IsMissing(err) {
			e := u.Errorf("the bucket %s, which would tell the region of this template, is not there", u.Location.Bucket)
			e.Err, e.Hint = err, NoBucket(s3store.Store{Bucket: u.Location.Bucket})
			return e
		}
		if err != nil {
			e := u.Errorf("the region of this template is that of its bucket, and where that is cannot be found out: %v", err)
			e.Err, e.Hint = err, fmt.Sprintf("name the region: us-east-1=%s", t.File)
			return e
		}
		t.Regions, t.How = []string{found}, ByBucket
		return nil
	}
	for _, u := range t.Uses(template.Stack{}) {
		if m := regexp.MustCompile(`^[0-9]{12}\.dkr[.-]ecr(?:-fips)?\.(` + region.Pattern + `)\.`).FindStringSubmatch(u.Location.Repository); m != nil {
			t.Regions, t.How = []string{m[1]}, ByImage
			return nil
		}
	}
	return nil
}

// NoBucket says what to do where a bucket is missing that a packaged template names.
func NoBucket(s s3store.Store) string {
	return "there is no bucket " + s.Bucket + ": if there was one, all that was in it is gone; package again, into another bucket"
}
