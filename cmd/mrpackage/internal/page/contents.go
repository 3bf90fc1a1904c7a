package page

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/cmd/mrpackage/internal/markup"
	"github.com/symphoniacloud/multi-region-codepipeline/cmd/mrpackage/internal/record"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

const (
	// allBars is how many files are shown of all artifacts together, so that the page stays small;
	// of one there are at least fewest and at most most.
	allBars, fewest, most = 1500, 3, 12
	// largest is how many artifacts are listed at once; the others one opens.
	largest = 20
	// mostReferences is how many places in templates are named of one artifact.
	mostReferences = 20
)

// artifacts tells of each artifact what it is, and what makes it large, the largest first.
func artifacts(all []record.Artifact) markup.HTML {
	if len(all) == 0 {
		return markup.HTML{}
	}
	order := make([]int, len(all))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(x, y int) int { return cmp.Compare(all[y].Bytes, all[x].Bytes) })
	bars := min(max(allBars/len(all), fewest), most)
	var items []markup.HTML
	for place, i := range order {
		items = append(items, artifact(all[i], "a"+strconv.Itoa(i), bars, place == 0))
	}
	if rest := len(items) - largest; rest > 0 {
		smaller := markup.El("details", markup.Class("smaller"), markup.El("summary", markup.Text(strconv.Itoa(rest)+" smaller "+word(rest, "artifact"))), markup.All(items[largest:]...))
		items = append(items[:largest:largest], smaller)
	}
	return markup.El("div", markup.Class("artifacts"), markup.All(items...))
}

