package glob

import "testing"

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"target/a.yaml", "target/a.yaml", true},
		{"target/a.yaml", "target/b.yaml", false},
		{"target/*", "target/a.yaml", true},
		{"target/*", "target/deep/a.yaml", false},
		{"target/?.yaml", "target/a.yaml", true},
		{"target/?.yaml", "target/ab.yaml", false},
		{"**/*", "a.yaml", true},
		{"**/*", "target/deep/a.yaml", true},
		{"**", "target/deep/a.yaml", true},
		{"target/**/a.yaml", "target/a.yaml", true},
		{"target/**/a.yaml", "target/deep/er/a.yaml", true},
		{"**.yaml", "target/deep/a.yaml", true}, // within a word, too
		{"a*b*c", "axxbyyc", true},
		{"[a].{b}", "[a].{b}", true}, // no character is special but * and ?
		{"[a]*", "a.yaml", false},
		{`a\*`, `a\b`, true},
		{"$DIR/x", "anything", true},
		{"a.yaml", "aXyaml", false},
		{"*.yaml", "aXyaml", false},
	} {
		if got := Match(c.pattern, c.name); got != c.want {
			t.Errorf("Match(%q, %q) = %v", c.pattern, c.name, got)
		}
	}
}
