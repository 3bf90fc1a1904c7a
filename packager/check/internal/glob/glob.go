// Package glob matches paths with the patterns that a buildspec's artifacts are
// listed by ("Build specification reference for CodeBuild").
package glob

import (
	"regexp"
	"strings"
)

// Match tells whether a pattern matches a path: * and ? stand for what is within a
// folder, ** and **/ for folders, too. All other characters stand for themselves. A
// pattern that holds a variable of the shell, $NAME, matches anything, as only the
// build knows what it says.
func Match(pattern, name string) bool {
	if strings.Contains(pattern, "$") {
		return true
	}
	if !strings.ContainsAny(pattern, "*?") {
		return pattern == name
	}
	ok, err := regexp.MatchString("^"+expression(pattern)+"$", name)
	return err == nil && ok
}

// expression is a pattern as a regular expression.
func expression(pattern string) string {
	var re strings.Builder
	for pattern != "" {
		special := strings.IndexAny(pattern, "*?")
		if special < 0 {
			special = len(pattern)
		}
		re.WriteString(regexp.QuoteMeta(pattern[:special]))
		pattern = pattern[special:]
		for _, wild := range []struct{ mark, meaning string }{
			{"**/", "(?:.*/)?"}, {"**", ".*"}, {"*", "[^/]*"}, {"?", "[^/]"},
		} {
			if rest, ok := strings.CutPrefix(pattern, wild.mark); ok {
				re.WriteString(wild.meaning)
				pattern = rest
				break
			}
		}
	}
	return re.String()
}
