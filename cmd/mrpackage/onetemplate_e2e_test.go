//go:build e2e

package main_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// everywhere is an application in which moto makes of each resource what it is, but for the alias, which it ignores.
const everywhere = `Transform: AWS::Serverless-2016-10-31
Globals:
  Function: {Runtime: nodejs22.x, Handler: app.handler, CodeUri: src/orders}
Resources:
  Aliased: {Type: AWS::Serverless::Function, Properties: {FunctionName: aliased, AutoPublishAlias: live, CodeUri: src/orders, Layers: [!Ref Layer]}}
  Global: {Type: AWS::Serverless::Function, Properties: {FunctionName: global}}
  Layer: {Type: AWS::Serverless::LayerVersion, Properties: {ContentUri: layer}}
  Child: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: child.yaml}}
`

const everywhereChild = `Resources:
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument: {Version: '2012-10-17', Statement: [{Effect: Allow, Principal: {Service: lambda.amazonaws.com}, Action: sts:AssumeRole}]}
  Inner:
    Type: AWS::Lambda::Function
    Properties: {FunctionName: inner, Code: src/report, Handler: report.handler, Runtime: python3.13, Role: !GetAtt Role.Arn}
`

// One template makes a stack in each of its regions, of the code in that region's bucket. SAM's transform is what its
// translator does; moto has none.
func TestE2EOneTemplate(t *testing.T) {
	if err := exec.CommandContext(t.Context(), "python3", "-c", "import samtranslator").Run(); err != nil {
		t.Log("this was not tested, as there is no Python with SAM's translator:", err)
		return
	}
	m := startMoto(t)
	if m == nil {
		return
	}
	o := &oneTemplate{m: m, program: buildProgram(t), app: sampleApp(t)}
	o.env = append(environment(), "AWS_ENDPOINT_URL="+m.endpoint, "AWS_ACCESS_KEY_ID=x", "AWS_SECRET_ACCESS_KEY=y",
		"AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null", "AWS_MAX_ATTEMPTS=1")
	writeFile(t, filepath.Join(o.app, "template.yaml"), everywhere)
	writeFile(t, filepath.Join(o.app, "child.yaml"), everywhereChild)
	buckets := map[string]string{east: "everywhere-one", west: "everywhere-two"}
	for region, bucket := range buckets {
		input := &s3.CreateBucketInput{Bucket: aws.String(bucket)}
		if region != east { // S3's first region has no name here
			input.CreateBucketConfiguration = &types.CreateBucketConfiguration{LocationConstraint: types.BucketLocationConstraint(region)}
		}
		_, err := motoClient(m, region).CreateBucket(t.Context(), input)
		check(t, err)
	}
	for region, other := range map[string]string{east: west, west: east} {
		r := run(t, o.app, o.env, o.program, append(flags(buckets), "--one-template")...)
		r.wantExit(t, 0)
		if want := east + "," + west + "\t" + filepath.Join("target", "packaged-template.yaml") + "\n"; r.stdout != want {
			t.Errorf("stdout is %q, want %q", r.stdout, want)
		}
		o.empty(t, other, buckets[other]) // so that no stack takes its code from there
		o.deploy(t, region, buckets[region])
	}

	// SAM makes the version's logical ID of the key: another region leaves it as it is, and a change of the code does not.
	before := o.version(t, east)
	run(t, o.app, o.env, o.program, append(flags(map[string]string{east: "everywhere-one", third: "everywhere-three"}), "--one-template", "--dry-run")...).wantExit(t, 0)
	if after := o.version(t, east); after != before {
		t.Errorf("with another region the version is %s, and was %s", after, before)
	}
	writeFile(t, filepath.Join(o.app, "src", "orders", "new.js"), "// new\n")
	run(t, o.app, o.env, o.program, append(flags(buckets), "--one-template", "--dry-run")...).wantExit(t, 0)
	if after := o.version(t, east); after == before {
		t.Errorf("the code has changed, and the version is still %s", after)
	}

	// In a region that it was not packaged for, the mapping ends the deployment before anything is made.
	if out, err := o.create(t, third); err == nil {
		t.Errorf("there is a stack in %s: %s", third, out)
	}
	if functions := o.aws(t, third, "lambda", "list-functions", "--query", "Functions[].FunctionName", "--output", "text"); functions != "" {
		t.Errorf("%s has %s", third, functions)
	}
}

type oneTemplate struct {
	m            *moto
	program, app string
	env          []string
}

