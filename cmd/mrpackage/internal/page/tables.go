package page

import (
	"path"
	"strconv"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/cmd/mrpackage/internal/markup"
	"github.com/symphoniacloud/multi-region-codepipeline/cmd/mrpackage/internal/record"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// column is the head of a table's column.
func column(name string) markup.HTML {
	return markup.El("th", markup.Attr("scope", "col"), markup.Text(name))
}

// regions is the table of what each region is, and how long it took.
func regions(r record.Run) markup.HTML {
	var rows []markup.HTML
	for _, s := range r.Regions {
		template := s.Template
		switch template {
		case "-":
			template = "standard output"
		case "":
			template = "none"
		}
		bucket := []markup.HTML{markup.Name(s.Bucket)}
		if s.Role != "" {
			bucket = append(bucket, markup.El("small", markup.Text("as "), markup.Name(s.Role)))
		}
		rows = append(rows, markup.El("tr", markup.El("th", markup.Attr("scope", "row"), markup.Name(s.Region)),
			markup.El("td", markup.All(bucket...)), markup.El("td", markup.Name(template)),
			figure(took(s.Rewrite)), figure(took(s.Look)), figure(took(s.Upload)), figure(took(s.Seconds))))
	}
	head := []markup.HTML{column("region"), column("bucket"), column("packaged template")}
	for _, name := range []string{"rewrite", "look", "upload", "in all"} {
		head = append(head, markup.El("th", markup.Attr("scope", "col"), markup.Class("figure"), markup.Text(name)))
	}
	return scrolling("Regions", markup.El("table", markup.Class("nowrap"), markup.El("thead", markup.El("tr", markup.All(head...))), markup.El("tbody", markup.All(rows...))))
}

func figure(content markup.HTML) markup.HTML {
	return markup.El("td", markup.Class("figure"), content)
}

// A row of the matrix is one artifact, nested template or image in all regions.
type row struct {
	name, source string
	link         string // where the page says more of it
	cells        []cell // by region
}

// A cell is what became of it in one region.
type cell struct {
	action, key, version string
	bytes                int64 // 0 where nobody knows
}

// printed is how many cells a table has that somebody may print.
const printed = 3000

// matrix is the table of what was done with what in each region.
func matrix(r record.Run) markup.HTML {
	rows := matrixRows(r)
	if len(rows) == 0 {
		return markup.El("p", markup.Text("The template refers to nothing that is stored."))
	}
	head := []markup.HTML{column("what")}
	for _, s := range r.Regions {
		head = append(head, markup.El("th", markup.Attr("scope", "col"), markup.Name(s.Region), markup.El("small", markup.Name(s.Bucket))))
	}
	// On paper, a table of many regions has their names in its cells, and one of thousands of cells is left out.
	wide := len(r.Regions) > 6
	class, note := markup.Class("matrix"), markup.HTML{}
	if wide {
		class = markup.Class("matrix wide")
	}
	if len(r.Regions)*len(rows) > printed {
		wide, class = false, markup.Class("matrix huge")
		note = markup.El("p", markup.Class("paper"), markup.Text(problem.Count(len(rows), "row")+" for "+problem.Count(len(r.Regions), "region")+" are too many for paper."))
	}
	var body []markup.HTML
	for _, row := range rows {
		cells := []markup.HTML{row.head()}
		same := row.sameKey()
		for i, c := range row.cells {
			cells = append(cells, c.html(r.Regions[i].Region, wide, !same))
		}
		body = append(body, markup.El("tr", markup.All(cells...)))
	}
	return markup.All(note, scrolling("What is where", markup.El("table", class,
		markup.El("caption", markup.Text("An object's address is s3://BUCKET/KEY, with the key under its name, or in the cell where it differs between regions.")),
		markup.El("thead", markup.El("tr", markup.All(head...))), markup.El("tbody", markup.All(body...)))))
}

// matrixRows are the artifacts, then the nested templates, then the images.
func matrixRows(r record.Run) []row {
	m := rowsOf{regions: len(r.Regions), known: make(map[rowID]int)}
	for i, a := range r.Artifacts {
		m.row(rowID{artifact: i + 1}, newRow(a.References, a.Path, "a"+strconv.Itoa(i)))
	}
	for i, s := range r.Regions {
		met := make(map[string]int) // a nested template may have several forms in a region
		for _, o := range s.Objects {
			id := rowID{artifact: o.Of + 1}
			if o.Of == record.Nested {
				met[o.Source]++
				id = rowID{nested: o.Source, which: met[o.Source]}
			}
			m.row(id, row{name: "nested template", source: o.Source}).cells[i] = cell{o.Action, o.Key, o.VersionID, o.Bytes}
		}
	}
	for i, s := range r.Regions {
		met := make(map[int]int) // an image may go to several repositories of a region
		for _, p := range s.Images {
			met[p.Of]++
			image := r.Images[p.Of]
			id := rowID{image: p.Of + 1, which: met[p.Of]}
			m.row(id, newRow(image.References, image.Source, "i"+strconv.Itoa(p.Of))).cells[i] = cell{action: p.Action, key: p.Image}
		}
	}
	return m.rows
}

// A rowID is what a row is of: an artifact or an image, by its number from 1 on, or a nested template.
type rowID struct {
	artifact, image int
	nested          string
	which           int // of its forms
}

// rowsOf are the rows in the order in which they were met.
type rowsOf struct {
	regions int
	rows    []row
	known   map[rowID]int
}

// row returns the row of this name, which is made anew where there is none.
func (m *rowsOf) row(id rowID, anew row) *row {
	i, ok := m.known[id]
	if !ok {
		i = len(m.rows)
		m.known[id] = i
		anew.cells = make([]cell, m.regions)
		m.rows = append(m.rows, anew)
	}
	return &m.rows[i]
}

func newRow(references []record.Reference, source, link string) row {
	name := ""
	if len(references) > 0 {
		name = referenceName(references[0])
	}
	if n := len(references) - 1; n > 0 {
		name += " and " + strconv.Itoa(n) + " more"
	}
	return row{name: name, source: source, link: link}
}

// sameKey tells whether the key is the same in all regions.
func (r row) sameKey() bool {
	for _, c := range r.cells {
		if c.key != r.cells[0].key {
			return false
		}
	}
	return true
}

// head is the row's own cell: what it is, and where from.
func (r row) head() markup.HTML {
	name := markup.Name(r.name)
	if r.link != "" {
		name = markup.El("a", markup.Attr("href", "#"+r.link), name)
	}
	key := markup.HTML{}
	if r.sameKey() && len(r.cells) > 0 && r.cells[0].key != "" {
		key = markup.El("code", markup.Attr("title", r.cells[0].key), markup.Name(r.cells[0].key))
	}
	base := path.Base(strings.ReplaceAll(r.source, `\`, "/"))
	return markup.El("th", markup.Attr("scope", "row"), name, markup.El("small", markup.Attr("title", r.source), markup.Name(base)), key)
}

// html is the cell in the table.
func (c cell) html(region string, named, keyed bool) markup.HTML {
	var parts []markup.HTML
	if named {
		parts = append(parts, markup.Attr("data-region", region))
	}
	if c.action == "" {
		return markup.El("td", append(parts, markup.Class("none"), markup.Text("–"))...)
	}
	parts = append(parts, markup.El("b", markup.Attr("class", c.action), markup.Text(c.action)))
	if c.bytes > 0 {
		parts = append(parts, markup.Text(" "), bytes(c.bytes))
	}
	if keyed {
		parts = append(parts, markup.El("code", markup.Attr("title", c.key), markup.Name(c.key)))
	}
	if c.version != "" {
		parts = append(parts, markup.El("small", markup.Text(c.version)))
	}
	return markup.El("td", parts...)
}
