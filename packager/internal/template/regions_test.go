package template

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// everyStyle has a value of each form in each style that a template writes it in.
const everyStyle = `Transform: AWS::LanguageExtensions
Resources:
  A: {Type: AWS::Lambda::Function, Properties: {Code: src}}
  B:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: src # plain
  C: {Type: AWS::Serverless::Function, Properties: {CodeUri: 'src'}}
  D: {Type: AWS::Serverless::Function, Properties: {CodeUri: "src"}}
  E: {Type: AWS::Serverless::Function, Properties: {CodeUri: src}}
  F:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: >- # folded
        src
  G: {Type: AWS::Serverless::Function}
  H: {Type: AWS::Serverless::StateMachine, Properties: {DefinitionUri: src}}
  I:
    Type: AWS::CloudFormation::Stack
    Properties:
      TemplateURL: child.yaml
  J: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: 'child.yaml'}}
  Fn::ForEach::L: [N, [src], {'K${N}': {Type: AWS::Lambda::Function, Properties: {Code: '${N}'}}}]
`

// twoRegions rewrites a template for one store and then for another, and has every reader
// prove what the second one gets: the first reader alone is asked in a run.
func twoRegions(t *testing.T, template string, stores [2]Location) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "template.yaml")
	if err := os.WriteFile(path, []byte(template), 0o600); err != nil {
		t.Fatal(err)
	}
	tmpl, errs := Read(t.Context(), path, "template.yaml", Table())
	if len(errs) > 0 || len(tmpl.proofs) < 2 {
		t.Fatal(errs, len(tmpl.proofs))
	}
	for _, store := range stores {
		locate := func(*Reference) Location { return store }
		out, err := tmpl.Rewrite(t.Context(), false, locate)
		if err != nil {
			t.Fatalf("%+v: %v", store, err)
		}
		changes, err := newWriter(tmpl, locate, nil).changes()
		if err != nil {
			t.Fatal(err)
		}
		for i := range tmpl.proofs {
			if err := tmpl.proveBy(context.Background(), &tmpl.proofs[i], problem.NewSource(out), changes); err != nil {
				t.Errorf("%+v: %v\n%s", store, err, out)
			}
		}
	}
}

// TestRegions: names that mean something to YAML mean nothing in a packaged template.
func TestRegions(t *testing.T) {
	names := []string{
		"code", "yes", "null", "1e3", "0x1f", "0123", "1.5", "true", "on", "12.30.45", "2001-01-01", "a-b.c", "n--n",
		"a#b", "#a", "a: b", "- a", "a,b", "{a}", "[a]", "'a'", `"a"`, "a'b", `a\b`, "*a", "&a", "!a", "|", ">", "%a", "@a", "`a", "?a", "? a", "=", "<<", "~", "é", "a b", " ", "a ",
		strings.Repeat("a", 1000),
	}
	for _, bucket := range names {
		for _, prefix := range []string{"", "p/"} {
			stores := [2]Location{
				{Region: "us-east-1", Bucket: "code", Key: prefix + "0a.zip"},
				{Region: "cn-north-1", Bucket: bucket, Key: prefix + bucket + "/0a.zip"},
			}
			twoRegions(t, everyStyle, stores)
			stores[0], stores[1] = stores[1], stores[0]
			twoRegions(t, everyStyle, stores)
		}
	}
}

// FuzzRegions: so do names that nobody thought of.
func FuzzRegions(f *testing.F) {
	f.Add("code", "1e3", "p/", "#/")
	f.Add("yes", "no-", "'", `"`)
	f.Fuzz(func(t *testing.T, bucket, other, prefix, otherPrefix string) {
		for _, s := range []string{bucket, other, prefix, otherPrefix} {
			if strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) || r == unicode.ReplacementChar }) || len(s) > 1000 {
				return // no bucket and no prefix is called so
			}
		}
		twoRegions(t, everyStyle, [2]Location{
			{Region: "us-east-1", Bucket: bucket, Key: prefix + "0a.zip"},
			{Region: "cn-north-1", Bucket: other, Key: otherPrefix + "0a.zip"},
		})
	})
}
