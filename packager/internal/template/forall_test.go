package template

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/syntax"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// everyForm has a reference of each form that finds its bucket by region, and every way
// to find its key.
const everyForm = `Transform: AWS::LanguageExtensions
Mappings: {Own: {a: {b: c}}}
Globals: {Function: {CodeUri: src}}
Resources:
  Lambda: {Type: AWS::Lambda::Function, Properties: {Code: src, Handler: a.b}}
  Sam: {Type: AWS::Serverless::Function, Properties: {CodeUri: &here !!str src}}
  Job: {Type: AWS::Glue::Job, Properties: {Command: {ScriptLocation: src}}}
  Child: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: child.yaml}}
  Absent: {Type: AWS::Lambda::Function}
  Empty: {Type: AWS::Lambda::Function, Properties: }
  None: {Type: AWS::Lambda::Function, Properties: {Handler: a.b}}
  If: {Type: AWS::Serverless::Function, Properties: {CodeUri: !If [C, src, !If [D, s3://east/k, !Ref AWS::NoValue]]}}
  Own: {Type: AWS::Serverless::Api, Properties: {DefinitionUri: !If [C, src, {Bucket: !Ref B, Key: k, Version: v}]}}
  Include: {Type: T, Properties: {Fn::Transform: {Name: AWS::Include, Parameters: {Location: src}}}}
  Stored: {Type: AWS::Lambda::Function, Properties: {Code: 's3://own/k?versionId=v'}}
  Fn::ForEach::L:
    - N
    - [x, y]
    - 'L${N}': {Type: AWS::Lambda::Function, Properties: {Code: '${N}'}}
      'S${N}': {Type: AWS::Serverless::Function, Properties: {CodeUri: '${N}'}}
      'J${N}': {Type: AWS::Glue::Job, Properties: {Command: {ScriptLocation: '${N}'}}}
      'I${N}': {Type: AWS::Serverless::Function, Properties: {CodeUri: !If [C, '${N}', src]}}
`

func readEveryForm(t *testing.T) *Template {
	t.Helper()
	path := filepath.Join(t.TempDir(), "template.yaml")
	if err := os.WriteFile(path, []byte(everyForm), 0o600); err != nil {
		t.Fatal(err)
	}
	tmpl, errs := Read(t.Context(), path, "template.yaml", Table())
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	return tmpl
}

func twoStores() []Store {
	return []Store{{Region: "us-east-1", Bucket: "east"}, {Region: "cn-north-1", Bucket: "north"}}
}

func keyOf(r *Reference) string { return "p/" + r.Local + ".zip" }

