package packaged

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/region"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// A Given is a template as a command line names it.
type Given struct {
	Region string // "" where neither the command line nor the file's name says it
	File   string // "-" is standard input
	how    How
}

// Arguments reads the templates of a command line: FILE, REGION=FILE or -. patterns are
// those of the outputs, in which {region} stands for a region's name. Without arguments
// they are the files that match a pattern.
func Arguments(args, patterns []string) (all []Given, errs []error) {
	for i, arg := range args {
		g := Given{File: arg}
		if name, file, ok := strings.Cut(arg, "="); ok && region.Valid(name) {
			g = Given{name, file, BySaying}
		}
		switch {
		case g.File == "":
			errs = append(errs, fmt.Errorf("%q names no template", arg))
		case slices.Contains(args[:i], arg):
			errs = append(errs, fmt.Errorf("%q is given twice", arg))
		case g.File == "-" && slices.ContainsFunc(all, func(o Given) bool { return o.File == "-" }):
			errs = append(errs, errors.New("standard input is given twice"))
		}
		all = append(all, g.named(patterns))
	}
	if len(args) > 0 {
		return all, errs
	}
	for _, pattern := range patterns {
		files, err := filepath.Glob(strings.ReplaceAll(escaped(pattern), "{region}", "*"))
		if err != nil {
			errs = append(errs, fmt.Errorf("looking for %s: %w", pattern, err))
		}
		for _, file := range files {
			g := Given{File: file}.named([]string{pattern})
			if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() && (g.Region != "" || !strings.Contains(pattern, "{region}")) {
				all = append(all, g)
			}
		}
	}
	if len(all) == 0 && len(errs) == 0 {
		errs = append(errs, &problem.Error{
			Message: "there is no packaged template " + strings.Join(patterns, ", "),
			Hint:    "package first, or name the templates",
		})
	}
	return all, errs
}

// escaped takes the meaning from a path's characters that a pattern of files gives them.
func escaped(path string) string {
	if os.PathSeparator == '\\' {
		return path // there is no escape; nor can a name hold * or ?
	}
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(path)
}

// named takes the region from the file's name, where nobody has said it: the pattern's folders
// above the first {region} do not matter, since artifacts are moved.
func (g Given) named(patterns []string) Given {
	if g.Region != "" || g.File == "-" {
		return g
	}
	for _, pattern := range patterns {
		if found := regionIn(filepath.ToSlash(g.File), filepath.ToSlash(pattern)); found != "" {
			g.Region, g.how = found, ByName
			return g
		}
	}
	return g
}

// regionIn is the region in a path that is made after a pattern; "" where it is not.
func regionIn(path, pattern string) string {
	at := strings.Index(pattern, "{region}")
	if at < 0 {
		return ""
	}
	pattern = pattern[strings.LastIndexByte(pattern[:at], '/')+1:]
	form := "(?:^|/)" + strings.ReplaceAll(regexp.QuoteMeta(pattern), `\{region\}`, "("+region.Pattern+")") + "$"
	m := regexp.MustCompile(form).FindStringSubmatch(path)
	if m == nil {
		return ""
	}
	found := m[1]
	if strings.HasSuffix("/"+path, "/"+strings.ReplaceAll(pattern, "{region}", found)) {
		return found
	}
	return ""
}