// deploy makes the stack and holds what there is then against what is stored.
func (o *oneTemplate) deploy(t *testing.T, region, bucket string) {
	t.Helper()
	if out, err := o.create(t, region); err != nil {
		t.Fatalf("%s: %v\n%s", region, err, out)
	}
	for _, status := range strings.Fields(o.aws(t, region, "cloudformation", "describe-stacks", "--query", "Stacks[].StackStatus", "--output", "text")) {
		if status != "CREATE_COMPLETE" {
			t.Errorf("%s: a stack is %s", region, status)
		}
	}
	digests := o.digests(t, region, bucket)
	var functions [][]string
	check(t, json.Unmarshal([]byte(o.aws(t, region, "lambda", "list-functions", "--query", "sort_by(Functions, &FunctionName)[].[FunctionName, CodeSha256]")), &functions))
	if len(functions) != 3 || functions[0][0] != "aliased" || functions[1][0] != "global" || functions[2][0] != "inner" {
		t.Errorf("%s has the functions %q", region, functions)
	}
	for _, f := range functions {
		if !digests[f[1]] {
			t.Errorf("%s: the code of %s is not in %s", region, f[0], bucket)
		}
	}
	versions := o.aws(t, region, "lambda", "list-versions-by-function", "--function-name", "aliased", "--query", "Versions[].Version", "--output", "text")
	if versions != "$LATEST\t1" {
		t.Errorf("%s: the versions are %q", region, versions)
	}
	if layers := o.aws(t, region, "lambda", "list-layers", "--query", "length(Layers)"); layers != "1" {
		t.Errorf("%s has %s layers", region, layers)
	}
}

// version is the logical ID of the one version that is published.
func (o *oneTemplate) version(t *testing.T, region string) string {
	t.Helper()
	var translated struct {
		Resources map[string]struct{ Type string }
	}
	check(t, json.Unmarshal([]byte(o.translate(t, region)), &translated))
	for id, resource := range translated.Resources {
		if resource.Type == "AWS::Lambda::Version" {
			return id
		}
	}
	t.Fatal("SAM publishes no version")
	return ""
}

// translate is what SAM's translator makes of the template.
func (o *oneTemplate) translate(t *testing.T, region string) string {
	t.Helper()
	script, err := filepath.Abs(filepath.Join("testdata", "translate.py"))
	check(t, err)
	r := run(t, o.app, environment(), "python3", script, filepath.Join("target", "packaged-template.yaml"), region)
	r.wantExit(t, 0)
	return r.stdout
}

// create makes the stack of what SAM's translator makes of the template.
func (o *oneTemplate) create(t *testing.T, region string) (string, error) {
	t.Helper()
	writeFile(t, filepath.Join(o.app, "translated.json"), o.translate(t, region))
	cmd := exec.CommandContext(t.Context(), "aws", "cloudformation", "create-stack", "--region", region, "--stack-name", "shop",
		"--template-body", "file://translated.json", "--capabilities", "CAPABILITY_IAM")
	cmd.Dir, cmd.Env = o.app, o.env
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// aws returns what the AWS CLI prints.
func (o *oneTemplate) aws(t *testing.T, region string, args ...string) string {
	t.Helper()
	r := run(t, o.app, o.env, "aws", append(args, "--region", region)...)
	r.wantExit(t, 0)
	return strings.TrimSpace(r.stdout)
}

// digests are those of what a bucket holds, as Lambda tells them.
func (o *oneTemplate) digests(t *testing.T, region, bucket string) map[string]bool {
	t.Helper()
	all := make(map[string]bool)
	client := motoClient(o.m, region)
	list, err := client.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: &bucket})
	check(t, err)
	for _, object := range list.Contents {
		got, err := client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: object.Key})
		check(t, err)
		h := sha256.New()
		_, err = io.Copy(h, got.Body)
		check(t, err)
		check(t, got.Body.Close())
		all[base64.StdEncoding.EncodeToString(h.Sum(nil))] = true
	}
	return all
}

// empty deletes all objects of a bucket.
func (o *oneTemplate) empty(t *testing.T, region, bucket string) {
	t.Helper()
	client := motoClient(o.m, region)
	list, err := client.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: &bucket})
	check(t, err)
	if len(list.Contents) == 0 {
		t.Errorf("%s is empty already", bucket)
	}
	for _, object := range list.Contents {
		_, err := client.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &bucket, Key: object.Key})
		check(t, err)
	}
}
