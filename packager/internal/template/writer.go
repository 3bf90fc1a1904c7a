package template

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/syntax"
)

// A Store is the bucket of a region, and where container images go there.
type Store struct {
	Region, Bucket string
	Repository     string            // "" where there are no images
	Repositories   map[string]string // of resources that have one of their own, by logical ID
}

// repositoryOf is where the image goes that a reference names.
func (s Store) repositoryOf(r *Reference) string {
	if own := s.Repositories[r.LogicalID]; own != "" {
		return own
	}
	return s.Repository
}

// bucketMapping is the name of the mapping in which a template for all regions finds the
// bucket, where nothing else in it is called so, and bucketKey the key there, as
// repositoryKey is that of the repository for images.
const (
	bucketMapping = "ArtifactBuckets"
	bucketKey     = "Bucket"
	repositoryKey = "Repository"
)

// A writer makes the values of one packaged template. Each is a tree: of literals in a
// region's own template, and with functions in it where the bucket is found by region or
// the key by a loop's variable.
type writer struct {
	t                  *Template
	locate             func(*Reference) Location
	stores             []Store         // of all regions, in a template for all of them
	mappings           *syntax.Node    // the template's own, and behind them those that are added
	own                int             // how many are its own
	places, placesName *syntax.Node    // the mapping of buckets by region; nil before it was needed
	loops              map[string]bool // the variables of the template's loops; nil before they were needed
}

func newWriter(t *Template, locate func(*Reference) Location, stores []Store) *writer {
	w := &writer{t: t, locate: locate, stores: stores, mappings: &syntax.Node{Kind: syntax.Mapping}}
	if own := t.doc.Root.Get("Mappings"); own != nil {
		w.mappings.Keys, w.mappings.Values = slices.Clone(own.Keys), slices.Clone(own.Values)
	}
	w.own = len(w.mappings.Keys)
	return w
}

// added are the mappings that the values made so far need.
func (w *writer) added() *syntax.Node {
	return &syntax.Node{Kind: syntax.Mapping, Keys: w.mappings.Keys[w.own:], Values: w.mappings.Values[w.own:]}
}

// add adds a mapping, and returns the name that it has got: the one that is asked for,
// with a number where that is taken.
func (w *writer) add(name string, entry *syntax.Node) *syntax.Node {
	free := name
	for i := 2; w.mappings.Get(free) != nil; i++ {
		free = fmt.Sprint(name, i)
	}
	key := w.t.keyNode(free)
	w.mappings.Keys, w.mappings.Values = append(w.mappings.Keys, key), append(w.mappings.Values, entry)
	return key
}

// location is what stands in a reference's place.
func (w *writer) location(r *Reference) *syntax.Node {
	switch {
	case w.stores != nil && r.Stored == nil && r.row.takes.mapped:
		return w.findByRegion(r)
	case r.variants != nil:
		return w.findByLoop(r)
	}
	l := w.locate(r)
	return w.value(r, l, w.word(cmp.Or(l.Key, l.Digest)))
}

// value is a location in the form of a property, with the key as a text or as what finds
// it.
func (w *writer) value(r *Reference, l Location, key *syntax.Node) *syntax.Node {
	f := r.row.formOf(l)
	switch {
	case f.bucket != "":
		value := w.with(w.t.mappingOf(f.bucket, w.bucketOf(l)), f.key, key)
		if l.Version != "" && f.version != "" {
			w.with(value, f.version, w.word(l.Version))
		}
		return value
	case l.isKnown():
		return &syntax.Node{Value: f.text(l)}
	}
	name := w.variable("Bucket")
	text, found := "s3://${"+name+"}/", w.bucketOf
	switch {
	case f.https:
		text = "https://s3.${AWS::Region}.${AWS::URLSuffix}/${" + name + "}/"
	case f.image:
		name = w.variable("Repository")
		text, found = "${"+name+"}@", func(Location) *syntax.Node { return w.repositoryOf(r) }
	}
	variables := w.t.mappingOf(name, found(l))
	if key.Kind == syntax.Scalar {
		text += key.Value
	} else {
		name = w.variable("Key")
		text += "${" + name + "}"
		w.with(variables, name, key)
	}
	return w.call("Sub", list(&syntax.Node{Value: text}, variables))
}

// variable is the name of a variable of Fn::Sub: the one that is asked for, with a number
// where a loop has that, since Fn::ForEach would put its own value in the place of ${Name}.
func (w *writer) variable(name string) string {
	if w.loops == nil {
		w.loops = make(map[string]bool)
		loopVariables(w.t.doc.Root, w.loops)
	}
	free := name
	for i := 2; w.loops[free]; i++ {
		free = fmt.Sprint(name, i)
	}
	return free
}

// loopVariables collects the variables of the loops in a tree, whatever they repeat.
func loopVariables(n *syntax.Node, names map[string]bool) {
	for i, v := range n.Values {
		if n.Kind == syntax.Mapping && strings.HasPrefix(n.Keys[i].Value, "Fn::ForEach::") && len(v.Values) > 0 {
			names[v.Values[0].Value] = true
		}
		loopVariables(v, names)
	}
}

// bucketOf is a location's bucket, or what finds it by region.
func (w *writer) bucketOf(l Location) *syntax.Node {
	if l.Bucket != "" {
		return w.word(l.Bucket)
	}
	return w.findPlace(bucketKey, func(s Store) string { return s.Bucket })
}

