package verify

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/packaged"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/template"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// compareRegions holds the templates of one run against each other: those of several
// regions are the same but for locations, and name the same keys.
func (r *run) compareRegions(ctx context.Context) {
	groups := make(map[string][]*deployment)
	var order []string
	for _, d := range r.deployments {
		name := runOf(d)
		if groups[name] == nil {
			order = append(order, name)
		}
		groups[name] = append(groups[name], d)
	}
	for _, name := range order {
		group := groups[name]
		if name == "" && !distinct(group) {
			continue // two of one region are not of one run
		}
		for _, d := range group[1:] {
			r.compare(ctx, d, group[0].root, d.root)
		}
	}
}

// runOf names the run that has made a template, as far as the command line tells: by the
// pattern of its name, else by the file; "" is all of which only the region was said.
func runOf(d *deployment) string {
	switch d.given.How {
	case packaged.ByName:
		return "name " + strings.ReplaceAll(d.given.File, d.region, "{region}")
	case packaged.ByMapping:
		return "file " + d.given.File
	case packaged.BySaying, packaged.ByBucket, packaged.ByImage, packaged.Unfound:
	}
	return ""
}

// distinct tells whether each deployment is in a region of its own.
func distinct(group []*deployment) bool {
	seen := make(map[string]bool)
	for _, d := range group {
		if seen[d.region] || d.region == "" {
			return false
		}
		seen[d.region] = true
	}
	return true
}

// maxTold is how many differences of two templates are told: who sees the first knows that
// they are not of one run.
const maxTold = 5

// compare holds a template of one region against that of another one, and those that are
// nested in them.
func (r *run) compare(ctx context.Context, d *deployment, a, b *node) {
	found := template.Compare(ctx, a.packaged, b.packaged, a.stack, b.stack)
	for i, difference := range found.All {
		if i == maxTold {
			break
		}
		e := &problem.Error{
			File: b.packaged.File(), Subject: strings.Join(difference.Path, "."),
			Message: fmt.Sprintf("it differs from the template of %s, %s, in more than locations: %s", a.stack.Region, a.packaged.File(), contrast(difference)),
			Hint:    "templates of one run say the same; are these of two runs?",
		}
		if difference.New != nil {
			e.Line, e.Column = difference.New.Line, difference.New.Column
		}
		r.wrong(d, e)
	}
	there, here := a.packaged.ByPlace(a.stack), b.packaged.ByPlace(b.stack)
	namedHere, namedThere := b.byPlace(), a.byPlace()
	for _, pair := range found.Pairs {
		if len(namedThere[pair.Old]) == 0 || len(namedHere[pair.New]) == 0 {
			continue
		}
		other, mine := there[pair.Old], here[pair.New]
		left, right := keysOf(other), keysOf(mine)
		if !slices.Equal(left, right) {
			e := mine[0].Errorf("in %s it names %s, and in %s %s: not the same code", b.stack.Region, strings.Join(right, " and "), a.stack.Region, strings.Join(left, " and "))
			e.Hint = "package for all regions in one run"
			r.wrong(d, e)
			continue
		}
		for i := range min(len(mine), len(other)) {
			if x, y := childOf(namedThere[pair.Old], other[i]), childOf(namedHere[pair.New], mine[i]); x != nil && y != nil {
				r.compare(ctx, d, x, y)
			}
		}
	}
}

// contrast is what two templates say in the same place.
func contrast(d template.Difference) string {
	switch {
	case d.Old == nil:
		return "there it is not"
	case d.New == nil:
		return "there it is " + d.Old.Text + ", and here it is not"
	}
	return "there it is " + d.Old.Text + ", and here " + d.New.Text
}

// byPlace is what a template names in its stack, by property.
func (n *node) byPlace() map[int][]named {
	all := make(map[int][]named)
	for _, u := range n.named {
		all[u.Place()] = append(all[u.Place()], u)
	}
	return all
}

// childOf is the nested template that a use names; nil where that is not read, as in a stack
// in which conditions choose another one.
func childOf(all []named, use template.Use) *node {
	for _, u := range all {
		if u.Location == use.Location {
			return u.child
		}
	}
	return nil
}

// keysOf are the names of objects without prefixes, and the digests of images. Nested
// templates hold buckets' names, and have another key in each region.
func keysOf(all []template.Use) (keys []string) {
	for _, u := range all {
		switch {
		case u.Nested:
		case u.Location.Key != "":
			keys = append(keys, path.Base(u.Location.Key))
		case u.Location.Digest != "":
			keys = append(keys, u.Location.Digest)
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}
