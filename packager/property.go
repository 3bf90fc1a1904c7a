package packager

import (
	"path/filepath"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/template"
)

// A Property is a property that is packaged besides those that mrpackage knows:
// one of a resource type that is new, or of one's own.
type Property struct {
	Type string // the resource type, "AWS::Lambda::Function"
	Path string // below Properties, steps divided by dots; ** stands for any number of keys; lists are gone through
	Form Form
	Zip  bool // a single file becomes a zip of one; a folder always is zipped
}

// Form is how a property names an S3 object.
type Form string

// The forms.
const (
	FormS3     Form = "s3"     // "s3://bucket/key"
	FormURL    Form = "url"    // "https://s3.region.amazonaws.com/bucket/key"
	FormLambda Form = "lambda" // {S3Bucket, S3Key, S3ObjectVersion}
	FormBucket Form = "bucket" // {Bucket, Key, Version}
	FormImage  Form = "image"  // a container image: "registry/repository@sha256:digest"
)

// table returns the table of packaged properties, with more of the user's.
func table(opts Options) ([]template.Row, error) {
	var rows []template.Row
	for _, p := range opts.Properties {
		row, err := template.NewRow(p.Type, p.Path, string(p.Form), p.Zip)
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	all := template.TableWith(rows)
	if opts.CopyImages {
		all = template.Copying(all)
	}
	if opts.podman() {
		all = template.OfPodman(all)
	}
	return all, nil
}

// podman tells whether that is the engine: it calls what it has built localhost/NAME.
func (o Options) podman() bool {
	return strings.TrimSuffix(filepath.Base(o.ImageEngine), ".exe") == "podman"
}
