// Package markup makes HTML in which no text can become more than text.
//
// An [HTML] comes from this package alone, and what goes into one is escaped; names of elements and
// attributes, and the style, are constants of the program. So what a stranger has chosen, as
// the name of a file, cannot end a tag, an attribute or a comment. A page lets nothing run and loads
// nothing besides: its policy allows its own style alone.
package markup

import (
	"crypto/sha256"
	"encoding/base64"
	"html"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// An HTML is a piece of a page: content, or an attribute of the element that it is given to. There is none but what
// this package makes.
type HTML struct {
	text      string
	attribute bool
}

// A Constant is text of the program itself: a name, or the style. Nothing that was read is
// ever converted to one.
type Constant string

// Attr is an attribute.
func Attr(name Constant, value string) HTML {
	return HTML{" " + string(name) + `="` + escape(value) + `"`, true}
}

// Class is the attribute class.
func Class(names Constant) HTML { return Attr("class", string(names)) }

// El is an element with its attributes and its content, in order.
func El(name Constant, parts ...HTML) HTML {
	var b strings.Builder
	b.WriteString("<" + string(name))
	for _, p := range parts {
		if p.attribute {
			b.WriteString(p.text)
		}
	}
	b.WriteString(">")
	for _, p := range parts {
		if !p.attribute {
			b.WriteString(p.text)
		}
	}
	if name != "meta" && name != "wbr" { // which have no end
		b.WriteString("</" + string(name) + ">")
	}
	return content(b.String())
}

func content(text string) HTML { return HTML{text: text} }

// Text is text on one line. What would hide or turn around what stands beside it, as control
// characters do and those that change the direction of writing, is shown as U+FFFD.
func Text(s string) HTML { return content(escape(s)) }

// Said is text that comes from a stranger. Whatever its direction of writing, what stands beside it
// stays where it is.
func Said(s string) HTML { return El("bdi", Text(s)) }

// Name is a name that a stranger has chosen, as [Said] is. A long one, as a path, is divided between its parts where there
// is no room for it.
func Name(s string) HTML {
	if len(s) < long {
		return Said(s)
	}
	var parts []HTML
	for len(s) > 0 {
		end := strings.IndexAny(s, "/.:") + 1
		if end == 0 {
			end = len(s)
		}
		parts, s = append(parts, Text(s[:end])), s[end:]
		if s != "" {
			parts = append(parts, El("wbr"))
		}
	}
	return El("bdi", parts...)
}

// long is how many bytes a name has that may need a second line.
const long = 20

// Lines is text on several lines.
func Lines(s string) HTML {
	var b strings.Builder
	for line := range strings.Lines(s) {
		b.WriteString(escape(strings.TrimSuffix(line, "\n")) + "\n")
	}
	return content(b.String())
}

// All is one piece after the other.
func All(parts ...HTML) HTML {
	var b strings.Builder
	for _, p := range parts {
		b.WriteString(p.text)
	}
	return content(b.String())
}

func escape(s string) string { return html.EscapeString(problem.OneLine(s)) }

// Document is a whole page in English. Its policy lets no script run and nothing be loaded.
func Document(title string, style Constant, body ...HTML) []byte {
	sum := sha256.Sum256([]byte(style))
	policy := "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'"
	head := El("head",
		El("meta", Attr("charset", "utf-8")),
		El("meta", Attr("http-equiv", "Content-Security-Policy"), Attr("content", policy)),
		El("meta", Attr("name", "viewport"), Attr("content", "width=device-width, initial-scale=1")),
		El("meta", Attr("name", "color-scheme"), Attr("content", "light dark")),
		El("meta", Attr("name", "referrer"), Attr("content", "no-referrer")),
		El("title", Text(title)),
		El("style", content(string(style))),
	)
	return []byte("<!doctype html>\n" + El("html", Attr("lang", "en"), head, El("body", All(body...))).text + "\n")
}
