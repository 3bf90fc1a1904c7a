package template

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/syntax"
)

// textHint says why a text may stand where a mapping was meant: YAML takes "key:value"
// for a text, and so "key:" with a character behind it that only looks like a space.
func textHint(n *syntax.Node) string {
	if n.Kind != syntax.Scalar || !n.Plain {
		return ""
	}
	if odd := oddCharacter(n.Value); odd != "" {
		return "this text holds " + odd + ": YAML wants a colon and a space behind a key"
	}
	if key, rest, ok := strings.Cut(n.Value, ":"); ok && key != "" && rest != "" && !strings.HasPrefix(rest, ":") {
		return "YAML wants a space behind the colon of a key"
	}
	return ""
}

// oddName says what a character is that looks like a space, a colon or nothing, and is
// none of that to YAML; "" for every other one.
func oddName(r rune) string {
	switch {
	case r == '\u00a0':
		return "a no-break space"
	case r == '\u200b':
		return "a space without width"
	case r == '\ufeff':
		return "a byte order mark"
	case r == '\uff1a' || r == '\ufe55':
		return "a wide colon"
	case r != ' ' && unicode.Is(unicode.Zs, r):
		return "another space than YAML's"
	case unicode.Is(unicode.Cf, r):
		return "an invisible character"
	}
	return ""
}

// oddCharacter names the first such character of a text; "" where there is none.
func oddCharacter(text string) string {
	for _, r := range text {
		if name := oddName(r); name != "" {
			return fmt.Sprintf("%U, %s", r, name)
		}
	}
	return ""
}

// oddKeys reports a logical ID and names of properties that hold such a character, and
// were not told as something else. Only a custom resource has properties of any name.
func (c *collector) oddKeys(id, n *syntax.Node) {
	keys := []*syntax.Node{id}
	typ := n.Get("Type")
	if props := n.Get("Properties"); props != nil && typ != nil && !strings.HasPrefix(typ.Value, "Custom::") && typ.Value != "AWS::CloudFormation::CustomResource" {
		keys = append(keys, props.Keys...)
	}
	for _, k := range keys {
		if odd := oddCharacter(k.Value); odd != "" && !c.told[k] {
			c.refuse(k, k.Value, "YAML takes it for a letter", "this key holds %s", odd)
		}
	}
}

// lineHint names an odd character in a line that a reader of YAML complains of, or in
// the one before, which it takes for a text that goes on.
func (t *Template) lineHint(line int) string {
	for at := line; at >= max(1, line-1) && at <= t.file.Lines(); at-- {
		end := len(t.file.Text)
		if at < t.file.Lines() {
			end = t.file.LineStart(at + 1)
		}
		text, _, _ := strings.Cut(string(t.file.Text[t.file.LineStart(at):end]), " #")
		if odd := oddCharacter(text); odd != "" {
			return fmt.Sprintf("line %d holds %s, which YAML takes for a letter", at, odd)
		}
	}
	return ""
}
