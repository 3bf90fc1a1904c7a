package packager

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/region"
)

// A form is how a property names an S3 object: a URL where bucket is empty,
// else a mapping with these keys. version is "" where CloudFormation knows no
// version there.
type form struct {
	https                bool
	bucket, key, version string
}

// absentRule says what a missing property means.
type absentRule uint8

const (
	leave  absentRule = iota // nothing happens
	folder                   // the template's own folder is the artifact, as the AWS CLI documents
)

// A property is one row of the table of packaged properties.
type property struct {
	section string // the template's section: Resources, Globals or Metadata
	typ     string // the resource type; in Globals and Metadata the entry's key
	path    string // dots divide it; ** stands for any number of keys
	form    form
	zip     bool // a single file becomes a zip of one
	absent  absentRule
	nested  bool // the file is a template, packaged in its turn
}

// properties is the table of what is packaged: the union of what aws
// cloudformation package and sam package know, from the resource type
// reference of CloudFormation and SAM's specification. One line for a type
// and property, and one in TestPackagedProperties.
func properties() []property {
	var (
		s3     = form{}
		url    = form{https: true}
		lambda = form{bucket: "S3Bucket", key: "S3Key", version: "S3ObjectVersion"}
		bkv    = form{bucket: "Bucket", key: "Key", version: "Version"}
		commit = form{bucket: "Bucket", key: "Key", version: "ObjectVersion"}
		bundle = form{bucket: "S3Bucket", key: "S3Key"}
	)
	const res = "Resources"
	return []property{
		{section: res, typ: "AWS::Serverless::Function", path: "CodeUri", form: s3, zip: true, absent: folder},
		{section: res, typ: "AWS::Serverless::LayerVersion", path: "ContentUri", form: s3, zip: true, absent: folder},
		{section: res, typ: "AWS::Serverless::Api", path: "DefinitionUri", form: s3},
		{section: res, typ: "AWS::Serverless::HttpApi", path: "DefinitionUri", form: s3},
		{section: res, typ: "AWS::Serverless::StateMachine", path: "DefinitionUri", form: bkv},
		{section: res, typ: "AWS::Serverless::Application", path: "Location", form: url, nested: true},
		{section: res, typ: "AWS::Serverless::GraphQLApi", path: "SchemaUri", form: s3},
		{section: res, typ: "AWS::Serverless::GraphQLApi", path: "Functions.**.CodeUri", form: s3},
		{section: res, typ: "AWS::Serverless::GraphQLApi", path: "Resolvers.**.CodeUri", form: s3},
		{section: res, typ: "AWS::Lambda::Function", path: "Code", form: lambda, zip: true, absent: folder},
		{section: res, typ: "AWS::Lambda::LayerVersion", path: "Content", form: lambda, zip: true, absent: folder},
		{section: res, typ: "AWS::ApiGateway::RestApi", path: "BodyS3Location", form: bkv},
		{section: res, typ: "AWS::ApiGatewayV2::Api", path: "BodyS3Location", form: bkv},
		{section: res, typ: "AWS::AppSync::GraphQLSchema", path: "DefinitionS3Location", form: s3},
		{section: res, typ: "AWS::AppSync::Resolver", path: "RequestMappingTemplateS3Location", form: s3},
		{section: res, typ: "AWS::AppSync::Resolver", path: "ResponseMappingTemplateS3Location", form: s3},
		{section: res, typ: "AWS::AppSync::Resolver", path: "CodeS3Location", form: s3},
		{section: res, typ: "AWS::AppSync::FunctionConfiguration", path: "RequestMappingTemplateS3Location", form: s3},
		{section: res, typ: "AWS::AppSync::FunctionConfiguration", path: "ResponseMappingTemplateS3Location", form: s3},
		{section: res, typ: "AWS::AppSync::FunctionConfiguration", path: "CodeS3Location", form: s3},
		{section: res, typ: "AWS::ElasticBeanstalk::ApplicationVersion", path: "SourceBundle", form: bundle, absent: folder},
		{section: res, typ: "AWS::CloudFormation::Stack", path: "TemplateURL", form: url, nested: true},
		{section: res, typ: "AWS::CloudFormation::StackSet", path: "TemplateURL", form: url, nested: true},
		{section: res, typ: "AWS::CloudFormation::ModuleVersion", path: "ModulePackage", form: s3, absent: folder},
		{section: res, typ: "AWS::CloudFormation::ResourceVersion", path: "SchemaHandlerPackage", form: s3, absent: folder},
		{section: res, typ: "AWS::Glue::Job", path: "Command.ScriptLocation", form: s3},
		{section: res, typ: "AWS::StepFunctions::StateMachine", path: "DefinitionS3Location", form: bkv},
		{section: res, typ: "AWS::CodeCommit::Repository", path: "Code.S3", form: commit, zip: true},

		{section: "Globals", typ: "Function", path: "CodeUri", form: s3, zip: true},
		{section: "Globals", typ: "Api", path: "DefinitionUri", form: s3},

		{section: "Metadata", typ: "AWS::ServerlessRepo::Application", path: "ReadmeUrl", form: s3},
		{section: "Metadata", typ: "AWS::ServerlessRepo::Application", path: "LicenseUrl", form: s3},
	}
}

