package main_test

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"go.yaml.in/yaml/v4"

	"github.com/symphoniacloud/multi-region-codepipeline/packager"
	packagercheck "github.com/symphoniacloud/multi-region-codepipeline/packager/check"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/s3test"
)

// pipelineV2 is pipeline-v2.yaml with these parameters, in us-east-1.
func pipelineV2(t *testing.T, parameters map[string]string) *stack {
	t.Helper()
	all := map[string]string{"FullRepositoryId": "octocat/app"}
	maps.Copy(all, parameters)
	return newStack(t, readFile(t, filepath.Join("..", "..", "deployment-pipeline", "pipeline-v2.yaml")), "us-east-1", all)
}

// bucketStack is the stack of a region that the template's stack set makes, in the
// group of this number.
func bucketStack(t *testing.T, pipeline *stack, group int, region string) *stack {
	t.Helper()
	set := pipeline.properties("ArtifactBuckets")
	parameters := map[string]string{}
	for _, p := range slices.Concat(list(set["Parameters"]), list(mapping(list(set["StackInstancesGroup"])[group])["ParameterOverrides"])) {
		parameters[mapping(p)["ParameterKey"].(string)] = mapping(p)["ParameterValue"].(string)
	}
	return newStack(t, set["TemplateBody"].(string), region, parameters)
}

// actions are a pipeline's, by their names.
func actions(pipeline *stack) map[string]map[string]any {
	all := map[string]map[string]any{}
	for _, stage := range list(pipeline.properties("CodePipeline")["Stages"]) {
		for _, a := range list(mapping(stage)["Actions"]) {
			all[mapping(a)["Name"].(string)] = mapping(a)
		}
	}
	return all
}

// wantYAML compares a value with one that is written in YAML.
func wantYAML(t *testing.T, got any, want string) {
	t.Helper()
	var node yaml.Node
	check(t, yaml.Unmarshal([]byte(want), &node))
	if wanted := plain(t, node.Content[0]); !reflect.DeepEqual(got, wanted) {
		t.Errorf("it is\n%s\nand should be\n%s", asJSON(got), asJSON(wanted))
	}
}

func asJSON(v any) string {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err.Error()
	}
	return string(text)
}

