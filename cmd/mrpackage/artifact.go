package main

import (
	"path"
	"regexp"
	"slices"
	"strings"
)

// An output is a packaged template that a build writes.
type output struct {
	path   string // with slashes, from the build's folder; may hold unknown
	region string // may be unknown
	at     packaging
}

// outputs are the templates of all packagings; variables are the regions whose
// bucket variables are set.
func (b *build) outputs(variables []string) (all []output) {
	for _, p := range b.packagings {
		if p.dryRun || p.outputs == "" || p.outputs == "-" {
			continue
		}
		regions := p.builds(variables)
		if p.regions == nil && b.anyEnviron {
			regions = append(slices.Clone(regions), unknown)
		}
		for _, region := range regions {
			if len(all) == maxOutputs {
				return append(all, output{unknown, unknown, p})
			}
			all = append(all, output{path.Clean(strings.ReplaceAll(p.outputs, "{region}", region)), region, p})
		}
	}
	return all
}

// builds are the regions that one packaging is for.
func (p packaging) builds(variables []string) []string {
	if p.regions != nil {
		return p.regions
	}
	if len(variables) == 0 {
		return []string{unknown} // the build's own
	}
	return variables
}

// A collected file is one that an artifact holds.
type collected struct {
	name string
	from output
}

// collect tells what of the outputs gets into an artifact, and under which name.
func collect(section value, outputs []output) (all []collected) {
	base := path.Clean("/" + section.get("base-directory").text())[1:]
	for _, o := range outputs {
		relative := o.path
		if base != "" {
			var inside bool
			if relative, inside = strings.CutPrefix(o.path, base+"/"); !inside && !strings.ContainsAny(base, "*$") {
				continue
			}
		}
		matches := func(list string) (names []string) {
			for _, pattern := range first(section.get(list).list(), maxItems) {
				p := strings.TrimPrefix(pattern.text(), "./")
				switch {
				case matchGlob(p, relative):
					return []string{relative}
				case matchGlob(relative, p): // the output's name is not known whole
					names = append(names, p)
				}
			}
			return names
		}
		if len(matches("exclude-paths")) > 0 {
			continue
		}
		for _, name := range matches("files") {
			if section.get("discard-paths").isYes() {
				name = path.Base(name)
			}
			all = append(all, collected{name, o})
		}
	}
	return first(all, 10*maxItems)
}

// matchGlob tells whether a pattern of a buildspec's artifacts matches a path:
// * within a folder, ** and **/ across folders. What holds a variable matches
// anything.
func matchGlob(pattern, name string) bool {
	if strings.Contains(pattern, "$") {
		return true
	}
	if !strings.ContainsAny(pattern, "*?") {
		return pattern == name
	}
	var re strings.Builder
	for i := 0; i < len(pattern); i++ {
		switch {
		case strings.HasPrefix(pattern[i:], "**/"):
			re.WriteString("(?:.*/)?")
			i += 2
		case strings.HasPrefix(pattern[i:], "**"):
			re.WriteString(".*")
			i++
		case pattern[i] == '*':
			re.WriteString("[^/]*")
		case pattern[i] == '?':
			re.WriteString("[^/]")
		default:
			end := len(pattern)
			if special := strings.IndexAny(pattern[i:], "*?"); special >= 0 {
				end = i + special
			}
			re.WriteString(regexp.QuoteMeta(pattern[i:end]))
			i = end - 1
		}
	}
	ok, err := regexp.MatchString("^"+re.String()+"$", name)
	return err == nil && ok
}
