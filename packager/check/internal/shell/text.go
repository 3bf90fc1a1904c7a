package shell

import (
	"path"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/check/internal/glob"
)

// A Text is what a word of a script comes to, as far as reading it tells: text that
// is known, and parts that only a run knows. The zero Text is empty, and known.
//
// A star that the script itself writes is a part that only a run knows, too: the
// shell puts names of files in its place.
type Text struct {
	pattern string // the text, with a * for each part that is unknown
}

// Unknown is a text of which nothing is known.
func Unknown() Text { return Text{"*"} }

// Pattern is a text in which each * stands for a part that is unknown.
func Pattern(pattern string) Text { return Text{pattern} }

// String is the text, with a * for each part that is unknown.
func (t Text) String() string { return t.pattern }

// Known tells whether the whole text is known.
func (t Text) Known() bool { return !strings.Contains(t.pattern, "*") }

// Unknown tells whether nothing of the text is known.
func (t Text) Unknown() bool { return t == Unknown() }

// Base is what stands behind the last slash.
func (t Text) Base() Text { return Text{path.Base(t.pattern)} }

// Matches tells whether the text may be this one.
func (t Text) Matches(text string) bool { return glob.Match(t.pattern, text) }

// Is tells whether the text is known, and this one or one of these.
func (t Text) Is(texts ...string) bool {
	for _, text := range texts {
		if t.Known() && t.pattern == text {
			return true
		}
	}
	return false
}
