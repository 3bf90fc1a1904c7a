package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/symphoniacloud/multi-region-codepipeline/cmd/mrpackage/internal/page"
	"github.com/symphoniacloud/multi-region-codepipeline/cmd/mrpackage/internal/record"
	"github.com/symphoniacloud/multi-region-codepipeline/packager"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// reports are the files of --report.
type reports []string

func (r *reports) add(path string) error {
	if path != "" { // which is no report, so that a variable may be empty
		*r = append(*r, path)
	}
	return nil
}

// isPage tells whether a report is a page to look at, by its name. Others are JSON.
func isPage(path string) bool {
	ext := strings.ToLower(filepath.Ext(path))
	return ext == ".html" || ext == ".htm"
}

// reportText is a report in the form that its name asks for.
func reportText(path string, r record.Run) ([]byte, error) {
	if isPage(path) {
		return page.Write(r), nil
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("writing the report: %w", err)
	}
	return append(text, '\n'), nil
}

// An account is all that a report and a trace tell of a run, when all is stored.
type account struct {
	durations
	flags     *flags
	began     time.Time
	spans     *trace              // nil where nobody wants it
	stores    []packager.Contents // by the names that the spans have for them
	templates templatePaths
	warnings  []error
}

// stage writes the reports and the trace, which get their names in the end.
func (t account) stage(files *staged) error {
	if len(t.flags.reports) > 0 {
		told := t.record()
		for _, path := range t.flags.reports {
			text, err := reportText(path, told)
			if err == nil {
				err = files.add(path, text)
			}
			if err != nil {
				return err
			}
		}
	}
	if t.flags.trace == "" {
		return nil
	}
	text, err := t.spans.json(t.Times, t.stores)
	if err == nil {
		err = files.add(t.flags.trace, text)
	}
	return err
}

// record is what is told of the run. What only the page shows is left out where there is none.
func (t account) record() record.Run {
	told := record.Run{
		Mrpackage: version(), Template: t.of, DryRun: t.flags.dryRun,
		Artifacts: []record.Artifact{}, Images: []record.Image{}, Regions: []record.Region{},
		Seconds: record.Seconds{
			Plan: t.Times.Plan.Took.Seconds(), Rewrite: t.Times.Rewrite.Took.Seconds(), Look: t.Times.Look.Took.Seconds(),
			Archive: t.Times.Archive.Took.Seconds(), Upload: t.Times.Upload.Took.Seconds(), Total: t.total.Seconds(),
		},
		Began: t.began, Timeline: t.spans.timeline(t.Times, t.stores),
	}
	if t.isAssembly {
		told.Template, told.Assembly = "", t.of
	}
	if s := t.flags.shard; s.Count > 0 {
		told.Shard = fmt.Sprintf("%d/%d", s.Index, s.Count)
	}
	for i := range t.Artifacts {
		a := recordArtifact(&t.Artifacts[i])
		if slices.ContainsFunc(t.flags.reports, isPage) {
			a.Entries = recordEntries(&t.Artifacts[i])
		}
		told.Artifacts = append(told.Artifacts, a)
	}
	for _, i := range t.Images {
		told.Images = append(told.Images, record.Image{
			Source: i.Source, References: recordReferences(i.References), Digest: i.Digest, Architecture: i.Architecture,
			Layers: len(i.Layers), Bytes: i.Size, Unpacked: i.Unpacked,
		})
	}
	for i := range t.Stores {
		told.Regions = append(told.Regions, recordRegion(t.Inventory, i, t.templates.of(i)))
	}
	for _, w := range t.warnings {
		told.Warnings = append(told.Warnings, recordWarning(w))
	}
	return told
}

func recordArtifact(a *packager.Artifact) record.Artifact {
	return record.Artifact{
		Path: a.Path, References: recordReferences(a.References), Digest: a.Digest, Name: a.Name,
		Archive: a.Archive, Files: a.Files, Bytes: a.Size, LeftOut: a.LeftOut,
	}
}

func recordEntries(a *packager.Artifact) (all []record.Entry) {
	for _, e := range a.Entries() {
		all = append(all, record.Entry(e))
	}
	return all
}

func recordReferences(references []packager.Reference) (all []record.Reference) {
	for _, r := range references {
		all = append(all, record.Reference(r))
	}
	return all
}

// recordRegion is what the i-th region has got; template is where its packaged template is.
func recordRegion(p packager.Inventory, i int, template string) record.Region {
	s := p.Stores[i]
	told := record.Region{
		Region: s.Region, Bucket: s.Bucket, Role: s.Role.ARN, Template: template, Seconds: s.Took.Seconds(), Rewrite: s.Times.Rewrite.Took.Seconds(),
		Look: s.Times.Look.Took.Seconds(), Upload: s.Times.Upload.Took.Seconds(), Objects: []record.Object{}, Images: []record.Push{},
	}
	for _, o := range s.Objects {
		told.Objects = append(told.Objects, record.Object{
			Key: o.Key, URL: "s3://" + s.Bucket + "/" + o.Key, Source: sourcePath(o),
			Action: string(o.Action), Bytes: o.Size, VersionID: o.VersionID, Of: artifactNumber(p, o),
		})
	}
	for _, pushed := range s.Images {
		told.Images = append(told.Images, record.Push{
			Image: imageAddress(pushed), Source: pushed.Source, Action: string(pushed.Action), Of: imageNumber(p, pushed),
		})
	}
	return told
}

// artifactNumber is which of the plan's artifacts an object is.
func artifactNumber(p packager.Inventory, o packager.Object) int {
	for i := range p.Artifacts {
		if o.Artifact == &p.Artifacts[i] {
			return i
		}
	}
	return record.Nested
}

func imageNumber(p packager.Inventory, pushed packager.PushedImage) int {
	for i := range p.Images {
		// A region's view of an image may have references of its own; one that a tag names has no
		// digest yet.
		if pushed.Image == &p.Images[i] || pushed.Digest != "" && pushed.Digest == p.Images[i].Digest {
			return i
		}
	}
	return 0
}

// recordWarning is a warning as a person reads it.
func recordWarning(err error) record.Warning {
	told := record.Warning{Text: hideSecrets(err.Error())}
	var e *problem.Error
	if errors.As(err, &e) {
		told.Text = hideSecrets(e.Error())
		told.Excerpt, told.Hint, told.Statement = hideSecrets(e.Excerpt), hideSecrets(e.Hint), e.Statement
	}
	return told
}

func sourcePath(o packager.Object) string {
	if o.Artifact == nil {
		return o.Template
	}
	return o.Artifact.Path
}
