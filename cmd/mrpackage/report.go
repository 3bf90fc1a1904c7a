package main

import (
	"encoding/json"
	"fmt"

	"github.com/symphoniacloud/multi-region-codepipeline/packager"
)

// report is the form of --report. Fields are only ever added.
type report struct {
	Mrpackage string           `json:"mrpackage"` // the version
	Template  string           `json:"template,omitempty"`
	Assembly  string           `json:"assembly,omitempty"` // in the place of a template: the cloud assembly
	DryRun    bool             `json:"dryRun"`
	Artifacts []artifactReport `json:"artifacts"`
	Images    []imageReport    `json:"images"`
	Regions   []regionReport   `json:"regions"`
	Seconds   secondsReport    `json:"seconds"`
}

type artifactReport struct {
	Path       string            `json:"path"`
	References []referenceReport `json:"references"`
	Digest     string            `json:"digest"`
	Name       string            `json:"name"` // the key without the prefix
	Archive    bool              `json:"archive"`
	Files      int               `json:"files"`
	Bytes      int64             `json:"bytes"`
	LeftOut    int               `json:"leftOut"`
}

type referenceReport struct {
	Template  string `json:"template"`
	Line      int    `json:"line"`
	Column    int    `json:"column"`
	LogicalID string `json:"logicalId"`
	Property  string `json:"property"`
}

type regionReport struct {
	Region   string         `json:"region"`
	Bucket   string         `json:"bucket"`
	Role     string         `json:"role,omitempty"` // that was assumed
	Template string         `json:"template"`       // the packaged template; "-" is standard output
	Seconds  float64        `json:"seconds"`        // from the first request to the last object
	Rewrite  float64        `json:"rewriteSeconds"`
	Look     float64        `json:"lookSeconds"`
	Upload   float64        `json:"uploadSeconds"`
	Objects  []objectReport `json:"objects"`
	Images   []pushReport   `json:"images"`
}

type imageReport struct {
	Source       string            `json:"source"` // a path, or an image's name
	References   []referenceReport `json:"references"`
	Digest       string            `json:"digest"`
	Architecture string            `json:"architecture"`
	Layers       int               `json:"layers"`
	Bytes        int64             `json:"bytes"` // of the layers, as they are stored
	Unpacked     int64             `json:"unpackedBytes"`
}

type pushReport struct {
	Image  string `json:"image"` // its address, with the digest
	Source string `json:"source"`
	Action string `json:"action"` // planned, uploaded or reused
}

type objectReport struct {
	Key       string `json:"key"`
	URL       string `json:"url"`
	Source    string `json:"source"`
	Action    string `json:"action"` // planned, uploaded, copied, reused or refreshed
	Bytes     int64  `json:"bytes"`
	VersionID string `json:"versionId,omitempty"`
}

// A secondsReport tells where the time went. Looking, archiving and uploading
// overlap.
type secondsReport struct {
	Plan    float64 `json:"plan"`
	Rewrite float64 `json:"rewrite"`
	Look    float64 `json:"look"`
	Archive float64 `json:"archive"`
	Upload  float64 `json:"upload"`
	Total   float64 `json:"total"`
}

// reportOf returns the record of a run as JSON.
func reportOf(templates templatePaths, d durations, dryRun bool) ([]byte, error) {
	r := report{
		Mrpackage: version(), DryRun: dryRun,
		Artifacts: []artifactReport{}, Images: []imageReport{}, Regions: []regionReport{},
		Seconds: secondsReport{
			d.Times.Plan.Took.Seconds(), d.Times.Rewrite.Took.Seconds(), d.Times.Look.Took.Seconds(),
			d.Times.Archive.Took.Seconds(), d.Times.Upload.Took.Seconds(), d.total.Seconds(),
		},
	}
	if r.Template = d.of; d.isAssembly {
		r.Template, r.Assembly = "", d.of
	}
	for _, a := range d.Artifacts {
		view := artifactReport{a.Path, nil, a.Digest, a.Name, a.Archive, a.Files, a.Size, a.LeftOut}
		for _, ref := range a.References {
			view.References = append(view.References, referenceReport(ref))
		}
		r.Artifacts = append(r.Artifacts, view)
	}
	for _, i := range d.Images {
		view := imageReport{i.Source, nil, i.Digest, i.Architecture, len(i.Layers), i.Size, i.Unpacked}
		for _, ref := range i.References {
			view.References = append(view.References, referenceReport(ref))
		}
		r.Images = append(r.Images, view)
	}
	for i, s := range d.Stores {
		view := regionReport{
			Region: s.Region, Bucket: s.Bucket, Role: s.Role.ARN, Seconds: s.Took.Seconds(), Rewrite: s.Times.Rewrite.Took.Seconds(),
			Look: s.Times.Look.Took.Seconds(), Upload: s.Times.Upload.Took.Seconds(), Objects: []objectReport{}, Images: []pushReport{}, Template: templates.of(i),
		}
		for _, object := range s.Objects {
			view.Objects = append(view.Objects, objectReport{
				object.Key, "s3://" + s.Bucket + "/" + object.Key, sourcePath(object),
				string(object.Action), object.Size, object.VersionID,
			})
		}
		for _, i := range s.Images {
			view.Images = append(view.Images, pushReport{imageAddress(i), i.Source, string(i.Action)})
		}
		r.Regions = append(r.Regions, view)
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("writing the report: %w", err)
	}
	return append(text, '\n'), nil
}

func sourcePath(o packager.Object) string {
	if o.Artifact == nil {
		return o.Template
	}
	return o.Artifact.Path
}
