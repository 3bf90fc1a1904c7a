package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/symphoniacloud/multi-region-codepipeline/cmd/mrpackage/internal/record"
	"github.com/symphoniacloud/multi-region-codepipeline/packager"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/verify"
)

// writeReports writes the record of the run, if one is asked for.
func (f *verifyFlags) writeReports(result *verify.Result) error {
	if len(f.reports) == 0 {
		return nil
	}
	text, err := verifyReportOf(result)
	if err != nil {
		return err
	}
	files := &staged{}
	for _, path := range f.reports {
		if err := files.add(path, text); err != nil {
			return errors.Join(err, files.discard())
		}
	}
	// Which folders are archived is not known here, and a report enters no archive.
	if err := packager.RememberOutputs(".", f.reports...); err != nil {
		return errors.Join(err, files.discard())
	}
	return errors.Join(files.finish(io.Discard, func() error { return nil }), files.discard())
}

// checkReports finds reports that cannot be written, or would take the place of a template.
func (f *verifyFlags) checkReports(args []string) error {
	errs := f.checkOutputs(nil, nil)
	for _, report := range f.reports {
		info, err := os.Stat(report)
		if err == nil && slices.ContainsFunc(f.templateFiles(args), func(file string) bool { return sameFile(file, info) }) {
			errs = append(errs, &problem.Error{Subject: report, Message: "this output would replace a template that is verified", Hint: output{"--report", report}.chooseOther()})
		}
	}
	return errors.Join(errs...)
}

// templateFiles are files that may be templates which are verified.
func (f *verifyFlags) templateFiles(args []string) (files []string) {
	for _, arg := range args {
		_, file, _ := strings.Cut(arg, "=")
		files = append(files, arg, file)
	}
	if len(args) == 0 {
		for _, pattern := range f.patterns() {
			found, _ := filepath.Glob(strings.ReplaceAll(pattern, "{region}", "*")) // what is no pattern is told by the run
			files = append(files, found...)
		}
	}
	return files
}

// verifyReport is the form of verify's --report. Fields are only ever added.
type verifyReport struct {
	Mrpackage   string             `json:"mrpackage"` // the version
	State       verify.State       `json:"state"`
	Deployments []deploymentReport `json:"deployments"`
	Problems    []string           `json:"problems"`
	Unknowns    []string           `json:"unknowns"`
	Warnings    []string           `json:"warnings"`
	Seconds     float64            `json:"seconds"`
}

type deploymentReport struct {
	Template string           `json:"template"`
	Region   string           `json:"region"`
	How      string           `json:"regionFound"`
	State    verify.State     `json:"state"`
	Nested   int              `json:"nestedTemplates"`
	Objects  []verifiedReport `json:"objects"`
}

type verifiedReport struct {
	URL        string             `json:"url"`
	VersionID  string             `json:"versionId,omitempty"`
	Image      bool               `json:"image"`
	Template   bool               `json:"template"`
	State      verify.State       `json:"state"`
	By         verify.By          `json:"provedBy,omitempty"`
	Why        string             `json:"why,omitempty"`
	Bytes      int64              `json:"bytes"`
	Modified   *time.Time         `json:"modified,omitempty"`
	Ends       *time.Time         `json:"ends,omitempty"`
	EndsBy     string             `json:"endsByRule,omitempty"`
	Archives   string             `json:"archivedAs,omitempty"`
	EndUnknown string             `json:"endUnknown,omitempty"`
	Refreshed  bool               `json:"refreshed"`
	References []record.Reference `json:"references"`
}

// verifyReportOf returns the record of a verification as JSON.
func verifyReportOf(result *verify.Result) ([]byte, error) {
	r := verifyReport{
		Mrpackage: version(), State: result.State(), Seconds: result.Took.Seconds(), Deployments: []deploymentReport{},
		Problems: linesOf(result.Problems), Unknowns: linesOf(result.Unknowns), Warnings: linesOf(result.Warnings),
	}
	for _, d := range result.Deployments {
		view := deploymentReport{d.Template, d.Region, d.How, d.State, d.Nested, []verifiedReport{}}
		for _, o := range d.Objects {
			object := verifiedReport{
				URL: o.URL(), VersionID: o.VersionID, Image: o.Image != "", Template: o.Template, State: o.State, By: o.By, Why: o.Why, Bytes: o.Size,
				Modified: known(o.Modified), Ends: known(o.Ends), EndsBy: o.EndsBy, Archives: o.Archives, EndUnknown: o.EndUnknown, Refreshed: o.Refreshed,
			}
			for _, ref := range o.References {
				object.References = append(object.References, record.Reference(ref))
			}
			view.Objects = append(view.Objects, object)
		}
		r.Deployments = append(r.Deployments, view)
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("writing the report: %w", err)
	}
	return append(text, '\n'), nil
}

func linesOf(errs []error) []string {
	lines := []string{}
	for _, err := range errs {
		lines = append(lines, problem.OneLine(err.Error()))
	}
	return lines
}

// known is a time, nil where it is not known.
func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
