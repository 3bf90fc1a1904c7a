package template

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// told reads a template and returns every error and warning as a line: place, subject, message, hint.
func told(t *testing.T, dir, text string) (errs, warnings []string) {
	t.Helper()
	source, found := readBack(t, dir, []byte(text))
	line := func(err error) string {
		var e *problem.Error
		if !errors.As(err, &e) {
			t.Fatalf("not a *problem.Error: %v", err)
		}
		return e.Error() + " (" + e.Hint + ")"
	}
	for _, err := range found {
		errs = append(errs, line(err))
	}
	for _, err := range source.Warnings {
		warnings = append(warnings, line(err))
	}
	return errs, warnings
}

// slips returns what a finger, a font or a memory makes of a name.
func slips(name string) (all []string) {
	add := func(slip string) {
		if slip != name && !slices.Contains(all, slip) {
			all = append(all, slip)
		}
	}
	add(strings.ToLower(name))
	add(strings.ToUpper(name))
	if len(name) < 3 {
		return all // of two letters, any two names are one slip apart
	}
	for i := 0; i < len(name); i += max(1, len(name)/5) {
		r := rune(name[i])
		before, after := name[:i], name[i+1:]
		add(before + after)
		add(before + "x" + after)
		add(before + string(r) + string(r) + after)
		add(before + strings.ToLower(string(r)) + after)
		add(before + strings.ToUpper(string(r)) + after)
		if len(after) > 0 {
			add(before + after[:1] + string(r) + after[1:])
		}
	}
	for _, odd := range []string{"\u00a0", "\u200b", "\ufeff", "\u3000", "\uff1a", "\u00a0\u00a0"} {
		add(odd + name)
		add(name + odd)
	}
	return all
}

// entry writes a template in which the property of a row is called by names.
func entry(row Row, names []string) string {
	value := "src"
	for _, name := range slices.Backward(names) {
		value = "{" + quoted(name) + ": " + value + "}"
	}
	if row.section != "Resources" {
		return fmt.Sprintf("%s: {%s: %s}\nResources: {T: {Type: AWS::SNS::Topic}}\n", row.section, row.typ, value)
	}
	if row.form.image {
		value = "{PackageType: Image, " + value[1:]
	}
	return fmt.Sprintf("Resources: {R: {Type: %s, Properties: %s}}\n", row.typ, value)
}

func quoted(name string) string { return `"` + name + `"` }

// Every slip in the name of every property of the table is told: an error, since CloudFormation and SAM refuse a property
// that they do not know, but in Metadata, where anything may stand.
func TestSlips(t *testing.T) {
	dir := t.TempDir()
	for _, row := range Table() {
		steps := strings.Split(strings.ReplaceAll(row.path, "**", "Some"), ".")
		if errs, warnings := told(t, dir, entry(row, steps)); len(warnings) > 0 || len(errs) > 0 && row.typ != "AWS::Serverless::GraphQLApi" {
			t.Errorf("%s.%s: %q %q", row.typ, row.path, errs, warnings)
		}
		for i, step := range steps {
			if step == "Some" {
				continue
			}
			for _, slip := range slips(step) {
				wrong := slices.Clone(steps)
				wrong[i] = slip
				errs, warnings := told(t, dir, entry(row, wrong))
				if row.section == "Metadata" {
					errs, warnings = warnings, errs
				}
				names := func(line string) bool { return strings.Contains(line, "should be "+step) }
				if !slices.ContainsFunc(errs, names) || len(warnings) > 0 {
					t.Errorf("%s with %q for %s: %q %q", row.typ, slip, step, errs, warnings)
				}
			}
		}
	}
}

// The same for the names of types, sections, and what a resource consists of.
func TestSlipsInTypesAndSections(t *testing.T) {
	dir := t.TempDir()
	check := func(text, name string) {
		t.Helper()
		errs, _ := told(t, dir, text)
		if !slices.ContainsFunc(errs, func(line string) bool { return strings.Contains(line, "should be "+name) }) {
			t.Errorf("%s\n%q", text, errs)
		}
	}
	for _, row := range Table() {
		switch row.section {
		case "Resources":
			for _, slip := range slips(row.typ) {
				check(fmt.Sprintf("Resources: {R: {Type: %s}}\n", quoted(slip)), row.typ)
			}
		case "Globals":
			for _, slip := range slips(row.typ) {
				check(fmt.Sprintf("Globals: {%s: {}}\nResources: {R: {Type: AWS::SNS::Topic}}\n", quoted(slip)), row.typ)
			}
		}
	}
	for _, name := range []string{"Resources", "Globals", "Metadata", "Mappings", "Transform"} {
		for _, slip := range slips(name) {
			check(quoted(slip)+": {}\nOutputs: {}\n", name)
		}
	}
	for _, slip := range slips("Type") {
		check(fmt.Sprintf("Resources: {R: {%s: AWS::Lambda::Function, Properties: {Code: src}}}\n", quoted(slip)), "Type")
	}
	for _, slip := range slips("Properties") {
		check(fmt.Sprintf("Resources: {R: {Type: AWS::Lambda::Function, %s: {Code: src}}}\n", quoted(slip)), "Properties")
	}
}

