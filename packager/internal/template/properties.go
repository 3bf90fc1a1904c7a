package template

import (
	"fmt"
	"slices"
	"strings"
)

// A form is how a property names an S3 object: a URL where bucket is empty,
// else a mapping with these keys. version is "" where CloudFormation knows no
// version there. With image it names a container image, by its registry's address.
type form struct {
	https, image         bool
	bucket, key, version string
}

// absentRule says what a missing property means.
type absentRule uint8

const (
	leave  absentRule = iota // nothing happens
	folder                   // the template's own folder is the artifact, as the AWS CLI documents
	needed                   // CloudFormation or SAM refuses the resource
	built                    // sam build makes it, in a function whose package is an image
)

// A Row is one row of the table of packaged properties.
type Row struct {
	section string // the template's section: Resources, Globals or Metadata
	typ     string // the resource type; in Globals and Metadata the entry's key
	path    string // dots divide it; ** stands for any number of keys
	form    form
	takes   takes // which locations it takes
	zip     bool  // a single file becomes a zip of one
	absent  absentRule
	nested  bool // the file is a template, packaged in its turn
	spread  bool // that template is deployed in other regions than the one that names it

	literal string // no function finds the bucket here, and what to do instead; "" where one does

	instead []string // other properties of the type that say what this one says
	own     bool     // it is the user's: nobody knows the type's other properties
	copied  bool     // an image's address in a registry is packaged, too
	podman  bool     // podman has the images whose names begin with localhost/
}

// steps are the keys that lead to the property.
func (r Row) steps() []string { return strings.Split(r.path, ".") }

// readBySAM tells whether SAM reads the property before CloudFormation carries out functions.
// What is the user's own, it passes on.
func (r Row) readBySAM() bool { return !r.own && strings.HasPrefix(r.typ, "AWS::Serverless::") }

// Table is the table of what is packaged: the union of what aws
// cloudformation package and sam package know, from the resource type
// reference of CloudFormation and SAM's specification. One line for a type
// and property, and one in TestPackagedProperties.
func Table() []Row {
	var (
		s3     = form{}
		url    = form{https: true}
		lambda = form{bucket: "S3Bucket", key: "S3Key", version: "S3ObjectVersion"}
		bkv    = form{bucket: "Bucket", key: "Key", version: "Version"}
		commit = form{bucket: "Bucket", key: "Key", version: "ObjectVersion"}
		bundle = form{bucket: "S3Bucket", key: "S3Key"}
		image  = form{image: true}

		object   = takes{schemes: []string{"s3://"}, only: true}
		pointer  = takes{schemes: []string{"s3://"}, only: true, sam: samPointer}
		s3uri    = takes{schemes: []string{"s3://"}}
		s3text   = takes{schemes: []string{"s3://"}, sam: samText}
		document = takes{schemes: []string{"https://", "ssm-doc:"}, doubtful: "http://", only: true}
		samURL   = takes{schemes: []string{"https://", "ssm-doc:"}, doubtful: "http://", only: true, sam: samText}
	)
	const (
		res = "Resources"

		stack  = "AWS::CloudFormation::Stack under the same logical ID is what SAM makes of this resource, and its TemplateURL finds the bucket by region"
		inline = "write the schema itself into the template, as SchemaInline"
		readme = "sam publish takes this template for an application of one region: package it for that region alone, without --one-template"
	)
	return []Row{
		{section: res, typ: "AWS::Serverless::Function", path: "CodeUri", form: s3, takes: pointer, zip: true, absent: folder, instead: []string{"InlineCode", "ImageUri", "PackageType"}},
		{section: res, typ: "AWS::Serverless::Function", path: "ImageUri", form: image, absent: built},
		{section: res, typ: "AWS::Serverless::LayerVersion", path: "ContentUri", form: s3, takes: pointer, zip: true, absent: folder},
		{section: res, typ: "AWS::Serverless::Api", path: "DefinitionUri", form: s3, takes: pointer},
		{section: res, typ: "AWS::Serverless::HttpApi", path: "DefinitionUri", form: s3, takes: pointer},
		{section: res, typ: "AWS::Serverless::StateMachine", path: "DefinitionUri", form: bkv, takes: pointer, absent: needed, instead: []string{"Definition"}},
		{section: res, typ: "AWS::Serverless::Application", path: "Location", form: url, takes: samURL, nested: true, absent: needed, literal: stack},
		{section: res, typ: "AWS::Serverless::GraphQLApi", path: "SchemaUri", form: s3, takes: s3text, absent: needed, instead: []string{"SchemaInline"}, literal: inline},
		{section: res, typ: "AWS::Serverless::GraphQLApi", path: "Functions.**.CodeUri", form: s3, takes: s3uri},
		{section: res, typ: "AWS::Serverless::GraphQLApi", path: "Resolvers.**.CodeUri", form: s3, takes: s3uri},
		{section: res, typ: "AWS::Lambda::Function", path: "Code", form: lambda, takes: object, zip: true, absent: folder, instead: []string{"PackageType"}},
		{section: res, typ: "AWS::Lambda::Function", path: "Code.ImageUri", form: image, absent: built},
		{section: res, typ: "AWS::Lambda::LayerVersion", path: "Content", form: lambda, takes: object, zip: true, absent: folder},
		{section: res, typ: "AWS::ApiGateway::RestApi", path: "BodyS3Location", form: bkv, takes: object},
		{section: res, typ: "AWS::ApiGatewayV2::Api", path: "BodyS3Location", form: bkv, takes: object},
		{section: res, typ: "AWS::AppSync::GraphQLSchema", path: "DefinitionS3Location", form: s3, takes: s3uri, instead: []string{"Definition"}},
		{section: res, typ: "AWS::AppSync::Resolver", path: "RequestMappingTemplateS3Location", form: s3, takes: s3uri},
		{section: res, typ: "AWS::AppSync::Resolver", path: "ResponseMappingTemplateS3Location", form: s3, takes: s3uri},
		{section: res, typ: "AWS::AppSync::Resolver", path: "CodeS3Location", form: s3, takes: s3uri, instead: []string{"Code"}},
		{section: res, typ: "AWS::AppSync::FunctionConfiguration", path: "RequestMappingTemplateS3Location", form: s3, takes: s3uri},
		{section: res, typ: "AWS::AppSync::FunctionConfiguration", path: "ResponseMappingTemplateS3Location", form: s3, takes: s3uri},
		{section: res, typ: "AWS::AppSync::FunctionConfiguration", path: "CodeS3Location", form: s3, takes: s3uri, instead: []string{"Code"}},
		{section: res, typ: "AWS::ElasticBeanstalk::ApplicationVersion", path: "SourceBundle", form: bundle, takes: object, absent: folder},
		{section: res, typ: "AWS::CloudFormation::Stack", path: "TemplateURL", form: url, takes: document, nested: true, absent: needed},
		{section: res, typ: "AWS::CloudFormation::StackSet", path: "TemplateURL", form: url, takes: document, nested: true, spread: true, absent: needed, instead: []string{"TemplateBody"}},
		{section: res, typ: "AWS::CloudFormation::ModuleVersion", path: "ModulePackage", form: s3, takes: s3uri, absent: folder},
		{section: res, typ: "AWS::CloudFormation::ResourceVersion", path: "SchemaHandlerPackage", form: s3, takes: s3uri, absent: folder},
		{section: res, typ: "AWS::Glue::Job", path: "Command.ScriptLocation", form: s3, takes: s3uri},
		{section: res, typ: "AWS::StepFunctions::StateMachine", path: "DefinitionS3Location", form: bkv, takes: object, instead: []string{"Definition", "DefinitionString"}},
		{section: res, typ: "AWS::CodeCommit::Repository", path: "Code.S3", form: commit, takes: object, zip: true},

		{section: "Globals", typ: "Function", path: "CodeUri", form: s3, takes: pointer, zip: true, instead: []string{"InlineCode", "ImageUri", "PackageType"}},

		{section: "Metadata", typ: "AWS::ServerlessRepo::Application", path: "ReadmeUrl", form: s3, takes: s3uri, literal: readme},
		{section: "Metadata", typ: "AWS::ServerlessRepo::Application", path: "LicenseUrl", form: s3, takes: s3uri, literal: readme},
	}
}