// A Property is a property that is packaged besides those that mrpackage knows:
// one of a resource type that is new, or of one's own.
type Property struct {
	Type string // the resource type, "AWS::Lambda::Function"
	Path string // below Properties, steps divided by dots; ** stands for any number of keys
	Form Form
	Zip  bool // a single file becomes a zip of one; a folder always is zipped
}

// Form is how a property names an S3 object.
type Form string

// The forms.
const (
	FormS3     Form = "s3"     // "s3://bucket/key"
	FormURL    Form = "url"    // "https://s3.region.amazonaws.com/bucket/key"
	FormLambda Form = "lambda" // {S3Bucket, S3Key, S3ObjectVersion}
	FormBucket Form = "bucket" // {Bucket, Key, Version}
)

// row returns the property as a row of the table.
func (p Property) row() (property, error) {
	row := property{section: "Resources", typ: p.Type, path: p.Path, zip: p.Zip}
	switch p.Form {
	case FormS3:
	case FormURL:
		row.form.https = true
	case FormLambda:
		row.form = form{bucket: "S3Bucket", key: "S3Key", version: "S3ObjectVersion"}
	case FormBucket:
		row.form = form{bucket: "Bucket", key: "Key", version: "Version"}
	default:
		return row, fmt.Errorf("the property %s.%s: %q is not a form; there are %s, %s, %s and %s", p.Type, p.Path, p.Form, FormS3, FormURL, FormLambda, FormBucket)
	}
	if p.Type == "" || p.Path == "" || slices.Contains(strings.Split(p.Path, "."), "") || strings.HasSuffix(p.Path, "**") {
		return row, fmt.Errorf("the property %q of %q: a type and a path are needed", p.Path, p.Type)
	}
	return row, nil
}

// tableWith returns the table with more rows; of a type and path that it has,
// the new row counts.
func tableWith(more []Property) ([]property, error) {
	table := properties()
	for _, p := range more {
		row, err := p.row()
		if err != nil {
			return nil, err
		}
		table = slices.DeleteFunc(table, func(old property) bool {
			return old.section == row.section && old.typ == row.typ && old.path == row.path
		})
		table = append(table, row)
	}
	return table, nil
}

// A location is a stored object as a template names it.
type location struct{ region, bucket, key, version string }

// value returns the location in a property's form: a string, or the pairs of
// a mapping in order.
func (f form) value(l location) (text string, pairs [][2]string) {
	if f.bucket != "" {
		pairs = [][2]string{{f.bucket, l.bucket}, {f.key, l.key}}
		if l.version != "" && f.version != "" {
			pairs = append(pairs, [2]string{f.version, l.version})
		}
		return "", pairs
	}
	if f.https {
		return "https://s3." + l.region + "." + region.DNSSuffix(l.region) + "/" + l.bucket + "/" + l.key, nil
	}
	text = "s3://" + l.bucket + "/" + l.key
	if l.version != "" {
		text += "?versionId=" + l.version
	}
	return text, nil
}

// isURL tells a URL, or another service's name for a document, from a path.
// One letter before the colon is a Windows drive.
func isURL(value string) bool {
	return regexp.MustCompile(`^(?i)([a-z][a-z0-9+.-]+://|ssm-doc:|arn:)`).MatchString(value)
}

// s3Object reads s3://bucket/key?versionId=v.
func s3Object(value string) (location, bool) {
	m := regexp.MustCompile(`^s3://([^/?#]+)/([^?]+)(?:\?versionId=(.+))?$`).FindStringSubmatch(value)
	if m == nil {
		return location{}, false
	}
	return location{bucket: m[1], key: m[2], version: m[3]}, true
}
