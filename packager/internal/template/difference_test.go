package template

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/syntax"
)

// packagedOf reads a text as a packaged template.
func packagedOf(tb testing.TB, name, text string) (*Packaged, bool) {
	tb.Helper()
	p, errs := ReadPackaged(context.Background(), []byte(text), name, Table())
	return p, len(errs) == 0
}

// lines is how two templates differ, a line for each difference.
func lines(d Differences) string {
	var all strings.Builder
	text := func(v *Value) string {
		if v == nil {
			return "nothing"
		}
		return fmt.Sprintf("%s (%d:%d)", v.Text, v.Line, v.Column)
	}
	for _, d := range d.All {
		fmt.Fprintf(&all, "%s: %s → %s\n", strings.Join(d.Path, "."), text(d.Old), text(d.New))
	}
	return all.String()
}

func comparedTexts(t *testing.T, a, b string) string {
	t.Helper()
	before, ok := packagedOf(t, "old.yaml", a)
	after, alsoOK := packagedOf(t, "new.yaml", b)
	if !ok || !alsoOK {
		t.Fatalf("a template was not read:\n%s\n%s", a, b)
	}
	return lines(Compare(t.Context(), before, after, Stack{}, Stack{}))
}

// What CloudFormation reads alike is the same, however it is written.
func TestSameMeaning(t *testing.T) {
	resource := func(properties string) string {
		return "Resources:\n  T:\n    Type: AWS::SNS::Topic\n    Properties:\n      " + strings.ReplaceAll(properties, "\n", "\n      ") + "\n"
	}
	for name, tt := range map[string][2]string{
		"order of keys":       {"A: 1\nB: 2", "B: 2\nA: 1"},
		"quotes":              {"A: word", `A: "word"`},
		"single quotes":       {"A: 'it''s'", `A: "it's"`},
		"comments":            {"A: 1 # one", "# one\nA: 1"},
		"flow style":          {"A:\n  B: [1, 2]", "A: {B: [1, 2]}"},
		"block scalar":        {"A: |\n  one\n  two", `A: "one\ntwo\n"`},
		"Ref":                 {"A: !Ref B", "A: {Ref: B}"},
		"Ref of a number":     {"A: !Ref 12", `A: {Ref: "12"}`},
		"Sub":                 {"A: !Sub '${B}'", "A: {'Fn::Sub': '${B}'}"},
		"Sub in Base64":       {"A:\n  Fn::Base64: !Sub '${B}'", "A: {Fn::Base64: {Fn::Sub: '${B}'}}"},
		"GetAtt of a text":    {"A: !GetAtt B.C", "A: {Fn::GetAtt: [B, C]}"},
		"GetAtt with dots":    {"A: !GetAtt B.Outputs.C", "A: {Fn::GetAtt: [B, Outputs.C]}"},
		"GetAtt, long":        {"A: {Fn::GetAtt: B.C}", "A: !GetAtt [B, C]"},
		"If":                  {"A: !If [C, 1, 2]", "A: {Fn::If: [C, 1, 2]}"},
		"octal number":        {"A: 0123", "A: 83"},
		"no octal number":     {"A: 012345678901", "A: '012345678901'"},
		"hexadecimal number":  {"A: 0x10", "A: 16"},
		"sexagesimal number":  {"A: 1:30", "A: 90"},
		"digits in a number":  {"A: 1_000", "A: 1000"},
		"truth value":         {"A: yes", "A: true"},
		"truth value, off":    {"A: Off", "A: false"},
		"date":                {"A: 2012-10-17", "A: '2012-10-17'"},
		"null":                {"A: ~\nB: x", "A:\nB: x"},
		"text by a tag":       {"A: !!str 12", "A: '12'"},
		"number by a tag":     {"A: !!int '12'", "A: 12"},
		"1e3, which is text":  {"A: 1e3", "A: '1e3'"},
		"an alias":            {"A: &a [1, 2]\nB: *a", "A: [1, 2]\nB: [1, 2]"},
		"a merge key":         {"A: &a {x: 1}\nB: {<<: *a, y: 2}", "A: {x: 1}\nB: {y: 2, x: 1}"},
		"white space in flow": {"A: {B:   1}", "A: {B: 1}"},
	} {
		if got := comparedTexts(t, resource(tt[0]), resource(tt[1])); got != "" {
			t.Errorf("%s: %s", name, got)
		}
	}
	for name, tt := range map[string][2]string{
		"JSON":         {"Resources: {T: {Type: A, Properties: {B: !Ref C, D: yes}}}", `{"Resources": {"T": {"Type": "A", "Properties": {"D": true, "B": {"Ref": "C"}}}}}`},
		"DependsOn":    {"Resources: {T: {Type: A, DependsOn: B}}", "Resources: {T: {Type: A, DependsOn: [B]}}"},
		"its order":    {"Resources: {T: {Type: A, DependsOn: [C, B]}}", "Resources: {T: {Type: A, DependsOn: [B, C]}}"},
		"Transform":    {"Transform: A\nResources: {T: {Type: A}}", "Transform: [A]\nResources: {T: {Type: A}}"},
		"version":      {"AWSTemplateFormatVersion: 2010-09-09\nResources: {T: {Type: A}}", "AWSTemplateFormatVersion: '2010-09-09'\nResources: {T: {Type: A}}"},
		"line ends":    {"Resources:\n  T: {Type: A}\n", "Resources:\r\n  T: {Type: A}\r\n"},
		"a condition":  {"Conditions: {A: !Not [!Condition B]}\nResources: {T: {Type: A}}", "Conditions: {A: {Fn::Not: [{Condition: B}]}}\nResources: {T: {Type: A}}"},
		"an order set": {"Resources: {T: {Type: A}}\nOutputs: {O: {Value: x}}", "Outputs: {O: {Value: x}}\nResources: {T: {Type: A}}"},
	} {
		if got := comparedTexts(t, tt[0], tt[1]); got != "" {
			t.Errorf("%s: %s", name, got)
		}
		if got := comparedTexts(t, tt[1], tt[0]); got != "" {
			t.Errorf("%s, the other way: %s", name, got)
		}
	}
}

