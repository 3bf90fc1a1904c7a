package buildspec

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/check/internal/document"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// maxValues bounds the values of a buildspec that are held against the schema, as
// aliases can make much of little.
const maxValues = 20_000

// maxTold bounds how much is told of one buildspec: whoever mends so much runs check
// again.
const maxTold = 100

// checkSchema holds the buildspec against the schema. CodeBuild is known to refuse
// phases of other names, and commands that are no text: these are problems. All else
// is a warning, as CodeBuild passes over much.
func (b *Build) checkSchema(ctx context.Context, batch bool) {
	s := schemaCheck{Build: b, ctx: ctx, left: maxValues, all: make(map[string]bool)}
	whole := schema()
	s.learn(whole)
	s.section("", b.Spec.Root, whole)
	const required = "CodeBuild's reference requires it"
	if root := b.Spec.Root; !root.Get("version").Exists() {
		b.warn(root.Problem("version", "write version: 0.2", "there is no version, and %s", required))
	} else if !root.Get("phases").Exists() && !root.Get("batch").Exists() {
		b.warn(root.Problem("phases", "", "there are no phases, and %s", required))
	}
	if root := b.Spec.Root; root.Get("batch").Exists() && !root.Get("phases").Exists() && !batch {
		b.warn(root.Get("batch").Problem("batch", "set BatchEnabled: true in the Configuration of the build action",
			"the action does not run the batch, and there are no phases that it runs in its place"))
	}
}

func (b *Build) warn(e *problem.Error) { b.Warnings = append(b.Warnings, e) }

func (b *Build) fail(e *problem.Error) { b.Problems = append(b.Problems, e) }

// A schemaCheck is a walk through one buildspec.
type schemaCheck struct {
	*Build
	ctx  context.Context
	left int             // values that may still be looked at
	all  map[string]bool // the keys of all sections
}

// learn collects the keys of a shape.
func (s *schemaCheck) learn(of shape) {
	for key, inner := range of.keys {
		s.all[key] = true
		s.learn(inner)
	}
	if of.each != nil {
		s.learn(*of.each)
	}
}

// value holds one value against its shape; name is what messages call it.
func (s *schemaCheck) value(name string, v document.Value, want shape) {
	if s.left--; s.left < 0 || s.ctx.Err() != nil || isEmpty(v) || strings.Contains(v.Text(), "${") {
		return // what Fn::Sub fills in, or the build, may be anything
	}
	scalar, isScalar := v.Scalar()
	isMapping := v.IsMapping()
	switch want.kind {
	case text, yesNo:
		if !isScalar {
			s.wrongKind(name, v, "a text")
		} else {
			s.word(name, v, scalar, want)
		}
	case texts:
		s.texts(name, v)
	case section, named:
		switch {
		case !isMapping:
			s.wrongKind(name, v, "a mapping")
		case want.kind == section:
			s.section(name, v, want)
		default:
			for _, p := range v.Pairs() {
				s.value(name+"."+p.Name(), p.Value, *want.each)
			}
		}
	case entries:
		if !v.IsSequence() {
			s.wrongKind(name, v, "a sequence")
		}
		for _, item := range v.Items() {
			s.value(name, item, shape{kind: section, keys: want.keys})
		}
	}
}

// told is how much has been told of the buildspec.
func (b *Build) told() int { return len(b.Problems) + len(b.Warnings) }

// isEmpty tells whether there is no value, or nothing is written for it.
func isEmpty(v document.Value) bool {
	text, isScalar := v.Scalar()
	return !v.Exists() || isScalar && text == ""
}

func (s *schemaCheck) wrongKind(name string, v document.Value, want string) {
	s.warn(v.Problem(name, "", "this should be %s, and is not", want))
}

// word holds a text against those that are allowed.
func (s *schemaCheck) word(name string, v document.Value, scalar string, want shape) {
	allowed := want.values
	if want.kind == yesNo {
		allowed = []string{"yes", "no", "true", "false", "on", "off", "y", "n"}
	}
	fits := slices.ContainsFunc(allowed, func(one string) bool {
		return strings.EqualFold(one, scalar) || strings.HasSuffix(one, "-") && strings.HasPrefix(strings.ToUpper(scalar), one)
	})
	switch {
	case fits || len(allowed) == 0 || strings.Contains(scalar, "$"):
	case want.kind == yesNo:
		s.warn(v.Problem(name, "", "this should be yes or no, and is %q", scalar))
	default:
		s.warn(v.Problem(name, "", "%q is none of its values: %s", scalar, strings.Join(allowed, ", ")))
	}
}

// texts holds a list of texts against what it should be.
func (s *schemaCheck) texts(name string, v document.Value) {
	commands := strings.HasSuffix(name, ".commands") || strings.HasSuffix(name, ".finally")
	tell := s.warn
	if commands {
		tell = s.fail
	}
	if _, isScalar := v.Scalar(); !isScalar && !v.IsSequence() {
		s.wrongKind(name, v, "a sequence")
		return
	}
	for i, item := range v.Items() {
		if s.left--; s.left < 0 || s.told() > maxTold {
			return
		}
		if _, isScalar := item.Scalar(); isScalar {
			continue
		}
		hint := "each is one text"
		if item.IsMapping() {
			hint = "a colon with a space behind it makes a mapping of a text: write quotes around the whole of it"
		}
		if commands {
			tell(item.Problem(name, hint, "command %d is no text, and CodeBuild refuses the buildspec", i+1))
		} else {
			tell(item.Problem(name, hint, "this should be a text, and is not"))
		}
	}
}

// section holds a mapping's keys and values against what is known of it.
func (s *schemaCheck) section(name string, v document.Value, want shape) {
	for _, p := range v.Pairs() {
		if s.told() > maxTold {
			return
		}
		inner, known := want.keys[p.Name()]
		full := strings.TrimPrefix(name+"."+p.Name(), ".")
		if known {
			s.value(full, p.Value, inner)
			continue
		}
		s.unknown(name, p, want)
	}
}

// unknown tells of a key that a section does not have.
func (s *schemaCheck) unknown(name string, p document.Pair, want shape) {
	key := p.Name()
	hint := ""
	for _, other := range slices.Sorted(maps.Keys(want.keys)) {
		if problem.Similar(key, other) || problem.SameLetters(key, other) {
			hint = "there is " + other
		}
	}
	switch {
	case s.left <= 0 || key == "":
	case name == "phases" && !slices.ContainsFunc(phaseNames(), func(n string) bool { return strings.EqualFold(n, key) }):
		if hint == "" {
			hint = "there are " + strings.Join(phaseNames(), ", ")
		}
		s.fail(p.Key.Problem(name, hint, "%s is no phase, and CodeBuild refuses the buildspec", key))
	case name == "" && hint == "" && !s.all[key]:
		// A key at the top that resembles none may hold what aliases refer to.
	default:
		if s.all[key] && hint == "" {
			hint = "is it indented as it should be?"
		}
		s.warn(p.Key.Problem(name, hint, "CodeBuild knows no %s here", key))
	}
}
