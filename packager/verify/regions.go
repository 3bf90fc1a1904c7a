package verify

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/packaged"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// compareRegions holds the templates of one run against each other: those of several
// regions are the same but for locations, and name the same keys.
func (r *run) compareRegions() {
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
			r.compare(d, group[0].root, d.root)
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

// compare holds a template of one region against that of another one, and those that are
// nested in them.
func (r *run) compare(d *deployment, a, b *node) {
	if a.packaged != b.packaged {
		if where, same := a.packaged.SameBut(b.packaged); !same {
			r.wrong(d, &problem.Error{
				File:    b.packaged.File(),
				Message: fmt.Sprintf("the template of %s differs from that of %s, %s, in more than locations: at %s", b.stack.Region, a.stack.Region, a.packaged.File(), where),
				Hint:    "templates of one run say the same; are these of two runs?",
			})
			return
		}
	}
	ours, theirs := a.byPlace(), b.byPlace()
	for _, u := range b.named {
		place := u.Place()
		if len(theirs[place]) == 0 {
			continue // compared already
		}
		mine, other := theirs[place], ours[place]
		delete(theirs, place)
		left, right := keysOf(other), keysOf(mine)
		if !slices.Equal(left, right) && !u.Conditional() {
			e := u.Errorf("in %s it names %s, and in %s %s: not the same code", b.stack.Region, strings.Join(right, " and "), a.stack.Region, strings.Join(left, " and "))
			e.Hint = "package for all regions in one run"
			r.wrong(d, e)
			continue
		}
		for i := range min(len(mine), len(other)) {
			if mine[i].child != nil && other[i].child != nil {
				r.compare(d, other[i].child, mine[i].child)
			}
		}
	}
}

// byPlace is what a template names, by property.
func (n *node) byPlace() map[int][]named {
	all := make(map[int][]named)
	for _, u := range n.named {
		all[u.Place()] = append(all[u.Place()], u)
	}
	return all
}

// keysOf are the names of objects without prefixes, and the digests of images. Nested
// templates hold buckets' names, and have another key in each region.
func keysOf(all []named) (keys []string) {
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
