package packager_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/symphoniacloud/multi-region-codepipeline/packager"
)

// Every row of the table of packaged properties: what a local path becomes,
// as the resource's page in AWS's references has it. A new row is one line in
// properties.go and one here. KEY and ZIP stand for the keys of a file stored
// as it is and of its archive, TPL for that of a nested template.
func TestPackagedProperties(t *testing.T) {
	const (
		s3raw = "s3://code/KEY"
		s3zip = "s3://code/ZIP"
		url   = "https://s3.us-east-1.amazonaws.com/code/TPL"
	)
	tests := []struct{ typ, property, file, want string }{
		{"AWS::Serverless::Function", "CodeUri", "a.js", s3zip},
		{"AWS::Serverless::LayerVersion", "ContentUri", "a.js", s3zip},
		{"AWS::Serverless::Api", "DefinitionUri", "a.js", s3raw},
		{"AWS::Serverless::HttpApi", "DefinitionUri", "a.js", s3raw},
		{"AWS::Serverless::StateMachine", "DefinitionUri", "a.js", "{Bucket: code, Key: KEY}"},
		{"AWS::Serverless::Application", "Location", "child.yaml", url},
		{"AWS::Serverless::GraphQLApi", "SchemaUri", "a.js", s3raw},
		{"AWS::Serverless::GraphQLApi", "Functions.First.CodeUri", "a.js", s3raw},
		{"AWS::Serverless::GraphQLApi", "Resolvers.Query.getOrder.CodeUri", "a.js", s3raw},
		{"AWS::Lambda::Function", "Code", "a.js", "{S3Bucket: code, S3Key: ZIP}"},
		{"AWS::Lambda::LayerVersion", "Content", "a.js", "{S3Bucket: code, S3Key: ZIP}"},
		{"AWS::ApiGateway::RestApi", "BodyS3Location", "a.js", "{Bucket: code, Key: KEY}"},
		{"AWS::ApiGatewayV2::Api", "BodyS3Location", "a.js", "{Bucket: code, Key: KEY}"},
		{"AWS::AppSync::GraphQLSchema", "DefinitionS3Location", "a.js", s3raw},
		{"AWS::AppSync::Resolver", "RequestMappingTemplateS3Location", "a.js", s3raw},
		{"AWS::AppSync::Resolver", "ResponseMappingTemplateS3Location", "a.js", s3raw},
		{"AWS::AppSync::Resolver", "CodeS3Location", "a.js", s3raw},
		{"AWS::AppSync::FunctionConfiguration", "RequestMappingTemplateS3Location", "a.js", s3raw},
		{"AWS::AppSync::FunctionConfiguration", "ResponseMappingTemplateS3Location", "a.js", s3raw},
		{"AWS::AppSync::FunctionConfiguration", "CodeS3Location", "a.js", s3raw},
		{"AWS::ElasticBeanstalk::ApplicationVersion", "SourceBundle", "a.js", "{S3Bucket: code, S3Key: KEY}"},
		{"AWS::CloudFormation::Stack", "TemplateURL", "child.yaml", url},
		{"AWS::CloudFormation::StackSet", "TemplateURL", "child.yaml", url},
		{"AWS::CloudFormation::ModuleVersion", "ModulePackage", "a.js", s3raw},
		{"AWS::CloudFormation::ResourceVersion", "SchemaHandlerPackage", "a.js", s3raw},
		{"AWS::Glue::Job", "Command.ScriptLocation", "a.js", s3raw},
		{"AWS::StepFunctions::StateMachine", "DefinitionS3Location", "a.js", "{Bucket: code, Key: KEY}"},
		{"AWS::CodeCommit::Repository", "Code.S3", "a.js", "{Bucket: code, Key: ZIP}"},
	}
	page, err := os.ReadFile("PROPERTIES.md")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write(t, dir, "a.js", "exports.handler = async () => 'hello'\n")
	write(t, dir, "child.yaml", "Resources: {T: {Type: AWS::SNS::Topic}}\n")
	for _, test := range tests {
		t.Run(test.typ+"."+test.property, func(t *testing.T) {
			if !documented(string(page), test.typ, test.property) {
				t.Errorf("PROPERTIES.md does not name it")
			}
			var text strings.Builder
			text.WriteString("Resources:\n  R:\n    Type: " + test.typ + "\n    Properties:\n")
			indent := "      "
			steps := strings.Split(test.property, ".")
			for _, step := range steps[:len(steps)-1] {
				text.WriteString(indent + step + ":\n")
				indent += "  "
			}
			line := indent + steps[len(steps)-1] + ": "
			src := text.String() + line + test.file + "\n"
			write(t, dir, "template.yaml", src)
			plan, err := packager.NewPlan(t.Context(), packager.Options{
				TemplateFile: filepath.Join(dir, "template.yaml"),
				Stores:       []packager.Store{{Region: "us-east-1", Bucket: "code"}},
			})
			if err != nil {
				t.Fatal(err)
			}
			want := test.want
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
				t.Fatalf("stored: %+v, want %s", plan.Stores[0].Objects, test.want)
			}
			if got := string(plan.Templates[0].Body); got != text.String()+line+want+"\n" {
				t.Errorf("packaged:\n%s\nwant the last line %s%s", got, line, want)
			}
		})
	}
}

// documented tells whether the page's table names the last step of a property
// in a row of its type.
func documented(page, typ, property string) bool {
	for line := range strings.Lines(page) {
		columns := strings.Split(line, "|")
		if len(columns) > 2 && strings.Contains(columns[1], "`"+typ+"`") && strings.Contains(columns[2], property[strings.LastIndex(property, ".")+1:]) {
			return true
		}
	}
	return false
}

func write(t *testing.T, dir, name, content string) {
	t.Helper()
	path := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o666); err != nil {
		t.Fatal(err)
	}
}