// A macro may make anything of a template: what is refused without one is a warning then.
func TestSlipsBeforeMacros(t *testing.T) {
	dir := t.TempDir()
	const resource = "Resources: {R: {Type: AWS::Lambda::Function, Properties: {CodeUri: src%s}}}\n"
	for text, macro := range map[string]bool{
		"Transform: Mine\n" + fmt.Sprintf(resource, ""):                                                  true,
		"Transform: [AWS::Serverless-2016-10-31, Mine]\n" + fmt.Sprintf(resource, ""):                    true,
		"Transform: {Name: Mine}\n" + fmt.Sprintf(resource, ""):                                          true,
		fmt.Sprintf(resource, ", Fn::Transform: {Name: Mine}"):                                           true,
		fmt.Sprintf(resource, ", Tags: !Transform {Name: Mine}"):                                         true,
		"Transform: {Name: AWS::Include, Parameters: {Location: src}}\n" + fmt.Sprintf(resource, ""):     true,
		"Transform: [AWS::Serverless-2016-10-31, AWS::LanguageExtensions]\n" + fmt.Sprintf(resource, ""): false,
		fmt.Sprintf(resource, ", Fn::Transform: {Name: AWS::Include, Parameters: {Location: src}}"):      false,
	} {
		errs, warnings := told(t, dir, text)
		if (len(errs) == 0) != macro || len(errs)+len(warnings) == 0 {
			t.Errorf("%s\n%q %q", text, errs, warnings)
		}
	}
}

// What YAML takes for a letter and a reader for a space, a colon or nothing is named, wherever it stands at a key.
func TestOddCharacters(t *testing.T) {
	dir := t.TempDir()
	const text = "Resources:\n  F:\n    Type: AWS::Serverless::Function\n    Properties:\n      Handler: a.b\n      CodeUri: src\n"
	const short = "Resources:\n  F:\n    Type: AWS::Serverless::Function\n    Properties:\n      CodeUri: src\n"
	for _, odd := range []rune{'\u00a0', '\u1680', '\u2003', '\u202f', '\u3000', '\u200b', '\u200e', '\u2060', '\ufeff', '\uff1a', '\ufe55'} {
		for _, text := range []string{text, short} {
			for at := range text {
				if text[at] != ':' || text[at+1] != ' ' && text[at+1] != '\n' {
					continue
				}
				rest := text[at+1:]
				for _, wrong := range []string{
					text[:at] + string(odd) + ":" + rest,                          // before the colon
					text[:at] + ":" + string(odd) + strings.TrimPrefix(rest, " "), // in place of the space
					text[:at] + string(odd) + rest,                                // in place of the colon
				} {
					errs, _ := told(t, dir, wrong)
					if !strings.Contains(strings.Join(errs, "\n"), fmt.Sprintf("%U", odd)) {
						t.Errorf("%q: %q", wrong, errs)
					}
				}
			}
		}
	}
}

// A value of the wrong kind is told, wherever packaged properties are looked for.
func TestWrongKinds(t *testing.T) {
	dir := t.TempDir()
	for _, place := range []string{
		"%s",
		"Resources: %s",
		"Resources: {F: %s}",
		"Resources: {F: {Type: %s}}",
		"Resources: {F: {Type: {a: b}}}%.0s",
		"Resources: {F: {Type: AWS::SNS::Topic, Properties: %s}}",
		"Resources: {J: {Type: AWS::Glue::Job, Properties: {Command: %s}}}",
		"Resources: {R: {Type: AWS::CodeCommit::Repository, Properties: {Code: %s}}}",
		"Resources: {G: {Type: AWS::Serverless::GraphQLApi, Properties: {SchemaInline: x, Functions: %s}}}",
		"Resources: {'Fn::ForEach::L': %s}",
		"Resources: {T: {Type: AWS::SNS::Topic}}\nGlobals: %s",
		"Resources: {T: {Type: AWS::SNS::Topic}}\nGlobals: {Function: %s}",
		"Resources: {T: {Type: AWS::SNS::Topic}}\nMetadata: %s",
		"Resources: {T: {Type: AWS::SNS::Topic}}\nMetadata: {AWS::ServerlessRepo::Application: %s}",
		"Resources: {T: {Type: AWS::SNS::Topic}}\nMappings: %s",
	} {
		for _, value := range []string{"text", "'CodeUri: src'", "[]", "[a, b]", "12", "true"} {
			if strings.HasSuffix(place, "Type: %s}}") && strings.ContainsAny(value, "tx'") && value != "true" {
				continue // a text is right there
			}
			errs, warnings := told(t, dir, fmt.Sprintf(place, value)+"\n")
			if len(errs) == 0 && (!strings.Contains(place, "ServerlessRepo") || len(warnings) == 0) {
				t.Errorf(place, value)
			}
		}
	}
}

// Nothing stands in a section, or in an entry of Globals.
func TestEmptySections(t *testing.T) {
	dir := t.TempDir()
	const topic = "Resources: {T: {Type: AWS::SNS::Topic}}\n"
	for text, want := range map[string]string{
		"Resources:\n": "error",
		"Resources: null\nF: {Type: AWS::SNS::Topic}\n": "error",
		"Resources: {}\n":                                   "warning",
		"Transform: Mine\nResources:\n":                     "warning",
		topic + "Globals:\n":                                "error",
		topic + "Globals: {}\n":                             "",
		topic + "Globals:\n  Function:\n":                   "error",
		topic + "Globals:\n  Function: {}\n":                "",
		topic + "Metadata:\n":                               "warning",
		topic + "Mappings: # none\n":                        "warning",
		topic + "Mappings: {}\n":                            "",
		topic + "Transform:\n":                              "warning",
		topic + "Outputs: ~\n":                              "warning",
		`{"Resources": null}`:                               "error",
		`{"Resources": {"T": {"Type": "AWS::SNS::Topic"}}}`: "",
	} {
		errs, warnings := told(t, dir, text)
		got := ""
		if len(errs) > 0 {
			got = "error"
		} else if len(warnings) > 0 {
			got = "warning"
		}
		if got != want {
			t.Errorf("%q: %q %q, want %q", text, errs, warnings, want)
		}
	}
}
