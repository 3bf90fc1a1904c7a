package template

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
	"go.yaml.in/yaml/v4"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/syntax"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// FuzzTemplate: whatever is packaged means what it meant but for the references' values, and its other lines stay.
// The values are compared by rules of this file's own, not by those with which a rewrite proves itself.
func FuzzTemplate(f *testing.F) {
	seed(f)
	dir := f.TempDir()
	for name, content := range map[string]string{
		"src/app.js":     "exports.handler = async () => 'hello'\n",
		"one.py":         "def handler(event, context): pass\n",
		"child.yaml":     "Resources:\n  F:\n    Type: AWS::Serverless::Function\n    Properties: {CodeUri: src}\n",
		"layer/a/lib.py": "",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			f.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o666); err != nil {
			f.Fatal(err)
		}
	}
	f.Fuzz(func(t *testing.T, src []byte, bucket, prefix string) {
		p := repackage(t, dir, src, bucket, prefix)
		if p == nil {
			return
		}
		p.compareValues(t, src)
		p.compareLines(t)
		allStored(t, dir, p.body)
	})
}

// FuzzUseJSON: where a YAML template is written as JSON, that has the same shape, and the same value wherever YAML leaves
// no doubt of it.
func FuzzUseJSON(f *testing.F) {
	seed(f)
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, src []byte, bucket, prefix string) {
		p := repackage(t, dir, src, bucket, prefix)
		if p == nil || p.source.doc.JSON {
			return
		}
		body, err := p.source.Rewrite(t.Context(), true, p.locate)
		if err != nil {
			refused(t, src, problem.Errors(err))
			return
		}
		if !json.Valid(body) {
			t.Fatalf("this is not JSON:\n%s\nsource:\n%s", body, src)
		}
		want, ok := readValue(p.body, false)
		if !ok {
			return
		}
		got, ok := readValue(body, true)
		if !ok {
			t.Fatalf("this JSON cannot be read:\n%s", body)
		}
		if where := differAsJSON(want, got); where != "" {
			t.Errorf("the JSON differs at %s:\n%s\nsource:\n%s", where, body, p.body)
		}
	})
}

// A packaging is a template that was packaged without looking at any file that it names.
type packaging struct {
	source *Template
	bucket string
	prefix string // with a slash at its end, or none
	body   []byte
}

