package image

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// lambdaName is what Lambda calls an architecture, or "" for one that it does not run.
func lambdaName(architecture string) string {
	switch architecture {
	case "amd64":
		return "x86_64"
	case "arm64":
		return "arm64"
	}
	return ""
}

// runs tells whether the function, or where it is not known any function, runs an image
// of the platform.
func (r *reader) runs(p platform) bool {
	name := lambdaName(p.Architecture)
	return p.OS == "linux" && name != "" && (len(r.Architectures) == 0 || slices.Contains(r.Architectures, name))
}

// ofPlatform chooses among the images that a name stands for.
func (r *reader) ofPlatform(all []candidate) (*candidate, error) {
	if len(all) == 0 {
		return nil, errors.New("holds only what describes an image, such as build attestations, and no image: " + howToMake)
	}
	// What says of no platform is likely no image, if another one does.
	unknown := func(c candidate) bool { return c.platform == platform{} && !c.missing }
	if slices.ContainsFunc(all, func(c candidate) bool { return c.platform != platform{} }) {
		all = slices.DeleteFunc(all, unknown)
	}
	var fit, missing []candidate
	for _, c := range all {
		switch {
		case c.platform != platform{} && !r.runs(c.platform):
		case c.missing:
			missing = append(missing, c)
		default:
			fit = append(fit, c)
		}
	}
	switch {
	case len(fit) == 1:
		return &fit[0], nil
	case len(fit) > 1:
		return nil, r.inDoubt(fit)
	case len(missing) > 0:
		p := missing[0].platform
		return nil, fmt.Errorf("%w: it lists an image for %s, but does not hold it: pull or build it with --platform %s, and save it again", errMissing, p, p)
	case len(all) == 1:
		return nil, r.wrongPlatform(all[0].platform)
	}
	return nil, fmt.Errorf("is for %s, %s: build it with --platform %s", listed(all), r.needs(), r.wanted())
}

// inDoubt is the error where more than one image could be meant.
func (r *reader) inDoubt(fit []candidate) error {
	another := func(c candidate) bool { return c.platform.Architecture != fit[0].platform.Architecture }
	if !slices.ContainsFunc(fit, another) { // then Architectures do not tell
		var ids []string
		for _, c := range fit {
			ids = append(ids, shortened(c.Digest))
		}
		if len(ids) > 20 {
			ids = append(ids[:20], "…")
		}
		return fmt.Errorf("holds %d images for %s: %s; name one, as %s", len(fit), fit[0].platform, strings.Join(ids, ", "), r.nameOf(ids[0]))
	}
	return fmt.Errorf("holds images for %s: say which one, by the function's Architectures", listed(fit))
}

// needs says what an image must be for.
func (r *reader) needs() string {
	if len(r.Architectures) == 0 {
		return "and Lambda runs linux/amd64 and linux/arm64"
	}
	return "and the function's Architectures say " + problem.OneLine(strings.Join(r.Architectures, ", "))
}

// wanted is the platform to build for.
func (r *reader) wanted() string {
	if len(r.Architectures) > 0 && r.Architectures[0] == "arm64" {
		return "linux/arm64"
	}
	return "linux/amd64"
}

// wrongPlatform is the error for an image that the function does not run.
func (r *reader) wrongPlatform(p platform) error {
	switch name := lambdaName(p.Architecture); {
	case p.OS == "windows":
		return errors.New("is for Windows, and Lambda runs Linux: build it from a Linux base image")
	case p.OS != "linux":
		return fmt.Errorf("is for %s, and Lambda runs Linux", p)
	case name != "" && len(r.Architectures) > 0:
		return fmt.Errorf("is for %s, %s: build it with --platform %s, or set Architectures to %s", p, r.needs(), r.wanted(), name)
	}
	return fmt.Errorf("is for %s, %s: build it with --platform %s", p, r.needs(), r.wanted())
}