// repositoryOf finds a reference's repository by region.
func (w *writer) repositoryOf(r *Reference) *syntax.Node {
	key := repositoryKey
	if slices.ContainsFunc(w.stores, func(s Store) bool { return s.repositoryOf(r) != s.Repository }) {
		key += regexp.MustCompile(`[^A-Za-z0-9]`).ReplaceAllString(r.LogicalID, "")
	}
	return w.findPlace(key, func(s Store) string { return s.repositoryOf(r) })
}

// findPlace returns what finds a value of a store by region, under a key of the one
// mapping that all of them are in.
func (w *writer) findPlace(key string, of func(Store) string) *syntax.Node {
	if w.places == nil {
		w.places = &syntax.Node{Kind: syntax.Mapping}
		for _, s := range w.stores {
			w.places.Keys = append(w.places.Keys, w.word(s.Region))
			w.places.Values = append(w.places.Values, &syntax.Node{Kind: syntax.Mapping})
		}
		w.placesName = w.add(bucketMapping, w.places)
	}
	for i, s := range w.stores {
		if place := w.places.Values[i]; place.Index(key) < 0 {
			w.with(place, key, w.word(of(s)))
		}
	}
	return w.find(w.call, w.placesName.Clone(), w.word(key), "AWS::Region")
}

// findByLoop adds a mapping with the locations of a reference's variants, and returns what
// finds one of them there in the property's form. Where that is one text, the mapping
// holds the texts, and else the keys; the bucket is the same for all.
func (w *writer) findByLoop(r *Reference) *syntax.Node {
	first := w.locate(r.variants[0])
	f := r.row.formOf(first)
	isText := f.bucket == "" && first.isKnown()
	var values []string
	for _, v := range r.variants {
		l := w.locate(v)
		if isText {
			values = append(values, f.text(l))
		} else {
			values = append(values, cmp.Or(l.Key, l.Digest))
		}
	}
	find := w.findIn(w.callLong, r, r.loops, values)
	if isText {
		return find
	}
	value := w.value(r, first, find)
	if value.Kind == syntax.Mapping && value.Values[0].Kind == syntax.Scalar {
		value.Values[0].Plain = false // as ever: other bytes are another key of a nested template
	}
	return value
}

// findByRegion adds a mapping with the location in each region, and returns what finds it
// there.
func (w *writer) findByRegion(r *Reference) *syntax.Node {
	regions := loop{variable: "AWS::Region"}
	var texts []string
	for _, s := range w.stores {
		regions.values = append(regions.values, s.Region)
		texts = append(texts, r.row.form.text(Location{Region: s.Region, Bucket: s.Bucket, Key: w.locate(r).Key}))
	}
	return w.findIn(w.call, r, []loop{regions}, texts)
}

// findIn adds a mapping that has for each value of a loop, or each pair of values of two,
// one of the texts, in their order, and returns what finds that.
func (w *writer) findIn(call caller, r *Reference, loops []loop, texts []string) *syntax.Node {
	const alone = "Value" // no key that YAML takes for a number or the like
	second, variables := []string{alone}, []string{loops[0].variable}
	if len(loops) > 1 {
		second, variables = loops[1].values, append(variables, loops[1].variable)
	}
	table := &syntax.Node{Kind: syntax.Mapping}
	for i, first := range loops[0].values {
		inner := &syntax.Node{Kind: syntax.Mapping}
		for j, key := range second {
			inner.Keys = append(inner.Keys, &syntax.Node{Value: key})
			inner.Values = append(inner.Values, &syntax.Node{Value: texts[i*len(second)+j]})
		}
		table.Keys, table.Values = append(table.Keys, &syntax.Node{Value: first}), append(table.Values, inner)
	}
	name := "Mrpackage" + regexp.MustCompile(`[^A-Za-z0-9]`).ReplaceAllString(r.LogicalID+r.Name, "")
	return w.find(call, w.add(name, table), &syntax.Node{Value: alone}, variables...)
}

// find is Fn::FindInMap with the variables as keys, and behind one alone a second key.
func (w *writer) find(call caller, name, second *syntax.Node, variables ...string) *syntax.Node {
	steps := []*syntax.Node{name}
	for _, v := range variables {
		// In quotes: some readers take AWS::Region between brackets for a mapping.
		steps = append(steps, call("Ref", &syntax.Node{Value: v}))
	}
	if len(variables) == 1 {
		steps = append(steps, second)
	}
	return call("FindInMap", list(steps...))
}

// A caller makes an intrinsic function of its name and argument.
type caller func(name string, argument *syntax.Node) *syntax.Node

// call is an intrinsic function in its short form, where the template's format has one.
func (w *writer) call(name string, argument *syntax.Node) *syntax.Node {
	if w.t.doc.JSON {
		return w.callLong(name, argument)
	}
	argument.Tag = "!" + name
	return argument
}

func (w *writer) callLong(name string, argument *syntax.Node) *syntax.Node {
	key := w.t.keyNode(name)
	if name != "Ref" {
		key = &syntax.Node{Value: "Fn::" + name} // in quotes, for its colons
	}
	return &syntax.Node{Kind: syntax.Mapping, Keys: []*syntax.Node{key}, Values: []*syntax.Node{argument}}
}

// word is a text, plain where it is a word to every reader.
func (w *writer) word(text string) *syntax.Node {
	return &syntax.Node{Value: text, Plain: w.t.doc.Quote(text, nil, true) == text}
}

// with adds an entry to a mapping, and returns that.
func (w *writer) with(m *syntax.Node, key string, value *syntax.Node) *syntax.Node {
	m.Keys, m.Values = append(m.Keys, w.t.keyNode(key)), append(m.Values, value)
	return m
}

func list(items ...*syntax.Node) *syntax.Node {
	return &syntax.Node{Kind: syntax.Sequence, Values: items}
}
