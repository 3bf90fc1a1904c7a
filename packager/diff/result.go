package diff

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/contents"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/template"
)

// A Result is how two packaged templates differ.
type Result struct {
	Old       Template `json:"old"`
	New       Template `json:"new"`
	Different bool     `json:"different"`
	// AddedRegions and RemovedRegions are those that only one of two templates for several
	// regions is for.
	AddedRegions   []string `json:"addedRegions"`
	RemovedRegions []string `json:"removedRegions"`
	// Code is what packaged properties name in either template, each pair of contents once, in
	// the order of the new template.
	Code []Code `json:"code"`
	// Changes are what else differs.
	Changes []Change `json:"changes"`
	// MoreChanges is how many of them are not listed, of an enormous template.
	MoreChanges int `json:"moreChanges"`
}

// A Template is one of the two.
type Template struct {
	File string `json:"file"`
	// Regions are where it is deployed, as far as that is known.
	Regions []string `json:"regions"`
}

// Status says how what a property names differs.
type Status string

// The statuses. In two templates of one region everything but Same is a difference.
const (
	Same       Status = "same"       // the same object, or in another region one of the same key
	Moved      Status = "moved"      // the same contents in another bucket or under another prefix
	Repackaged Status = "repackaged" // another object, of which the contents are the same
	Changed    Status = "changed"
	Added      Status = "added"
	Removed    Status = "removed"
	Mode       Status = "mode" // of a file whose mode alone differs
)

// Code is a pair of contents, and the properties that name it.
type Code struct {
	Status     Status      `json:"status"`
	References []Reference `json:"references"`
	Old        *Stored     `json:"old"` // nil where there is none
	New        *Stored     `json:"new"`
	// Files are those that differ of a zip, by name; nil where that is not known, and where
	// these are no zips.
	Files []File `json:"files"`
	// Layers are those of a container image that only one of them has.
	Layers []Layer `json:"layers"`
	// Nested is how nested templates differ; nil where these are none, or were not read.
	Nested *Result `json:"nested"`
	// Unknown says why it is not known what differs in it; "" where it is known.
	Unknown string `json:"unknown"`
}

// A Reference is a property that names something stored.
type Reference struct {
	LogicalID string `json:"logicalId"`
	Property  string `json:"property"`
	Old       *Place `json:"old"` // nil where that template has no such property
	New       *Place `json:"new"`
}

// String is the property with its logical ID.
func (r Reference) String() string {
	if r.LogicalID == "" {
		return r.Property
	}
	return r.LogicalID + "." + r.Property
}

// A Place is a line and a column of a template, from 1 on.
type Place struct {
	Line   int `json:"line"`
	Column int `json:"column"`
}

// Stored is what a template names.
type Stored struct {
	// Name is what its contents are known by: the last part of the key, or an image's digest.
	Name string `json:"name"`
	// Locations are where it is, in each of the regions.
	Locations []Location `json:"locations"`
	// What was read of it; nil where it was not read, or is no zip.
	Size     *int64 `json:"size"`
	Files    *int   `json:"files"`    // how many there are
	Unpacked *int64 `json:"unpacked"` // the size of all of them
}

// A Location is where something is stored: an object in a bucket, or an image in a repository.
type Location struct {
	Region     string `json:"region"`
	Bucket     string `json:"bucket,omitempty"`
	Key        string `json:"key,omitempty"`
	Version    string `json:"version,omitempty"`
	Repository string `json:"repository,omitempty"`
	Digest     string `json:"digest,omitempty"`
}

// A File is one that two archives do not have alike. Its status is Added, Removed, Changed
// or Mode.
type File struct {
	// Name is the file's in the archive. One that is no UTF-8, or holds what no terminal shows,
	// is quoted, with escapes.
	Name    string `json:"name"`
	Status  Status `json:"status"`
	OldSize *int64 `json:"oldSize"`
	NewSize *int64 `json:"newSize"`
	OldMode string `json:"oldMode,omitempty"` // as ls shows it; only where modes differ
	NewMode string `json:"newMode,omitempty"`
	// Unknown tells that the file is encrypted, so that nobody can tell whether it changed.
	Unknown bool `json:"unknown,omitempty"`
}

// A Layer is one of a container image.
type Layer struct {
	Status Status `json:"status"` // Added or Removed
	Digest string `json:"digest"`
	Size   int64  `json:"size"`
}

// A Change is something that differs and is no location.
type Change struct {
	// Path leads there: the section, in it the logical ID, in that the property.
	Path   []string `json:"path"`
	Status Status   `json:"status"` // Changed, Added or Removed
	Old    *Value   `json:"old"`
	New    *Value   `json:"new"`
}

// A Value is what a template has somewhere, in short, in YAML's flow style.
type Value struct {
	Text string `json:"text"`
	Place
}

// changeOf is a difference of two templates as users get it.
func changeOf(d template.Difference) Change {
	c := Change{Path: d.Path, Status: Changed}
	value := func(v *template.Value) *Value {
		if v == nil {
			return nil
		}
		return &Value{v.Text, Place{v.Line, v.Column}}
	}
	c.Old, c.New = value(d.Old), value(d.New)
	switch {
	case d.Old == nil:
		c.Status = Added
	case d.New == nil:
		c.Status = Removed
	}
	return c
}

// fileOf is a file that changed as users get it.
func fileOf(c contents.Change) File {
	f := File{Name: printable(c.Name()), Status: Changed, Unknown: c.Unknown}
	switch {
	case c.Old == nil:
		f.Status = Added
	case c.New == nil:
		f.Status = Removed
	case c.SameContent() && !c.Unknown:
		f.Status = Mode
	}
	if c.Old != nil && c.New != nil && c.Old.Mode != c.New.Mode && c.Old.Mode != 0 && c.New.Mode != 0 {
		f.OldMode, f.NewMode = c.Old.Mode.String(), c.New.Mode.String()
	}
	if c.Old != nil {
		f.OldSize = &c.Old.Size
	}
	if c.New != nil {
		f.NewSize = &c.New.Size
	}
	return f
}

// printable quotes a name that would not be shown as it is, or looks as if it was quoted.
func printable(name string) string {
	odd := func(r rune) bool { return !unicode.IsPrint(r) }
	if name == "" || !utf8.ValidString(name) || strings.ContainsFunc(name, odd) || strings.HasPrefix(name, `"`) {
		return strconv.Quote(name)
	}
	return name
}

// String is the location as AWS's tools write it.
func (l Location) String() string {
	switch {
	case l.Digest != "":
		return l.Repository + "@" + l.Digest
	case l.Repository != "":
		return l.Repository
	case l.Version != "":
		return fmt.Sprintf("s3://%s/%s?versionId=%s", l.Bucket, l.Key, l.Version)
	}
	return "s3://" + l.Bucket + "/" + l.Key
}
