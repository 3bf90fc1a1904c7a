package diff

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/template"
)

// A version of a template is the old one or the new one, in the stacks that it is deployed in.
type version struct {
	name     string // as messages call it
	packaged *template.Packaged
	stacks   []template.Stack // at least one, whose region may not be known
	forMany  bool             // it is one template for several regions
}

func (v version) regions() []string {
	all := []string{}
	for _, s := range v.stacks {
		if s.Region != "" {
			all = append(all, s.Region)
		}
	}
	return all
}

// stacksOf are the pairs of stacks in which two versions are compared: those of one region
// where there are any, else the first ones.
func stacksOf(before, after version) (pairs [][2]template.Stack) {
	for _, b := range after.stacks {
		i := slices.IndexFunc(before.stacks, func(a template.Stack) bool { return a.Region == b.Region })
		if i >= 0 {
			pairs = append(pairs, [2]template.Stack{before.stacks[i], b})
		}
	}
	if len(pairs) == 0 {
		pairs = append(pairs, [2]template.Stack{before.stacks[0], after.stacks[0]})
	}
	return pairs
}

// acrossRegions tells whether two versions are those of two regions, which name each their own
// buckets.
func acrossRegions(stacks [2]template.Stack) bool {
	return stacks[0].Region != "" && stacks[1].Region != "" && stacks[0].Region != stacks[1].Region
}

// A group is what several properties name, in the old and in the new version: one pair of
// contents.
type group struct {
	code     Code
	old, now []template.Use // where it is, once for each location; none where there is nothing
	apart    bool           // nested templates of the same meaning are other objects: of other regions, or in another form
	known    map[any]bool   // the references and locations that are in it: a stranger's template may have endlessly many
}

// isNew tells what was not added yet.
func (g *group) isNew(what any) bool {
	before := g.known[what]
	g.known[what] = true
	return !before
}

// groupsOf collects the pairs of two versions by their contents.
func groupsOf(before, after version, pairs []template.Pair) (groups []*group) {
	known := make(map[string]*group)
	for _, stacks := range stacksOf(before, after) {
		old, now := before.packaged.ByPlace(stacks[0]), after.packaged.ByPlace(stacks[1])
		for _, p := range pairs {
			a, b := at(old, p.Old), at(now, p.New)
			for i := range max(len(a), len(b)) {
				x, y := nth(a, i), nth(b, i)
				across := acrossRegions(stacks)
				status := statusOf(x, y, across)
				key := strings.Join([]string{string(status), identity(x), identity(y)}, "\n")
				g := known[key]
				if g == nil {
					g = &group{code: Code{Status: status}, known: make(map[any]bool), apart: across || before.forMany != after.forMany}
					known[key] = g
					groups = append(groups, g)
				}
				g.add(x, y, stacks)
			}
		}
	}
	return groups
}

func at(places [][]template.Use, i int) []template.Use {
	if i < 0 {
		return nil
	}
	return places[i]
}

func nth(uses []template.Use, i int) *template.Use {
	if i < len(uses) {
		return &uses[i]
	}
	return nil
}

// add adds a property to a group, of the same contents as those that are in it.
func (g *group) add(a, b *template.Use, stacks [2]template.Stack) {
	type reference struct {
		id, property string
		old, now     Place
	}
	var r Reference
	var known reference
	if b != nil {
		g.code.New, g.now = g.place(g.code.New, g.now, *b, stacks[1])
		r.LogicalID, r.Property, r.New = b.LogicalID, b.Property, &Place{b.Line, b.Column}
		known.now = *r.New
	}
	if a != nil {
		g.code.Old, g.old = g.place(g.code.Old, g.old, *a, stacks[0])
		r.LogicalID, r.Property, r.Old = cmp.Or(r.LogicalID, a.LogicalID), cmp.Or(r.Property, a.Property), &Place{a.Line, a.Column}
		known.old = *r.Old
	}
	if known.id, known.property = r.LogicalID, r.Property; g.isNew(known) {
		g.code.References = append(g.code.References, r)
	}
}

// place adds a location, which knows its region then, to what is stored on one side.
func (g *group) place(s *Stored, uses []template.Use, u template.Use, in template.Stack) (*Stored, []template.Use) {
	type location struct {
		side *Stored
		Location
	}
	if s == nil {
		s = &Stored{Name: nameOf(u)}
	}
	l := locationOf(u, in)
	if !g.isNew(location{s, l}) {
		return s, uses
	}
	if l != (Location{}) {
		s.Locations = append(s.Locations, l)
	}
	u.Stack.Region = in.Region
	return s, append(uses, u)
}

func locationOf(u template.Use, in template.Stack) Location {
	l := u.Location
	if l.Bucket == "" && l.Repository == "" {
		return Location{}
	}
	return Location{Region: cmp.Or(l.Region, in.Region), Bucket: l.Bucket, Key: l.Key, Version: l.Version, Repository: l.Repository, Digest: l.Digest}
}

// nameOf is what a person knows contents by.
func nameOf(u template.Use) string {
	l := u.Location
	switch {
	case l.Digest != "":
		return l.Digest
	case l.Repository != "":
		return l.Repository
	case l.Bucket != "":
		return path.Base(l.Key)
	}
	return cmp.Or(u.Local, u.Unknown)
}

// identity is the same for the same contents: a digest, where a location has one, else
// the location.
func identity(u *template.Use) string {
	if u == nil {
		return ""
	}
	switch l, name := u.Location, nameOf(*u); {
	case l.Bucket == "" || isDigest(name):
		return name
	default:
		return l.Bucket + "\n" + l.Key + "\n" + l.Version
	}
}

// isDigest tells the names that follow from contents: those that mrpackage gives, from a
// SHA-256, and those of aws cloudformation package and sam package, an MD5.
func isDigest(name string) bool {
	digits, extension, _ := strings.Cut(name, ".")
	return (len(digits) == 64 || len(digits) == 32) && strings.Trim(digits, "0123456789abcdef") == "" && !strings.ContainsAny(extension, `/\:`)
}

// statusOf compares what two properties name by the names alone.
func statusOf(a, b *template.Use, across bool) Status {
	switch {
	case a == nil:
		return Added
	case b == nil:
		return Removed
	case isOne(*a, *b):
		return Same
	case identity(a) != identity(b):
		return Changed
	case across:
		return Same
	}
	return Moved
}

// isOne tells whether two properties name the same object, or the same that nobody knows. A
// bucket's name is the only one of its kind, so that a URL may say the region, or not.
func isOne(a, b template.Use) bool {
	a.Location.Region, b.Location.Region = "", ""
	return a.Location == b.Location && a.Local == b.Local && a.Unknown == b.Unknown
}
