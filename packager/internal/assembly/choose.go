package assembly

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// Choose leaves the manifests of those stacks that match one of the patterns. A stack is
// known by its ID, by its name in CloudFormation, and by what CDK shows; in a pattern *
// stands for any characters but a slash, ** for any, and ? for one.
func (a *Assembly) Choose(patterns []string) error {
	if len(patterns) == 0 {
		for _, s := range a.Stacks {
			a.warnOfUnlisted(s)
		}
		return nil
	}
	if len(a.Stacks) == 0 {
		return &problem.Error{Subject: a.Path, Message: "no stack can be chosen: this is one manifest of assets, or an assembly without stacks", Hint: "give the folder that CDK has written, cdk.out"}
	}
	chosen := make(map[*Manifest]bool)
	var errs []error
	for _, pattern := range patterns {
		stacks := a.matching(pattern)
		if len(stacks) == 0 {
			errs = append(errs, a.unknown(pattern))
		}
		publishes := slices.ContainsFunc(stacks, func(s *Stack) bool { return len(s.Assets) > 0 })
		for _, s := range stacks {
			a.warnOfUnlisted(s)
			if !publishes {
				errs = append(errs, cmp.Or(s.unlisted, &problem.Error{Subject: s.Display, Message: "this stack has no manifest of assets: there is nothing to publish for it"}))
			}
			for _, m := range s.Assets {
				chosen[m] = true
			}
		}
	}
	a.Manifests = slices.DeleteFunc(a.Manifests, func(m *Manifest) bool { return !chosen[m] })
	return errors.Join(errs...)
}

// matching are the stacks that a pattern matches.
func (a *Assembly) matching(pattern string) (stacks []*Stack) {
	matches := glob(pattern)
	for _, s := range a.Stacks {
		if slices.ContainsFunc(s.names(), matches.MatchString) {
			stacks = append(stacks, s)
		}
	}
	return stacks
}

// warnOfUnlisted warns, once, of a stack's assets that are not published.
func (a *Assembly) warnOfUnlisted(s *Stack) {
	if s.unlisted != nil && !slices.Contains(a.Warnings, error(s.unlisted)) {
		a.Warnings = append(a.Warnings, s.unlisted)
	}
}

func (s *Stack) names() []string { return []string{s.ID, s.Name, s.Display} }

// glob is a pattern as a regular expression.
func glob(pattern string) *regexp.Regexp {
	text := regexp.QuoteMeta(pattern)
	text = strings.NewReplacer(`\*\*`, `.*`, `\*`, `[^/]*`, `\?`, `[^/]`).Replace(text)
	return regexp.MustCompile(`^(?s:` + text + `)$`)
}

// unknown is the problem of a pattern that no stack matches.
func (a *Assembly) unknown(pattern string) error {
	const most = 20
	e := &problem.Error{Subject: a.Path, Message: fmt.Sprintf("no stack matches %q", pattern)}
	var all []string
	for _, s := range a.Stacks {
		if problem.Similar(s.Display, pattern) {
			e.Hint = "there is " + s.Display
			return e
		}
		all = append(all, s.Display)
	}
	more := ""
	if len(all) > most {
		all, more = all[:most], fmt.Sprintf(" and %d more", len(all)-most)
	}
	e.Hint = "there are " + strings.Join(all, ", ") + more
	return e
}
