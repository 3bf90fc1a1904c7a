package packager

import (
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/archive"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/s3store"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/template"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// A Plan is what a run will store and the templates that it leads to. All of
// it follows from the input alone, and with Options.CopyImages from what the addresses of
// images mean when it is made.
type Plan struct {
	TemplateFile string
	Inventory
	Templates []Template // the packaged template for each store, or with Options.OneTemplate the one for all
	Warnings  []error    // what would go wrong later; each an *problem.Error

	opts    Options
	objects [][]object
	pushes  [][]push // by store
	reads   map[string]bool
	images  []string // the files and folders of images, by their real paths
	outputs outputs
	times   Times
	active  atomic.Bool // an Upload is under way
}

// An Inventory is what a run stores, and where. Artifacts and images are in the template's
// order, and stores in that of Options.Stores.
type Inventory struct {
	Artifacts []Artifact // each distinct local artifact
	Images    []Image    // each distinct container image
	Stores    []Contents // what each store must hold
}

// Reads tells whether path is one of the templates or local artifacts, or a file of an image, so that
// nothing may be written there. Of files inside an artifact's folder, NewPlan
// itself makes sure that no output replaces one.
func (p *Plan) Reads(path string) bool {
	abs, err := filepath.Abs(path)
	if err != nil || p.reads[archive.RealPath(abs)] {
		return err == nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return false
	}
	if within(path, p.images) { // what a layout's folder holds, no template names
		return true
	}
	for read := range p.reads { // where case does not count, a file has many paths
		if other, err := os.Stat(read); err == nil && os.SameFile(info, other) {
			return true
		}
	}
	return false
}

// An Artifact is one local file or folder.
type Artifact struct {
	Path       string // absolute
	References []Reference
	Digest     string // lower-case hex
	Name       string // the key without a store's prefix
	Archive    bool   // it is archived, rather than stored as it is
	Files      int
	Size       int64 // bytes of the files together
	LeftOut    int   // entries that are excluded

	of *artifact
}

// A Reference is one occurrence of an artifact in a template.
type Reference struct {
	Template     string
	Line, Column int // 1-based
	LogicalID    string
	Property     string
}

// String returns the logical ID and property, "MyFunction.CodeUri".
func (r Reference) String() string {
	if r.LogicalID == "" {
		return problem.OneLine(r.Property)
	}
	return problem.OneLine(r.LogicalID + "." + r.Property)
}

// Contents is what one store must hold.
type Contents struct {
	Store
	Objects []Object
	Images  []PushedImage
	Took    time.Duration // from the beginning of Upload to the last object
	Times   Times
}

// Action is what became of an object.
type Action string

// The actions.
const (
	Planned  Action = "planned"  // nothing was sent
	Uploaded Action = "uploaded" // it is stored now
	Copied   Action = "copied"   // it is stored now: S3 copied it from another store
	Reused   Action = "reused"   // it was stored already
	// Refreshed objects were stored already, and old: they are young now.
	Refreshed Action = "refreshed"
)

// An Object is one object of a store.
type Object struct {
	Key       string
	Artifact  *Artifact // nil for a nested template
	Template  string    // the nested template's file
	Action    Action
	Size      int64  // bytes as stored; 0 where they were not needed
	VersionID string // "" where the bucket has no versions, or the object was reused
}

// An Image is one container image that the template names by a path or by a name, or with
// Options.CopyImages by an address. Of one that is copied Unpacked is 0, and in a dry run
// nothing is known but the digest.
type Image struct {
	Source       string // the path or the name, as the template has it
	References   []Reference
	Digest       string // of the manifest, "sha256:…"
	Architecture string // as Docker calls it: amd64, arm64
	Layers       []Layer
	Size         int64 // bytes of the layers, as they are stored
	Unpacked     int64 // bytes of the layers, unpacked
}

// A Layer is one of an image, as it is stored.
type Layer struct {
	Digest string // "sha256:…"
	Size   int64  // bytes
}

// A PushedImage is an image in a store's region. Its References are those whose
// images go to this repository.
type PushedImage struct {
	*Image
	Repository string // its address, without a tag and a digest
	Tag        string // that names it; "" where its digest does
	Action     Action // Planned, Uploaded or Reused
}

// A Template is a packaged template.
type Template struct {
	Region  string   // that it is for; "" with Options.OneTemplate
	Regions []string // all that it is for
	Body    []byte
	JSON    bool
}

// A Result tells of a run that succeeded, or how far one came.
type Result struct {
	*Plan
	Times Times
}

// describe fills in the plan's public view of what was planned.
func (p *Plan) describe(artifacts []*artifact) {
	p.Artifacts = make([]Artifact, len(artifacts))
	for i, a := range artifacts {
		view := Artifact{
			Path: a.path, Digest: a.digest, Name: a.name, Archive: a.zip,
			Files: len(a.files), Size: a.size(), LeftOut: a.left, of: a,
		}
		for _, r := range a.refs {
			view.References = append(view.References, referenceOf(r))
		}
		p.Artifacts[i] = view
		a.view = &p.Artifacts[i]
	}
}

func referenceOf(r *template.Reference) Reference {
	line, column := r.Where()
	return Reference{r.Template.Path, line, column, r.LogicalID, r.Name}
}

// describeImages fills in the plan's public view of the images.
func (p *Plan) describeImages(images []*containerImage) {
	for _, c := range images {
		p.Images = append(p.Images, *c.view)
	}
	for i, c := range images {
		c.view = &p.Images[i]
	}
}

// contents is the public view of what a store must hold.
func contents(s s3store.Store, objects []object) Contents {
	c := Contents{Store: storeOf(s), Objects: make([]Object, len(objects))}
	for i, o := range objects {
		c.Objects[i] = Object{Key: o.key, Action: Planned, Size: int64(len(o.body))}
		if o.artifact != nil {
			c.Objects[i].Artifact = o.artifact.view
		}
		if o.nested != nil {
			c.Objects[i].Template = o.nested.Path
		}
	}
	return c
}
