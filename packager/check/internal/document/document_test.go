package document

import (
	"strings"
	"testing"
)

// What a value of each kind answers.
func TestValues(t *testing.T) {
	f, err := Parse("a.yaml", []byte(`
text: word
quoted: 'null'
nothing: ~
yes: "yes"
tagged: !Sub "${A}"
list: [a, b]
one: a
base: &base {a: 1, b: 2}
alias: *base
merged: {<<: *base, b: 3}
`))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		keys, text string
		exists     bool
		list       int
	}{
		{"text", "word", true, 1},
		{"quoted", "null", true, 1},
		{"nothing", "", true, 0},
		{"tagged", "", true, 0},
		{"list", "", true, 2},
		{"one", "a", true, 1},
		{"alias a", "1", true, 1},
		{"merged a", "1", true, 1},
		{"merged b", "3", true, 1},
		{"absent", "", false, 0},
		{"absent more", "", false, 0},
		{"text more", "", false, 0},
	} {
		v := f.Root.Get(strings.Fields(c.keys)...)
		if v.Text() != c.text || v.Exists() != c.exists || len(v.List()) != c.list {
			t.Errorf("%s: the text %q, exists %v, a list of %d", c.keys, v.Text(), v.Exists(), len(v.List()))
		}
	}
	if tag, v := f.Root.Get("tagged").Tagged(); tag != "!Sub" || v.Text() != "${A}" {
		t.Errorf("the tag %q before %q", tag, v.Text())
	}
	if !f.Root.Get("yes").IsYes() || f.Root.Get("text").IsYes() {
		t.Error("yes is yes, and a word is not")
	}
}

// Errors point to the place that is meant.
func TestPlaces(t *testing.T) {
	f, err := Parse("a.yaml", []byte("a: 1\nb: sh -c 'x y'\n"))
	if err != nil {
		t.Fatal(err)
	}
	embedded := Embedded(f.AtWord(2, "sh"), "x y\nz\n")
	for _, c := range []struct {
		name string
		at   Place
		want string
	}{
		{"a value", f.Root.Get("b").Place(), "a.yaml:2:4: m"},
		{"an absent value", f.Root.Get("c").Place(), "a.yaml: m"},
		{"a word", f.AtWord(2, "'x"), "a.yaml:2:10: m"},
		{"behind the end", f.At(9, 9), "a.yaml:3:1: m"},
		{"within a value", embedded.At(2, 1), "a.yaml:2:4: m"},
	} {
		if got := c.at.Problem("", "", "m").Error(); got != c.want {
			t.Errorf("%s: %s, not %s", c.name, got, c.want)
		}
	}
}

func TestUnreadable(t *testing.T) {
	for text, want := range map[string]string{
		"":                "a.yaml: this file is empty",
		"# nothing":       "a.yaml: this file is empty",
		"word":            "a.yaml:1:1: this should be a mapping, and is not",
		"a: [\n\n":        "a.yaml:1:5: did not find expected node content",
		"a: 1\n---\nb: 2": "a.yaml:2:1: a second YAML document begins here, and the file should hold one",
		"a: \x00":         "a.yaml: this file is not UTF-8 text",
	} {
		_, err := Parse("a.yaml", []byte(text))
		if err == nil || err.Error() != want {
			t.Errorf("%q: %v, not %s", text, err, want)
		}
	}
}
