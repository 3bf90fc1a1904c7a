package template

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/syntax"
)

// resource is a template in which a row's property has a value.
func (r Row) resource(value string) string {
	steps := strings.Split(strings.ReplaceAll(r.path, "**", "Any"), ".")
	text := value
	for i := len(steps) - 1; i >= 0; i-- {
		text = "{" + steps[i] + ": " + text + "}"
	}
	if r.section != "Resources" {
		return r.section + ": {" + r.typ + ": " + text + "}\nResources: {T: {Type: AWS::SNS::Topic}}\n"
	}
	if r.typ == "AWS::Serverless::GraphQLApi" && r.path != "SchemaUri" {
		text = "{SchemaInline: x, " + text[1:] // it needs a schema
	}
	return "Resources:\n  R:\n    Type: " + r.typ + "\n    Properties: " + text + "\n"
}

// readText reads a template that is nowhere stored.
func readText(t *testing.T, src string) (*Template, []error) {
	t.Helper()
	tmpl := &Template{Path: "template.yaml", Dir: t.TempDir(), table: Table()}
	return tmpl, tmpl.parse(t.Context(), []byte(src))
}

// Every property of the table with every way to begin a location: it is taken, warned of
// or refused, as the resource's page in AWS's references and SAM's translator have it.
func TestLocations(t *testing.T) {
	const quiet, warns, fails = "taken", "warned of", "refused"
	for _, row := range Table() {
		if row.form.image {
			continue // see TestImageValues
		}
		sam := row.section == "Globals" || strings.HasPrefix(row.typ, "AWS::Serverless::") && row.path != "SchemaUri" && !strings.Contains(row.path, "**")
		want := map[string]string{
			"s3://bucket/key": quiet, "s3://bucket": fails, "s3://bucket/": fails, "s3:///key": fails, "s3://": fails, "s3:/bucket/key": fails, "s3:bucket/key": fails,
			"https://host/key": warns, "http://host/key": warns, "https:/host/key": fails, "ftp://host/key": warns, "arn:aws:s3:::bucket/key": warns, "ssm-doc:document": warns,
			"file://key": fails, "file:///key": fails, "FILE://key": fails, "fileb://key": fails, "file:key": fails, "S3://bucket/key": warns,
		}
		switch {
		case row.nested:
			for text := range want {
				want[text] = fails
			}
			want["https://host/key"], want["ssm-doc:document"], want["ssm-doc://document"], want["http://host/key"] = quiet, quiet, quiet, warns
		case sam || row.form.bucket != "":
			for text, is := range want {
				if is == warns {
					want[text] = fails
				}
			}
			want["S3://bucket/key"] = quiet
		}
		for text, want := range want {
			tmpl, errs := readText(t, row.resource("'"+text+"'"))
			got := quiet
			switch {
			case len(errs) > 0:
				got = fails
			case len(tmpl.Warnings) > 0:
				got = warns
			}
			if got != want {
				t.Errorf("%s.%s: %s is %s and must be %s: %v", row.typ, row.path, text, got, want, append(errs, tmpl.Warnings...))
			}
			for _, r := range tmpl.refs {
				if r.Stored == nil {
					t.Errorf("%s.%s: %s is taken for a local path", row.typ, row.path, text)
				}
			}
		}
	}
}

// Schemes that nobody wrote down are never passed in silence, nor taken for a path.
func TestUnknownSchemes(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	rows := Table()
	for range 500 {
		scheme := string(rune('a' + random.IntN(26)))
		for range 1 + random.IntN(6) {
			scheme += string("abcxyz019+-."[random.IntN(12)])
		}
		row := rows[random.IntN(len(rows))]
		tmpl, errs := readText(t, row.resource("'"+scheme+"://a/b c'"))
		if len(errs)+len(tmpl.Warnings) == 0 || len(tmpl.refs) > 0 {
			t.Errorf("%s.%s: %s:// is passed in silence", row.typ, row.path, scheme)
		}
	}
}