// repackage packages src; nil where it is refused. It fails where the refusal is an error of our own making.
func repackage(t *testing.T, dir string, src []byte, bucket, prefix string) *packaging {
	t.Helper()
	if len(src) > 64<<10 {
		return nil
	}
	// The fuzzer itself waits for ever.
	watchdog := time.AfterFunc(30*time.Second, func() { panic(fmt.Sprintf("hanging on %q", src)) })
	defer watchdog.Stop()
	p := &packaging{bucket: cmp.Or(bucket, "code"), prefix: prefix}
	if !regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*[A-Za-z0-9]$`).MatchString(p.bucket) || !regexp.MustCompile(`^([A-Za-z0-9!_.*'()=@+,-]+/)*$`).MatchString(prefix) {
		return nil // no store has such names
	}
	var errs []error
	if p.source, errs = readBack(t, dir, src); len(errs) > 0 {
		refused(t, src, errs)
		return nil
	}
	var err error
	if p.body, err = p.source.Rewrite(t.Context(), false, p.locate); err != nil {
		refused(t, src, []error{err})
		return nil
	}
	return p
}

func readBack(t *testing.T, dir string, src []byte) (*Template, []error) {
	t.Helper()
	path := filepath.Join(dir, "template.yaml")
	if err := os.WriteFile(path, src, 0o666); err != nil {
		t.Fatal(err)
	}
	return Read(t.Context(), path, "template.yaml", Table())
}

func refused(t *testing.T, src []byte, errs []error) {
	t.Helper()
	for _, err := range errs {
		var e *problem.Error
		if !errors.As(err, &e) {
			t.Errorf("not an *problem.Error: %v", err)
		} else if strings.HasPrefix(e.Message, "internal error") {
			t.Errorf("%v\n%q\n%s", err, src, src)
		}
	}
}

// allStored tells of references to local artifacts that a packaged template still holds.
func allStored(t *testing.T, dir string, body []byte) {
	t.Helper()
	again, errs := readBack(t, dir, body)
	if len(errs) > 0 {
		t.Errorf("the packaged template is refused: %v\n%s", errors.Join(errs...), body)
	}
	for _, r := range again.refs {
		if r.Stored == nil && !r.IsAddress() {
			t.Errorf("%s is still local, %q:\n%s", r.subject(), r.Local, body)
		}
	}
}

func (p *packaging) locate(r *Reference) Location {
	if r.Stored != nil {
		return *r.Stored
	}
	const digest = "0123456789012345678901234567890123456789012345678901234567890e12"
	name := digest + ".js"
	switch {
	case r.IsAddress():
		return Location{Repository: r.Local}
	case r.IsImage():
		return Location{Region: "us-east-1", Repository: "123456789012.dkr.ecr.us-east-1.amazonaws.com/app", Digest: "sha256:" + digest}
	case r.row.nested:
		name = digest + ".template"
	case r.row.zip:
		name = digest + ".zip"
	}
	return Location{Region: "us-east-1", Bucket: p.bucket, Key: p.prefix + name}
}

// compareLines holds every line that no reference touches against the packaged template. What an alias stands for is
// written out in the source already.
func (p *packaging) compareLines(t *testing.T) {
	t.Helper()
	text := p.source.doc.Source.Text
	src, got := strings.Split(string(text), "\n"), strings.Split(string(p.body), "\n")
	longer := len(p.source.refs)
	for _, r := range p.source.refs {
		if r.choice != nil {
			longer += 3 // lines of the bucket, the version, and the key where it stands alone
		}
	}
	if len(got) > len(src)+longer {
		t.Errorf("%d lines became %d with %d references:\n%s", len(src), len(got), len(p.source.refs), p.body)
	}
	touched := make([]bool, len(src))
	for _, r := range p.source.refs {
		if section := p.source.doc.Root.Get("Mappings"); r.looped() && section != nil {
			at := section.Start
			if len(section.Keys) > 0 {
				at = section.Keys[0].Offset
			}
			touched[bytes.Count(text[:at], []byte("\n"))] = true
		} else if r.looped() {
			touched[bytes.Count(text[:p.source.doc.Root.Keys[0].Offset], []byte("\n"))] = true
		}
		from, to := r.node.Offset, r.node.Start
		if len(r.node.Keys) > 0 {
			from = r.node.Keys[0].Offset
			to = from
		}
		if r.choice != nil || r.function {
			var err error
			if from = r.node.Offset; r.choice != nil {
				from = p.source.doc.Root.At(r.path[:len(r.path)-1]).Keys[r.path[len(r.path)-1]].Offset
			}
			if to, err = p.source.doc.End(r.node); err != nil {
				t.Fatal(err)
			}
		} else if r.placement == replaceValue && r.node.Kind == syntax.Scalar {
			var err error
			if _, to, err = r.node.Span(text); err != nil {
				t.Fatal(err)
			}
			if written := string(text[r.node.Start:to]); r.node.Plain && !strings.ContainsAny(r.node.Value, " \n") && written != r.node.Value {
				t.Errorf("%s: %q is replaced, and the value is %q", r.subject(), written, r.node.Value)
			}
		}
		first := bytes.Count(text[:from], []byte("\n"))
		for line := first; line <= first+bytes.Count(text[from:to], []byte("\n")); line++ {
			touched[line] = true
		}
	}
	for i, line := range src {
		if touched[i] {
			continue
		}
		at := slices.Index(got, line)
		if at < 0 {
			t.Fatalf("line %d is gone, %q:\n%s\npackaged:\n%s", i+1, line, text, p.body)
		}
		got = got[at+1:]
	}
}

// compareValues holds what the packaged template means against what src means with every location in its place.
func (p *packaging) compareValues(t *testing.T, src []byte) {
	t.Helper()
	want, ok := readValue(src, p.source.doc.JSON)
	if !ok {
		return
	}
	got, ok := readValue(p.body, p.source.doc.JSON)
	if !ok {
		t.Fatalf("the packaged template cannot be read:\n%s", p.body)
	}
	if !want.expands() && !bytes.Equal(p.source.doc.Source.Text, src) {
		t.Errorf("there is nothing to write out in\n%s\nyet it became\n%s", src, p.source.doc.Source.Text)
	}
	at := make([]*value, len(p.source.refs))
	for i, r := range p.source.refs {
		at[i] = want
		n := p.source.doc.Root
		for _, step := range r.path {
			if n.Kind == syntax.Mapping {
				at[i] = at[i].entries()[n.Keys[step].Value]
			} else {
				at[i] = at[i].items[step]
			}
			if at[i] == nil {
				return // below a key that is no scalar
			}
			n = n.Values[step]
		}
	}
	looped := false
	for i, r := range p.source.refs {
		if r.looped() {
			// What a loop's mapping holds is in the scripts; here all else counts.
			looped = true
			*at[i] = value{ours: true, any: true}
			continue
		}
		if r.choice != nil {
			*at[i] = *at[i].choose(r, p.locate)
			continue
		}
		at[i].put(r, p.locate(r))
	}
	if looped {
		own := want.entries()["Mappings"]
		if own != nil && len(own.keys) == 0 {
			*own = value{any: true} // it was empty
		}
		got.dropMappings(own != nil)
	}
	if where := differ(want, got); where != "" {
		t.Errorf("the packaged template differs at %s:\n%s\npackaged:\n%s", where, src, p.body)
	}
}

// A value is what stands at one place of a template.
type value struct {
	kind     yaml.Kind
	tag      string // as written
	text     string
	plain    bool // unquoted: the text decides the type
	ours     bool // it is a location of ours
	any      bool // whatever stands there
	expanded bool // it was an alias, or had merge keys or keys that stand twice
	keys     []*value
	items    []*value // a mapping's values, a sequence's items
}

// isPlainString tells whether a text without quotes is a string to YAML 1.1.
func isPlainString(r *syntax.Resolver, text string) bool {
	return r.IsString(&syntax.Node{Value: text, Plain: true})
}

// dropMappings takes out the mappings that hold the locations of loops, and their section with them where it is not the
// source's own.
func (v *value) dropMappings(keep bool) {
	for i, k := range v.keys {
		if k.text != "Mappings" {
			continue
		}
		if !keep {
			v.keys, v.items = slices.Delete(v.keys, i, i+1), slices.Delete(v.items, i, i+1)
			return
		}
		section := v.items[i]
		for j := len(section.keys) - 1; j >= 0; j-- {
			if strings.HasPrefix(section.keys[j].text, "Mrpackage") {
				section.keys, section.items = slices.Delete(section.keys, j, j+1), slices.Delete(section.items, j, j+1)
			}
		}
		return
	}
}

// readValue reads a template as libyaml's port or as encoding/json understands it, and writes aliases and merge keys out;
// of a key that stands twice the last one counts. It gives up where that has no end.
func readValue(src []byte, isJSON bool) (*value, bool) {
	if isJSON {
		dec := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(src, []byte("\ufeff"))))
		dec.UseNumber()
		v, err := fromJSON(dec)
		return v, err == nil
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(src, &doc); err != nil || len(doc.Content) != 1 {
		return nil, false
	}
	left := 1 << 16
	v := fromYAML(doc.Content[0], &left)
	return v, left > 0
}

