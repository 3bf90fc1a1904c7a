package syntax_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/syntax"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// parse reads a text as a template is read.
func parse(text string) (*syntax.Document, error) {
	return syntax.Parse(context.Background(), problem.NewSource([]byte(text)), "t.yaml")
}

// TestObjections: what PyYAML's scanner refuses, or reads otherwise, and what it takes.
func TestObjections(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"a: b\t# c\n", "1:5 a tab"},
		{"a: b\tc\n", "1:5 a tab"},
		{"a:\tb\n", "1:3 a tab"},
		{"a: b\n\t# c\nd: e\n", "2:1 a tab"},
		{"a: b\n\t\nd: e\n", "2:1 a tab"},
		{"a: \"b\"\t\n", "1:7 a tab"},
		{"a: |\t\n  b\n", "1:5 a tab"},
		{"a: {b: c,\td: e}\n", "1:10 a tab"},
		{"%YAML\t1.2\n---\na: b\n", "1:6 a tab"},
		{"a: b\n# \x7f\n", "2:3 the character U+007F"},
		{"a: \"\u0090\"\n", "1:5 the character U+0090"},
		{"a: {b: x?y=1}\n", "1:9 a question mark"},
		{"a: [?b]\n", "1:5 a question mark"},
		{"a:\n  : b\n", "2:3 this key is empty"},
		{strings.Repeat("a", 1025) + ": b\n", "1:1 this key is longer"},
		{"a: &b.c d\n", "1:4 the name of this anchor"},
		{"a: &b.c d\ne: *b.c\n", "1:4 the name of this anchor"},
		{"a: &b.c\td\ne: f\tg\n", "1:4 the name of this anchor, 1:8 a tab"},

		{"a: \"b\tc\"\nd: 'e\tf'\n# g\th\ni: j # \tk\n", ""},
		{"a: |\n  b\tc\n  \td\n  \t\nx: >-\n  y\t\n", ""},
		{"a: x?y=1\nb: 'z?'\nc: [\"?\", a]\n? d\n: e\n", ""},
		{strings.Repeat("a", 1024) + ": b\n", ""},
		{"'': b\n!!str : c\n", ""},
		{"a: &b_c-1 d\ne: *b_c-1\n", ""},
		{"a: [!Ref b, !GetAtt c.d]\n# \u00a0\u0085b: é\n", ""},
		{"{\"a\":\t\"b\",\n\t\"c\": 1}\n", ""}, // JSON
	} {
		d, err := parse(c.text)
		if err != nil {
			t.Errorf("%q: %v", c.text, err)
			continue
		}
		var got []string
		for _, o := range d.Objections() {
			line, column := d.Source.Place(o.Offset)
			got = append(got, fmt.Sprintf("%d:%d %s", line, column, o.Message))
		}
		wanted := strings.Split(c.want, ", ")
		if c.want == "" {
			wanted = nil
		}
		same := len(got) == len(wanted)
		for i := range got {
			same = same && strings.HasPrefix(got[i], wanted[i])
		}
		if !same {
			t.Errorf("%.60q: %q, want %q", c.text, got, c.want)
		}
	}
}

// TestDirectives: before a document stand directives of any order, comments and blank lines,
// and the document is read as if they were comments.
func TestDirectives(t *testing.T) {
	lines := []string{"%YAML 1.1", "%YAML 1.2", "%YAML 1.3 # c", "%YAML  01.0  ", "%FOO bar baz", "%TAG !e! tag:example.com,2000:", "# c", " # c", ""}
	body := "---\na: &x {b: !Sub 'c'}\nd: [*x, \"é\"]\n"
	for _, bom := range []string{"", "\ufeff"} {
		for _, newline := range []string{"\n", "\r\n", "\r"} {
			for _, first := range lines {
				for _, second := range lines {
					if strings.HasPrefix(first, "%YAML") && strings.HasPrefix(second, "%YAML") || strings.HasPrefix(first, "%TAG") && first == second {
						continue // refused, see below
					}
					text := bom + strings.ReplaceAll(first+"\n"+second+"\n"+body, "\n", newline)
					got, err := parse(text)
					if err != nil {
						t.Errorf("%q: %v", text, err)
						continue
					}
					want, err := parse(strings.ReplaceAll(text, "%", "#"))
					if err != nil {
						t.Fatal(err)
					}
					samePlaces(t, text, got.Root, want.Root)
				}
			}
		}
	}
	for text, want := range map[string]string{
		"%YAML 2.0\n---\na: b\n":                 "1:1 this document is written in another YAML than 1",
		"# c\n%YAML 1.2\n%YAML 1.2\n---\na: b\n": "3:1 the directive %YAML stands in line 2 already",
		"%YAML\n---\na: b\n":                     "1:1 this directive names no version",
		"%YAML 1.2\na: b\n":                      "1:1 a line that begins with % is a directive of YAML, and a line ---",
		"%YAML 1.2\n":                            "1:1 a line that begins with % is a directive of YAML, and a line ---",
		"%TAG ! tag:x,1:\n%TAG ! a\n---\na: b\n": "2:1 found duplicate %TAG directive",
		"a: b\n---\n%YAML 1.2\n":                 "3:1 did not find expected <document end>",
	} {
		checkRefused(t, text, want)
	}
}