func TestPipelineV2(t *testing.T) {
	p := pipelineV2(t, nil)
	pipeline := p.properties("CodePipeline")
	t.Run("it is of type V2, and deploys one push after the other", func(t *testing.T) {
		wantYAML(t, []any{pipeline["PipelineType"], pipeline["ExecutionMode"], pipeline["RestartExecutionOnUpdate"]}, "[V2, QUEUED, true]")
	})
	t.Run("its source is a connection, which the template makes", func(t *testing.T) {
		source := actions(p)["Source"]
		wantYAML(t, source["ActionTypeId"], "{Category: Source, Owner: AWS, Version: '1', Provider: CodeStarSourceConnection}")
		wantYAML(t, source["Configuration"], "{ConnectionArn: 'arn:aws:codeconnections:us-east-1:123456789012:connection/Connection', FullRepositoryId: octocat/app, BranchName: main}")
		wantYAML(t, p.properties("Connection")["ProviderType"], "GitHub")
	})
	t.Run("or the user's", func(t *testing.T) {
		const arn = "arn:aws:codestar-connections:us-east-1:123456789012:connection/0"
		p := pipelineV2(t, map[string]string{"ConnectionArn": arn, "BranchName": "live"})
		wantYAML(t, actions(p)["Source"]["Configuration"], "{ConnectionArn: '"+arn+"', FullRepositoryId: octocat/app, BranchName: live}")
		if made := p.resources("AWS::CodeConnections::Connection"); len(made) > 0 {
			t.Errorf("it makes %q", made)
		}
		if sids := allows(p.statements("CodePipelineRole"), "codeconnections:UseConnection", arn); len(sids) != 1 {
			t.Errorf("%q allow its use", sids)
		}
	})
	t.Run("a push to the branch starts it, if it changes more than documentation", func(t *testing.T) {
		wantYAML(t, pipeline["Triggers"], `
- ProviderType: CodeStarSourceConnection
  GitConfiguration:
    SourceActionName: Source
    Push:
      - Branches: {Includes: [main]}
        FilePaths: {Excludes: ['*.md', '**/*.md', LICENSE]}`)
	})
	t.Run("it builds on x86 or on ARM", func(t *testing.T) {
		for processor, want := range map[string]string{
			"x86": "[LINUX_CONTAINER, 'aws/codebuild/amazonlinux-x86_64-standard:5.0']",
			"arm": "[ARM_CONTAINER, 'aws/codebuild/amazonlinux-aarch64-standard:3.0']",
		} {
			environment := mapping(pipelineV2(t, map[string]string{"BuildProcessor": processor}).properties("CodeBuildProject")["Environment"])
			wantYAML(t, []any{environment["Type"], environment["Image"]}, want)
		}
	})
	t.Run("the build's logs expire", func(t *testing.T) {
		wantYAML(t, p.properties("CodeBuildProject")["LogsConfig"], "{CloudWatchLogs: {Status: ENABLED, GroupName: BuildLogs}}")
		wantYAML(t, pipelineV2(t, map[string]string{"LogRetentionDays": "7"}).properties("BuildLogs"), "{RetentionInDays: '7'}")
	})
	t.Run("an action for each region deploys the one template", func(t *testing.T) {
		for name, region := range map[string]string{"DeployToUsEast1": "us-east-1", "DeployToUsWest2": "us-west-2"} {
			a := actions(p)[name]
			wantYAML(t, a["Configuration"], `{ActionMode: CREATE_UPDATE, Capabilities: 'CAPABILITY_IAM,CAPABILITY_AUTO_EXPAND',
				RoleArn: 'arn:aws:iam::123456789012:role/CloudformationRole', StackName: multi-region-codepipeline-app, TemplatePath: 'BuildOutput::packaged-template.yaml'}`)
			wantYAML(t, []any{a["Region"], mapping(a["ActionTypeId"])["Provider"], a["RunOrder"]}, "["+region+", CloudFormation, 1]")
		}
	})
	t.Run("the build gets the regions and where their buckets are", func(t *testing.T) {
		p := pipelineV2(t, map[string]string{"Regions": "us-east-1,us-west-2", "RegionsWithBucket": "eu-west-1"})
		wantYAML(t, mapping(p.properties("CodeBuildProject")["Environment"])["EnvironmentVariables"],
			"[{Name: REGIONS, Value: 'us-east-1,us-west-2 eu-west-1'}, {Name: ARTIFACT_BUCKET_PREFIX, Value: pipeline-1a2b3c4d-123456789012}]")
	})
}

// withChangeSets is pipeline-v2.yaml with the change sets and the approval that the page shows.
func withChangeSets(t *testing.T) string {
	t.Helper()
	blocks := blocksOf(t, "One region first, and an approval")
	text := replaced(t, readFile(t, filepath.Join("..", "..", "deployment-pipeline", "pipeline-v2.yaml")), `        - Name: Deploy\n.*?\n\n`, blocks[0]+"\n")
	return replaced(t, text, `              - Sid: Deploy   #.*?\$\{ApplicationStackName\}/\*'\n`, blocks[1])
}

// blocksOf are the YAML texts in a chapter of the pipeline's page.
func blocksOf(t *testing.T, chapter string) (all []string) {
	t.Helper()
	_, text, ok := strings.Cut(readFile(t, filepath.Join("..", "..", "deployment-pipeline", "README.md")), "\n## "+chapter+"\n")
	if !ok {
		t.Fatalf("there is no chapter %q", chapter)
	}
	text, _, _ = strings.Cut(text, "\n## ")
	for _, block := range regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(text, -1) {
		all = append(all, block[1])
	}
	return all
}