func fromYAML(n *yaml.Node, left *int) *value {
	v := &value{expanded: n.Kind == yaml.AliasNode}
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if *left--; *left <= 0 {
		return v
	}
	v.kind, v.text = n.Kind, n.Value
	if n.Style&yaml.TaggedStyle != 0 {
		v.tag = n.Tag
	}
	v.plain = n.Kind == yaml.ScalarNode && n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) == 0
	for i, child := range n.Content {
		if c := fromYAML(child, left); n.Kind == yaml.MappingNode && i%2 == 0 {
			v.keys = append(v.keys, c)
		} else {
			v.items = append(v.items, c)
		}
	}
	v.simplify()
	return v
}

func fromJSON(dec *json.Decoder) (*value, error) {
	token, err := dec.Token()
	if err != nil {
		return nil, err
	}
	switch token := token.(type) {
	case nil:
		return &value{kind: yaml.ScalarNode, text: "null", plain: true}, nil
	case string:
		return &value{kind: yaml.ScalarNode, text: token}, nil
	case json.Delim:
		v := &value{kind: yaml.SequenceNode}
		if token == '{' {
			v.kind = yaml.MappingNode
		}
		for dec.More() {
			c, err := fromJSON(dec)
			if err != nil {
				return nil, err
			}
			if v.kind == yaml.MappingNode && len(v.keys) == len(v.items) {
				v.keys = append(v.keys, c)
			} else {
				v.items = append(v.items, c)
			}
		}
		v.simplify()
		_, err := dec.Token()
		return v, err
	default:
		return &value{kind: yaml.ScalarNode, text: fmt.Sprint(token), plain: true}, nil
	}
}

// simplify carries out merge keys (yaml.org/type/merge.html) and drops keys that stand again.
func (v *value) simplify() {
	if v.kind != yaml.MappingNode {
		return
	}
	var keys, items, merges []*value
	add := func(k, item *value, again bool) {
		i := -1
		if k.kind == yaml.ScalarNode {
			i = slices.IndexFunc(keys, func(known *value) bool { return known.kind == k.kind && known.sameKey(k) })
		}
		switch {
		case i < 0:
			keys, items = append(keys, k), append(items, item)
		case again:
			v.expanded = true
			items[i] = item
		}
	}
	for i, k := range v.keys {
		item := v.items[i]
		switch {
		case k.text != "<<" || !k.plain || k.tag != "":
			add(k, item, true)
		case item.kind == yaml.SequenceNode:
			merges = append(slices.Clone(item.items), merges...)
		default:
			merges = append([]*value{item}, merges...)
		}
	}
	for _, from := range merges {
		v.expanded = true
		for i, k := range from.keys {
			add(k, from.items[i], false)
		}
	}
	v.keys, v.items = keys, items
}

// sameKey tells whether two keys are one: the number 1 and the string "1" are two.
func (v *value) sameKey(k *value) bool {
	return v.text == k.text && (v.plain == k.plain || isPlainString(syntax.NewResolver(), k.text))
}

func (v *value) expands() bool {
	return v.expanded || slices.ContainsFunc(v.keys, (*value).expands) || slices.ContainsFunc(v.items, (*value).expands)
}

func (v *value) entries() map[string]*value {
	m := make(map[string]*value, len(v.keys))
	for i, k := range v.keys {
		if k.kind == yaml.ScalarNode {
			m[k.text] = v.items[i]
		}
	}
	return m
}

func (v *value) isNull() bool {
	return v.plain && v.tag == "" && slices.Contains([]string{"", "~", "null", "Null", "NULL"}, v.text)
}

