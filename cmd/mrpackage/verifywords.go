package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/verify"
)

// deploymentWords is what was found of a template in a region, in one line.
func deploymentWords(d verify.Deployment) string {
	if d.Unread {
		return "nothing was looked for"
	}
	objects, images, states, refreshed := 0, 0, make(map[verify.State]int), 0
	for _, o := range d.Objects {
		if o.Image != "" {
			images++
		} else {
			objects++
		}
		if o.Refreshed {
			refreshed++
		}
		states[o.State]++
	}
	var counts []string
	for _, c := range []struct {
		n    int
		word string
	}{{objects, "object"}, {images, "image"}, {d.Nested, "nested template"}} {
		if c.n > 0 {
			counts = append(counts, problem.Count(c.n, c.word))
		}
	}
	if counts == nil {
		counts = []string{"nothing that is stored"}
	}
	words := strings.Join(counts, ", ")
	if d.How != "" {
		words += " (region " + d.How + ")"
	}
	var found []string
	for _, s := range []verify.State{verify.Proved, verify.Present, verify.Unknown, verify.Wrong} {
		if states[s] > 0 {
			found = append(found, fmt.Sprintf("%d %s", states[s], s))
		}
	}
	if refreshed > 0 {
		found = append(found, fmt.Sprintf("%d refreshed", refreshed))
	}
	if len(found) > 0 {
		words += ": " + strings.Join(found, ", ")
	}
	if first := firstEnd(d.Objects); first != "" {
		words += "; " + first
	}
	return words
}

// firstEnd says when the first of some objects ends.
func firstEnd(all []verify.Object) string {
	var first *verify.Object
	unknown, stored := 0, 0
	for i, o := range all {
		if o.Image != "" || o.State == verify.Wrong || o.State == verify.Unknown && o.Modified.IsZero() {
			continue
		}
		stored++
		switch {
		case o.Ends.IsZero() && o.EndUnknown != "":
			unknown++
		case o.Ends.IsZero():
		case first == nil || o.Ends.Before(first.Ends):
			first = &all[i]
		}
	}
	switch {
	case first != nil && unknown > 0:
		return fmt.Sprintf("the first %s; of %d of them it is not known", endOf(*first), unknown)
	case first != nil && stored > 1:
		return "the first " + endOf(*first)
	case first != nil:
		return endOf(*first)
	case unknown > 0 && unknown < stored:
		return fmt.Sprintf("when they are deleted is not known of %d of them, and no rule deletes others", unknown)
	case unknown > 0:
		return "when they are deleted is not known"
	case stored > 0:
		return "no lifecycle rule deletes them"
	}
	return ""
}

// endOf says when a lifecycle rule ends an object; "" where none does.
func endOf(o verify.Object) string {
	if o.Ends.IsZero() {
		return o.EndUnknown
	}
	what := "is deleted"
	if o.Archives != "" {
		what = "is archived as " + o.Archives
	}
	left := int(time.Until(o.Ends).Hours() / 24)
	when := fmt.Sprintf("in %s, on %s", problem.Count(left, "day"), o.Ends.UTC().Format(time.DateOnly))
	if time.Until(o.Ends) <= 0 {
		when = "any time now: it was due on " + o.Ends.UTC().Format(time.DateOnly)
	}
	if o.EndUnknown != "" {
		when += " (" + o.EndUnknown + ")"
	}
	return what + " " + when
}