// replaced puts a text in the place of what matches, which must be there once.
func replaced(t *testing.T, text, expression, by string) string {
	t.Helper()
	found := regexp.MustCompile("(?s)"+expression).FindAllString(text, -1)
	if len(found) != 1 {
		t.Fatalf("%s matches %d times", expression, len(found))
	}
	return strings.Replace(text, found[0], by, 1)
}

// whileMoving is pipeline-v2.yaml with what the page says to somebody who has the old pipeline.
func whileMoving(t *testing.T) string {
	t.Helper()
	text := readFile(t, filepath.Join("..", "..", "deployment-pipeline", "pipeline-v2.yaml"))
	return replaced(t, text, `              - Sid: ReadTheCode\n.*?\n                Resource: .*?\n`, blocksOf(t, "Move from the old pipeline to the new one")[0])
}

// The code that the old pipeline deployed can be put back, while somebody moves.
func TestPipelineV2Move(t *testing.T) {
	const old = "arn:aws:s3:::multi-region-codepipeline-123456789012-us-west-2/code.zip"
	text := readFile(t, filepath.Join("..", "..", "deployment-pipeline", "pipeline-v2.yaml"))
	for text, want := range map[string]int{text: 0, whileMoving(t): 1} {
		statements := newStack(t, text, "us-east-1", map[string]string{"FullRepositoryId": "octocat/app"}).statements("CloudformationRole")
		if sids := allows(statements, "s3:GetObject", old); len(sids) != want {
			t.Errorf("%q allow to read the old code", sids)
		}
		if sids := allows(statements, "s3:GetObject", "arn:aws:s3:::pipeline-1a2b3c4d-123456789012-us-west-2/code.zip"); len(sids) != 1 {
			t.Errorf("%q allow to read the new code", sids)
		}
	}
}

// What the page shows as options fits, and is what CloudFormation's actions need.
func TestPipelineV2Options(t *testing.T) {
	text := withChangeSets(t)
	p := newStack(t, text, "us-east-1", map[string]string{"FullRepositoryId": "octocat/app"})
	statements := p.statements("CodePipelineRole")
	const arn = "arn:aws:cloudformation:us-west-2:123456789012:stack/multi-region-codepipeline-app/0"
	for action, want := range map[string]int{
		"CreateChangeSet": 1, "ExecuteChangeSet": 1, "DescribeChangeSet": 1, "DeleteChangeSet": 1, "DescribeStacks": 1, "CreateStack": 0, "UpdateStack": 0,
	} {
		if sids := allows(statements, "cloudformation:"+action, arn); len(sids) != want {
			t.Errorf("%s is allowed by %q", action, sids)
		}
	}
	dir := t.TempDir()
	for _, name := range []string{"deployment-pipeline/buildspec-v2.yaml", "deployment-pipeline/install-mrpackage.sh", "package.json", "src/lambda.js"} {
		writeFile(t, filepath.Join(dir, name), readFile(t, filepath.Join("..", "..", name)))
	}
	writeFile(t, filepath.Join(dir, "deployment-pipeline", "pipeline-v2.yaml"), text)
	t.Chdir(dir)
	parse := func(args []string) (packagercheck.Command, error) {
		return packagercheck.Command{Packages: slices.Contains(args, "--one-template"), Regions: []string{"*"}, Output: "target/packaged-template.yaml", OneTemplate: true}, nil
	}
	problems, warnings := packagercheck.Run(t.Context(), packagercheck.Options{Pipeline: "deployment-pipeline/pipeline-v2.yaml", Parse: parse})
	for _, err := range append(problems, warnings...) {
		t.Errorf("with change sets: %v", err)
	}
}

// One command creates the pipeline: CloudFormation takes templates of this size without a
// bucket.
func TestPipelineV2IsSmall(t *testing.T) {
	if size := len(readFile(t, filepath.Join("..", "..", "deployment-pipeline", "pipeline-v2.yaml"))); size > 51_200 {
		t.Errorf("the template has %d bytes", size)
	}
}

