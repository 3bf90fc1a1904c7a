package check

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/check/internal/codepipeline"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/check/internal/document"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/check/internal/shell"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/region"
)

const (
	noRegion   = "%q is not the name of a region"
	regionHint = "a region's name is like us-east-1"

	asItStands = "this is taken as it stands here: %s"
	subHint    = "write !Sub before it"

	oneRegion = "a bucket is in one region"
)

// checkStores holds the artifact stores against the actions' regions, and against
// each other.
func (c *checker) checkStores() {
	c.checkStoreKinds()
	if c.Single.Exists() {
		c.checkSingle()
	}
	regions := make(map[string]string) // by the store's bucket
	for i, s := range c.Stores {
		name := s.Region.String()
		switch {
		case !s.Region.Fixed():
		case !region.Valid(name):
			c.fail(s.At.Problem("ArtifactStores", assuming(regionHint, s.Region), noRegion, name))
		case c.store(name) != &c.Stores[i] && !c.Varies:
			c.fail(s.At.Problem("ArtifactStores", assuming("", s.Region), "%s has two artifact stores", name))
			continue
		}
		if !s.Location.Empty() {
			c.checkLocation(s, regions)
		}
	}
	c.checkUnused()
}

// checkStoreKinds finds a pipeline that has both an artifact store for all regions and
// one for each, or none: CodePipeline wants one of them.
func (c *checker) checkStoreKinds() {
	const hint = "CodePipeline takes either, and not both"
	switch one, several := c.Single.Exists(), c.Several.Exists(); {
	case c.Single.Get("Location").Exists() && len(c.Several.Items()) > 0: // and none of them is an Fn::If
		c.fail(c.Several.Problem("ArtifactStores", hint, "the pipeline has ArtifactStore, too"))
	case !one && !several && !c.Open && len(c.Actions) > 0:
		c.fail(c.At.Problem(c.At.Text(), "add ArtifactStores, with a bucket for each region", "the pipeline has no artifact store"))
	}
}

// checkLocation holds a store's bucket against its region, and against the stores
// before it.
func (c *checker) checkLocation(s codepipeline.Store, regions map[string]string) {
	own, bucket := s.Region.String(), s.Location.String()
	if codepipeline.Unfilled(s.LocationAt) {
		c.fail(s.LocationAt.Problem("ArtifactStores", subHint, asItStands, bucket))
		return
	}
	if other := regions[bucket]; other != "" && s.Region.Fixed() && other != own && !c.Varies {
		c.fail(s.LocationAt.Problem("ArtifactStores", oneRegion, "the artifact stores of %s and %s are one bucket: %s", other, own, bucket))
	} else if text := c.Default(s.LocationAt); region.Other(text.String(), own) != "" {
		tell := c.warn // a name may say anything
		if c.isMade(bucket, region.Other(bucket, own)) {
			tell = c.fail
		}
		tell(s.LocationAt.Problem("ArtifactStores", assuming("the bucket must be in the store's own region", text),
			"the bucket of %s is named after %s: %s", own, region.Other(text.String(), own), text))
	}
	regions[bucket] = ""
	if s.Region.Fixed() {
		regions[bucket] = own
	}
}

// checkSingle holds the artifact store of a pipeline that has one for all regions
// against the actions.
func (c *checker) checkSingle() {
	regions := make(map[string]bool)
	var texts []codepipeline.Text
	inOwn := false
	for _, a := range c.Actions {
		if a.Region.Fixed() {
			regions[a.Region.String()] = true
			texts = append(texts, a.Region)
		}
		inOwn = inOwn || a.Region.Absent() && (a.Category == "Deploy" || len(a.Stacks) > 0)
	}
	named := list(slices.Sorted(maps.Keys(regions)))
	hint := assuming("use ArtifactStores, with one for each region", texts...)
	switch {
	case len(regions) > 1:
		c.fail(c.Single.Problem("ArtifactStore", hint, "there are actions in %s, and an artifact store for one region", named))
	case len(regions) == 1 && inOwn && c.home() == "":
		c.warn(c.Single.Problem("ArtifactStore", hint,
			"there are actions in %s and in the pipeline's own region; one artifact store is enough only if that is the same", named))
	}
}

// checkUnused finds artifact stores in regions without an action. The pipeline's own
// region needs one all the same, and is one of them where nothing tells which it is.
func (c *checker) checkUnused() {
	if c.Open || len(c.Actions) == 0 {
		return
	}
	used := map[string]bool{c.home(): true}
	spare := 1
	if c.home() != "" {
		spare = 0
	}
	for _, a := range c.Actions {
		used[a.Region.String()] = true
		if !a.Region.Fixed() && !a.Region.Absent() {
			return // an action may be in any region
		}
	}
	var unused []codepipeline.Store
	var names []string
	for _, s := range c.Stores {
		switch name := s.Region.String(); {
		case name == "${AWS::Region}":
			spare = 0
		case s.Fixed && region.Valid(name) && !used[name]:
			unused, names = append(unused, s), append(names, name)
		}
	}
	if len(unused) <= spare {
		return
	}
	const hint = "take the store out, or add the region's action"
	for _, s := range unused {
		if spare == 0 {
			c.warn(s.At.Problem("ArtifactStores", hint, "no action runs in %s", s.Region))
		} else {
			c.warn(s.At.Problem("ArtifactStores", hint, "no action runs in %s, and of %s only one can be the pipeline's own region", s.Region, list(names)))
		}
	}
}

// someDeploy tells whether a deploy action is so.
func (c *checker) someDeploy(so func(codepipeline.Action) bool) bool {
	return slices.ContainsFunc(c.Deploys, so)
}

// checkBucketScript holds the script that creates the artifact stores' buckets, where
// there is one that names its regions, against the artifact stores.
func (c *checker) checkBucketScript() {
	f, err := document.ReadText(filepath.Dir(filepath.FromSlash(c.File.Name)), "create-artifact-buckets.sh")
	if err != nil {
		return
	}
	s, err := shell.Read(f.Text(), nil)
	if err != nil || c.Open {
		return
	}
	created, line := createdIn(s)
	if len(created) == 0 || created[shell.Unknown().String()] {
		return
	}
	for _, s := range c.Stores {
		if s.Region.Fixed() && !created[s.Region.String()] {
			c.fail(f.At(line, 1).Problem("", "add it to the script's regions", "this creates buckets in %s, and %s has an artifact store in %s too",
				list(slices.Sorted(maps.Keys(created))), c.File.Name, s.Region))
		}
	}
}

// createdIn are the regions that a script's calls of the AWS CLI name, and the line
// of the last one.
func createdIn(s *shell.Script) (regions map[string]bool, line int) {
	regions = make(map[string]bool)
	for _, call := range s.Calls() {
		if !call.Program().Is("aws") {
			continue
		}
		for i, word := range call.Words {
			name, ok := strings.CutPrefix(word.String(), "--region=")
			if word.Is("--region") && i+1 < len(call.Words) {
				name, ok = call.Words[i+1].String(), true
			}
			if ok {
				regions[name], line = true, call.Line
			}
		}
	}
	return regions, line
}