// put puts a location into the place of a reference.
func (v *value) put(r *Reference, l Location) {
	f := r.row.form
	want := &value{kind: yaml.ScalarNode, text: f.text(l), ours: true}
	with := func(key string, in, item *value) *value {
		in.keys = slices.Insert(in.keys, 0, &value{kind: yaml.ScalarNode, text: key, ours: true})
		in.items = slices.Insert(in.items, 0, item)
		return in
	}
	if f.bucket != "" {
		want = &value{kind: yaml.MappingNode}
		for _, pair := range [][2]string{{f.bucket, l.Bucket}, {f.key, l.Key}, {f.version, l.Version}} {
			if pair[0] != f.version || pair[0] != "" && l.Version != "" {
				with(pair[0], want, &value{kind: yaml.ScalarNode, text: pair[1], ours: true})
			}
		}
	}
	switch r.placement {
	case replaceValue:
		*v = *want
	case replaceProperties:
		*v = *with(r.row.path, &value{kind: yaml.MappingNode}, want)
	case insertProperty:
		with(r.row.path, v, want)
	case insertProperties:
		with("Properties", v, with(r.row.path, &value{kind: yaml.MappingNode}, want))
	}
}

// choose is the bucket and the key that take the place of an Fn::If.
func (v *value) choose(r *Reference, locate func(*Reference) Location) *value {
	texts := func(text string) *value { return &value{kind: yaml.ScalarNode, text: text, ours: true} }
	nothing := &value{kind: yaml.MappingNode, keys: []*value{{kind: yaml.ScalarNode, text: "Ref"}}, items: []*value{texts("AWS::NoValue")}}
	if v.tag != "" {
		nothing = &value{kind: yaml.ScalarNode, tag: "!Ref", text: "AWS::NoValue"}
	}
	refs := make(map[string]*Reference)
	for _, b := range r.choice.branches {
		refs[fmt.Sprint(b.path)] = b.ref
	}
	var different, versions bool
	var first *value
	var part func(v *value, path []int, name string) *value
	part = func(v *value, path []int, name string) *value {
		ref, isBranch := refs[fmt.Sprint(path)]
		if !isBranch {
			c := *v
			c.items = nil
			for i, item := range v.items {
				if wraps := v.tag == ""; wraps && v.kind == yaml.MappingNode || i > 0 {
					item = part(item, join(path, i), name)
				}
				c.items = append(c.items, item)
			}
			return &c
		}
		own := v.entries()
		switch {
		case ref != nil:
			l := locate(ref)
			own = map[string]*value{"Bucket": texts(l.Bucket), "Key": texts(l.Key)}
			if l.Version != "" {
				own["Version"] = texts(l.Version)
			}
		case v.tag == "!Ref" || own["Ref"] != nil:
			return v
		case own["Fn::Sub"] != nil || v.tag == "!Sub":
			text := v.text
			if v.tag == "" {
				text = own["Fn::Sub"].text
			}
			bucket, key, _ := strings.Cut(strings.TrimPrefix(text, "s3://"), "/")
			own = make(map[string]*value)
			for name, text := range map[string]string{"Bucket": bucket, "Key": key} {
				own[name] = texts(text)
				if strings.Contains(text, "${") && v.tag != "" {
					own[name] = &value{kind: yaml.ScalarNode, tag: v.tag, text: text}
				} else if strings.Contains(text, "${") {
					own[name] = &value{kind: yaml.MappingNode, keys: v.keys, items: []*value{{kind: yaml.ScalarNode, text: text}}}
				}
			}
		}
		if name == "Bucket" {
			different = different || first != nil && differ(first, own[name]) != ""
			first = own[name]
		}
		if own[name] == nil {
			return nothing
		}
		versions = versions || name == "Version"
		return own[name]
	}
	bucket, version, key := part(v, []int{}, "Bucket"), part(v, []int{}, "Version"), part(v, []int{}, "Key")
	if !different && first != nil {
		bucket = first
	}
	m := &value{kind: yaml.MappingNode, keys: []*value{texts("Bucket"), texts("Key")}, items: []*value{bucket, key}}
	if versions {
		m.keys, m.items = append(m.keys, texts("Version")), append(m.items, version)
	}
	return m
}

// differ returns where two values differ; "" where they do not. The order of a mapping's keys is the lines' matter.
func differ(want, got *value) string {
	switch {
	case want.any:
		return ""
	case want.kind != got.kind || len(want.keys) != len(got.keys) || len(want.items) != len(got.items):
		return "its kind or length"
	case want.kind == yaml.ScalarNode:
		return differScalar(want, got)
	case want.tag != got.tag:
		return fmt.Sprintf("the tag %q, which is %q", want.tag, got.tag)
	}
	for i, item := range want.items {
		step, other := fmt.Sprint(i), got.items[i]
		if want.kind == yaml.MappingNode && want.keys[i].kind == yaml.ScalarNode {
			step = want.keys[i].text
			at := slices.IndexFunc(got.keys, func(k *value) bool {
				return k.kind == yaml.ScalarNode && (k.sameKey(want.keys[i]) || k.text == step && want.keys[i].ours || k.isNull() && want.keys[i].isNull())
			})
			if at < 0 {
				return fmt.Sprintf("the key %q, which is not there", step)
			}
			if where := differScalar(want.keys[i], got.keys[at]); where != "" {
				return "a key: " + where
			}
			other = got.items[at]
		} else if want.kind == yaml.MappingNode {
			if where := differ(want.keys[i], got.keys[i]); where != "" {
				return "a key: " + where
			}
		}
		if where := differ(item, other); where != "" {
			return step + ": " + where
		}
	}
	return ""
}

