package verify

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/template"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// referencesOf are the places of uses, each once.
func referencesOf(uses []template.Use) (all []Reference) {
	for _, u := range uses {
		r := Reference{u.Where(), u.Line, u.Column, u.LogicalID, u.Property}
		if !slices.Contains(all, r) {
			all = append(all, r)
		}
	}
	return all
}

// finish makes the result of what was found.
func (r *run) finish(ctx context.Context) *Result {
	r.compareRegions(ctx)
	views := make(map[int][]Deployment, len(r.unread))
	for at, d := range r.unread {
		views[at] = []Deployment{d}
	}
	for _, d := range r.deployments {
		view := Deployment{Template: d.given.File, Region: d.region, How: string(d.given.How), Nested: d.nested}
		for _, t := range d.order {
			o := t.view
			o.References = referencesOf(d.refs[t])
			view.Objects = append(view.Objects, o)
			r.tell(d, t)
		}
		view.State = d.state
		views[d.at] = append(views[d.at], view)
	}
	for _, at := range slices.Sorted(maps.Keys(views)) {
		r.result.Deployments = append(r.result.Deployments, views[at]...)
	}
	for _, all := range [][]error{r.result.Problems, r.result.Unknowns, r.result.Warnings} {
		problem.Sort(all)
	}
	return &r.result
}

// soon is when the end of an object is a warning.
const soon = 7 * 24 * time.Hour

const doubtedHint = "conditions choose it, by parameters: --parameter-overrides says with which the stack is deployed"

// tell makes a problem, an unknown or a warning of what was found of a target.
func (r *run) tell(d *deployment, t *target) {
	d.state = d.state.worse(t.view.State)
	uses := d.refs[t]
	more := ""
	switch n := len(referencesOf(uses)) - 1; n {
	case 0:
	case 1:
		more = " (another property names it, too)"
	default:
		more = fmt.Sprintf(" (%d more properties name it)", n)
	}
	if t.bucket != nil && t.bucket.err != nil {
		if d.told[t.bucket] {
			return
		}
		d.told[t.bucket], more = true, ""
	}
	e := uses[0].Errorf("%s in %s: %s%s", t.url(), t.view.Region, t.view.Why, more)
	e.Hint, e.Statement, e.Err = t.hint, t.statement, t.err
	if e.Hint == "" && uses[0].Doubted {
		e.Hint = doubtedHint
	}
	switch t.view.State {
	case Wrong:
		r.wrong(d, e)
	case Unknown:
		r.unknown(d, e)
	case Proved, Present:
	}
	if t.endsSoon() {
		e := uses[0].Errorf("%s in %s: a lifecycle rule ends it on %s%s", t.url(), t.view.Region, t.view.Ends.UTC().Format(time.DateOnly), more)
		e.Hint = "--refresh makes young what is in use"
		if r.opts.Refresh || t.Version != "" {
			e.Hint = strings.TrimSpace("deploy before, or change the rule " + t.view.EndsBy)
		}
		r.result.Warnings = append(r.result.Warnings, e)
	}
	for _, w := range t.warnings {
		e := uses[0].Errorf("%s in %s: %s%s", t.url(), t.view.Region, w, more)
		r.result.Warnings = append(r.result.Warnings, e)
	}
}
