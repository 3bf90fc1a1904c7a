package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/diff"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// So many of one kind are shown, where --verbose does not ask for all.
const (
	maxFilesShown   = 20
	maxChangesShown = 100
	maxNamesShown   = 3
)

// A diffWriter writes a result for a person: what it says in a line comes from templates and
// archives, so that no line is broken by it.
type diffWriter struct {
	out    strings.Builder
	indent string
	all    bool // nothing is left out
}

func diffText(r *diff.Result, all bool) string {
	w := diffWriter{all: all}
	w.result(r)
	return w.out.String()
}

func (w *diffWriter) line(format string, args ...any) {
	w.out.WriteString(w.indent + problem.OneLine(fmt.Sprintf(format, args...)) + "\n")
}

// most is how many of so many are shown.
func (w *diffWriter) most(shown, n int) int {
	if w.all {
		return n
	}
	return min(shown, n)
}

func (w *diffWriter) result(r *diff.Result) {
	if !r.Different {
		w.same(r)
		return
	}
	w.line("--- %s", titleOf(r.Old))
	w.line("+++ %s", titleOf(r.New))
	w.regions(r)
	var same, moved []diff.Code
	for _, c := range r.Code {
		switch c.Status {
		case diff.Same:
			same = append(same, c)
		case diff.Moved:
			moved = append(moved, c)
		default:
			w.code(c)
		}
	}
	w.moved(moved)
	if len(moved) > 0 && (len(r.Old.Regions) == 0 || len(r.New.Regions) == 0) {
		w.line("which regions these templates are of is not known: if they are two, write us-east-1=FILE for each")
	}
	if n := referencesOf(same); len(n) > 0 {
		w.line("the same code: %s", w.names(n))
	}
	w.changes(r)
}

// same is the one line about templates that do not differ.
func (w *diffWriter) same(r *diff.Result) {
	objects := problem.Count(len(r.Code), "artifact")
	a, b := r.Old.Regions, r.New.Regions
	switch {
	case len(r.Code) == 0:
		w.line("the same: they name no artifact, and nothing differs")
	case len(a) > 0 && len(b) > 0 && !slices.Equal(a, b):
		w.line("%s and %s: the same but for the locations: %s, the same in both", strings.Join(a, ","), strings.Join(b, ","), objects)
	default:
		w.line("the same: %s, and nothing else differs", objects)
	}
}

// titleOf is a template with its regions.
func titleOf(t diff.Template) string {
	if len(t.Regions) == 0 {
		return t.File
	}
	return t.File + "  " + strings.Join(t.Regions, ",")
}

// regions tells of regions that only one of two templates for several regions has.
func (w *diffWriter) regions(r *diff.Result) {
	for _, region := range r.AddedRegions {
		w.line("+ the region %s", region)
	}
	for _, region := range r.RemovedRegions {
		w.line("- the region %s", region)
	}
}

// names are properties in a line: the first ones, and how many more.
func (w *diffWriter) names(all []diff.Reference) string {
	n := w.most(maxNamesShown, len(all))
	var names []string
	for _, p := range all[:n] {
		names = append(names, p.String())
	}
	text := strings.Join(names, ", ")
	if len(all) > n {
		text += fmt.Sprintf(" and %d more", len(all)-n)
	}
	return text
}

func referencesOf(codes []diff.Code) (all []diff.Reference) {
	for _, c := range codes {
		all = append(all, c.References...)
	}
	return all
}

// short is the name of what is stored, as much of it as tells it from others.
func short(s *diff.Stored) string {
	if strings.HasPrefix(s.Name, "sha256:") {
		return shortDigest(s.Name)
	}
	return shortKey(s.Name)
}

// code tells of one pair of contents.
func (w *diffWriter) code(c diff.Code) {
	what := "code"
	if c.Nested != nil {
		what = "nested template"
	}
	names := w.names(c.References)
	switch c.Status {
	case diff.Added:
		w.line("%s: %s added: %s", names, what, short(c.New))
		return
	case diff.Removed:
		w.line("%s: %s removed: %s", names, what, short(c.Old))
		return
	case diff.Repackaged:
		w.line("%s: another object of the same content: %s → %s", names, short(c.Old), short(c.New))
		return
	default:
	}
	w.line("%s: %s changed: %s → %s", names, what, short(c.Old), short(c.New))
	w.indent += "  "
	defer func() { w.indent = strings.TrimSuffix(w.indent, "  ") }()
	if c.Nested != nil {
		w.result(c.Nested)
	}
	w.files(c)
	w.layers(c)
	if c.Unknown != "" {
		w.line("its contents are not known: %s", c.Unknown)
	}
}

