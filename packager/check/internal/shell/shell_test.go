package shell

import (
	"slices"
	"strings"
	"testing"
)

// What the calls of a script come to: their words with a space between them, a ? for
// a call that may not be made, * for what only a run knows.
func TestCalls(t *testing.T) {
	for _, c := range []struct {
		name, script string
		calls        []string
	}{
		{"words", `a 'b  c' "d"e f\ g`, []string{"a b  c de f g"}},
		{"lines that go on", "a \\\n  b", []string{"a b"}},
		{"a variable", "X=1; a $X", []string{"a 1"}},
		{"one of the environment", "a $REGION ${BUCKET}", []string{"a us-east-1 *"}},
		{"one that is not known", `a "x-$Y.yaml"`, []string{"a x-*.yaml"}},
		{"one that may be two", "X=1; X=2; a $X $X", []string{"a 1 1 ?", "a 2 2 ?"}},
		{"a default", "a ${Y:-1} ${REGION:-2}", []string{"a 1 us-east-1"}},
		{"a flag where there is a value for it", `a ${REGION:+"--in=$REGION"} ${Y:+1}`, []string{"a --in=us-east-1 *"}},
		{"what a program prints", "a $(date)", []string{"a *", "date"}},
		{"a loop", `for r in x y; do a "$r"; done`, []string{"a x", "a y"}},
		{"a list of words", `L="x y"; for r in $L; do a $r; done`, []string{"a x", "a y"}},
		{"an array", `L=(x y); for r in "${L[@]}"; do a $r; done`, []string{"a x", "a y"}},
		{"a function", "f() { a $1; }; f x; f y", []string{"a x", "a y", "f x", "f y"}},
		{"a condition", "if b; then a; fi; c", []string{"b ?", "a ?", "c"}},
		{"a star of the script's own", "a *.yaml", []string{"a *.yaml"}},
	} {
		s, err := Read(c.script, map[string]Text{"REGION": Pattern("us-east-1"), "BUCKET": Unknown()})
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		var calls []string
		for _, call := range s.Calls() {
			line := join(call.Words).String()
			if call.Maybe {
				line += " ?"
			}
			calls = append(calls, line)
		}
		if !slices.Equal(calls, c.calls) {
			t.Errorf("%s: %q, not %q", c.name, calls, c.calls)
		}
	}
}

func TestProgramsOfCalls(t *testing.T) {
	for script, want := range map[string]struct{ inline, file string }{
		"sh -c 'a b'":                {inline: "a b"},
		"bash -ec a":                 {inline: "a"},
		"bash build.sh":              {file: "build.sh"},
		"bash -eo pipefail build.sh": {file: "build.sh"},
		"./build.sh x":               {file: "./build.sh"},
		". ./env":                    {file: "./env"},
		"source $FILE":               {},
		"build.sh":                   {}, // found on the PATH
		"a build.sh":                 {},
	} {
		s, err := Read(script, nil)
		if err != nil {
			t.Fatal(err)
		}
		call := s.Calls()[0]
		inline, _ := call.Inline()
		file, ok := call.ScriptFile()
		if inline.String() != want.inline || ok != (want.file != "") || ok && file != want.file {
			t.Errorf("%s: runs %q and the file %q", script, inline, file)
		}
	}
}

func TestText(t *testing.T) {
	for _, c := range []struct {
		pattern        string
		known, unknown bool
		matches        string
	}{
		{"", true, false, ""},
		{"target/a.yaml", true, false, "target/a.yaml"},
		{"target/*.yaml", false, false, "target/a.yaml"},
		{"*", false, true, "anything"},
	} {
		text := Pattern(c.pattern)
		if text.Known() != c.known || text.Unknown() != c.unknown || !text.Matches(c.matches) || text.Matches("else/where") {
			t.Errorf("%q: known %v, unknown %v", c.pattern, text.Known(), text.Unknown())
		}
		if text.Is(c.pattern) != c.known {
			t.Errorf("%q is what it is only if it is known", c.pattern)
		}
	}
}

// The text of a script grows no further than what can be read.
func TestReadIsBounded(t *testing.T) {
	if _, err := Read(strings.Repeat("#", maxScript+1), nil); err == nil {
		t.Error("so long a script is read")
	}
}