func checkRefused(t *testing.T, text, want string) {
	t.Helper()
	_, err := parse(text)
	var e *problem.Error
	if !errors.As(err, &e) {
		t.Errorf("%q was read", text)
	} else if got := fmt.Sprintf("%d:%d %s", e.Line, e.Column, e.Message); !strings.HasPrefix(got, want) {
		t.Errorf("%q: %q, want %q", text, got, want)
	}
}

func samePlaces(t *testing.T, text string, a, b *syntax.Node) {
	t.Helper()
	if a.Kind != b.Kind || a.Value != b.Value || a.Tag != b.Tag || a.Offset != b.Offset || a.Start != b.Start || a.Line != b.Line || a.Column != b.Column || len(a.Values) != len(b.Values) {
		t.Fatalf("%q: %+v, want %+v", text, a, b)
	}
	for i := range a.Keys {
		samePlaces(t, text, a.Keys[i], b.Keys[i])
	}
	for i := range a.Values {
		samePlaces(t, text, a.Values[i], b.Values[i])
	}
}

// TestMessages: the reader's frequent complaints, in words that say what to do.
func TestMessages(t *testing.T) {
	for text, want := range map[string]string{
		"a:\n\tb: c\n":               "2:1 a tab stands here",
		"a:\n  \tb: c\n":             "2:3 a tab stands here",
		"a:\n  -\tb: c\n    d: e\n":  "2:4 a tab stands here",
		"a: |\n\tb\n":                "2:1 a tab stands here",
		"a: b\n\tc\nd: e\n":          "2:1 a tab stands here",
		"a: b\n# \x01\n":             "2:3 the control character U+0001",
		"a: \"\x1b[0m\"\n":           "1:5 the control character U+001B",
		"é: \ufffe\n":                "1:4 the control character U+FFFE",
		"a: @b\n":                    "1:4 a value that begins with @ must be quoted",
		"a: `b`\n":                   "1:4 a value that begins with ` must be quoted",
		"a: %b\n":                    "1:4 a value that begins with % must be quoted",
		"a: b: c\n":                  "1:5 this colon is the second one of its line",
		"a: b\n  c: d\n":             "2:4 a key does not fit here",
		"a:\n    b: c\n  d: e\n":     "3:3 this does not belong to the mapping that begins in line 1",
		"a: \"b\" c\n":               "1:8 this does not belong to the mapping that begins in line 1",
		"a:\n  - b\n  c: d\n":        "3:3 this does not belong to the list that begins in line 2",
		"a: b\nc\nd: e\n":            "2:1 this line has no colon",
		"a: b\nc: \"d\ne: f\n":       "2:4 this quote is not closed",
		"a: 'b\n---\nc: d\n":         "1:4 this quote is not closed",
		"a: [b, c\nd: e\n":           "2:2 a comma or a closing ] is missing before this: the list begins in line 1",
		"a: {b: c\n 'd': e}\n":       "2:5 a comma or a closing } is missing before this: the mapping begins in line 1",
		"a: *.js\n":                  "1:4 a value that begins with * is an alias",
		"a: *\n":                     "1:4 a value that begins with * or & must be quoted",
		"a: !B!c d\n":                "1:4 this tag is none of CloudFormation's",
		"a: !Sub{b}\n":               "1:8 this character belongs to no tag",
		"a: \"C:\\code\"\n":          "1:7 in double quotes a backslash begins an escape",
		"a: \"b\"#c\n":               "1:7 a comment needs a space before its #",
		"a: - b\n":                   "1:4 a list cannot begin in the line of its key",
		"a: | b\n  c\n":              "1:6 behind | and > a line ends",
		"a: b\n<<<<<<< HEAD\nc: d\n": "2:1 this line is a mark of a merge that git left to you",
		"a: b\n=======\nc: d\n":      "2:1 this line is a mark of a merge that git left to you",
	} {
		checkRefused(t, text, want)
	}
}
