package template_test

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/symphoniacloud/multi-region-codepipeline/packager"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/template"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// Every row of the table of packaged properties: what a local path becomes,
// as the resource's page in AWS's references has it. A new row is one line in
// properties.go and one here; the test fails for a row without a case. KEY and
// ZIP stand for the keys of a file stored as it is and of its archive, TPL for
// that of a nested template. In a template for all regions FIND stands for what
// finds the bucket; "" is where nothing can.
func TestPackagedProperties(t *testing.T) {
	const (
		s3raw = "s3://code/KEY"
		s3zip = "s3://code/ZIP"
		url   = "https://s3.us-east-1.amazonaws.com/code/TPL"

		pointerRaw = "{Bucket: FIND, Key: KEY}"
		pointerZip = "{Bucket: FIND, Key: ZIP}"
		sub        = `!Sub ["s3://${Bucket}/KEY", {Bucket: FIND}]`
		subURL     = `!Sub ["https://s3.${AWS::Region}.${AWS::URLSuffix}/${Bucket}/TPL", {Bucket: FIND}]`
	)
	tests := []struct{ section, typ, property, file, want, forAll string }{
		{"Resources", "AWS::Serverless::Function", "CodeUri", "a.js", s3zip, pointerZip},
		{"Resources", "AWS::Serverless::LayerVersion", "ContentUri", "a.js", s3zip, pointerZip},
		{"Resources", "AWS::Serverless::Api", "DefinitionUri", "a.js", s3raw, pointerRaw},
		{"Resources", "AWS::Serverless::HttpApi", "DefinitionUri", "a.js", s3raw, pointerRaw},
		{"Resources", "AWS::Serverless::StateMachine", "DefinitionUri", "a.js", "{Bucket: code, Key: KEY}", "{Bucket: FIND, Key: KEY}"},
		{"Resources", "AWS::Serverless::Application", "Location", "child.yaml", url, ""},
		{"Resources", "AWS::Serverless::GraphQLApi", "SchemaUri", "a.js", s3raw, ""},
		{"Resources", "AWS::Serverless::GraphQLApi", "Functions.First.CodeUri", "a.js", s3raw, sub},
		{"Resources", "AWS::Serverless::GraphQLApi", "Resolvers.Query.getOrder.CodeUri", "a.js", s3raw, sub},
		{"Resources", "AWS::Lambda::Function", "Code", "a.js", "{S3Bucket: code, S3Key: ZIP}", "{S3Bucket: FIND, S3Key: ZIP}"},
		{"Resources", "AWS::Lambda::LayerVersion", "Content", "a.js", "{S3Bucket: code, S3Key: ZIP}", "{S3Bucket: FIND, S3Key: ZIP}"},
		{"Resources", "AWS::ApiGateway::RestApi", "BodyS3Location", "a.js", "{Bucket: code, Key: KEY}", "{Bucket: FIND, Key: KEY}"},
		{"Resources", "AWS::ApiGatewayV2::Api", "BodyS3Location", "a.js", "{Bucket: code, Key: KEY}", "{Bucket: FIND, Key: KEY}"},
		{"Resources", "AWS::AppSync::GraphQLSchema", "DefinitionS3Location", "a.js", s3raw, sub},
		{"Resources", "AWS::AppSync::Resolver", "RequestMappingTemplateS3Location", "a.js", s3raw, sub},
		{"Resources", "AWS::AppSync::Resolver", "ResponseMappingTemplateS3Location", "a.js", s3raw, sub},
		{"Resources", "AWS::AppSync::Resolver", "CodeS3Location", "a.js", s3raw, sub},
		{"Resources", "AWS::AppSync::FunctionConfiguration", "RequestMappingTemplateS3Location", "a.js", s3raw, sub},
		{"Resources", "AWS::AppSync::FunctionConfiguration", "ResponseMappingTemplateS3Location", "a.js", s3raw, sub},
		{"Resources", "AWS::AppSync::FunctionConfiguration", "CodeS3Location", "a.js", s3raw, sub},
		{"Resources", "AWS::ElasticBeanstalk::ApplicationVersion", "SourceBundle", "a.js", "{S3Bucket: code, S3Key: KEY}", "{S3Bucket: FIND, S3Key: KEY}"},
		{"Resources", "AWS::CloudFormation::Stack", "TemplateURL", "child.yaml", url, subURL},
		{"Resources", "AWS::CloudFormation::StackSet", "TemplateURL", "child.yaml", url, subURL},
		{"Resources", "AWS::CloudFormation::ModuleVersion", "ModulePackage", "a.js", s3raw, sub},
		{"Resources", "AWS::CloudFormation::ResourceVersion", "SchemaHandlerPackage", "a.js", s3raw, sub},
		{"Resources", "AWS::Glue::Job", "Command.ScriptLocation", "a.js", s3raw, sub},
		{"Resources", "AWS::StepFunctions::StateMachine", "DefinitionS3Location", "a.js", "{Bucket: code, Key: KEY}", "{Bucket: FIND, Key: KEY}"},
		{"Resources", "AWS::CodeCommit::Repository", "Code.S3", "a.js", "{Bucket: code, Key: ZIP}", "{Bucket: FIND, Key: ZIP}"},
		{"Globals", "Function", "CodeUri", "a.js", s3zip, pointerZip},
		{"Metadata", "AWS::ServerlessRepo::Application", "ReadmeUrl", "a.js", s3raw, ""},
		{"Metadata", "AWS::ServerlessRepo::Application", "LicenseUrl", "a.js", s3raw, ""},
	}
	page, err := os.ReadFile("../../PROPERTIES.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range template.Table() {
		section, typ, name := row.Property()
		if strings.HasSuffix(name, "ImageUri") {
			if !documented(string(page), section, typ, name) {
				t.Errorf("PROPERTIES.md does not name %s.%s", typ, name)
			}
			continue // what it becomes has tests of its own
		}
		path := regexp.MustCompile("^" + strings.ReplaceAll(regexp.QuoteMeta(name), `\*\*`, `.+`) + "$")
		tested := false
		for _, test := range tests {
			tested = tested || test.section == section && test.typ == typ && path.MatchString(test.property)
		}
		if !tested {
			t.Errorf("the row %s, %s.%s has no case here", section, typ, name)
		}
	}
	dir := t.TempDir()
	write := func(name, content string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	write("a.js", "exports.handler = async () => 'hello'\n")
	write("child.yaml", "Resources: {T: {Type: AWS::SNS::Topic}}\n")
	for _, test := range tests {
		t.Run(test.section+"/"+test.typ+"."+test.property, func(t *testing.T) {
			if !documented(string(page), test.section, test.typ, test.property) {
				t.Errorf("PROPERTIES.md does not name it")
			}
			var text strings.Builder
			head, indent := test.section+":\n  "+test.typ+":\n", "    "
			if test.section == "Resources" {
				head, indent = "Resources:\n  R:\n    Type: "+test.typ+"\n    Properties:\n", "      "
			}
			steps := strings.Split(test.property, ".")
			if test.typ == "AWS::Serverless::GraphQLApi" && len(steps) > 1 {
				head += "      SchemaInline: type Query {}\n" // it needs a schema
			}
			text.WriteString(head)
			for _, step := range steps[:len(steps)-1] {
				text.WriteString(indent + step + ":\n")
				indent += "  "
			}
			line := indent + steps[len(steps)-1] + ": "
			src := text.String() + line + test.file + "\n"
			write("template.yaml", src)
			opts := packager.Options{
				TemplateFile: filepath.Join(dir, "template.yaml"),
				Stores:       []packager.Store{{Region: "us-east-1", Bucket: "code"}},
			}
			packaged := func(want string) {
				plan, err := packager.NewPlan(t.Context(), opts)
				if err != nil {
					t.Fatal(err)
				}
				for _, o := range plan.Stores[0].Objects {
					switch {
					case o.Artifact == nil:
						want = strings.ReplaceAll(want, "TPL", o.Key)
					case strings.HasSuffix(o.Key, ".zip"):
						want = strings.ReplaceAll(want, "ZIP", o.Key)
					default:
						want = strings.ReplaceAll(want, "KEY", o.Key)
					}
				}
				if len(plan.Stores[0].Objects) != 1 || strings.Contains(want, "KEY") || strings.Contains(want, "ZIP") || strings.Contains(want, "TPL") {
					t.Fatalf("stored: %+v, want %s", plan.Stores[0].Objects, want)
				}
				want = text.String() + line + want + "\n"
				if opts.OneTemplate {
					want = "Mappings: {ArtifactBuckets: {us-east-1: {Bucket: code}}}\n" + strings.ReplaceAll(want, "FIND", `!FindInMap [ArtifactBuckets, !Ref "AWS::Region", Bucket]`)
				}
				if got := string(plan.Templates[0].Body); got != want {
					t.Errorf("packaged:\n%s\nwant\n%s", got, want)
				}
			}
			packaged(test.want)
			opts.OneTemplate = true
			if test.forAll != "" {
				packaged(test.forAll)
				return
			}
			_, err := packager.NewPlan(t.Context(), opts)
			var e *problem.Error
			if !errors.As(err, &e) || !strings.Contains(e.Message, "this template is one for all regions") || e.Line == 0 || e.Hint == "" {
				t.Errorf("for all regions: %v", err)
			}
		})
	}
}

// documented tells whether the page's table names a property: its last step in
// a row of its type, or in the row of Globals with the type before it.
func documented(page, section, typ, property string) bool {
	name, property := "`"+typ+"`", property[strings.LastIndex(property, ".")+1:]
	if section == "Globals" {
		name, property = section, typ+"."+property
	}
	for line := range strings.Lines(page) {
		columns := strings.Split(line, "|")
		if len(columns) > 2 && strings.Contains(columns[1], name) && strings.Contains(columns[2], property) {
			return true
		}
	}
	return false
}