func TestPipelineV2Buckets(t *testing.T) {
	p := pipelineV2(t, nil)
	stores := list(p.properties("CodePipeline")["ArtifactStores"])
	t.Run("the stack set makes the bucket of each artifact store", func(t *testing.T) {
		for _, v := range stores {
			region := mapping(v)["Region"].(string)
			want := mapping(mapping(v)["ArtifactStore"])["Location"]
			bucket := bucketStack(t, p, 0, region)
			if got := bucket.properties("ArtifactBucket")["BucketName"]; got != want || want != "pipeline-1a2b3c4d-123456789012-"+region {
				t.Errorf("it makes %v in %s, and the store is %v", got, region, want)
			}
		}
		set := p.properties("ArtifactBuckets")
		wantYAML(t, set["StackInstancesGroup"], "[{DeploymentTargets: {Accounts: ['123456789012']}, Regions: [us-east-1, us-west-2]}]")
		wantYAML(t, []any{set["PermissionModel"], set["AdministrationRoleARN"], set["ExecutionRoleName"]},
			"[SELF_MANAGED, 'arn:aws:iam::123456789012:role/StackSetAdministrationRole', StackSetExecutionRole]")
		wantYAML(t, p.attributes("CodePipeline")["DependsOn"], "ArtifactBuckets")
	})
	t.Run("a region that is added to the parameter gets its bucket", func(t *testing.T) {
		set := pipelineV2(t, map[string]string{"Regions": "us-east-1, us-west-2, eu-west-1"}).properties("ArtifactBuckets")
		wantYAML(t, mapping(list(set["StackInstancesGroup"])[0])["Regions"], "[us-east-1, us-west-2, eu-west-1]")
	})
	bucket := bucketStack(t, p, 0, "us-west-2")
	const name = "pipeline-1a2b3c4d-123456789012-us-west-2"
	t.Run("it is encrypted, closed to the public, versioned, and forgets what is old", func(t *testing.T) {
		wantYAML(t, bucket.properties("ArtifactBucket"), `
BucketName: `+name+`
BucketEncryption: {ServerSideEncryptionConfiguration: [{ServerSideEncryptionByDefault: {SSEAlgorithm: AES256}}]}
LifecycleConfiguration:
  Rules:
    - Id: Expire
      Status: Enabled
      ExpirationInDays: 90
      NoncurrentVersionExpiration: {NoncurrentDays: 30}
      AbortIncompleteMultipartUpload: {DaysAfterInitiation: 7}
PublicAccessBlockConfiguration: {BlockPublicAcls: true, BlockPublicPolicy: true, IgnorePublicAcls: true, RestrictPublicBuckets: true}
VersioningConfiguration: {Status: Enabled}`)
	})
	tls := `
Bucket: ` + name + `
PolicyDocument:
  Version: '2012-10-17'
  Statement:
    - Effect: Deny
      Principal: '*'
      Action: s3:*
      Resource: ['arn:aws:s3:::` + name + `', 'arn:aws:s3:::` + name + `/*']
      Condition: {Bool: {aws:SecureTransport: 'false'}}`
	t.Run("it takes TLS only", func(t *testing.T) { wantYAML(t, bucket.properties("OverTLSOnly"), tls) })
	t.Run("nothing deletes it", func(t *testing.T) {
		a := bucket.attributes("ArtifactBucket")
		wantYAML(t, []any{a["DeletionPolicy"], a["UpdateReplacePolicy"]}, "[Retain, Retain]")
		for _, role := range p.resources("AWS::IAM::Role") {
			for _, action := range []string{"s3:DeleteBucket", "s3:DeleteObject", "s3:DeleteObjectVersion"} {
				for _, resource := range []string{"arn:aws:s3:::" + name, "arn:aws:s3:::" + name + "/key"} {
					if sids := allows(p.statements(role), action, resource); len(sids) > 0 {
						t.Errorf("%s may %s on %s: %q", role, action, resource, sids)
					}
				}
			}
		}
	})
	t.Run("a pipeline that is built anew has others", func(t *testing.T) {
		anew := pipelineV2(t, nil)
		anew.id = "5e6f7a8b"
		if other := bucketStack(t, anew, 0, "us-west-2").properties("ArtifactBucket")["BucketName"]; other == name {
			t.Errorf("it is %v again", other)
		}
	})
	t.Run("a region that comes back keeps its bucket", func(t *testing.T) {
		back := pipelineV2(t, map[string]string{"Regions": "us-east-1", "RegionsWithBucket": "us-west-2"})
		groups := list(back.properties("ArtifactBuckets")["StackInstancesGroup"])
		wantYAML(t, []any{mapping(groups[0])["Regions"], mapping(groups[1])["Regions"]}, "[[us-east-1], [us-west-2]]")
		kept := bucketStack(t, back, 1, "us-west-2")
		if made := kept.resources("AWS::S3::Bucket"); len(made) > 0 {
			t.Errorf("it makes %q", made)
		}
		wantYAML(t, kept.properties("OverTLSOnly"), tls)
	})
}

