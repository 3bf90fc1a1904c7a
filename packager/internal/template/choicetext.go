package template

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/syntax"
)

// written is how a choice is written for one store.
type written struct {
	*choice
	parts   [][3]*syntax.Node // of each branch: bucket, key and version; nil where they are the template's own
	uniform int               // the branch whose bucket is every branch's; -1 where they differ
	version bool              // a branch has a version
	noValue *syntax.Node      // what stands for no version
	key     func(string) *syntax.Node
}

// replaceChoice returns the change that makes {Bucket, Key: !If …} of an Fn::If. Its text
// stays as the key's, with the branches replaced.
func (w *writer) replaceChoice(r *Reference) (change, error) {
	t := w.t
	as := &written{choice: r.choice, key: t.keyNode}
	as.noValue = t.mappingOf("Ref", &syntax.Node{Value: "AWS::NoValue"})
	if r.node.Tag != "" {
		as.noValue = &syntax.Node{Tag: "!Ref", Value: "AWS::NoValue"}
	}
	for _, b := range r.choice.branches {
		var parts [3]*syntax.Node
		if b.ref != nil {
			value := w.location(b.ref)
			for p := range parts {
				parts[p] = value.Get(part(p).name())
			}
		}
		as.parts = append(as.parts, parts)
	}
	as.compare(t.doc, r.node)
	c := change{node: r.node, path: r.path, choice: as, value: as.value(r.node)}
	var err error
	if c.edit, err = t.choiceEdit(r, as, c.value); err != nil {
		return c, t.internal(fmt.Errorf("line %d, column %d: %w", r.node.Line, r.node.Column, err))
	}
	return c, nil
}

// compare finds whether all branches have one bucket, and whether one has a version.
func (w *written) compare(doc *syntax.Document, target *syntax.Node) {
	first := ""
	w.uniform = -1
	for i, b := range w.branches {
		n := target.At(b.path)
		w.version = w.version || !isNoValue(n) && w.part(i, versionPart, n) != nil
		if isNoValue(n) {
			continue
		}
		switch bucket := doc.FlowText(w.part(i, bucketPart, n)); {
		case first == "":
			first, w.uniform = bucket, i
		case bucket != first:
			w.uniform = -1
		}
	}
}

// part is one of the parts of a branch, which a reader has as n.
func (w *written) part(i int, p part, n *syntax.Node) *syntax.Node {
	if made := w.parts[i][p]; made != nil || w.branches[i].ref != nil {
		return made
	}
	return p.of(n)
}

// value is what is written, as a reader must read it that has target in the place of
// the Fn::If.
func (w *written) value(target *syntax.Node) *syntax.Node {
	bucket := w.chosen(target, bucketPart)
	if w.uniform >= 0 {
		bucket = w.part(w.uniform, bucketPart, target.At(w.branches[w.uniform].path))
	}
	v := &syntax.Node{Kind: syntax.Mapping}
	add := func(p part, n *syntax.Node) {
		v.Keys, v.Values = append(v.Keys, w.key(p.name())), append(v.Values, n)
	}
	add(bucketPart, withoutAnchors(bucket))
	if w.version {
		add(versionPart, withoutAnchors(w.chosen(target, versionPart)))
	}
	add(keyPart, w.chosen(target, keyPart))
	return v
}

// chosen is the Fn::If with a part in the place of each branch.
func (w *written) chosen(target *syntax.Node, p part) *syntax.Node {
	out := target.Clone()
	for i, b := range w.branches {
		n := w.part(i, p, target.At(b.path))
		if n == nil {
			n = w.noValue
		}
		*out.At(b.path) = *withoutAnchors(n)
	}
	return out
}

// agrees tells whether a reader has the branches where they were found.
func (w *written) agrees(r syntax.Reader, target *syntax.Node) bool {
	for _, b := range w.branches {
		n := target.At(b.path)
		if !r.Agrees(n, b.node) || b.ref == nil && !hasParts(n) {
			return false
		}
	}
	return true
}

// withoutAnchors is a copy of a value without its anchors, each of which may stand once.
// The value itself may be compared by several readers at the same time.
func withoutAnchors(n *syntax.Node) *syntax.Node {
	c := *n
	c.Anchor = ""
	c.Values = make([]*syntax.Node, len(n.Values))
	for i, v := range n.Values {
		c.Values[i] = withoutAnchors(v)
	}
	return &c
}

