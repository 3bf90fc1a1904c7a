package main

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/symphoniacloud/multi-region-codepipeline/cmd/mrpackage/internal/record"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/verify"
)

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
