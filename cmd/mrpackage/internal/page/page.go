// Package page writes the page of a run: one file of HTML that needs no network and no script, in
// which a person sees what was stored where, where the time went, and what makes the archives large.
package page

import (
	"cmp"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/symphoniacloud/multi-region-codepipeline/cmd/mrpackage/internal/markup"
	"github.com/symphoniacloud/multi-region-codepipeline/cmd/mrpackage/internal/record"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// Write returns the page.
func Write(r record.Run) []byte {
	sections := []section{
		{"warnings", "Warnings", warnings(r.Warnings)},
		{"time", "Where the time went", timeline(r)},
		{"artifacts", "What makes it large", artifacts(r.Artifacts)},
		{"images", "Container images", images(r.Images)},
		{"objects", "What is where", matrix(r)},
		{"regions", "Regions", regions(r)},
		{"events", "What happened besides", events(r.Timeline)},
	}
	var links, body []markup.HTML
	for _, s := range sections {
		if s.content == (markup.HTML{}) {
			continue
		}
		links = append(links, markup.El("a", markup.Attr("href", "#"+s.id), markup.Text(s.title)))
		body = append(body, markup.El("section", markup.Attr("id", s.id), markup.Attr("aria-labelledby", s.id+"-title"),
			markup.El("h2", markup.Attr("id", s.id+"-title"), markup.Text(s.title)), s.content))
	}
	title := path.Base(strings.ReplaceAll(r.Template+r.Assembly, `\`, "/")) + " · mrpackage"
	return markup.Document(title, style,
		head(r),
		markup.El("nav", markup.Attr("aria-label", "Sections"), markup.All(links...)),
		markup.El("main", markup.All(body...)),
	)
}

// A section is a part of the page; one without content is left out.
type section struct {
	id, title string
	content   markup.HTML
}

// head is what a person takes in at a glance.
func head(r record.Run) markup.HTML {
	n := countOf(r)
	kind := "Packaged"
	switch {
	case r.DryRun:
		kind = "Dry run: nothing was sent"
	case r.Shard != "":
		kind = "Shard " + r.Shard + ": no template was written"
	}
	facts := []markup.HTML{fact(took(r.Seconds.Total), "in all"), fact(number(len(r.Regions)), word(len(r.Regions), "region"))}
	for _, c := range n.actions {
		if c.n > 0 {
			facts = append(facts, fact(number(c.n), c.action))
		}
	}
	if n.sent > 0 {
		facts = append(facts, fact(bytes(n.sent), "sent"))
	}
	if w := len(r.Warnings); w > 0 {
		facts = append(facts, fact(number(w), word(w, "warning")))
	}
	return markup.El("header",
		markup.El("p", markup.Class("kicker"), markup.Text(kind)),
		markup.El("h1", markup.Name(r.Template+r.Assembly)),
		markup.El("p", markup.Class("lead"), markup.Text(n.what+" for "+problem.Count(len(r.Regions), "region")+", "), when(r.Began),
			markup.Text(", exit status 0, mrpackage "+r.Mrpackage)),
		markup.El("dl", markup.Class("facts"), markup.All(facts...)),
	)
}

func fact(figure markup.HTML, what string) markup.HTML {
	return markup.El("div", markup.El("dt", markup.Text(what)), markup.El("dd", figure))
}

func when(t time.Time) markup.HTML {
	return markup.El("time", markup.Attr("datetime", t.UTC().Format(time.RFC3339)), markup.Text(t.UTC().Format("2 January 2006, 15:04:05 UTC")))
}

// A counts is what the whole run did.
type counts struct {
	what    string // was packaged
	actions []actionCount
	sent    int64 // bytes of objects that were uploaded
}

type actionCount struct {
	action string
	n      int
}

func countOf(r record.Run) counts {
	c := counts{actions: []actionCount{{action: "planned"}, {action: "uploaded"}, {action: "copied"}, {action: "refreshed"}, {action: "reused"}}}
	count := func(action string) {
		for i := range c.actions {
			if c.actions[i].action == action {
				c.actions[i].n++
			}
		}
	}
	for _, s := range r.Regions {
		for _, o := range s.Objects {
			count(o.Action)
			if o.Action == "uploaded" {
				c.sent += o.Bytes
			}
		}
		for _, i := range s.Images {
			count(i.Action)
		}
	}
	files, size := 0, int64(0)
	for _, a := range r.Artifacts {
		files += a.Files
		size += a.Bytes
	}
	c.what = problem.Count(len(r.Artifacts), "artifact") + " of " + problem.Count(files, "file") + " (" + record.Bytes(size) + ")"
	if n := len(r.Images); n > 0 {
		c.what += " and " + problem.Count(n, "container image")
	}
	return c
}

// warnings are the run's, with their excerpts.
func warnings(all []record.Warning) markup.HTML {
	var items []markup.HTML
	for _, w := range all {
		parts := []markup.HTML{markup.El("p", markup.Said(w.Text))}
		if w.Excerpt != "" {
			parts = append(parts, scrolling("Excerpt of the template", markup.El("pre", markup.Lines(w.Excerpt))))
		}
		if w.Hint != "" {
			parts = append(parts, markup.El("p", markup.Class("hint"), markup.Text("Hint: "), markup.Said(w.Hint)))
		}
		if w.Statement != "" {
			parts = append(parts, scrolling("IAM statement", markup.El("pre", markup.Lines(w.Statement))))
		}
		items = append(items, markup.El("li", markup.All(parts...)))
	}
	if items == nil {
		return markup.HTML{}
	}
	return markup.El("ul", markup.Class("warnings"), markup.All(items...))
}

// scrolling is a box in which what is too wide is scrolled, with the keyboard too.
func scrolling(label string, content markup.HTML) markup.HTML {
	return markup.El("div", markup.Class("scroll"), markup.Attr("tabindex", "0"), markup.Attr("role", "region"), markup.Attr("aria-label", label), content)
}

// Figures that a program may read, too.

func bytes(n int64) markup.HTML {
	return markup.El("data", markup.Attr("value", strconv.FormatInt(n, 10)), markup.Text(record.Bytes(n)))
}

func took(seconds float64) markup.HTML {
	text := record.Took(time.Duration(seconds * float64(time.Second)))
	return markup.El("data", markup.Attr("value", strconv.FormatFloat(seconds, 'f', -1, 64)), markup.Text(text))
}

func number(n int) markup.HTML { return markup.Text(strconv.Itoa(n)) }

func word(n int, of string) string {
	_, name, _ := strings.Cut(problem.Count(n, of), " ")
	return name
}

// more is how the rest of a list is told that is cut off.
func more(n int, what string) markup.HTML {
	if n <= 0 {
		return markup.HTML{}
	}
	return markup.El("p", markup.Class("more"), markup.Text("and "+strconv.Itoa(n)+" more "+word(n, what)))
}

// referenceName is what a template calls what it refers to.
func referenceName(r record.Reference) string {
	return strings.TrimPrefix(cmp.Or(r.LogicalID, "")+"."+r.Property, ".")
}

func place(r record.Reference) string {
	return r.Template + ":" + strconv.Itoa(r.Line) + ":" + strconv.Itoa(r.Column)
}
