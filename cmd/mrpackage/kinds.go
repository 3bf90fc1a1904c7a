package main

import (
	"errors"
	"regexp"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// maxOfKind is how many problems of one kind are shown: a person mends the first ones,
// and a log of a million lines shows nothing.
const maxOfKind = 20

// list prints problems in their order: of each kind the first ones, and how many more
// there are. --verbose shows all.
func (u *ui) list(all []error, mark string) {
	particular := regexp.MustCompile(`"(?:[^"\\]|\\.)*"|[^\s:,]*[/\\][^\s:,]*|[0-9]+`)
	count := make(map[string]int)
	first := make(map[string]error)
	var kinds []string // those of which not all are shown
	for _, err := range all {
		message := err.Error()
		var e *problem.Error
		if errors.As(err, &e) {
			message = e.Message
		}
		kind := particular.ReplaceAllString(message, "#")
		if first[kind] == nil {
			first[kind] = err
		}
		count[kind]++
		if count[kind] <= maxOfKind || u.verbose {
			u.problem(err, mark)
		} else if count[kind] == maxOfKind+1 {
			kinds = append(kinds, kind)
		}
	}
	for _, kind := range kinds {
		u.printf("mrpackage: %sand %d more as this one: %v\n", mark, count[kind]-maxOfKind, first[kind])
	}
	if len(kinds) > 0 {
		u.printf("mrpackage: --verbose lists all of them\n")
	}
}