// What differs is told with its place in each file, and once.
func TestDifferences(t *testing.T) {
	long := strings.Repeat("x", 300)
	for name, tt := range map[string]struct{ old, new, want string }{
		"a value":        {"B: 1", "B: 2", "B: 1 (5:10) → 2 (5:10)"},
		"its type":       {"B: yes", "B: 'yes'", `B: true (5:10) → "yes" (5:10)`},
		"octal":          {"B: 0123", "B: '0123'", `B: 83 (5:10) → "0123" (5:10)`},
		"added":          {"B: 1", "B: 1\nC: x", `C: nothing → "x" (6:10)`},
		"removed":        {"B: 1\nC: [1, 2]", "B: 1", "C: [1, 2] (6:10) → nothing"},
		"a function":     {"B: !Ref C", "B: !Ref D", "B: !Ref C (5:10) → !Ref D (5:10)"},
		"another one":    {"B: !Ref C", "B: !GetAtt C.D", "B: !Ref C (5:10) → !GetAtt C.D (5:10)"},
		"its argument":   {"B: !Join ['', [a, b]]", "B: !Join ['', [a, c]]", `B.Fn::Join.1.1: "b" (5:25) → "c" (5:25)`},
		"function, text": {"B: !Sub x", "B: x", `B: !Sub "x" (5:10) → "x" (5:10)`},
		"in a list":      {"B: [a, b, c]", "B: [a, x, c]", `B.1: "b" (5:14) → "x" (5:14)`},
		"put in front":   {"B: [a, b]", "B: [x, a, b]", `B.0: nothing → "x" (5:11)`},
		"left out":       {"B: [a, b, c]", "B: [a, c]", `B.1: "b" (5:14) → nothing`},
		"exchanged":      {"B: [a, b]", "B: [b, a]", "B.0: \"a\" (5:11) → nothing\nB.1: nothing → \"a\" (5:14)"},
		"list for text":  {"B: a", "B: [a]", `B: "a" (5:10) → ["a"] (5:10)`},
		"null":           {"B: a\nC:", "B: a", "C: null (6:9) → nothing"},
	} {
		head := "Resources:\n  T:\n    Type: A\n    Properties:\n      "
		indent := func(s string) string { return head + strings.ReplaceAll(s, "\n", "\n      ") + "\n" }
		want := "Resources.T.Properties." + strings.ReplaceAll(tt.want, "\n", "\nResources.T.Properties.") + "\n"
		if got := comparedTexts(t, indent(tt.old), indent(tt.new)); got != want {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, want)
		}
	}
	if got, want := comparedTexts(t, `{"Resources": {"T": {"Type": 1e3}}}`, `{"Resources": {"T": {"Type": "1e3"}}}`), "Resources.T.Type: 1e3 (1:30) → \"1e3\" (1:30)\n"; got != want {
		t.Errorf("a number of JSON's:\n%s\nwant\n%s", got, want)
	}
	head := "Resources: {T: {Type: A, Properties: {B: "
	got := comparedTexts(t, head+long+"1}}}", head+long+"2}}}")
	want := "…" + strings.Repeat("x", 40) + `1" (1:42) → …` + strings.Repeat("x", 40) + `2" (1:42)`
	if got != "Resources.T.Properties.B: "+want+"\n" {
		t.Errorf("a long text:\n%s\nwant\n%s", got, want)
	}
}