// files are those that differ of an archive, and what it has in all.
func (w *diffWriter) files(c diff.Code) {
	a, b := c.Old, c.New
	n := w.most(maxFilesShown, len(c.Files))
	width := 0
	for _, f := range c.Files[:n] {
		width = max(width, min(50, len([]rune(f.Name))))
	}
	for _, f := range c.Files[:n] {
		w.line("%s %-*s  %s", sign(f.Status), width, f.Name, fileText(f))
	}
	if more := len(c.Files) - n; more > 0 {
		w.line("and %s that differ; --verbose lists all", problem.Count(more, "more file"))
	}
	switch {
	case a.Files != nil && b.Files != nil && c.Files != nil:
		w.line("%s; %s → %s, packed %s → %s", problem.Count(*b.Files, "file"), size(*a.Unpacked), size(*b.Unpacked), size(*a.Size), size(*b.Size))
	case a.Size != nil && b.Size != nil:
		w.line("%s → %s", size(*a.Size), size(*b.Size))
	}
}

func sign(s diff.Status) string {
	switch s {
	case diff.Added:
		return "+"
	case diff.Removed:
		return "-"
	default:
		return "~"
	}
}

// fileText is how a file differs.
func fileText(f diff.File) string {
	switch {
	case f.OldSize == nil:
		return size(*f.NewSize)
	case f.NewSize == nil:
		return size(*f.OldSize)
	case f.Unknown:
		return "encrypted"
	case f.Status == diff.Mode:
		return f.OldMode + " → " + f.NewMode
	}
	text := size(*f.OldSize) + " → " + size(*f.NewSize)
	if f.OldMode != "" {
		text += ", " + f.OldMode + " → " + f.NewMode
	}
	return text
}

// layers are those that only one of two images has.
func (w *diffWriter) layers(c diff.Code) {
	for _, l := range c.Layers {
		w.line("%s layer %s  %s", sign(l.Status), shortDigest(l.Digest), size(l.Size))
	}
}

// moved tells of contents that are the same in another place, in one line for each such place.
func (w *diffWriter) moved(all []diff.Code) {
	var ways []string
	by := make(map[string][]diff.Code)
	for _, c := range all {
		way := storedIn(c.Old) + " → " + storedIn(c.New)
		if by[way] == nil {
			ways = append(ways, way)
		}
		by[way] = append(by[way], c)
	}
	for _, way := range ways {
		w.line("the same code elsewhere, %s: %s", way, w.names(referencesOf(by[way])))
	}
}

// storedIn is where something is stored, without its name.
func storedIn(s *diff.Stored) string {
	if len(s.Locations) == 0 {
		return s.Name
	}
	return strings.TrimSuffix(strings.TrimSuffix(s.Locations[0].String(), s.Name), "@")
}

// changes are what else differs, by section and logical ID.
func (w *diffWriter) changes(r *diff.Result) {
	n := w.most(maxChangesShown, len(r.Changes))
	last := ""
	for _, c := range r.Changes[:n] {
		if len(c.Path) < 3 {
			last = ""
			w.line("%s %s: %s", sign(c.Status), strings.Join(c.Path, "."), changeText(c))
			continue
		}
		if head := strings.Join(c.Path[:2], "."); head != last {
			w.line("%s", head)
			last = head
		}
		w.line("  %s %s: %s", sign(c.Status), strings.Join(c.Path[2:], "."), changeText(c))
	}
	if more := len(r.Changes) - n; more > 0 {
		w.line("and %s; --verbose lists all", problem.Count(more, "more difference"))
	}
	if r.MoreChanges > 0 {
		w.line("and %s", problem.Count(r.MoreChanges, "more difference"))
	}
}

// changeText is what stood in a place, what stands there, and where that is in each file.
func changeText(c diff.Change) string {
	at := func(v *diff.Value) string { return fmt.Sprintf("%d:%d", v.Line, v.Column) }
	switch {
	case c.Old == nil:
		return fmt.Sprintf("%s  (%s)", c.New.Text, at(c.New))
	case c.New == nil:
		return fmt.Sprintf("%s  (%s)", c.Old.Text, at(c.Old))
	case at(c.Old) == at(c.New):
		return fmt.Sprintf("%s → %s  (%s)", c.Old.Text, c.New.Text, at(c.New))
	}
	return fmt.Sprintf("%s → %s  (%s → %s)", c.Old.Text, c.New.Text, at(c.Old), at(c.New))
}
