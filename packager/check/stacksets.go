package check

import (
	"slices"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/check/internal/codepipeline"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/region"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// checkStackSets holds the stack sets that make the artifact stores' buckets against
// the stores and the deploy actions. A region stands in all three.
func (c *checker) checkStackSets() {
	if c.Open {
		return
	}
	for _, set := range c.StackSets {
		if c.checkMade(set) {
			c.checkSetRegions(set)
		}
	}
}

// tellSet is a problem of a stack set, or a warning where a condition decides what the
// pipeline is.
func (c *checker) tellSet(e *problem.Error) {
	if c.Varies {
		c.warn(e)
	} else {
		c.fail(e)
	}
}

// checkMade finds artifact stores whose bucket should be one of the stack set's, and is
// not. It tells whether the bucket of a store is.
func (c *checker) checkMade(set codepipeline.StackSet) (own bool) {
	makes := func(s codepipeline.Store) bool {
		return slices.Contains(set.Buckets(s.Region.String()), s.Location.String())
	}
	own = slices.ContainsFunc(c.Stores, makes)
	for _, s := range c.Stores {
		name, bucket := s.Region.String(), s.Location.String()
		switch {
		case !region.Valid(name):
		case makes(s):
			if !set.Has(name) && !set.Open {
				c.tellSet(s.At.Problem("ArtifactStores", c.regionsHint(set, s.Region), "%s makes no bucket in %s", set.LogicalID, name))
			}
		case !set.MayMean(bucket) || c.isMade(bucket, name) || region.Other(bucket, name) != "": // the last is told
		default:
			tell := c.tellSet
			if !own {
				tell = c.warn // the buckets may have nothing to do with each other
			}
			tell(s.LocationAt.Problem("ArtifactStores", assuming("", s.Region), "the bucket that %s makes in %s is %s, and this is %s",
				set.LogicalID, name, strings.Join(set.Buckets(name), " or "), bucket))
		}
	}
	return own
}

// regionsHint says where a region is added to a stack set.
func (c *checker) regionsHint(set codepipeline.StackSet, more codepipeline.Text) string {
	texts := []codepipeline.Text{more}
	for _, to := range set.Regions {
		texts = append(texts, to.Region)
	}
	return assuming("add the region to those of "+set.LogicalID, texts...)
}

// checkSetRegions finds regions of a stack set without an artifact store or a deploy
// action. An action in a region without a store is told as that.
func (c *checker) checkSetRegions(set codepipeline.StackSet) {
	seen := make(map[string]bool)
	deployed, anywhere := c.deployedTo()
	for _, to := range set.Regions {
		name := to.Region.String()
		tell := func(hint, format string, args ...any) {
			c.tellSet(to.At.Problem(set.LogicalID, assuming(hint, to.Region), format, args...))
		}
		const add = "add it, or take the region out here"
		switch {
		case !to.Region.Fixed():
		case !region.Valid(name):
			tell(regionHint, noRegion, name)
		case seen[name]:
			tell("", "%s stands there twice", name)
		case deployed[name] || anywhere:
		case c.store(name) == nil && !slices.ContainsFunc(c.Stores, func(s codepipeline.Store) bool { return !s.Region.Fixed() }):
			tell(add, "there is no artifact store in %s, and no action that deploys there", name)
		default:
			tell(add, "no action deploys to %s", name)
		}
		seen[name] = true
	}
}

// deployedTo are the regions that deploy actions make something in; anywhere tells that
// it may be others, too.
func (c *checker) deployedTo() (regions map[string]bool, anywhere bool) {
	regions = make(map[string]bool)
	add := func(to codepipeline.Text) {
		regions[to.String()] = true
		anywhere = anywhere || !to.Fixed()
	}
	for _, a := range c.Actions {
		if a.Category == "Deploy" && len(a.Stacks) == 0 {
			add(a.Region)
		}
		for _, to := range a.Stacks {
			add(to.Region)
		}
	}
	return regions, anywhere
}

// isMade tells whether a stack set makes a bucket of this name in this region.
func (c *checker) isMade(bucket, name string) bool {
	return slices.ContainsFunc(c.StackSets, func(set codepipeline.StackSet) bool { return slices.Contains(set.Buckets(name), bucket) })
}
