package template

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

func readPackaged(t *testing.T, text string) *Packaged {
	t.Helper()
	p, errs := ReadPackaged(t.Context(), []byte(text), "packaged.yaml", Table())
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	return p
}

// String is a use in one line, for tests.
func (u Use) String() string {
	l := u.Location
	s := u.LogicalID + "." + u.Property + " "
	switch {
	case u.Unknown != "":
		return s + "unknown: " + u.Unknown
	case u.Local != "":
		return s + "local: " + u.Local
	case l.Repository != "":
		return s + l.Repository + "@" + l.Digest
	}
	s += l.Bucket + " " + l.Key
	if l.Version != "" {
		s += " " + l.Version
	}
	return s
}

func linesOf(uses []Use) (lines []string) {
	for _, u := range uses {
		lines = append(lines, u.String())
	}
	return lines
}

// What mrpackage writes is read as what it was told to write, in a region's own template
// and in the one for all regions, in YAML and in JSON.
func TestPackagedIsReadAsItWasWritten(t *testing.T) {
	tmpl := readEveryForm(t)
	want := func(bucket string) []string {
		var lines []string
		for _, r := range tmpl.References() {
			if r.Stored != nil || r.row.section == "Globals" { // which all functions of this template ignore
				continue
			}
			id := strings.ReplaceAll(r.LogicalID, "${N}", "")
			lines = append(lines, fmt.Sprintf("%s.%s %s %s", id, r.Name, bucket, keyOf(r)))
		}
		slices.Sort(lines)
		return slices.Compact(lines)
	}
	for _, asJSON := range []bool{false, true} {
		all, err := tmpl.RewriteForAll(t.Context(), asJSON, twoStores(), keyOf)
		if err != nil {
			t.Fatal(err)
		}
		forAll := readPackaged(t, string(all))
		if got := strings.Join(forAll.Regions(), " "); got != "cn-north-1 us-east-1" {
			t.Errorf("regions %s", got)
		}
		for _, s := range twoStores() {
			text, err := tmpl.Rewrite(t.Context(), asJSON, locator(s, keyOf))
			if err != nil {
				t.Fatal(err)
			}
			own := readPackaged(t, string(text))
			if r := own.Regions(); r != nil {
				t.Errorf("a region's own template is said to be for %v", r)
			}
			for name, p := range map[string]*Packaged{"own": own, "all": forAll} {
				var got []string
				for _, u := range p.Uses(Stack{Region: s.Region}) {
					if u.Local != "" || u.Unknown != "" && u.LogicalID != "Own" {
						t.Errorf("%s, %s: %s", s.Region, name, u)
					}
					if u.Location.Region != "" && u.Location.Region != s.Region || u.Line == 0 {
						t.Errorf("%s, %s: %s in %s, line %d", s.Region, name, u, u.Location.Region, u.Line)
					}
					// The user's own are there beside those that were told to be written.
					if u.Unknown == "" && u.Location.Version == "" && u.Location.Key != "k" {
						got = append(got, strings.ReplaceAll(u.String(), "${N}", ""))
					}
				}
				slices.Sort(got)
				got = slices.Compact(got)
				if w := want(s.Bucket); !slices.Equal(got, w) {
					t.Errorf("%s, %s:\n%s\nwant\n%s", s.Region, name, strings.Join(got, "\n"), strings.Join(w, "\n"))
				}
			}
		}
	}
}