func differScalar(want, got *value) string {
	r := syntax.NewResolver()
	switch {
	case want.ours:
		if got.text != want.text || got.tag != "" && got.tag != "!!str" || got.plain && got.tag == "" && !isWord(got.text) {
			return fmt.Sprintf("the location %q, which is %q %q and must be a string", want.text, got.tag, got.text)
		}
	case want.tag != got.tag:
		return fmt.Sprintf("the tag %q, which is %q", want.tag, got.tag)
	case want.isNull() && got.isNull():
	case want.text != got.text:
		return fmt.Sprintf("the text %q, which is %q", want.text, got.text)
	case want.plain != got.plain && (want.tag == "" || want.tag == "!") && !isPlainString(r, want.text):
		return fmt.Sprintf("the quotes of %q", want.text)
	}
	return ""
}

// isWord tells text that is a string to every version of YAML.
func isWord(s string) bool {
	return regexp.MustCompile(`^([A-Za-z]|[0-9]+[0-9a-f]*\.[a-z]*[g-z])`).MatchString(s) &&
		!regexp.MustCompile(`^(?i)(y|n|yes|no|on|off|true|false|null)$`).MatchString(s)
}

// differAsJSON returns where JSON is not what a YAML value must be there.
func differAsJSON(want, got *value) string {
	if name, short := strings.CutPrefix(want.tag, "!"); short && !strings.HasPrefix(name, "!") {
		if name != "Ref" && name != "Condition" {
			name = "Fn::" + name
		}
		if got.kind != yaml.MappingNode || len(got.keys) != 1 || got.keys[0].text != name {
			return name
		}
		inner, tagged := *want, got.items[0]
		inner.tag, inner.plain = "", false
		if want.tag == "!GetAtt" && want.kind == yaml.ScalarNode && tagged.kind == yaml.SequenceNode {
			if len(tagged.items) != 2 || tagged.items[0].text+"."+tagged.items[1].text != want.text {
				return want.text
			}
			return ""
		}
		return differAsJSON(&inner, tagged)
	}
	if want.kind != got.kind || len(want.items) != len(got.items) {
		return "its kind or length"
	}
	if want.kind == yaml.ScalarNode {
		switch {
		case !want.plain && want.tag == "", want.tag == "!!str", !got.plain:
			if got.plain || got.text != want.text {
				return fmt.Sprintf("the string %q, which is %q", want.text, got.text)
			}
		case regexp.MustCompile(`^(0|-?[1-9][0-9]*|-?[1-9][0-9]*\.[0-9]+|true|false|null)$`).MatchString(want.text):
			if got.text != want.text {
				return fmt.Sprintf("%s, which is %s", want.text, got.text)
			}
		}
	}
	for i, k := range want.keys {
		if got.keys[i].text != k.text {
			return fmt.Sprintf("the key %q, which is %q", k.text, got.keys[i].text)
		}
	}
	for i, item := range want.items {
		if where := differAsJSON(item, got.items[i]); where != "" {
			return fmt.Sprint(i) + ": " + where
		}
	}
	return ""
}

