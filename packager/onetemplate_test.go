package packager_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/symphoniacloud/multi-region-codepipeline/packager"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// oneTemplate plans a template, with a file src/app.js beside it, for stores, with one
// template for all of them.
func oneTemplate(t *testing.T, template string, stores ...packager.Store) (*packager.Plan, error) {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "template.yaml")
	for _, err := range []error{
		os.Mkdir(filepath.Join(dir, "src"), 0o700),
		os.WriteFile(filepath.Join(dir, "src", "app.js"), []byte("// app\n"), 0o600), os.WriteFile(path, []byte(template), 0o600),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return packager.NewPlan(t.Context(), packager.Options{TemplateFile: path, OneTemplate: true, Stores: stores})
}

const oneFunction = "Resources:\n  F: {Type: AWS::Lambda::Function, Properties: {Code: src}}\n"

// There is one template, which tells its regions; the stores hold what they always hold.
func TestOneTemplate(t *testing.T) {
	east, china := packager.Store{Region: "us-east-1", Bucket: "east", Prefix: "p"}, packager.Store{Region: "cn-north-1", Bucket: "north", Prefix: "p/"}
	plan, err := oneTemplate(t, oneFunction, east, china)
	if err != nil {
		t.Fatal(err)
	}
	if len(plan.Templates) != 1 || len(plan.Stores) != 2 {
		t.Fatalf("%d templates, %d stores", len(plan.Templates), len(plan.Stores))
	}
	one := plan.Templates[0]
	if one.Region != "" || !slices.Equal(one.Regions, []string{"us-east-1", "cn-north-1"}) || one.JSON {
		t.Errorf("%+v", one)
	}
	key := plan.Stores[0].Objects[0].Key
	want := "Mappings: {ArtifactBuckets: {us-east-1: {Bucket: east}, cn-north-1: {Bucket: north}}}\n" +
		`Resources:
  F: {Type: AWS::Lambda::Function, Properties: {Code: {S3Bucket: !FindInMap [ArtifactBuckets, !Ref "AWS::Region", Bucket], S3Key: ` + key + "}}}\n"
	if string(one.Body) != want || plan.Stores[1].Objects[0].Key != key {
		t.Errorf("%s\nwant\n%s", one.Body, want)
	}
}

// Each region's own template tells its region in both ways.
func TestTemplateRegions(t *testing.T) {
	path := filepath.Join(t.TempDir(), "template.yaml")
	if err := os.WriteFile(path, []byte("Resources: {T: {Type: AWS::SNS::Topic}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	plan, err := packager.NewPlan(t.Context(), packager.Options{TemplateFile: path, Stores: []packager.Store{{Region: "us-east-1", Bucket: "east"}, {Region: "us-west-2", Bucket: "west"}}})
	if err != nil {
		t.Fatal(err)
	}
	for i, region := range []string{"us-east-1", "us-west-2"} {
		if got := plan.Templates[i]; got.Region != region || !slices.Equal(got.Regions, []string{region}) {
			t.Errorf("%+v", got)
		}
	}
}

// Prefixes that differ are keys that differ.
func TestOneTemplatePrefixes(t *testing.T) {
	_, err := oneTemplate(t, oneFunction+"  G: {Type: AWS::Lambda::Function, Properties: {Code: gone}}\n",
		packager.Store{Region: "us-east-1", Bucket: "east", Prefix: "a"}, packager.Store{Region: "us-west-2", Bucket: "west", Prefix: "b"})
	all := problem.Errors(err)
	if len(all) != 2 || !strings.Contains(all[0].Error(), "gone") {
		t.Fatalf("%q", all)
	}
	var e *problem.Error
	if !errors.As(all[1], &e) || e.Subject != "us-west-2" || e.Hint != "leave the region out of the prefix; it may stand in the bucket's name" ||
		e.Message != "the prefix is b, and that of us-east-1 is a: one template for all regions has one key for each object" {
		t.Errorf("%+v", e)
	}
}

// No key holds what Fn::Sub would take for a variable, or what ends one: neither a prefix
// nor a file's extension can bring it in.
func TestKeysAreLiterals(t *testing.T) {
	for _, text := range []string{"${A}", "$", "{", "}", "a${b", "${!a}"} {
		_, err := oneTemplate(t, oneFunction, packager.Store{Region: "us-east-1", Bucket: "east", Prefix: text})
		if err == nil || !strings.Contains(err.Error(), "the prefix") {
			t.Errorf("the prefix %q: %v", text, err)
		}
	}
	dir := t.TempDir()
	names := []string{"a.${x}", "b.$", "c.{", "d.}", "e.y${Bucket}"}
	template := "Resources:\n"
	for i, name := range names {
		template += fmt.Sprintf("  J%d: {Type: AWS::Glue::Job, Properties: {Command: {ScriptLocation: './%s'}}}\n", i, name)
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, "template.yaml")
	if err := os.WriteFile(path, []byte(template), 0o600); err != nil {
		t.Fatal(err)
	}
	plan, err := packager.NewPlan(t.Context(), packager.Options{TemplateFile: path, OneTemplate: true, Stores: []packager.Store{{Region: "us-east-1", Bucket: "east"}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range plan.Stores[0].Objects {
		if strings.ContainsAny(o.Key, "${}") {
			t.Errorf("the key %q", o.Key)
		}
	}
	if len(plan.Stores[0].Objects) != len(names) {
		t.Errorf("%d objects", len(plan.Stores[0].Objects))
	}
}

// CloudFormation's quotas are warned of, and an empty section that is filled is not.
func TestOneTemplateQuotas(t *testing.T) {
	mappings := func(n int) string {
		text := "Mappings:\n"
		for i := range n {
			text += fmt.Sprintf("  M%d: {a: {b: c}}\n", i)
		}
		return text
	}
	stores := func(n int) (all []packager.Store) {
		for i := range n {
			all = append(all, packager.Store{Region: fmt.Sprintf("us-east-%d", i+1), Bucket: fmt.Sprintf("code-%d", i+1)})
		}
		return all
	}
	for name, test := range map[string]struct {
		template string
		stores   []packager.Store
		want     []string
	}{
		"199 mappings": {mappings(199) + oneFunction, stores(2), nil},
		"200 mappings": {mappings(200) + oneFunction, stores(2), []string{"with those in which it finds its code it has 201 mappings, and CloudFormation takes 200"}},
		"200 regions":  {oneFunction, stores(200), nil},
		"201 regions":  {oneFunction, stores(201), []string{"it finds its code in a mapping with 201 regions, and CloudFormation takes 200 attributes in a mapping: package for fewer at once"}},
		"no code":      {mappings(200) + "Resources: {T: {Type: AWS::SNS::Topic}}\n", stores(201), nil},
		"filled":       {"Mappings:\n" + oneFunction, stores(1), nil},
		"not filled":   {"Mappings:\nResources: {T: {Type: AWS::SNS::Topic}}\n", stores(1), []string{"this section is empty, and CloudFormation takes no empty value"}},
	} {
		t.Run(name, func(t *testing.T) {
			plan, err := oneTemplate(t, test.template, test.stores...)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, w := range plan.Warnings {
				var e *problem.Error
				if errors.As(w, &e) && !strings.Contains(e.Message, "more than 51200") {
					got = append(got, e.Message)
				}
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}
