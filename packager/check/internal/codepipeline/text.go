package codepipeline

import (
	"regexp"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/check/internal/document"
)

// A Text is what a value of a template comes to, as far as the template tells. What
// only a deployment knows, such as a parameter, stands in it by its name: two texts
// that are the same are the same in every deployment. The zero Text is that of an
// absent value.
type Text struct {
	state state
	sub   string // as Fn::Sub has it, with ${Name} for what only a deployment knows
	taken string // the parameters whose defaults stand in it, with a comma between them
}

type state uint8

const (
	absent     state = iota
	unreadable       // made in a way that is not followed, such as Fn::FindInMap
	readable
)

// String is the text, with ${Name} for what only a deployment knows; "" where the
// value is absent or cannot be read.
func (t Text) String() string { return t.sub }

// Absent tells whether there is no value.
func (t Text) Absent() bool { return t.state == absent }

// Readable tells whether the text is known, but for what a deployment fills in.
func (t Text) Readable() bool { return t.state == readable }

// Empty tells whether nothing is known of the text, or it is empty.
func (t Text) Empty() bool { return t.sub == "" }

// Fixed tells whether the text is the same in every deployment, and not empty.
func (t Text) Fixed() bool { return t.sub != "" && !strings.Contains(t.sub, "${") }

// VariesByExecution tells whether the text holds a variable of the pipeline,
// #{Namespace.Name}, which only an execution fills in.
func (t Text) VariesByExecution() bool { return strings.Contains(t.sub, "#{") }

// Masked is the text with a mark in the place of each part that only a deployment
// knows.
func (t Text) Masked(mark string) string {
	return regexp.MustCompile(`\$\{[^}]*\}`).ReplaceAllLiteralString(t.sub, mark)
}

// Cut divides the text at the first separator.
func (t Text) Cut(separator string) (before, after Text, found bool) {
	left, right, found := strings.Cut(t.sub, separator)
	return t.with(left), t.with(right), found
}

// with is another text that is known as well as this one.
func (t Text) with(sub string) Text { return Text{t.state, sub, t.taken} }

// Assumes are the parameters whose defaults stand in the text.
func (t Text) Assumes() []string {
	return strings.FieldsFunc(t.taken, func(r rune) bool { return r == ',' })
}

// Unfilled tells whether a value's text holds ${Name}, and no Fn::Sub that fills it
// in.
func Unfilled(v document.Value) bool {
	text, ok := v.Scalar()
	return ok && strings.Contains(text, "${")
}