// seed adds every template of the scripts and the sample application, and pieces of YAML and JSON that few people write.
func seed(f *testing.F) {
	f.Helper()
	add := func(src []byte) { f.Add(src, "code", "") }
	scripts, err := filepath.Glob("../../../testdata/script/*.txtar")
	if err != nil || len(scripts) == 0 {
		f.Fatalf("no scripts: %v", err)
	}
	for _, path := range scripts {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range archive.Files {
			switch filepath.Ext(file.Name) {
			case ".yaml", ".yml", ".json", ".template":
				add(file.Data)
			}
		}
	}
	src, err := os.ReadFile("../../../testdata/app/template.yaml")
	if err != nil {
		f.Fatal(err)
	}
	add(src)
	add(bytes.ReplaceAll(src, []byte("\n"), []byte("\r\n")))

	function := func(properties string) string {
		return "Resources:\n  F:\n    Type: AWS::Serverless::Function\n" + properties + "    DependsOn: G\n"
	}
	properties := func(entries string) string {
		return function("    Properties:\n" + entries)
	}
	for _, src := range []string{
		// The value, in every style.
		properties("      CodeUri: src\n"),
		properties("      CodeUri: 'src' # a comment\n      Handler: a.b\n"),
		properties("      CodeUri: \"s\\x72\\u0063\" # a comment\n"),
		properties("      CodeUri: 'it''s' # a comment\n"),
		properties("      CodeUri: \"a\\\n        b\"\n"),
		properties("      CodeUri: a\n        b\n\n        c # a comment\n"),
		properties("      CodeUri:\n        src\n      # a comment\n"),
		properties("      CodeUri: # a comment\n        # and another\n        src\n"),
		properties("      CodeUri: >- # a comment\n        src\n\n      Handler: a.b\n"),
		properties("      CodeUri: |+2\n        src\n\n\n      Handler: a.b\n"),
		properties("      CodeUri: >\n        src\n        more\n\n         indented\n"),
		properties("      CodeUri: !!str src # a comment\n"),
		properties("      CodeUri: ! src\n"),
		properties("      CodeUri: !<tag:yaml.org,2002:str> src\n"),
		properties("      CodeUri: !!str\n        src\n"),
		properties("      CodeUri: !!str |\n        src\n"),
		properties("      CodeUri: &code src\n"),
		properties("      CodeUri: !If [A, src, !Ref AWS::NoValue]\n"),
		properties("      CodeUri: {'Fn::If': [A, src, {\"Fn::If\": [B, one.py, !Ref C]}]}\n"),
		properties("      CodeUri: !If\n        - A\n        - src\n        - >-\n          one.py\n"),
		properties("      CodeUri: s3://bucket/key?versionId=v\n"),
		properties("      CodeUri: !If [A, src, 's3://b/k?versionId=v']\n"),
		properties("      CodeUri: !If # a\n      - A # b\n      # c\n      - {Bucket: !Ref B, Key: !Sub 'k${C}'}\n      - !If # d\n        - B\n        - >- # e\n          src\n        - Bucket: b # f\n          Key: k\n"),
		properties("      CodeUri:\n        # a\n        Fn::If: # b\n        - A\n        - 'src' # c\n        - Fn::If: [B, !Sub \"s3://${B}/k\", {Ref: AWS::NoValue}]\n      Handler: a.b\n"),
		properties("      CodeUri:\n        Fn::If: [A, src, one.py] # a\n"),
		properties("      CodeUri:\n        !If [A, src, one.py] # a\n"),
		properties("      ? CodeUri\n      : !If\n        - A\n        - src\n        - one.py\n"),
		properties("      CodeUri: &a !If\n        - A\n        - src\n        - &b one.py\n"),
		properties("      CodeUri: !Sub src # a\n      Handler: a\n"),
		properties("      CodeUri:\n        Fn::Join: ['', [s, r, c]] # a\n      Handler: a\n"),
		"Resources: {F: {Type: AWS::Serverless::Function, Properties: {CodeUri: {\"Fn::If\": [A, src, {Bucket: b, Key: k, Version: v}]}}}}\n",
		"Mappings: {M: {a: {b: src}}}\nResources:\n  Fn::ForEach::L:\n  - X\n  - [a, b]\n  - F${X}:\n      Type: AWS::Serverless::Function\n      Properties:\n        CodeUri: !If\n        - A\n        - !Sub src/${X}\n        - !FindInMap [M, a, b]\n",
		properties("      ? CodeUri\n      : src\n      ? Handler\n      : a.b\n"),
		properties("      ? CodeUri # a comment\n      # and another\n      : # a third\n        src\n"),
		properties("      \"CodeUri\" : src\n"),
		properties("      !!str CodeUri: src\n"),
		properties("      ~: ~\n      'a': b\n      ? [a, b]\n      : c\n      CodeUri: src\n"),
		properties("      CodeUri: 🚀/src # 你好\n"),
		properties("      CodeUri: src\t# a tab\n"),
		properties("      CodeUri:\tsrc\n"),

		// The properties, in every form of being absent.
		function(""),
		function("    Properties:\n"),
		function("    Properties: # a comment\n"),
		function("    Properties: ~\n"),
		function("    Properties: null # a comment\n"),
		function("    Properties: &p\n"),
		function("    Properties: !!null\n"),
		function("    Properties: {}\n"),
		function("    Properties: { } # a comment\n"),
		function("    Properties: {Handler: a.b, }\n"),
		function("    Properties: {\n      Handler: a.b\n    }\n"),
		function("    Properties: { # a comment\n      Handler: a.b }\n"),
		function("    Properties: {CodeUri: src, Handler: a.b}\n"),
		function("    Properties: {CodeUri: src}\n"),
		function("    Properties: {CodeUri:\n      src\n    , Handler: a.b}\n"),
		function("    Properties: {CodeUri: }\n"),
		function("    Properties: {\"CodeUri\":src}\n"),
		function("    Properties: {? CodeUri : src}\n"),
		function("    Properties: !!map\n      Handler: a.b\n"),
		function("    Properties: &p !!map {Handler: a.b}\n"),
		function("    Properties:\n      Fn::Transform: {Name: AWS::Include, Parameters: {Location: one.py}}\n"),
		properties("      CodeUri:\n      Handler: a.b\n"),
		properties("      CodeUri: # a comment\n      Handler: a.b\n"),
		properties("      CodeUri: ~\n"),
		properties("      # a comment\n\n      Handler: a.b # another\n"),
		properties("      ? Handler\n      : a.b\n"),
		properties("      &h Handler: a.b\n"),
		properties("      InlineCode: |\n        CodeUri: src\n"),
		"Resources: {F: {Type: AWS::Lambda::Function}}\n",
		"Resources: {F: {Type: AWS::Lambda::Function, Properties: {Code: src}}, G: {Type: AWS::SNS::Topic}}",
		"{Resources: {F: {Type: AWS::Lambda::Function, Properties: {Code: src, Layers: [a, b]}}}}",
		"Resources:\n  F: {Type: AWS::Lambda::Function,\n    Properties: {Code: 'src'}} # a comment\n",
		"--- # a comment\nResources:\n  F:\n    Properties:\n      Code: src\n    Type: AWS::Lambda::Function\n...\n",
		"%YAML 1.1\n%TAG !e! tag:example.com,2000:\n---\nA: !e!b c\nResources:\n  F: {Type: !!str AWS::Lambda::Function, Properties: {Code: src}}\n",

		// Aliases, merge keys, loops, includes, other sections.
		"A: &a src\nB: *a\nResources:\n  F: {Type: AWS::Lambda::Function, Properties: {Code: src, Role: *a}}\n",
		"A: &a {Handler: a.b}\nResources:\n  F: {Type: AWS::Lambda::Function, Properties: {<<: *a, Code: src}}\n",
		"Resources:\n  F: {Type: AWS::Lambda::Function, Properties: &p {Code: src}}\n  G: {Type: AWS::Lambda::Function, Properties: {<<: *p, Code: one.py}}\n",
		"A: &a {Handler: x, B: [1, yes, 0123, 2020-01-01, ~, '', \"a\\tb\", !Ref c, !Sub 'd']}\nResources:\n  F:\n    Type: AWS::Lambda::Function\n    Properties:\n      <<: *a\n      Code: src\n",
		"A: &a {Code: src}\nResources:\n  F:\n    Type: AWS::Lambda::Function\n    Properties:\n      # c\n      <<: *a # d\n      # e\n      Handler: b\n  G: {Type: AWS::Lambda::Function, Properties: {<<: *a, Handler: b}}\n  H: {Type: AWS::Lambda::Function, Properties: *a}\n",
		"A: &a {Code: src}\nResources:\n  F:\n    Type: AWS::Lambda::Function\n    Properties:\n      Code: one.py # c\n      <<: *a # d\n  # e\nB: c\n",
		"A: &a {}\nResources:\n  F:\n    Type: AWS::Lambda::Function\n    Properties:\n      <<: *a # c\n  G: {Type: AWS::Lambda::Function, Properties: {B: c, <<: *a }}\n",
		"A: &a {x: y}\nB: &b {x: z, Code: src}\nResources:\n  F:\n    Type: AWS::Lambda::Function\n    Properties:\n      <<:\n        - *a\n        # c\n        - *b # d\n      <<: {x: w, v: u}\n      '<<': t\n      Handler: e\n",
		"A: &a {x: &b src}\nB: *b\nC: &b one.py\nD: [*b,*a]\n*b : {y: *a,z: *b}\nResources: {F: {Type: AWS::Lambda::Function, Properties: {Code: *b }}}\n",
		"A: &a |\n  src\n  x\nB: &b !Sub\n  - x\n  - {y: z}\nC: &c\nD: &d 1.2.3\nE: &e 'it''s'\nF: [*a, *b, *c, *d, *e]\nResources: {F: {Type: AWS::Lambda::Function, Properties: {Code: src}}}\n",
		"A: &a [*a]\nResources: {}\n",
		"Resources:\n  F:\n    Type: AWS::Serverless::Function\n    Properties: # needed ?\n      Handler: a\n",
		"Resources:\n  F:\n    Type: AWS::Serverless::Function\n    Properties:\n      # why ?\n      Handler: a\n",
		"Resources:\n  F:\n    Type: AWS::Serverless::Function\n    Properties:\n      ? # c\n        Handler\n      : a\n",
		"Description: is it so ?\nDescription: yes ?\nResources: {}\n",
		"A: {1: x, '1': y}\nResources: {}\n",
		"Resources:\n  F:\n    Type: AWS::Serverless::Function\n    ? Properties\n    DependsOn: G\n",
		"Resources:\n  F: {Type: AWS::Serverless::Function, Properties: {CodeUri, Handler: a.b}}\n",
		"Resources:\n  F:\n    Fn::Transform: !Transform {Name: AWS::Include, Parameters: {Location: one.py}}\n",
		"Resources:\n  F:\n    Type: AWS::Serverless::Function\n    Properties:\n      CodeUri: ! \n",
		"Resources:\n  F:\n    Type: AWS::Serverless::Function\n    Properties: &p\n      CodeUri: src\n  G:\n    Type: Custom::Other\n    Properties: *p\n",
		"Resources:\n  A: &a {Type: AWS::Serverless::Function}\n  B:\n    <<: *a\n    Properties: {CodeUri: src}\n",
		"A: |\n  x\n\nA: >- # c\n  y\n\n# d\nB: {x: 1,x: 2, y: [1], x: 3}\nResources:\n  F:\n    Type: AWS::Lambda::Function\n    Properties:\n      Code: src\n    Properties:\n      Code: one.py # e\n      Code: src\n",
		`{"A":1, "\u0041" : 2 , "Resources" : {"F":{"Type":"AWS::Lambda::Function","Properties":{"Code":{"a":"]}"},"Code":"x"}}}}`,
		"Resources:\n  Fn::ForEach::Loop:\n    - X\n    - [A, B]\n    - F${X}:\n        Type: AWS::Serverless::Function\n        Properties:\n          CodeUri: src\n",
		"Transform: [{Name: AWS::Include, Parameters: {Location: one.py}}, AWS::Serverless-2016-10-31]\nResources: {}\n",
		"Transform:\n  Name: AWS::Include\n  Parameters:\n    Location: one.py\nResources:\n  F: !Transform {Name: AWS::Include, Parameters: {Location: one.py}}\n",
		"Globals:\n  Function:\n    CodeUri: src\n  Api: {DefinitionUri: one.py}\nResources:\n  F: {Type: AWS::Serverless::Function}\n",
		"Metadata:\n  AWS::ServerlessRepo::Application: {ReadmeUrl: one.py, LicenseUrl: 'one.py'}\nResources: {}\n",
		"Resources:\n  A: {Type: AWS::Serverless::Application, Properties: {Location: child.yaml}}\n  G: {Type: AWS::Glue::Job, Properties: {Command: {ScriptLocation: one.py}}}\n",

		// What YAML 1.1 makes of plain words.
		properties("      CodeUri: src\n      On: [yes, No, ~, 0123, 0x1F, 0b11, 1_000, 12:30:45, 1e3, 1.5e+3, .5, -.inf, 2020-01-01, 2001-12-14t21:59:43.10-05:00]\n"),
		properties("      CodeUri: src\n      Tags: {on: 'yes', 1: \"012345678901\", =: !!int 3, a: !!float '1', b: !!binary aGk=, c: !GetAtt F.Arn.x, d: !Sub 'a${B}', e: !GetAZs ''}\n"),
		properties("      CodeUri: 2020-01-01\n"),

		// Line ends and white space.
		strings.ReplaceAll(properties("      CodeUri: src # a\n      Handler: a.b\n"), "\n", "\r\n"),
		strings.ReplaceAll(properties("      CodeUri: >- # a\n        src\n      Handler: a.b\n"), "\n", "\r"),
		strings.ReplaceAll(properties("      Handler: a.b # a\n"), "\n", "\r"),
		"\ufeff" + properties("      CodeUri: src\n"),
		"\ufeff" + strings.ReplaceAll(function(""), "\n", "\r\n"),
		properties("      CodeUri: src # a\u2028      Handler: \"a\u2029b\"\u0085      Timeout: 3\n"),
		properties("      CodeUri: >-\u0085        src\u2028\n"),
		properties("      CodeUri: src\u00a0x\ufeff\n"),
		strings.TrimSuffix(properties("      CodeUri: src\n")[:len(properties("      CodeUri: src\n"))-len("    DependsOn: G\n")], "\n"),
		"Resources:\n  F:\n    Type: AWS::Serverless::Function\n    Properties:",

		// JSON.
		`{"Resources":{"F":{"Type":"AWS::Lambda::Function","Properties":{"Code":".\/s\u0072c","Handler":"\ud83d\ude80 \ud800 \u2028"}}}}`,
		"\ufeff{\n\t\"Resources\" : {\r\n\"F\" : { \"Type\":\t\"AWS::Serverless::Function\" , \"Properties\" : null , \"n\": [1e1, -0.0, 1E+2, true, null] } } }\n",
		`{"Resources": {"F": {"Type": "AWS::Serverless::Function", "Properties": {}}, "G": {"Type": "AWS::Lambda::Function"}}}`,
		`{"Resources": {"F": {"Type": "AWS::Serverless::Function", "Properties": {"CodeUri": {"Fn::If": ["A", "src", {"Ref": "B"}]}}}}}`,
		`{"Resources": {"F": {"Type": "AWS::Serverless::Function", "Properties": {"CodeUri": {"Fn::If": ["A", "src", {"Fn::If": ["B", "s3://b/k", {"Ref": "AWS::NoValue"}]}]}}}}}`,
		`{"Resources": {"\u0046": {"\u0054ype": "AWS::Lambda::Function", "Properties": {"Cod\u0065": "src"}}}, "\ud800": "\udc00\"\\"}`,
		`{"Resources": {F: {"Type": "AWS::Lambda::Function", "Properties": {"Code": "src",}}}} # flow style, not JSON`,
	} {
		add([]byte(src))
	}
	f.Add([]byte(properties("      CodeUri: src\n")), "yes", "")
	f.Add([]byte("Resources: {F: {Type: AWS::Lambda::Function, Properties: {Code: src}}}\n"), "0x1f", "2020-01-01")
	f.Add([]byte("Resources:\n  F:\n    Type: AWS::Lambda::Function\n    Properties:\n      Code: src\n"), "false", "a/it's,=@+(!)*&_.-")
	f.Add([]byte("Resources:\n  F:\n    Type: AWS::Lambda::Function\n    Properties:\n      Code: src\n"), "123456789012", "1e3")
}