// All forms in which templates name objects, by AWS's pages "Virtual hosting of general
// purpose buckets" and "Amazon S3 endpoints and quotas".
func TestFormsOfURLs(t *testing.T) {
	for text, want := range map[string]string{
		"s3://b/k":                     "b k",
		"S3://b/p/k.zip":               "b p/k.zip",
		"s3://b/k%20k":                 "b k%20k",
		"s3://b/k?versionId=v.1_":      "b k v.1_",
		"s3://b/k?versionId=v&x=y":     "",
		"s3://b":                       "",
		"s3:///k":                      "",
		"https://s3.amazonaws.com/b/k": "b k",
		"https://s3.us-east-1.amazonaws.com/b/p/k":           "b p/k in us-east-1",
		"https://s3.us-east-1.amazonaws.com/b/k?versionId=v": "b k v in us-east-1",
		"https://s3-us-west-2.amazonaws.com/b/k":             "b k in us-west-2",
		"https://s3.dualstack.eu-west-1.amazonaws.com/b/k":   "b k in eu-west-1",
		"https://s3-fips.us-gov-west-1.amazonaws.com/b/k":    "b k in us-gov-west-1",
		"https://s3.cn-north-1.amazonaws.com.cn/b/k":         "b k in cn-north-1",
		"https://s3.cn-north-1.amazonaws.com/b/k":            "",
		"https://b.s3.amazonaws.com/k":                       "b k",
		"https://b.s3.us-east-1.amazonaws.com/k%20%2B+":      "b k ++ in us-east-1",
		"https://b.s3-us-west-2.amazonaws.com/p/k":           "b p/k in us-west-2",
		"https://b.c.s3.eu-west-1.amazonaws.com/k":           "b.c k in eu-west-1",
		"https://s3.s3.eu-west-1.amazonaws.com/k":            "s3 k in eu-west-1",
		"https://b.s3.dualstack.eu-west-1.amazonaws.com/k":   "b k in eu-west-1",
		"https://b.s3.cn-northwest-1.amazonaws.com.cn/k":     "b k in cn-northwest-1",
		"https://b.s3-accelerate.amazonaws.com/k":            "b k",
		"https://s3-external-1.amazonaws.com/b/k":            "b k in us-east-1",
		"HTTPS://S3.US-EAST-1.AMAZONAWS.COM/B/K":             "B K in us-east-1",
		"http://s3.us-east-1.amazonaws.com/b/k":              "b k in us-east-1",
		"https://s3.us-east-1.amazonaws.com:443/b/k":         "b k in us-east-1",
		"https://s3.us-east-1.amazonaws.com/b/":              "",
		"https://s3.us-east-1.amazonaws.com/b":               "",
		"https://example.com/b/k":                            "",
		"https://s3.us-east-1.amazonaws.com.evil.com/b/k":    "",
		"https://evils3.us-east-1.amazonaws.com/b/k":         "",
		"http://127.0.0.1:9000/b/p/k?versionId=v":            "b p/k v",
		"http://127.0.0.1:9001/b/k":                          "",
		"arn:aws:s3:::b/k":                                   "",
		"./local":                                            "",
	} {
		got := ""
		if l, ok := objectOf(text, "http://127.0.0.1:9000"); ok {
			got = strings.TrimSpace(l.Bucket + " " + l.Key + " " + l.Version)
			if l.Region != "" {
				got += " in " + l.Region
			}
		}
		if got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

// What stands in packaged properties, also where nothing can be known.
func TestUses(t *testing.T) {
	const head = `
Parameters:
  Open: {Type: String}
  Given: {Type: String}
  Default: {Type: String, Default: by-default}
  Secret: {Type: 'AWS::SSM::Parameter::Value<String>', Default: /path}
Mappings: {M: {us-east-1: {B: east}, eu-west-1: {B: west}}}
Conditions:
  East: !Equals [!Ref AWS::Region, us-east-1]
  West: !Equals [!Ref AWS::Region, us-west-2]
  NotEast: !Not [!Condition East]
  Both: !And [!Condition East, !Condition Maybe]
  Either: !Or [!Condition East, !Condition Maybe]
  Maybe: !Equals [!Ref Open, x]
  Circle: !Not [!Condition Circle]
Resources:
`
	for in, want := range map[string][]string{
		`{Type: AWS::Serverless::Function, Properties: {CodeUri: s3://b/k}}`:                                                               {"F.CodeUri b k"},
		`{Type: AWS::Serverless::Function, Properties: {CodeUri: ./src}}`:                                                                  {"F.CodeUri local: ./src"},
		`{Type: AWS::Serverless::Function, Properties: {Handler: a.b}}`:                                                                    {"F.CodeUri local: ."},
		`{Type: AWS::Serverless::Function}`:                                                                                                {"F.CodeUri local: ."},
		`{Type: AWS::Serverless::Function, Properties: {InlineCode: x}}`:                                                                   nil,
		`{Type: AWS::Lambda::Function, Properties: {Code: {ZipFile: x}}}`:                                                                  nil,
		`{Type: AWS::Lambda::Function, Properties: {Code: {S3Bucket: b, S3Key: k, S3ObjectVersion: v}}}`:                                   {"F.Code b k v"},
		`{Type: AWS::Lambda::Function, Properties: {Code: {S3Bucket: !Ref Open, S3Key: k}}}`:                                               {"F.Code unknown: it is the parameter Open, of which only a deployment knows the value"},
		`{Type: AWS::Lambda::Function, Properties: {Code: {S3Bucket: !Ref Given, S3Key: k}}}`:                                              {"F.Code given k"},
		`{Type: AWS::Lambda::Function, Properties: {Code: {S3Bucket: !Ref Default, S3Key: !Sub 'p/${Default}'}}}`:                          {"F.Code by-default p/by-default"},
		`{Type: AWS::Lambda::Function, Properties: {Code: {S3Bucket: !Ref Secret, S3Key: k}}}`:                                             {"F.Code unknown: it is the parameter Secret, of which only a deployment knows the value"},
		`{Type: AWS::Lambda::Function, Properties: {Code: {S3Bucket: !ImportValue x, S3Key: k}}}`:                                          {"F.Code unknown: Fn::ImportValue is known at deployment alone"},
		`{Type: AWS::Lambda::Function, Properties: {Code: {S3Bucket: !GetAtt B.Arn, S3Key: k}}}`:                                           {"F.Code unknown: Fn::GetAtt is known at deployment alone"},
		`{Type: AWS::Lambda::Function, Properties: {Code: {S3Bucket: !Sub 'b-${AWS::AccountId}', S3Key: k}}}`:                              {"F.Code unknown: AWS::AccountId is known at deployment alone"},
		`{Type: AWS::Lambda::Function, Properties: {Code: {S3Bucket: '{{resolve:ssm:/b}}', S3Key: k}}}`:                                    {"F.Code unknown: the dynamic reference {{resolve:ssm:/b}} is resolved at deployment"},
		`{Type: AWS::Lambda::Function, Properties: {Code: {S3Bucket: !FindInMap [M, !Ref AWS::Region, B], S3Key: k}}}`:                     {"F.Code east k"},
		`{Type: AWS::Lambda::Function, Properties: {Code: {S3Bucket: !FindInMap [M, !Ref AWS::Region, C], S3Key: k}}}`:                     {"F.Code unknown: its mapping has nothing for us-east-1"},
		`{Type: AWS::Lambda::Function, Properties: {Code: {S3Bucket: !Join ['-', [a, !Ref AWS::Region]], S3Key: k}}}`:                      {"F.Code a-us-east-1 k"},
		`{Type: AWS::Lambda::Function, Properties: {Code: {S3Bucket: !If [East, e, w], S3Key: k}}}`:                                        {"F.Code e k"},
		`{Type: AWS::Lambda::Function, Properties: {Code: {S3Bucket: !If [NotEast, w, e], S3Key: k}}}`:                                     {"F.Code e k"},
		`{Type: AWS::Lambda::Function, Properties: {Code: {S3Bucket: !If [Either, e, w], S3Key: k}}}`:                                      {"F.Code e k"},
		`{Type: AWS::Lambda::Function, Properties: {Code: {S3Bucket: !If [Both, a, b], S3Key: k}}}`:                                        {"F.Code a k", "F.Code b k"},
		`{Type: AWS::Lambda::Function, Properties: {Code: {S3Bucket: !If [Circle, a, b], S3Key: k}}}`:                                      {"F.Code a k", "F.Code b k"},
		`{Type: AWS::Lambda::Function, Properties: {Code: {S3Bucket: !If [Maybe, a, b], S3Key: !If [Maybe, ka, kb]}}}`:                     {"F.Code a ka", "F.Code b kb"},
		`{Type: AWS::Serverless::Function, Properties: {CodeUri: !If [Maybe, s3://a/k, !If [Gone, ./src, !Ref AWS::NoValue]]}}`:            {"F.CodeUri a k", "F.CodeUri local: ./src"},
		`{Type: AWS::Serverless::Function, Condition: NotEast, Properties: {CodeUri: s3://b/k}}`:                                           nil,
		`{Type: AWS::Lambda::Function, Properties: {Code: {S3Bucket: !If [West, w, e], S3Key: k}}}`:                                        {"F.Code e k"},
		`{Type: AWS::Serverless::Function, Condition: West, Properties: {CodeUri: s3://b/k}}`:                                              nil,
		`{Type: AWS::Serverless::Function, Condition: Maybe, Properties: {CodeUri: s3://b/k}}`:                                             {"F.CodeUri b k"},
		`{Type: AWS::Serverless::Application, Properties: {Location: {ApplicationId: a, SemanticVersion: 1.0.0}}}`:                         nil,
		`{Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: 'https://b.s3.us-east-1.amazonaws.com/k?versionId=v'}}`:              {"F.TemplateURL b k v"},
		`{Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: 'https://example.com/t'}}`:                                           {"F.TemplateURL unknown: it is no location in S3"},
		`{Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: !Sub 'https://s3.${AWS::Region}.${AWS::URLSuffix}/b/k'}}`:            {"F.TemplateURL b k"},
		`{Type: AWS::Serverless::Function, Properties: {PackageType: Image, ImageUri: '1.dkr.ecr.us-east-1.amazonaws.com/a@sha256:0'}}`:    {"F.ImageUri 1.dkr.ecr.us-east-1.amazonaws.com/a@sha256:0"},
		`{Type: AWS::Serverless::Function, Properties: {PackageType: Image, ImageUri: '1.dkr.ecr.us-east-1.amazonaws.com/a:tag'}}`:         {"F.ImageUri 1.dkr.ecr.us-east-1.amazonaws.com/a:tag@"},
		`{Type: AWS::Serverless::Function, Properties: {PackageType: Image, ImageUri: 'app:1'}}`:                                           {"F.ImageUri local: app:1"},
		`{Type: AWS::Lambda::Function, Properties: {PackageType: Image, Code: {ImageUri: 'localhost:5000/a@sha256:0'}}}`:                   {"F.Code.ImageUri localhost:5000/a@sha256:0"},
		`{Type: AWS::CodeCommit::Repository, Properties: {Code: {S3: {Bucket: b, Key: k, ObjectVersion: v}}}}`:                             {"F.Code.S3 b k v"},
		`{Type: T, Properties: {Fn::Transform: {Name: AWS::Include, Parameters: {Location: s3://b/k}}}}`:                                   {"F.Fn::Transform.Parameters.Location b k"},
		`{Type: AWS::Serverless::GraphQLApi, Properties: {SchemaInline: x, Functions: {A: {CodeUri: s3://b/a}, B: {C: {CodeUri: l.js}}}}}`: {"F.Functions.A.CodeUri b a", "F.Functions.B.C.CodeUri local: l.js"},
		`{Type: AWS::Lambda::Function, Properties: {Code: [a]}}`:                                                                           {"F.Code unknown: it is a list, which CloudFormation refuses"},
		`{Type: AWS::Lambda::Function, Properties: {Code: }}`:                                                                              {"F.Code unknown: it is null, which CloudFormation refuses"},
		`{Type: AWS::Lambda::Function, Properties: {Code: ""}}`:                                                                            {"F.Code unknown: it is empty"},
		`{Type: AWS::Lambda::Function, Properties: {Code: {S3Bucket: b}}}`:                                                                 {"F.Code unknown: it has no object's bucket and key"},
		`{Type: AWS::Lambda::Function, Properties: {Code: {S3Bucket: b, S3Key: }}}`:                                                        {"F.Code unknown: it has no object's bucket and key"},
		`{Type: AWS::Lambda::Function, Properties: {Code: {S3Bucket: b, S3Key: ""}}}`:                                                      {"F.Code unknown: it has no object's bucket and key"},
		`{Type: AWS::Serverless::Function, Properties: {CodeUri: {Key: k}}}`:                                                               {"F.CodeUri unknown: it has no object's bucket and key"},
		`{Type: AWS::Serverless::Function, Properties: {CodeUri: !If [Maybe, s3://a/k, null]}}`:                                            {"F.CodeUri a k", "F.CodeUri unknown: it is null, which CloudFormation refuses"},
	} {
		p := readPackaged(t, head+"  F: "+in+"\n")
		got := linesOf(p.Uses(Stack{Region: "us-east-1", Parameters: map[string]string{"Given": "given"}}))
		if !slices.Equal(got, want) {
			t.Errorf("%s:\n got %q\nwant %q", in, got, want)
		}
	}
}

// A location of Globals is needed where a function has none of its own.
func TestUsesOfGlobals(t *testing.T) {
	for functions, needed := range map[string]bool{
		"  F: {Type: AWS::Serverless::Function}\n":                                                                    true,
		"  F: {Type: AWS::Serverless::Function, Properties: {CodeUri: s3://b/f}}\n":                                   false,
		"  F: {Type: AWS::Serverless::Function, Properties: {InlineCode: x}}\n":                                       false,
		"  F: {Type: AWS::Serverless::Function, IgnoreGlobals: '*', Properties: {CodeUri: s3://b/f}}\n":               false,
		"  F: {Type: AWS::Serverless::Api}\n":                                                                         false,
		"  Fn::ForEach::L: [N, [a], {'F${N}': {Type: AWS::Serverless::Function, Properties: {Handler: x}}}]\n":        true,
		"  Fn::ForEach::L: [N, [a], {'F${N}': {Type: AWS::Serverless::Function, Properties: {CodeUri: s3://b/f}}}]\n": false,
		"  Fn::Transform: {Name: M}\n":                                                                                true,
	} {
		uses := readPackaged(t, "Globals: {Function: {CodeUri: s3://b/k}}\nResources:\n"+functions).Uses(Stack{Region: "us-east-1"})
		if got := slices.Contains(linesOf(uses), "Globals.Function.CodeUri b k"); got != needed {
			t.Errorf("%s: needed is %v, want %v", functions, got, needed)
		}
	}
}

// A nested template's parameters have the values that its parent gives to them, and no
// others.
func TestNestedStacks(t *testing.T) {
	p := readPackaged(t, `
Parameters: {Open: {Type: String}}
Resources:
  Child:
    Type: AWS::CloudFormation::Stack
    Properties:
      TemplateURL: https://s3.us-east-1.amazonaws.com/b/k
      Parameters: {Bucket: !Sub 'b-${AWS::Region}', Hidden: !Ref Open}
`)
	u := p.Uses(Stack{Region: "us-east-1"})[0]
	child := readPackaged(t, `
Parameters: {Bucket: {Type: String, Default: x}, Hidden: {Type: String, Default: y}, Own: {Type: String, Default: z}}
Resources:
  A: {Type: AWS::Lambda::Function, Properties: {Code: {S3Bucket: !Ref Bucket, S3Key: k}}}
  B: {Type: AWS::Lambda::Function, Properties: {Code: {S3Bucket: !Ref Hidden, S3Key: k}}}
  C: {Type: AWS::Lambda::Function, Properties: {Code: {S3Bucket: !Ref Own, S3Key: k}}}
`)
	want := []string{"A.Code b-us-east-1 k", "B.Code unknown: it is the parameter Hidden, of which only a deployment knows the value", "C.Code z k"}
	if got := linesOf(child.Uses(u.Stack)); !u.Nested || !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

// An error about a use names its place in the file.
func TestPlaceOfUse(t *testing.T) {
	p := readPackaged(t, "Resources:\n  F:\n    Type: AWS::Lambda::Function\n    Properties: {Code: {S3Bucket: b, S3Key: k}}\n")
	e := p.Uses(Stack{Region: "us-east-1"})[0].Errorf("it is gone")
	if want := "packaged.yaml:4:24: F.Code: it is gone"; e.Error() != want || e.Excerpt == "" {
		t.Errorf("%v", e)
	}
	_, errs := ReadPackaged(t.Context(), []byte("a: [\n"), "packaged.yaml", Table())
	var unread *problem.Error
	if len(errs) != 1 || !errors.As(errs[0], &unread) || unread.File != "packaged.yaml" {
		t.Errorf("%v", errs)
	}
}

// FuzzPackaged reads what strangers may have written, of any size: it must end, soon, with
// no more locations than CloudFormation takes resources for each property.
func FuzzPackaged(f *testing.F) {
	f.Add(everyForm)
	f.Add("Resources: {F: {Type: AWS::Lambda::Function, Properties: {Code: {S3Bucket: !If [A, !If [B, a, b], !If [C, d, !If [D, e, f]]], S3Key: k}}}}")
	f.Add(`{"Resources":{"Fn::ForEach::L":["N",["a","b"],{"F${N}":{"Type":"AWS::Serverless::Function","Properties":{"CodeUri":"s3://b/${N}"}}}]}}`)
	f.Add("Conditions: {A: !Not [!Condition A]}\nResources: {S: {Type: AWS::CloudFormation::Stack, Condition: A, Properties: {TemplateURL: https://b.s3.us-east-1.amazonaws.com/k}}}")
	f.Fuzz(func(t *testing.T, text string) {
		p, errs := ReadPackaged(t.Context(), []byte(text), "packaged.yaml", Table())
		if len(errs) > 0 {
			return
		}
		p.Regions()
		for _, in := range []Stack{{}, {Region: "us-east-1", Parameters: map[string]string{"P": "x"}}} {
			for _, u := range p.Uses(in) {
				e := u.Errorf("x")
				none := u.Location == Location{}
				if none == (u.Local == "" && u.Unknown == "") || e.Line < 1 || strings.Contains(e.Error(), "\n") {
					t.Fatalf("%+v at %v", u, e)
				}
			}
		}
	})
}

// What a stranger's template can make of loops and conditions has an end.
func TestUsesHaveAnEnd(t *testing.T) {
	var b strings.Builder
	b.WriteString("Resources:\n  Fn::ForEach::L:\n    - N\n    - [" + strings.Repeat("a,", 400) + "b]\n    -\n")
	choice := "k"
	for i := range maxConditions {
		choice = fmt.Sprintf("!If [C%d, '${N}%d', %s]", i, i, choice)
	}
	for i := range 2000 {
		fmt.Fprintf(&b, "      'F%d${N}': {Type: AWS::Lambda::Function, Properties: {Code: {S3Bucket: b, S3Key: %s}}}\n", i, choice)
	}
	uses := readPackaged(t, b.String()).Uses(Stack{Region: "us-east-1"})
	if last := uses[len(uses)-1]; last.Unknown != tooMuch || len(uses) > maxEvaluated {
		t.Errorf("%d uses, the last one %v", len(uses), last)
	}
}