// What is one for all regions means in each what that region's own template means: the
// proof holds, for a template with every form, and sees each thing that may go wrong.
func TestProveIn(t *testing.T) {
	tmpl := readEveryForm(t)
	if errs := tmpl.CheckForAll(twoStores()); errs != nil {
		t.Fatal(errs)
	}
	if _, err := tmpl.RewriteForAll(t.Context(), false, twoStores(), keyOf); err != nil {
		t.Fatal(err)
	}
	// at is what a change writes for a logical ID.
	at := func(all []change, id string) *syntax.Node {
		i := slices.IndexFunc(tmpl.refs, func(r *Reference) bool { return r.LogicalID == id })
		switch c := all[i]; {
		case c.entries != nil && tmpl.refs[i].placement == insertProperties:
			return c.entries.Values[0].Values[0]
		case c.entries != nil:
			return c.entries.Values[0]
		case tmpl.refs[i].placement == replaceProperties:
			return c.value.Values[0]
		default:
			return c.value
		}
	}
	mapping := func(all []change, name string) *syntax.Node { return all[len(all)-1].entries.Get(name) }
	replace := func(n *syntax.Node, old, with string) { n.Value = strings.Replace(n.Value, old, with, 1) }
	for name, test := range map[string]struct {
		breakIt func([]change)
		where   string // what the error names
	}{
		"another bucket in a region":      {func(all []change) { mapping(all, "ArtifactBuckets").Get("cn-north-1").Get("Bucket").Value = "south" }, "Globals.Function.CodeUri"},
		"the regions change places":       {func(all []change) { slices.Reverse(mapping(all, "ArtifactBuckets").Values) }, "Globals.Function.CodeUri"},
		"a region is left out":            {func(all []change) { m := mapping(all, "ArtifactBuckets"); m.Keys, m.Values = m.Keys[:1], m.Values[:1] }, "Globals.Function.CodeUri"},
		"the mapping has another name":    {func(all []change) { all[len(all)-1].entries.Keys[0].Value = "Buckets" }, "Globals.Function.CodeUri"},
		"a mapping of the template's own": {func(all []change) { at(all, "Lambda").Values[0].Values[0].Value = "Own" }, "Lambda.Code"},
		"another key":                     {func(all []change) { at(all, "Lambda").Values[1].Value += "x" }, "Lambda.Code"},
		"a key that is found":             {func(all []change) { *at(all, "Lambda").Values[1] = *at(all, "Lambda").Values[0] }, "Lambda.Code"},
		"another name of the bucket":      {func(all []change) { at(all, "Lambda").Keys[0].Value = "Bucket" }, "Lambda.Code"},
		"another name of SAM's key":       {func(all []change) { at(all, "Sam").Keys[1].Value = "S3Key" }, "Sam.CodeUri"},
		"SAM's form elsewhere":            {func(all []change) { *at(all, "Job") = *at(all, "Sam") }, "Job.Command.ScriptLocation"},
		"a text where SAM takes none":     {func(all []change) { *at(all, "Sam") = *at(all, "Job") }, "Sam.CodeUri"},
		"a key that SAM cannot read": {func(all []change) {
			find := at(all, "Sam").Values[0].Clone()
			find.Values[2].Value = "Key"
			for _, region := range mapping(all, "ArtifactBuckets").Values {
				region.Keys, region.Values = append(region.Keys, &syntax.Node{Value: "Key"}), append(region.Values, at(all, "Sam").Values[1])
			}
			at(all, "Sam").Values[1] = find
		}, "Sam.CodeUri"},
		"a version": {func(all []change) {
			n := at(all, "Sam")
			n.Keys, n.Values = append(n.Keys, &syntax.Node{Value: "Version"}), append(n.Values, &syntax.Node{Value: "v"})
		}, "Sam.CodeUri"},
		"another scheme":               {func(all []change) { replace(at(all, "Job").Values[0], "s3:", "s4:") }, "Job.Command.ScriptLocation"},
		"the key of another one":       {func(all []change) { replace(at(all, "Job").Values[0], "src", "sro") }, "Job.Command.ScriptLocation"},
		"a variable that nobody knows": {func(all []change) { replace(at(all, "Job").Values[0], "${Bucket}", "${Bukket}") }, "Job.Command.ScriptLocation"},
		"another region's address":     {func(all []change) { replace(at(all, "Child").Values[0], "${AWS::Region}", "us-east-1") }, "Child.TemplateURL"},
		"another partition's address":  {func(all []change) { replace(at(all, "Child").Values[0], "${AWS::URLSuffix}", "amazonaws.com") }, "Child.TemplateURL"},
		"properties that were absent":  {func(all []change) { at(all, "Absent").Values[1].Value += "x" }, "Absent.Code"},
		"properties that were empty":   {func(all []change) { at(all, "Empty").Values[1].Value += "x" }, "Empty.Code"},
		"a property that was absent":   {func(all []change) { at(all, "None").Values[1].Value += "x" }, "None.Code"},
		"an object of the user's":      {func(all []change) { at(all, "Stored").Values[2].Value = "w" }, "Stored.Code"},
		"another location of an include": {func(all []change) {
			mapping(all, "MrpackageIncludeFnTransformParametersLocation").Values[1].Values[0].Value = "s3://north/x"
		}, "Include.Fn::Transform"},
		"an include of another region": {func(all []change) {
			slices.Reverse(mapping(all, "MrpackageIncludeFnTransformParametersLocation").Values)
		}, "Include.Fn::Transform"},
		"loop: the keys change places": {func(all []change) { slices.Reverse(mapping(all, "MrpackageLNCode").Values) }, "L${N}.Code"},
		"loop: the text's key":         {func(all []change) { slices.Reverse(mapping(all, "MrpackageJNCommandScriptLocation").Values) }, "J${N}.Command.ScriptLocation"},
		"loop: SAM's key":              {func(all []change) { mapping(all, "MrpackageSNCodeUri").Values[1].Values[0].Value += "x" }, "S${N}.CodeUri"},
		"loop: a value is left out": {func(all []change) {
			m := mapping(all, "MrpackageSNCodeUri")
			m.Keys, m.Values = m.Keys[:1], m.Values[:1]
		}, "S${N}.CodeUri"},
		"loop: a branch's key": {func(all []change) { mapping(all, "MrpackageINCodeUri").Values[0].Values[0].Value += "x" }, "I${N}.CodeUri"},
		"a branch's bucket": {func(all []change) {
			i := slices.IndexFunc(tmpl.refs, func(r *Reference) bool { return r.LogicalID == "If" })
			all[i].choice.parts[0][bucketPart] = &syntax.Node{Value: "east"}
		}, "If.CodeUri"},
		"a branch's key": {func(all []change) {
			i := slices.IndexFunc(tmpl.refs, func(r *Reference) bool { return r.LogicalID == "Own" })
			all[i].choice.parts[0][keyPart] = &syntax.Node{Value: "k"}
		}, "Own.DefinitionUri"},
		"an Fn::If less": {func(all []change) {
			i := slices.IndexFunc(tmpl.refs, func(r *Reference) bool { return r.LogicalID == "Own" })
			all[i].choice.uniform = 0
		}, "Own.DefinitionUri"},
		"what stands beside a reference": {func(all []change) {
			handler := tmpl.doc.Root.Get("Resources").Get("Lambda").Get("Properties").Get("Handler")
			last := &all[len(all)-1]
			*last = change{node: handler, path: []int{3, 0, 1, 1}, value: &syntax.Node{Value: "b.c"}}
		}, "Globals.Function.CodeUri"}, // whose mapping is gone with it
	} {
		t.Run(name, func(t *testing.T) {
			var all []change
			prove := func(s Store) error {
				own, err := forOne(tmpl, s, keyOf).changes()
				if err != nil {
					t.Fatal(err)
				}
				return tmpl.proveIn(s, all, own)
			}
			var err error
			if all, err = forAll(tmpl, twoStores(), keyOf).changes(); err != nil {
				t.Fatal(err)
			}
			for _, s := range twoStores() {
				if err := prove(s); err != nil {
					t.Fatalf("before it was broken: %v", err)
				}
			}
			test.breakIt(all)
			err = errors.Join(prove(twoStores()[0]), prove(twoStores()[1]))
			var e *problem.Error
			if !errors.As(err, &e) || !strings.Contains(e.Message, "the template for all regions differs at "+test.where) {
				t.Errorf("%v, want one at %s", err, test.where)
			}
		})
	}
}