// NewRow returns a row for a property of a resource type that is not in the table. form
// is one of s3, url, lambda, bucket and image.
func NewRow(typ, path, form string, zip bool) (Row, error) {
	row := Row{section: "Resources", typ: typ, path: path, zip: zip, own: true}
	switch form {
	case "s3":
	case "url":
		row.form.https = true
	case "lambda":
		row.form.bucket, row.form.key, row.form.version = "S3Bucket", "S3Key", "S3ObjectVersion"
	case "image":
		row.form.image = true
	case "bucket":
		row.form.bucket, row.form.key, row.form.version = "Bucket", "Key", "Version"
	default:
		return row, fmt.Errorf("the property %s.%s: %q is not a form; there are s3, url, lambda, bucket and image", typ, path, form)
	}
	if typ == "" || path == "" || slices.Contains(strings.Split(path, "."), "") || strings.HasSuffix(path, "**") {
		return row, fmt.Errorf("the property %q of %q: a type and a path are needed", path, typ)
	}
	return row, nil
}

// Copying returns the table with which an image's address in a registry is a reference
// like a path: the image is copied.
func Copying(table []Row) []Row {
	table = slices.Clone(table)
	for i := range table {
		table[i].copied = table[i].form.image
	}
	return table
}

// OfPodman returns the table with which localhost, as the host of an image's address, means
// that podman has built it: so it calls such images.
func OfPodman(table []Row) []Row {
	table = slices.Clone(table)
	for i := range table {
		table[i].podman = table[i].form.image
	}
	return table
}

// TableWith returns the table with more rows; of a type and path that it has,
// the new row counts.
func TableWith(more []Row) []Row {
	table := Table()
	for _, row := range more {
		table = slices.DeleteFunc(table, func(old Row) bool {
			same := old.section == row.section && old.typ == row.typ && old.path == row.path
			if same && old.form == row.form {
				row.takes = old.takes
			}
			if same {
				row.literal = old.literal
			}
			return same
		})
		table = append(table, row)
	}
	return table
}
