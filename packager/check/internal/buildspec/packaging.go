package buildspec

import (
	"path"
	"slices"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/check/internal/document"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/check/internal/shell"
)

// A Packaging is one command that writes packaged templates.
type Packaging struct {
	Regions     []shell.Text      // none: those whose bucket variables are set
	Buckets     map[string]string // by region; "" has that of all other regions
	Output      shell.Text        // the path of the templates, with {region} in it where each region has one; - or empty where it writes no file
	OneTemplate bool              // one template is for all regions
	DryRun      bool
	Mrpackage   bool // else it is another program that does the same for one region
	Maybe       bool // a condition decides whether it runs, or with which words
	Place       document.Place
}

// Bucket is where a region's code goes: a name, which may hold {region} and a * for
// what is not known; "" where its bucket variable says so.
func (p Packaging) Bucket(region string) string {
	if own, ok := p.Buckets[region]; ok {
		return own
	}
	return p.Buckets[""]
}

// regions are those that the packaging is for, where these are the regions whose
// bucket variables are set.
func (p Packaging) regions(variables []string) (all []shell.Text) {
	if p.Regions != nil {
		return p.Regions
	}
	for _, region := range variables {
		all = append(all, shell.Pattern(region))
	}
	if len(all) == 0 {
		return []shell.Text{shell.Unknown()} // the build's own
	}
	return all
}

// A Template is a packaged template that a build writes.
type Template struct {
	Path      shell.Text // with slashes, from the build's folder
	Region    shell.Text
	Packaging Packaging
}

// maxTemplates bounds the templates of a build; what is more is one that may be any.
const maxTemplates = 500

// Templates are those of all packagings; variables are the regions whose bucket
// variables are set.
func (b *Build) Templates(variables []string) (all []Template) {
	for _, p := range b.Packagings {
		if p.DryRun || p.Output.Is("", "-") {
			continue
		}
		regions := p.regions(variables)
		if p.Regions == nil && b.SetsMore {
			regions = append(slices.Clone(regions), shell.Unknown())
		}
		for _, region := range regions {
			if len(all) == maxTemplates {
				return append(all, Template{shell.Unknown(), shell.Unknown(), p})
			}
			written := path.Clean(strings.ReplaceAll(p.Output.String(), "{region}", region.String()))
			all = append(all, Template{shell.Pattern(written), region, p})
		}
	}
	return all
}

// For is the path that the template of another region would have.
func (t Template) For(region string) string {
	return strings.ReplaceAll(t.Path.String(), t.Region.String(), region)
}

// Elsewhere tells whether the template is not known to lie within the build's
// folder.
func (t Template) Elsewhere() bool {
	return !t.Path.Known() || path.IsAbs(t.Path.String()) || strings.HasPrefix(t.Path.String(), "../")
}