// A resource with another logical ID is another one. One that is new is told by its type.
func TestRenamedResource(t *testing.T) {
	got := comparedTexts(t,
		"Resources: {A: {Type: AWS::SNS::Topic, Properties: {B: 1}}, C: {Type: X}}\nParameters: {P: {Type: String}}",
		"Resources: {B: {Type: AWS::SNS::Topic, Properties: {B: 1}}, C: {Type: Y}}\nDescription: d")
	want := `Resources.B: nothing → AWS::SNS::Topic (1:16)
Resources.C.Type: "X" (1:71) → "Y" (1:71)
Resources.A: AWS::SNS::Topic (1:16) → nothing
Description: nothing → "d" (2:14)
Parameters.P: String (2:17) → nothing
`
	if got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

// A stranger's templates may differ in everything, and be as deep as a reader takes.
func TestManyDifferences(t *testing.T) {
	many := func(value string) string {
		var b strings.Builder
		b.WriteString("Resources:\n  T:\n    Type: A\n    Properties:\n")
		for i := range maxDifferences + 5 {
			fmt.Fprintf(&b, "      P%d: %s\n", i, value)
		}
		return b.String()
	}
	before, _ := packagedOf(t, "old.yaml", many("a"))
	after, _ := packagedOf(t, "new.yaml", many("b"))
	if d := Compare(t.Context(), before, after, Stack{}, Stack{}); len(d.All) != maxDifferences || d.More != 5 {
		t.Errorf("%d differences and %d more", len(d.All), d.More)
	}
	deep := func(value string) string {
		return `{"Resources": {"T": {"Type": "A", "Properties": ` + strings.Repeat(`{"P":`, 900) + value + strings.Repeat("}", 900) + "}}}"
	}
	if got := comparedTexts(t, deep("1"), deep("2")); strings.Count(got, "\n") != 1 {
		t.Errorf("deep: %s", got)
	}
	list := func(from, length int) string {
		var b strings.Builder
		b.WriteString("Resources: {T: {Type: A, Properties: {L: [")
		for i := range length {
			fmt.Fprintf(&b, "%d, ", from+i)
		}
		return b.String() + "]}}}"
	}
	before, _ = packagedOf(t, "old.yaml", list(0, 100_000))
	after, _ = packagedOf(t, "new.yaml", list(1_000_000, 100_000))
	if d := Compare(t.Context(), before, after, Stack{}, Stack{}); len(d.All)+d.More != 100_000 {
		t.Errorf("a long list: %d differences", len(d.All)+d.More)
	}
}

// Whatever a template is, it does not differ from itself nor from its form in JSON, and
// from one with another scalar it differs in one thing.
func FuzzCompare(f *testing.F) {
	for _, seed := range []string{
		"Resources: {T: {Type: A, Properties: {B: !Sub x, C: [!GetAtt A.B, 1, 0123, yes]}}}",
		"Resources:\n  T:\n    Type: A\n    DependsOn: [B, A]\n    Properties:\n      P: !If [A, !Ref B, {C: 2012-10-17}]\n",
		`{"Resources": {"T": {"Type": "A", "Properties": {"B": 1e3, "C": [null, true, "yes"]}}}}`,
		"Resources:\n  F: {Type: AWS::Lambda::Function, Properties: {Code: {S3Bucket: !FindInMap [B, !Ref AWS::Region, b], S3Key: k}}}\nMappings: {B: {us-east-1: {b: x}, us-west-2: {b: y}}}\n",
		"Resources: {F: {Type: AWS::Serverless::Function, Properties: {CodeUri: !If [C, s3://a/b, {Bucket: a, Key: c}], ImageUri: a.b/c@sha256:1}}}",
		"Resources: {Fn::ForEach::L: [N, [a, b], {F${N}: {Type: AWS::Serverless::Function, Properties: {CodeUri: !Sub 's3://a/${N}'}}}]}",
		"Transform: A\nMappings: {M: {a: {b: c}}}\nResources: {T: {Type: A, Properties: {B: !FindInMap [M, a, b]}}}",
	} {
		f.Add(seed, uint(3))
	}
	f.Fuzz(func(t *testing.T, text string, which uint) {
		a, ok := packagedOf(t, "a.yaml", text)
		if !ok {
			return
		}
		again, _ := packagedOf(t, "a.yaml", text)
		same := Compare(t.Context(), a, again, Stack{}, Stack{})
		if got := lines(same); got != "" {
			t.Fatalf("it differs from itself:\n%s", got)
		}
		for _, p := range same.Pairs {
			if p.Old != p.New {
				t.Fatalf("its location %d is taken for %d", p.Old, p.New)
			}
		}
		if form, err := a.t.toJSON(a.t.doc.Root); err == nil && !a.t.doc.JSON {
			b, ok := packagedOf(t, "a.json", string(form))
			if !ok || !b.t.doc.JSON {
				t.Fatalf("its JSON form is not read:\n%s", form)
			}
			if got := lines(Compare(t.Context(), a, b, Stack{}, Stack{})); got != "" {
				t.Fatalf("it differs from its JSON form:\n%s\n%s", got, form)
			}
		}
		scalars := scalarsOf(again.t.doc.Root)
		if scalars == nil {
			return // a key stands twice
		}
		n := scalars[which%uint(len(scalars))]
		n.Value, n.Plain, n.Tag = n.Value+" which nobody writes", false, ""
		got := Compare(t.Context(), a, again, Stack{}, Stack{})
		if len(got.Pairs) > 0 {
			return // it may be a part of a location
		}
		if len(got.All) != 1 || got.More != 0 {
			t.Fatalf("one scalar at %d:%d differs:\n%s", n.Line, n.Column, lines(got))
		}
	})
}

// scalarsOf are the scalars of a tree that are values; none where a key stands twice.
func scalarsOf(n *syntax.Node) (all []*syntax.Node) {
	if n.Kind == syntax.Scalar {
		return []*syntax.Node{n}
	}
	seen := make(map[string]bool)
	for i, v := range n.Values {
		if n.Kind == syntax.Mapping {
			key := n.Keys[i].Value
			if seen[key] || n.Keys[i].Kind != syntax.Scalar {
				return nil
			}
			seen[key] = true
		}
		below := scalarsOf(v)
		if below == nil && len(v.Values) > 0 {
			return nil
		}
		all = append(all, below...)
	}
	return all
}

// Locations are told apart from all else: they are paired, wherever they stand, and a mapping in
// which they are found belongs to them, if nothing else is found there.
func TestLocationsApart(t *testing.T) {
	text := func(bucket, rest string) string {
		return "Mappings: {Buckets: {us-east-1: {Bucket: " + bucket + "}}}\nResources:\n" +
			"  F: {Type: AWS::Lambda::Function, Properties: {Code: {S3Bucket: !FindInMap [Buckets, !Ref 'AWS::Region', Bucket], S3Key: k.zip}}}\n" +
			"  G: {Type: AWS::Serverless::Function, Properties: {CodeUri: 's3://" + bucket + "/k.zip'}}\n" +
			"  H: {Type: AWS::Lambda::Function, Properties: {Code: {ZipFile: " + bucket + "}}}\n" + rest
	}
	for name, tt := range map[string]struct{ old, new, want string }{
		"locations": {text("a", ""), text("b", ""), "Resources.H.Properties.Code.ZipFile: \"a\" (5:65) → \"b\" (5:65)\n"},
		"a mapping that serves others": {
			text("a", "  T: {Type: A, Properties: {B: !FindInMap [Buckets, us-east-1, Bucket]}}\n"),
			text("b", "  T: {Type: A, Properties: {B: !FindInMap [Buckets, us-east-1, Bucket]}}\n"),
			"Mappings.Buckets.us-east-1.Bucket: \"a\" (1:42) → \"b\" (1:42)\nResources.H.Properties.Code.ZipFile: \"a\" (5:65) → \"b\" (5:65)\n",
		},
		"a mapping that may serve others": {
			text("a", "  T: {Type: A, Properties: {B: !FindInMap [!Ref P, us-east-1, Bucket]}}\n"),
			text("b", "  T: {Type: A, Properties: {B: !FindInMap [!Ref P, us-east-1, Bucket]}}\n"),
			"Mappings.Buckets.us-east-1.Bucket: \"a\" (1:42) → \"b\" (1:42)\nResources.H.Properties.Code.ZipFile: \"a\" (5:65) → \"b\" (5:65)\n",
		},
	} {
		before, _ := packagedOf(t, "old.yaml", tt.old)
		after, _ := packagedOf(t, "new.yaml", tt.new)
		d := Compare(t.Context(), before, after, Stack{}, Stack{})
		if got := lines(d); got != tt.want || len(d.Pairs) != 2 {
			t.Errorf("%s: %d pairs\n%s\nwant\n%s", name, len(d.Pairs), got, tt.want)
		}
	}
	before, _ := packagedOf(t, "old.yaml", text("a", ""))
	after, _ := packagedOf(t, "new.yaml", "Resources:\n  G: {Type: AWS::Serverless::Function, Properties: {CodeUri: 's3://b/k.zip'}}\n  I: {Type: AWS::Serverless::Function, Properties: {CodeUri: 's3://b/i.zip'}}\n")
	if got := fmt.Sprint(Compare(t.Context(), before, after, Stack{}, Stack{}).Pairs); got != "[{1 0} {-1 1} {0 -1}]" {
		t.Errorf("pairs %s", got)
	}
}

// What is said beside a location is compared, and what only a deployment makes a location is
// compared as it is written.
func TestBesideLocations(t *testing.T) {
	const (
		head = "Parameters: {P: {Type: String, Default: b}}\nMappings: {M: {x: {K: k}, y: {K: %s}}, Buckets: {us-east-1: {B: b}, us-west-2: {B: %s}}}\n" +
			"Conditions: {C: !Equals [!Ref P, b], D: !Equals [!Ref P, c]}\nResources:\n  F:\n    Type: AWS::Lambda::Function\n    Properties:\n      Code: "
		one, two = "{S3Bucket: b, S3Key: k}", "{S3Bucket: c, S3Key: l}"
	)
	template := func(code string) string { return fmt.Sprintf(head, "j", "b") + code + "\n" }
	const at = "Resources.F.Properties.Code"
	for name, tt := range map[string]struct{ old, new, want string }{
		"another object":            {one, two, ""},
		"with a version":            {one, "{S3Bucket: b, S3Key: k, S3ObjectVersion: v}", ""},
		"found by region":           {one, "{S3Bucket: !FindInMap [Buckets, !Ref AWS::Region, B], S3Key: k}", ""},
		"made of the region":        {one, "{S3Bucket: !Sub 'b-${AWS::Region}', S3Key: !Join ['', [k, l]]}", ""},
		"by a condition":            {"!If [C, " + one + ", " + two + "]", "!If [C, " + two + ", " + one + "]", ""},
		"parts by a condition":      {"{S3Bucket: !If [C, b, c], S3Key: k}", "{S3Bucket: !If [C, b, d], S3Key: k}", ""},
		"the key of its encryption": {"{S3Bucket: b, S3Key: k, SourceKMSKeyArn: a}", "{S3Bucket: b, S3Key: k, SourceKMSKeyArn: b}", at + `.SourceKMSKeyArn: "a" (8:54) → "b" (8:54)`},
		"a key of encryption":       {one, "{S3Bucket: b, S3Key: k, SourceKMSKeyArn: b}", at + `.SourceKMSKeyArn: nothing → "b" (8:54)`},
		"the condition":             {"!If [C, " + one + ", " + two + "]", "!If [D, " + one + ", " + two + "]", at + `.Fn::If.0: "C" (8:18) → "D" (8:18)`},
		"a condition around it":     {one, "!If [C, " + one + ", " + two + "]", at + `: a location (8:13) → !If ["C", a location, a location] (8:13)`},
		"the condition of a part":   {"{S3Bucket: !If [C, b, c], S3Key: k}", "{S3Bucket: !If [D, b, c], S3Key: k}", at + `.S3Bucket.Fn::If.0: "C" (8:29) → "D" (8:29)`},
		"where there is none":       {"!If [C, " + one + ", !Ref AWS::NoValue]", "!If [C, !Ref AWS::NoValue, " + one + "]", at + ".Fn::If.1: a location (8:21) → nothing\n" + at + ".Fn::If.2: nothing → a location (8:40)"},
		"a parameter":               {one, "{S3Bucket: !Ref P, S3Key: k}", at + `: a location (8:13) → {S3Bucket: !Ref P, S3Key: "k"} (8:13)`},
		"in a branch nobody knows":  {"!If [C, " + one + ", {S3Bucket: !ImportValue x, S3Key: k}]", "!If [C, " + one + ", {S3Bucket: !ImportValue x, S3Key: l}]", at + `.Fn::If.2.S3Key: "k" (8:80) → "l" (8:80)`},
	} {
		want := tt.want
		if want != "" {
			want += "\n"
		}
		before, _ := packagedOf(t, "old.yaml", template(tt.old))
		after, ok := packagedOf(t, "new.yaml", template(tt.new))
		if got := lines(Compare(t.Context(), before, after, Stack{Region: "us-east-1"}, Stack{Region: "us-east-1"})); got != want || !ok {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, want)
		}
	}
	// A mapping in which not all that is found is compared is no location's alone.
	for name, tt := range map[string]struct{ y, bucket, code, want string }{
		"by a parameter": {"l", "b", "{S3Bucket: b, S3Key: !FindInMap [M, !Ref P, K]}", "Mappings.M.y.K: \"j\" (2:34) → \"l\" (2:34)\n"},
		"by region":      {"j", "c", "{S3Bucket: !FindInMap [Buckets, !Ref AWS::Region, B], S3Key: k}", ""},
	} {
		before, _ := packagedOf(t, "old.yaml", strings.Replace(template(tt.code), "Default: b", "Default: x", 1))
		after, _ := packagedOf(t, "new.yaml", strings.Replace(fmt.Sprintf(head, tt.y, tt.bucket)+tt.code+"\n", "Default: b", "Default: x", 1))
		if got := lines(Compare(t.Context(), before, after, Stack{}, Stack{})); got != tt.want {
			t.Errorf("a mapping %s:\n%s\nwant\n%s", name, got, tt.want)
		}
	}
	// Where no region is known, what depends on it is no location, and nothing of it is overlooked.
	const code = "Resources: {F: {Type: AWS::Lambda::Function, Properties: {Code: {S3Bucket: !Sub 'b-${AWS::Region}', S3Key: %s}}}}"
	if got, want := comparedTexts(t, fmt.Sprintf(code, "k"), fmt.Sprintf(code, "l")), "Resources.F.Properties.Code.S3Key: \"k\" (1:108) → \"l\" (1:108)\n"; got != want {
		t.Errorf("without a region:\n%s\nwant\n%s", got, want)
	}
}
