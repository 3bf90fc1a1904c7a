package main

import (
	"fmt"

	"github.com/symphoniacloud/multi-region-codepipeline/packager"
)

// pushed is the line of one container image.
func (u *ui) pushed(e packager.Event) {
	if e.Image.Action == packager.Reused && !u.verbose {
		return
	}
	if e.Image.Tag != "" {
		u.line("%s: %s %s in %s (%s)", e.Region, pushWord(e.Image.Action), imageAddress(e.Image), seconds(e.Took), imageSource(e.Image))
		return
	}
	u.line("%s: %s %s@%s %s in %s (%s)", e.Region, pushWord(e.Image.Action), e.Bucket, shortDigest(e.Image.Digest), size(e.Image.Size), seconds(e.Took), imageSource(e.Image))
}

// pushedBefore says that all images of a region were there, which may be none.
func (u *ui) pushedBefore(region string, all []packager.PushedImage) {
	switch len(all) {
	case 0:
	case 1:
		u.line("%s: the only image is in %s already", region, repositoriesOf(all))
	default:
		u.line("%s: all %d images are in %s already", region, len(all), repositoriesOf(all))
	}
}

// pushWord is what is done with an image that is uploaded.
func pushWord(action packager.Action) string {
	if action == packager.Uploaded {
		return "pushed"
	}
	return string(action)
}

// imageAddress is where an image is, by its tag if that names it.
func imageAddress(i packager.PushedImage) string {
	if i.Tag != "" {
		return i.Repository + ":" + i.Tag
	}
	return i.Repository + "@" + i.Digest
}

// shortDigest is enough of a digest to know it by.
func shortDigest(digest string) string { return digest[:min(len(digest), len("sha256:")+12)] + "…" }

// imageSource names what an image is for, as the template does.
func imageSource(i packager.PushedImage) string {
	name := i.References[0].String()
	if n := len(i.References) - 1; n > 0 {
		name += fmt.Sprintf(" and %d more", n)
	}
	return name
}