// choiceEdit returns the edit that writes value in the place of an Fn::If. Where that is
// in block style, with lines of its own, they stay, two columns further in.
func (t *Template) choiceEdit(r *Reference, w *written, value *syntax.Node) (syntax.Edit, error) {
	n, src := r.node, t.doc.Source.Text
	end, err := t.doc.End(n)
	if err != nil {
		return syntax.Edit{}, err
	}
	edits := make([]syntax.Edit, len(w.branches))
	for i, b := range w.branches {
		if edits[i], err = t.branchEdit(w, i, b); err != nil {
			return syntax.Edit{}, err
		}
		edits[i].Start, edits[i].End = edits[i].Start-n.Offset, edits[i].End-n.Offset
	}
	kept, err := syntax.Apply(src[n.Offset:end], edits)
	if err != nil {
		return syntax.Edit{}, err
	}
	before, last := "", len(value.Keys)-1
	separator := ", "
	parent := t.doc.Root.At(r.path[:len(r.path)-1])
	column := parent.Keys[r.path[len(r.path)-1]].Column + 1
	start := n.Offset - len(src[:n.Offset]) + len(bytes.TrimRight(src[:n.Offset], " \t"))
	inBlock := !n.Flow && !t.doc.JSON && start > 0 && !regexp.MustCompile("\r[^\n]|[\u0085\u2028\u2029]").Match(src[n.Offset:end])
	newline := t.doc.Newline() + strings.Repeat(" ", column)
	ownLine := start > 0 && src[start-1] == '\n'
	inBlock = inBlock && (ownLine || n.Tag != "" && src[start-1] == ':')
	if inBlock {
		separator = newline
	}
	for i, k := range value.Keys[:last] {
		before += t.doc.FlowText(k) + ": " + t.doc.FlowText(value.Values[i]) + separator
	}
	before += t.doc.FlowText(value.Keys[last]) + ":"
	switch {
	case !inBlock && n.Flow:
		return syntax.Edit{Start: n.Offset, End: end, Text: "{" + before + " " + string(kept) + "}"}, nil
	case !inBlock:
		return syntax.Edit{Start: n.Offset, End: end, Text: t.doc.FlowText(withoutAnchors(value))}, nil
	case !ownLine:
		return syntax.Edit{Start: start, End: end, Text: newline + before + " " + indented(kept)}, nil
	}
	_, own := t.doc.Source.Place(n.Offset)
	at := strings.Repeat(" ", own-1)
	before = strings.ReplaceAll(before, newline, t.doc.Newline()+at)
	if n.Tag != "" {
		return syntax.Edit{Start: n.Offset, End: end, Text: before + " " + indented(kept)}, nil
	}
	return syntax.Edit{Start: n.Offset, End: end, Text: before + t.doc.Newline() + at + "  " + indented(kept)}, nil
}

// indented moves all lines but the first two columns in.
func indented(text []byte) string {
	return regexp.MustCompile(`\n([^\r\n])`).ReplaceAllString(string(text), "\n  $1")
}

// branchEdit returns the edit that writes a branch's key in its place.
func (t *Template) branchEdit(w *written, i int, b branch) (syntax.Edit, error) {
	end, err := t.doc.End(b.node)
	if err != nil {
		return syntax.Edit{}, err
	}
	if isNoValue(b.node) && (!b.node.Flow || b.node.Tag == "") {
		return syntax.Edit{Start: end, End: end}, nil // it stays; in braces some readers need its quotes
	}
	key := w.part(i, keyPart, b.node)
	text := t.doc.FlowText(key)
	if made := w.parts[i][keyPart]; made != nil && made.Kind == syntax.Scalar {
		text = t.doc.Quote(key.Value, b.node, t.doc.JSON || b.node.Flow)
	}
	if b.node.Block {
		text += syntax.HeaderComment(t.doc.Source.Text[b.node.Start:])
	}
	if at := b.node.Offset; at == end && at > 0 && !syntax.IsSpace(rune(t.doc.Source.Text[at-1])) {
		text = " " + text // nothing stands behind the dash
	}
	return syntax.Edit{Start: b.node.Offset, End: end, Text: text}, nil
}