// expressions makes functions that come out as a text.
type expressions struct {
	*rand.Rand
	mappings []string
}

// of returns a function, or the text itself, that comes out as text.
func (e *expressions) of(text string, depth int) string {
	quoted := syntax.QuoteJSON(text)
	cut := e.IntN(len(text) + 1)
	a, b := text[:cut], text[cut:]
	if depth == 0 {
		return quoted
	}
	switch e.IntN(6) {
	case 0:
		return `{"Fn::Sub": ` + quoted + `}`
	case 1:
		return `{"Fn::Sub": ["${A}` + b + `", {"A": ` + e.of(a, depth-1) + `}]}`
	case 2:
		return `{"Fn::Join": ["", [` + e.of(a, depth-1) + `, ` + e.of(b, depth-1) + `]]}`
	case 3:
		return `{"Fn::Select": [1, [{"Ref": "Unknown"}, ` + e.of(text, depth-1) + `]]}`
	case 4:
		name := fmt.Sprint("M", len(e.mappings))
		e.mappings = append(e.mappings, fmt.Sprintf(`"%s": {"a": {"b": %s}}`, name, quoted))
		return `{"Fn::FindInMap": ["` + name + `", ` + e.of("a", depth-1) + `, "b"]}`
	}
	return quoted
}

// Whatever functions make it up, a value that is known means what its text does.
func TestKnownFunctions(t *testing.T) {
	for seed := range uint64(500) {
		e := &expressions{Rand: rand.New(rand.NewPCG(seed, 1))}
		text := []string{"code", "./code/a", "a/b-${T}.jar", "s3://bucket/key", "https://host/key", "file://a"}[e.IntN(6)]
		value := e.of(text, 1+e.IntN(4))
		resources := fmt.Sprintf(`{"R": {"Type": "AWS::Glue::Job", "Properties": {"Command": {"ScriptLocation": %s}}}}`, value)
		if strings.Contains(text, "${T}") {
			resources = `{"Fn::ForEach::L": ["T", ["x", "y"], ` + strings.Replace(resources, `"R"`, `"R${T}"`, 1) + `]}`
			for strings.Contains(value, "${") && strings.Contains(value, "FindInMap") {
				value = "" // a mapping's content is no place for a loop's variable
			}
		}
		if value == "" {
			continue
		}
		tmpl, errs := readText(t, `{"Mappings": {`+strings.Join(e.mappings, ", ")+`}, "Resources": `+resources+`}`)
		want := []string{text}
		switch {
		case strings.HasPrefix(text, "file"):
			if len(errs) != 1 {
				t.Errorf("%s: %v", value, errs)
			}
			continue
		case strings.Contains(text, "${T}"):
			want = []string{"a/b-x.jar", "a/b-y.jar"}
		case strings.Contains(text, "://"):
			want = nil
		}
		var got []string
		for _, r := range tmpl.References() {
			got = append(got, r.Local)
		}
		if len(errs) > 0 || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: %q, want %q; %v", value, got, want, errs)
		}
	}
}

// A local path that is not wholly known is always told, whatever is not known of it.
func TestUnknownFunctions(t *testing.T) {
	for seed := range uint64(300) {
		e := &expressions{Rand: rand.New(rand.NewPCG(seed, 2))}
		begin := []string{"./", "code/", "../a-", "target/x", "my_dir", "code-"}[e.IntN(6)]
		hole := []string{`{"Ref": "P"}`, `{"Ref": "AWS::Region"}`, `{"Fn::ImportValue": "x"}`, `{"Fn::GetAtt": ["A", "B"]}`, `"{{resolve:ssm:/x}}"`, `{"Fn::Sub": "${P}"}`}[e.IntN(6)]
		value := `{"Fn::Join": ["", [` + e.of(begin, e.IntN(3)) + `, ` + hole + `, ` + e.of("/z.zip", e.IntN(2)) + `]]}`
		src := `{"Mappings": {` + strings.Join(e.mappings, ", ") + `}, "Parameters": {"P": {"Type": "String"}}, "Resources": {"R": {"Type": "AWS::Glue::Job", "Properties": {"Command": {"ScriptLocation": ` + value + `}}}}}`
		if tmpl, errs := readText(t, src); len(errs) != 1 || !strings.Contains(errs[0].Error(), "can only be a local path") || len(tmpl.refs) > 0 {
			t.Errorf("%s: %v", value, errs)
		}
	}
}