// What the roles may do, apart from the build's.
func TestPipelineV2Roles(t *testing.T) {
	p := pipelineV2(t, nil)
	const (
		bucket   = "arn:aws:s3:::pipeline-1a2b3c4d-123456789012-us-west-2"
		stackARN = "arn:aws:cloudformation:us-west-2:123456789012:stack/"
		function = "arn:aws:lambda:us-west-2:123456789012:function:multi-region-codepipeline-app-MyLambdaFunction-0"
		itsRole  = "arn:aws:iam::123456789012:role/multi-region-codepipeline-app-MyLambdaFunctionRole-0"
	)
	t.Run("no role is an administrator", func(t *testing.T) {
		if strings.Contains(readFile(t, filepath.Join("..", "..", "deployment-pipeline", "pipeline-v2.yaml")), "AdministratorAccess") {
			t.Error("the template names AdministratorAccess")
		}
		for _, role := range p.resources("AWS::IAM::Role") {
			for _, s := range p.statements(role) {
				if slices.Contains(s.resources, "*") || slices.Contains(s.actions, "*") {
					t.Errorf("%s: %s has a * by itself", role, s.sid)
				}
				for _, action := range s.actions {
					if strings.HasSuffix(action, ":*") && s.sid != "ManageTheStacks" { // which says why
						t.Errorf("%s: %s allows %s", role, s.sid, action)
					}
				}
			}
			if managed := p.properties(role)["ManagedPolicyArns"]; managed != nil {
				t.Errorf("%s has %v", role, managed)
			}
		}
	})
	t.Run("each is for one service, or for one role", func(t *testing.T) {
		for role, want := range map[string]string{
			"CodePipelineRole": "{Service: codepipeline.amazonaws.com}", "CodeBuildRole": "{Service: codebuild.amazonaws.com}",
			"CloudformationRole": "{Service: cloudformation.amazonaws.com}", "StackSetAdministrationRole": "{Service: cloudformation.amazonaws.com}",
			"StackSetExecutionRole": "{AWS: 'arn:aws:iam::123456789012:role/StackSetAdministrationRole'}",
		} {
			trust := list(mapping(p.properties(role)["AssumeRolePolicyDocument"])["Statement"])
			if len(trust) != 1 || mapping(trust[0])["Action"] != "sts:AssumeRole" {
				t.Errorf("%s trusts %v", role, trust)
			}
			wantYAML(t, mapping(trust[0])["Principal"], want)
		}
	})
	t.Run("a role is passed on to one service only", func(t *testing.T) {
		for _, role := range p.resources("AWS::IAM::Role") {
			for _, s := range p.statements(role) {
				to := mapping(s.condition["StringEquals"])["iam:PassedToService"]
				if slices.Contains(s.actions, "iam:PassRole") && (len(s.actions) != 1 || to != "cloudformation.amazonaws.com" && to != "lambda.amazonaws.com") {
					t.Errorf("%s: %s passes roles to %v", role, s.sid, to)
				}
			}
		}
	})
	for _, c := range []struct{ role, action, resource, sid string }{
		{"CodePipelineRole", "codeconnections:UseConnection", "arn:aws:codeconnections:us-east-1:123456789012:connection/Connection", "UseTheConnection"},
		{"CodePipelineRole", "codestar-connections:UseConnection", "arn:aws:codeconnections:us-east-1:123456789012:connection/Other", ""},
		{"CodePipelineRole", "s3:GetObjectVersion", bucket + "/app/SourceCode/0", "HandOverArtifacts"},
		{"CodePipelineRole", "s3:GetObject", "arn:aws:s3:::pipeline-00000000-123456789012-us-west-2/app", ""},
		{"CodePipelineRole", "codebuild:StartBuild", "arn:aws:codebuild:us-east-1:123456789012:project/CodeBuildProject", "Build"},
		{"CodePipelineRole", "codebuild:StartBuild", "arn:aws:codebuild:us-east-1:123456789012:project/Other", ""},
		{"CodePipelineRole", "cloudformation:UpdateStack", stackARN + "multi-region-codepipeline-app/0", "Deploy"},
		{"CodePipelineRole", "cloudformation:UpdateStack", stackARN + "multi-region-codepipeline-app-2/0", ""},
		{"CodePipelineRole", "cloudformation:DeleteStack", stackARN + "multi-region-codepipeline-app/0", ""},
		{"CodePipelineRole", "iam:PassRole", "arn:aws:iam::123456789012:role/CloudformationRole", "DeployWithThisRole"},
		{"CodePipelineRole", "iam:PassRole", "arn:aws:iam::123456789012:role/CodeBuildRole", ""},
		{"CloudformationRole", "s3:GetObject", bucket + "/key.zip", "ReadTheCode"},
		{"CloudformationRole", "s3:PutObject", bucket + "/key.zip", ""},
		{"CloudformationRole", "cloudformation:CreateChangeSet", "arn:aws:cloudformation:us-west-2:aws:transform/Serverless-2016-10-31", "TransformTheTemplate"},
		{"CloudformationRole", "lambda:UpdateFunctionCode", function, "MakeTheFunction"},
		{"CloudformationRole", "lambda:UpdateFunctionCode", "arn:aws:lambda:us-west-2:123456789012:function:other", ""},
		{"CloudformationRole", "lambda:InvokeFunction", function, ""},
		{"CloudformationRole", "iam:CreateRole", itsRole, "MakeItsRole"},
		{"CloudformationRole", "iam:CreateRole", "arn:aws:iam::123456789012:role/other", ""},
		{"CloudformationRole", "iam:PutRolePolicy", itsRole, ""},
		{"StackSetAdministrationRole", "sts:AssumeRole", "arn:aws:iam::123456789012:role/StackSetExecutionRole", "<nil>"},
		{"StackSetAdministrationRole", "sts:AssumeRole", "arn:aws:iam::123456789012:role/other", ""},
		{"StackSetExecutionRole", "cloudformation:CreateStack", stackARN + "StackSet-pipeline-1a2b3c4d-123456789012-0/0", "ManageTheStacks"},
		{"StackSetExecutionRole", "cloudformation:CreateStack", stackARN + "multi-region-codepipeline-app/0", ""},
		{"StackSetExecutionRole", "s3:CreateBucket", bucket, "MakeTheBuckets"},
		{"StackSetExecutionRole", "s3:GetObject", bucket + "/key.zip", ""},
		{"StackSetExecutionRole", "s3:PutBucketPolicy", "arn:aws:s3:::other", ""},
	} {
		if sids := strings.Join(allows(p.statements(c.role), c.action, c.resource), " "); sids != c.sid {
			t.Errorf("%s may %s on %s by %q, and should by %q", c.role, c.action, c.resource, sids, c.sid)
		}
	}
	t.Run("the function's role gets no policy but that for logs", func(t *testing.T) {
		for _, s := range p.statements("CloudformationRole") {
			if slices.Contains(s.actions, "iam:AttachRolePolicy") {
				wantYAML(t, any(s.condition), "{ArnEquals: {iam:PolicyARN: 'arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole'}}")
			}
		}
	})
	t.Run("policies of the user's take the place of the sample's, a boundary bounds them", func(t *testing.T) {
		p := pipelineV2(t, map[string]string{
			"DeploymentPolicies": "arn:aws:iam::123456789012:policy/app,arn:aws:iam::aws:policy/AWSLambda_FullAccess", "DeploymentBoundary": "arn:aws:iam::123456789012:policy/bound",
		})
		role := p.properties("CloudformationRole")
		wantYAML(t, []any{role["ManagedPolicyArns"], role["PermissionsBoundary"]},
			"[['arn:aws:iam::123456789012:policy/app', 'arn:aws:iam::aws:policy/AWSLambda_FullAccess'], 'arn:aws:iam::123456789012:policy/bound']")
		for _, s := range p.statements("CloudformationRole") {
			if s.policy != "read-the-code" {
				t.Errorf("it still has %s", s.sid)
			}
		}
		if sample := pipelineV2(t, nil).properties("CloudformationRole"); sample["ManagedPolicyArns"] != nil || sample["PermissionsBoundary"] != nil {
			t.Errorf("without them it is %v", sample)
		}
	})
}

