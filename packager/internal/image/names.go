package image

import (
	"fmt"
	"slices"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// A group is what one or more names in an archive stand for: an image, or the images of
// several platforms.
type group struct {
	names []string     // as a user writes them, and as errors list them
	tags  []string     // a name may also be a tag alone
	roots []descriptor // in an OCI layout
	saved *savedImage  // in an archive as docker save used to write it
	id    string       // its digest, for whoever has no name
}

// called tells whether the group is what a name means.
func (g group) called(name string) bool {
	same := func(n string) bool { return sameName(n, name) }
	return slices.ContainsFunc(g.names, same) || slices.Contains(g.tags, name) || hasPrefix(g.id, name)
}

// String is how errors list it.
func (g group) String() string {
	if len(g.names) > 0 {
		return strings.Join(g.names, " = ")
	}
	if g.id == "" {
		return "one without a name"
	}
	return shortened(g.id)
}

// choose returns the groups that the source's name means: one, but for names that an
// archive gives to several images.
func (r *reader) choose(groups []group) ([]group, error) {
	var chosen []group
	for _, g := range groups {
		if r.Name != "" && g.called(r.Name) {
			chosen = append(chosen, g)
		}
	}
	switch {
	case len(chosen) > 0:
		return chosen, nil
	case len(groups) == 0:
		return nil, fmt.Errorf("holds no image: %s", howToMake)
	case len(groups) == 1 && (r.Name == "" || r.Path == ""): // an engine was asked by name
		return groups, nil
	}
	holds := fmt.Sprintf("holds %s: %s", problem.Count(len(groups), "image"), listed(groups))
	if r.Name != "" {
		return nil, fmt.Errorf("%s, and not %s", holds, problem.OneLine(r.Name))
	}
	return nil, fmt.Errorf("%s; name one, as %s", holds, r.nameOf(groups[0].String()))
}

// nameOf is how a template names one of several images.
func (r *reader) nameOf(name string) string {
	name, _, _ = strings.Cut(name, " ")
	if r.Path == "" {
		return name
	}
	return r.label() + "#" + name
}

// listed names the first of many.
func listed[T fmt.Stringer](all []T) string {
	const most = 20
	var words []string
	for _, one := range all[:min(len(all), most)] {
		words = append(words, one.String())
	}
	text := strings.Join(words, ", ")
	if len(all) > most {
		text += fmt.Sprintf(" and %d more", len(all)-most)
	}
	return text
}

// familiar is a name as people write it: without what an engine puts before it, which
// means that it came from no registry of one's own, and with the tag that is meant
// where there is none.
func familiar(name string) string {
	for _, prefix := range []string{"docker.io/library/", "index.docker.io/library/", "docker.io/", "index.docker.io/", "localhost/"} {
		if short, ok := strings.CutPrefix(name, prefix); ok {
			name = short
			break
		}
	}
	if last := name[strings.LastIndex(name, "/")+1:]; !strings.ContainsAny(last, ":@") {
		name += ":latest"
	}
	return name
}

func sameName(a, b string) bool { return familiar(a) == familiar(b) }

// addName adds a name that a user could write: a stranger's could be anything.
func (g *group) addName(name string) { g.add(name, familiar) }

// addTag adds what an OCI layout calls an image: a tag alone, or a whole name.
func (g *group) addTag(tag string) {
	if strings.ContainsAny(tag, ":/") {
		g.addName(tag)
		return
	}
	g.add(tag, asWritten)
}

func asWritten(name string) string { return name }

func (g *group) add(name string, written func(string) string) {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._/:@+-"
	if name == "" || len(name) > 500 || strings.Trim(name, letters) != "" || len(g.names) == mostItems {
		return
	}
	if name = written(name); !slices.Contains(g.names, name) {
		g.names = append(g.names, name)
	}
}

// digits are how many hexadecimal digits of a digest tell which one it is.
const digits = 12

func shortened(digest string) string { return digest[:min(len(digest), len("sha256:")+digits)] }

// hasPrefix tells whether a name is a digest, or the start of one, as engines print it.
func hasPrefix(digest, name string) bool {
	name = strings.TrimPrefix(name, "sha256:")
	return len(name) >= digits && strings.HasPrefix(strings.TrimPrefix(digest, "sha256:"), name)
}