// choices makes Fn::If in many styles.
type choices struct{ *rand.Rand }

// branch is one branch, in flow style or in block style at an indentation.
func (c choices) branch(flow bool, indent string, depth int) string {
	if depth > 0 && c.IntN(3) == 0 {
		return c.of(flow, indent+"  ", depth-1)
	}
	leaves := []string{
		"src", "'src'", `"one.py"`, "./a b", "s3://own/k", "'s3://own/k?versionId=v'", "{Bucket: own, Key: k}", `{Bucket: !Ref B, Key: !Sub "a${C}", Version: '1'}`,
		`!Ref "AWS::NoValue"`, "{Ref: 'AWS::NoValue'}", `!Sub "s3://${B}/k${C}"`, `{"Fn::Sub": "s3://b/${C}"}`, "!Sub src", `{"Fn::Join": ['', [s, rc]]}`,
	}
	if !flow {
		leaves = append(leaves, ">-\n"+indent+"  src", "|- # why\n"+indent+"  src", "Bucket: own\n"+indent+"  Key: k # so", "src\n"+indent+"  more", "&x src", "!!str src", "src # so", "Fn::Sub: src")
	}
	return leaves[c.IntN(len(leaves))]
}

func (c choices) of(flow bool, indent string, depth int) string {
	comment := ""
	if c.IntN(3) == 0 {
		comment = " # by this"
	}
	if flow || c.IntN(4) == 0 {
		list := "[C, " + c.branch(true, indent, depth) + ", " + c.branch(true, indent, depth) + "]"
		if c.IntN(2) == 0 {
			return "!If " + list
		}
		return `{"Fn::If": ` + list + "}"
	}
	long := c.IntN(2) == 0
	if long {
		indent += "  "
	}
	text := comment + "\n" + indent + "- C" + comment
	for range 2 {
		if c.IntN(4) == 0 {
			text += "\n" + indent + "# a comment"
		}
		text += "\n" + indent + "- " + c.branch(false, indent, depth)
	}
	if long {
		return "Fn::If:" + text
	}
	return "!If" + text
}

// FuzzChoices: Fn::If in SAM's own properties, in any style and with any branches, becomes
// a bucket and a key that mean the same, and the lines around it stay.
func FuzzChoices(f *testing.F) {
	dir := f.TempDir()
	for seed := range uint64(300) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		c := choices{rand.New(rand.NewPCG(seed, 3))}
		indent := strings.Repeat(" ", 6+2*c.IntN(2))
		value := c.of(c.IntN(4) == 0, indent, 2)
		separator := " "
		switch {
		case strings.HasPrefix(value, "Fn::If:"):
			separator = "\n" + indent + "  "
		case c.IntN(6) == 0:
			separator = "\n        "
		}
		src := "Resources:\n  F:\n    Type: AWS::Serverless::Function # first\n    Properties:\n      # before\n      CodeUri:" + separator + value + "\n      # behind\n      Handler: a.b\n"
		if c.IntN(5) == 0 {
			src = strings.ReplaceAll(src, "\n", "\r\n")
		}
		p := repackage(t, dir, []byte(src), "code", "")
		if p == nil || len(p.source.refs) != 1 {
			t.Fatalf("not packaged:\n%s", src)
		}
		p.compareValues(t, []byte(src))
		p.compareLines(t)
	})
}