// The build may do what mrpackage's requests need, no more and no less: what it
// prints as its policy, and what a run sends, in all that may happen to it.
func TestPipelineV2BuildRole(t *testing.T) {
	p := pipelineV2(t, nil)
	prefix := fmt.Sprint(p.ref("ArtifactBucketPrefix"))
	statements := p.statements("CodeBuildRole")
	ours := slices.DeleteFunc(slices.Clone(statements), func(s statement) bool { return s.sid == "TakeTheSource" || s.sid == "WriteLogs" })

	t.Run("CodeBuild's own part", func(t *testing.T) {
		home := "arn:aws:s3:::" + prefix + "-us-east-1/app/SourceCode/0"
		for _, c := range []struct{ action, resource, sid string }{
			{"s3:GetObjectVersion", home, "TakeTheSource"},
			{"s3:GetObjectVersion", "arn:aws:s3:::" + prefix + "-us-west-2/key", ""},
			{"s3:PutObject", home, "StoreAndProveObjects"},
			{"logs:PutLogEvents", "arn:aws:logs:us-east-1:123456789012:log-group:BuildLogs:*", "WriteLogs"},
			{"logs:PutLogEvents", "arn:aws:logs:us-east-1:123456789012:log-group:Other:*", ""},
			{"logs:CreateLogGroup", "arn:aws:logs:us-east-1:123456789012:log-group:BuildLogs:*", ""},
		} {
			if sids := strings.Join(allows(statements, c.action, c.resource), " "); sids != c.sid {
				t.Errorf("it may %s on %s by %q, and should by %q", c.action, c.resource, sids, c.sid)
			}
		}
	})

	server := s3test.New()
	t.Cleanup(server.Close)
	opts := packager.Options{
		TemplateFile: filepath.Join(t.TempDir(), "template.yaml"), EndpointURL: server.URL(), Copy: packager.CopyNever,
		AWS: &aws.Config{Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", "")},
	}
	for _, region := range []string{"us-east-1", "us-west-2"} {
		server.CreateBucket(region, prefix+"-"+region, "")
		opts.Stores = append(opts.Stores, packager.Store{Region: region, Bucket: prefix + "-" + region})
	}

	t.Run("the policy that mrpackage prints", func(t *testing.T) {
		text, err := packager.Policy(opts)
		check(t, err)
		var printed any
		check(t, json.Unmarshal(text, &printed))
		for i, want := range readStatements("", printed) {
			got := ours[i]
			if got.sid != want.sid || !slices.Equal(got.actions, want.actions) || len(ours) != 2 {
				t.Errorf("the role has %+v, and mrpackage prints %+v", got, want)
			}
			for _, resource := range want.resources {
				pattern := got.resources[0]
				if resource != strings.Replace(pattern, "-*", "-us-east-1", 1) && resource != strings.Replace(pattern, "-*", "-us-west-2", 1) {
					t.Errorf("%s: %s is not %s in a region", got.sid, resource, got.resources[0])
				}
			}
		}
	})

	t.Run("the requests that runs send", func(t *testing.T) {
		noise := make([]byte, 17<<20)
		_, _ = rand.Read(noise) // it never fails
		dir := filepath.Dir(opts.TemplateFile)
		writeFile(t, filepath.Join(dir, "src", "model.bin"), string(noise))
		writeFile(t, filepath.Join(dir, "nested.yaml"), functionTemplate("small"))
		writeFile(t, filepath.Join(dir, "small", "index.js"), "exports.handler = async () => 'hello'\n")
		writeFile(t, opts.TemplateFile, functionTemplate("src")+"  Nested: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: nested.yaml}}\n")
		used := requestsOfRuns(t, server, opts)
		for _, r := range used {
			action, resource, _ := strings.Cut(r, " ")
			if len(allows(ours, action, resource)) == 0 {
				t.Errorf("a run needs %s, and the role may not", r)
			}
		}
		for _, s := range ours {
			for _, action := range s.actions {
				if !slices.ContainsFunc(used, func(r string) bool { return strings.HasPrefix(r, action+" ") }) {
					t.Errorf("the role may %s, and no run needs it", action)
				}
			}
		}
	})
}

// requestsOfRuns are the actions that a first run needs, one that finds everything,
// one that makes old objects young, one that copies from region to region, and one
// whose upload fails, each with its resource.
func requestsOfRuns(t *testing.T, server *s3test.Server, opts packager.Options) []string {
	t.Helper()
	run := func(works bool) {
		t.Helper()
		if _, err := packager.Package(t.Context(), opts); (err == nil) != works {
			t.Fatal(err)
		}
	}
	buckets := []string{opts.Stores[0].Bucket, opts.Stores[1].Bucket}
	run(true)
	run(true)
	for _, bucket := range buckets {
		for _, key := range server.Keys(bucket) {
			o, _ := server.Object(bucket, key)
			o.LastModified, o.VersionID = time.Now().AddDate(0, -6, 0), ""
			server.PutObject(bucket, key, o)
		}
	}
	run(true)
	opts.Copy, opts.ForceUpload = packager.CopyAlways, true
	run(true)
	opts.Copy = packager.CopyNever
	server.Fail(s3test.Fault{Operation: "CompleteMultipartUpload", Region: "us-west-2", Status: 400, Code: "InvalidRequest"})
	run(false)

	needs := map[string][]string{
		"HeadBucket": {"s3:ListBucket"}, "ListObjectsV2": {"s3:ListBucket"},
		"HeadObject": {"s3:GetObject"}, "GetObject": {"s3:GetObject"},
		"PutObject": {"s3:PutObject"}, "CopyObject": {"s3:PutObject"},
		"CreateMultipartUpload": {"s3:PutObject"}, "UploadPart": {"s3:PutObject"}, "UploadPartCopy": {"s3:PutObject"}, "CompleteMultipartUpload": {"s3:PutObject"},
		"AbortMultipartUpload": {"s3:AbortMultipartUpload"},
	}
	used, sent := map[string]bool{}, map[string]bool{}
	for _, r := range server.Requests() {
		sent[r.Operation] = true
		if needs[r.Operation] == nil {
			t.Errorf("nobody knows what %s needs", r.Operation)
		}
		resource := "arn:aws:s3:::" + r.Bucket
		if r.Key != "" {
			resource += "/" + r.Key
		}
		for _, action := range needs[r.Operation] {
			used[action+" "+resource] = true
		}
		if source := r.Header.Get("X-Amz-Copy-Source"); source != "" {
			used["s3:GetObject arn:aws:s3:::"+regexp.MustCompile(`^/|\?.*$`).ReplaceAllString(source, "")] = true
		}
	}
	for _, operation := range []string{"CopyObject", "UploadPart", "AbortMultipartUpload", "PutObject", "HeadObject"} {
		if !sent[operation] {
			t.Errorf("no run sends %s", operation)
		}
	}
	return slices.Sorted(maps.Keys(used))
}