func artifact(a record.Artifact, id string, bars int, open bool) markup.HTML {
	name := path.Base(strings.ReplaceAll(a.Path, `\`, "/"))
	if len(a.References) > 0 {
		name = referenceName(a.References[0])
	}
	kind := problem.Count(a.Files, "file")
	switch {
	case !a.Archive && len(a.Entries) > 1:
		kind = "a zip of " + problem.Count(len(a.Entries), "file")
	case !a.Archive:
		kind = "stored as it is"
	}
	parts := []markup.HTML{markup.Attr("id", id), markup.Class("artifact")}
	if open {
		parts = append(parts, markup.Attr("open", ""))
	}
	unpacked, packed := int64(0), int64(0)
	for _, e := range a.Entries {
		unpacked += e.Size
		packed += e.Packed
	}
	size := []markup.HTML{bytes(a.Bytes)}
	if packed > 0 && a.Archive {
		size = append(size, markup.El("small", markup.Text(" → "+record.Bytes(packed)+" zipped")))
	}
	facts := []markup.HTML{
		detail("path", markup.Name(a.Path)),
		detail("named by", references(a.References)),
		detail("key", markup.El("code", markup.Text(a.Name))),
		detail("digest", markup.El("code", markup.Text(a.Digest))),
	}
	if a.LeftOut > 0 {
		facts = append(facts, detail("left out", markup.Text(problem.Count(a.LeftOut, "entry")+", by patterns")))
	}
	parts = append(parts,
		markup.El("summary", markup.El("strong", markup.Name(name)), markup.El("span", markup.Text(kind)), markup.El("span", markup.Class("figure"), markup.All(size...))),
		markup.El("dl", markup.Class("details"), markup.All(facts...)))
	if len(a.Entries) > 1 {
		parts = append(parts, folderBars(a.Entries, unpacked, bars), fileBars(a.Entries, unpacked, bars))
	}
	return markup.El("details", parts...)
}

func detail(name string, value markup.HTML) markup.HTML {
	return markup.El("div", markup.El("dt", markup.Text(name)), markup.El("dd", value))
}

func references(all []record.Reference) markup.HTML {
	var items []markup.HTML
	for _, r := range all[:min(len(all), mostReferences)] {
		items = append(items, markup.El("li", markup.Name(referenceName(r)), markup.Text(" "), markup.El("small", markup.Name(place(r)))))
	}
	return markup.All(markup.El("ul", markup.All(items...)), more(len(all)-mostReferences, "place"))
}

// A bar is one line of what makes an artifact large.
type bar struct {
	name         string
	size, packed int64
}

// fileBars are the largest files.
func fileBars(entries []record.Entry, whole int64, n int) markup.HTML {
	bars := make([]bar, len(entries))
	for i, e := range entries {
		bars[i] = bar{e.Name, e.Size, e.Packed}
	}
	return barTable("Largest files", "file", bars, whole, n)
}

// folderBars are the folders that the bytes are in; nothing where there is one alone.
func folderBars(entries []record.Entry, whole int64, n int) markup.HTML {
	bars := pieces(entries)
	if len(bars) < 2 || len(bars) == len(entries) {
		return markup.HTML{}
	}
	return barTable("Where the bytes are", "part", bars, whole, n)
}

// barTable draws the largest of bars, as parts of a whole.
func barTable(caption, what string, bars []bar, whole int64, n int) markup.HTML {
	slices.SortStableFunc(bars, func(x, y bar) int { return cmp.Compare(y.size, x.size) })
	known := slices.ContainsFunc(bars, func(b bar) bool { return b.packed > 0 })
	var rows []markup.HTML
	for _, b := range bars[:min(len(bars), n)] {
		share := 0.0
		if whole > 0 {
			share = float64(b.size) / float64(whole) * 100
		}
		cells := []markup.HTML{
			markup.El("th", markup.Attr("scope", "row"), markup.Name(b.name)),
			markup.El("td", markup.Class("share"), markup.El("svg", markup.Attr("height", "10"), markup.Attr("aria-hidden", "true"),
				markup.El("rect", markup.Class("whole"), markup.Attr("width", "100%"), markup.Attr("height", "10")),
				markup.El("rect", markup.Class("part"), markup.Attr("width", fmt.Sprintf("%.1f%%", share)), markup.Attr("height", "10")))),
			markup.El("td", markup.Class("figure percent"), markup.Text(percent(share))),
			figure(bytes(b.size)),
		}
		if known {
			cells = append(cells, figure(bytes(b.packed)))
		}
		rows = append(rows, markup.El("tr", markup.All(cells...)))
	}
	head := []markup.HTML{column(what), markup.El("td"), markup.El("th", markup.Attr("scope", "col"), markup.Class("figure percent"), markup.Text("share")),
		markup.El("th", markup.Attr("scope", "col"), markup.Class("figure"), markup.Text("size"))}
	if known {
		head = append(head, markup.El("th", markup.Attr("scope", "col"), markup.Class("figure"), markup.Text("zipped")))
	}
	return markup.All(scrolling(caption, markup.El("table", markup.Class("bars"),
		markup.El("caption", markup.Text(caption)), markup.El("thead", markup.El("tr", markup.All(head...))), markup.El("tbody", markup.All(rows...)))),
		more(len(bars)-n, what))
}

func percent(share float64) string {
	if share > 0 && share < 1 {
		return "<1 %"
	}
	return fmt.Sprintf("%.0f %%", share)
}

// A folder is one in an artifact, with all below it.
type folder struct {
	name         string // with slashes
	size, packed int64
	folders      map[string]*folder
	files        []record.Entry
}

// pieces divides an artifact into folders and files, so that the largest piece says something: a folder that
// holds more than half of it is taken apart, and so is one that holds nothing but folders.
// But what has a package.json of its own is one thing to a person.
func pieces(entries []record.Entry) []bar {
	root := treeOf(entries)
	total := root.size
	open := []*folder{root}
	var bars []bar
	for len(open) > 0 {
		f := open[0]
		open = open[1:]
		if f != root && !f.apart(total) {
			bars = append(bars, bar{f.name + "/", f.size, f.packed})
			continue
		}
		for _, e := range f.files {
			bars = append(bars, bar{e.Name, e.Size, e.Packed})
		}
		for _, below := range f.folders {
			open = append(open, below)
		}
	}
	slices.SortFunc(bars, func(x, y bar) int { return strings.Compare(x.name, y.name) })
	return bars
}

// apart tells whether a folder is taken apart.
func (f *folder) apart(total int64) bool {
	isPackage := slices.ContainsFunc(f.files, func(e record.Entry) bool { return path.Base(e.Name) == "package.json" })
	return !isPackage && (f.size > total/2 || len(f.files) == 0) && len(f.folders) > 0
}

func treeOf(entries []record.Entry) *folder {
	root := &folder{folders: make(map[string]*folder)}
	for _, e := range entries {
		at := root
		at.size, at.packed = at.size+e.Size, at.packed+e.Packed
		parts := strings.Split(e.Name, "/")
		for i, part := range parts[:len(parts)-1] {
			if at.folders[part] == nil {
				at.folders[part] = &folder{name: strings.Join(parts[:i+1], "/"), folders: make(map[string]*folder)}
			}
			at = at.folders[part]
			at.size, at.packed = at.size+e.Size, at.packed+e.Packed
		}
		at.files = append(at.files, e)
	}
	return root
}

// images tells of each container image.
func images(all []record.Image) markup.HTML {
	var items []markup.HTML
	for i, image := range all {
		items = append(items, markup.El("details", markup.Attr("id", "i"+strconv.Itoa(i)), markup.Class("artifact"),
			markup.El("summary", markup.El("strong", markup.Name(image.Source)), markup.El("span", markup.Text(problem.Count(image.Layers, "layer"))),
				markup.El("span", markup.Class("figure"), bytes(image.Bytes))),
			markup.El("dl", markup.Class("details"),
				detail("named by", references(image.References)),
				detail("digest", markup.El("code", markup.Text(image.Digest))),
				detail("architecture", markup.Name(image.Architecture)),
				detail("unpacked", bytes(image.Unpacked)))))
	}
	if items == nil {
		return markup.HTML{}
	}
	return markup.El("div", markup.Class("artifacts"), markup.All(items...))
}