// Outside of the references nothing differs but the mappings that are added.
func TestProveInElsewhere(t *testing.T) {
	tmpl := readEveryForm(t)
	store := twoStores()[0]
	all, err := forAll(tmpl, twoStores(), keyOf).changes()
	if err != nil {
		t.Fatal(err)
	}
	own, err := forOne(tmpl, store, keyOf).changes()
	if err != nil {
		t.Fatal(err)
	}
	for where, path := range map[string][]int{"Resources.Lambda.Properties.Handler": {3, 0, 1, 1}, "Mappings.Own.a.b": {1, 0, 0, 0}} {
		n := tmpl.doc.Root.At(path)
		if n == nil || n.Kind != syntax.Scalar {
			t.Fatal(where, n)
		}
		more := change{node: n, path: path, value: &syntax.Node{Value: "other"}}
		// Before the mappings are added, since their section's entries move by that.
		broken := slices.Insert(slices.Clone(all), len(all)-1, more)
		if err := tmpl.proveIn(store, broken, own); err == nil || !strings.Contains(err.Error(), "differs at "+where) {
			t.Errorf("%s: %v", where, err)
		}
	}
	if err := tmpl.proveIn(store, all[1:], own); err == nil {
		t.Error("a reference that was left out is not seen")
	}
}

// FuzzForAll: a template that can be one for all regions is proved to be, whatever it holds,
// and refers to nothing local any more.
func FuzzForAll(f *testing.F) {
	seed(f)
	f.Add([]byte(everyForm), "code", "")
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, src []byte, bucket, prefix string) {
		p := repackage(t, dir, src, bucket, prefix)
		if p == nil {
			return
		}
		stores := []Store{{Region: "us-east-1", Bucket: p.bucket}, {Region: "cn-north-1", Bucket: p.bucket + "-north"}, {Region: "us-iso-east-1", Bucket: "iso"}}
		for i := range stores {
			stores[i].Repository = "123456789012.dkr.ecr." + stores[i].Region + ".amazonaws.com/app"
		}
		if errs := p.source.CheckForAll(stores); len(errs) > 0 {
			refused(t, src, errs)
			return
		}
		body, err := p.source.RewriteForAll(t.Context(), false, stores, func(r *Reference) string { return p.locate(r).Key + p.locate(r).Digest })
		if err != nil {
			refused(t, src, []error{err})
			return
		}
		allStored(t, dir, body)
	})
}
