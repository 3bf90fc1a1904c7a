package main_test

import (
	"encoding/json"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/symphoniacloud/multi-region-codepipeline/packager"
)

// shop is the repository that pipeline-v2.yaml makes where ImageRepository is shop.
const shop = "pipeline-1a2b3c4d-123456789012/shop"

func TestPipelineV2Repositories(t *testing.T) {
	p := pipelineV2(t, map[string]string{"ImageRepository": "shop", "RegionsWithBucket": "eu-west-1"})
	made := bucketStack(t, p, 0, "us-west-2")
	t.Run("a region's keeps its images, and Lambda pulls them for this account's functions there", func(t *testing.T) {
		got := maps.Clone(made.properties("ImageRepository"))
		var lifecycle any
		check(t, json.Unmarshal([]byte(mapping(got["LifecyclePolicy"])["LifecyclePolicyText"].(string)), &lifecycle))
		for _, rule := range list(mapping(lifecycle)["rules"]) {
			if status := mapping(mapping(rule)["selection"])["tagStatus"]; status != "untagged" {
				t.Errorf("a rule is for images that are %v, and every image that a function uses has a tag", status)
			}
		}
		delete(got, "LifecyclePolicy")
		wantYAML(t, any(got), `
RepositoryName: `+shop+`
ImageTagMutability: IMMUTABLE
RepositoryPolicyText:
  Version: '2012-10-17'
  Statement:
    - Sid: LambdaPulls
      Effect: Allow
      Principal: {Service: lambda.amazonaws.com}
      Action: [ecr:BatchGetImage, ecr:GetDownloadUrlForLayer]
      Condition: {StringLike: {aws:SourceArn: 'arn:aws:lambda:us-west-2:123456789012:function:*'}}`)
	})
	t.Run("nothing deletes it", func(t *testing.T) {
		a := made.attributes("ImageRepository")
		wantYAML(t, []any{a["DeletionPolicy"], a["UpdateReplacePolicy"]}, "[Retain, Retain]")
		for _, role := range p.resources("AWS::IAM::Role") {
			for _, action := range []string{"ecr:DeleteRepository", "ecr:DeleteRepositoryPolicy", "ecr:DeleteLifecyclePolicy", "ecr:BatchDeleteImage"} {
				if sids := allows(p.statements(role), action, "arn:aws:ecr:us-west-2:123456789012:repository/"+shop); len(sids) > 0 {
					t.Errorf("%s may %s: %q", role, action, sids)
				}
			}
		}
	})
	t.Run("a pipeline that is built anew has others", func(t *testing.T) {
		anew := pipelineV2(t, map[string]string{"ImageRepository": "shop"})
		anew.id = "5e6f7a8b"
		if name := bucketStack(t, anew, 0, "us-west-2").properties("ImageRepository")["RepositoryName"]; name == shop {
			t.Errorf("it is %v again", name)
		}
	})
	t.Run("a region that comes back keeps its own", func(t *testing.T) {
		if again := bucketStack(t, p, 1, "eu-west-1").resources("AWS::ECR::Repository"); len(again) > 0 {
			t.Errorf("it makes %q", again)
		}
	})
	t.Run("the build gets its name", func(t *testing.T) {
		variables := list(mapping(p.properties("CodeBuildProject")["Environment"])["EnvironmentVariables"])
		wantYAML(t, variables[2], "{Name: IMAGE_REPOSITORY, Value: "+shop+"}")
	})
	t.Run("without images there is none, and nobody may use any", func(t *testing.T) {
		without := pipelineV2(t, nil)
		if made := bucketStack(t, without, 0, "us-west-2").resources("AWS::ECR::Repository"); len(made) > 0 {
			t.Errorf("it makes %q", made)
		}
		for _, role := range []string{"CodePipelineRole", "CodeBuildRole", "CloudformationRole"} {
			for _, s := range without.statements(role) {
				if slices.ContainsFunc(s.actions, func(action string) bool { return strings.HasPrefix(action, "ecr:") }) {
					t.Errorf("%s has %s", role, s.sid)
				}
			}
		}
	})
}

// What the roles may do with repositories: the build exactly what mrpackage prints.
func TestPipelineV2RepositoryRoles(t *testing.T) {
	p := pipelineV2(t, map[string]string{"ImageRepository": "shop"})
	t.Run("the policy that mrpackage prints", func(t *testing.T) {
		opts := packager.Options{TemplateFile: filepath.Join(t.TempDir(), "template.yaml")}
		for _, region := range []string{"us-east-1", "us-west-2"} {
			opts.Stores = append(opts.Stores, packager.Store{Region: region, Bucket: "pipeline-1a2b3c4d-123456789012-" + region})
			opts.Repositories = append(opts.Repositories, packager.Repository{Region: region, Address: account + ".dkr.ecr." + region + ".amazonaws.com/" + shop})
		}
		text, err := packager.Policy(opts)
		check(t, err)
		var printed any
		check(t, json.Unmarshal(text, &printed))
		wanted := readStatements("", printed)
		ours := slices.DeleteFunc(p.statements("CodeBuildRole"), func(s statement) bool { return s.sid == "TakeTheSource" || s.sid == "WriteLogs" })
		if len(ours) != len(wanted) || len(wanted) != 4 {
			t.Fatalf("the role has %+v, and mrpackage prints %s", ours, text)
		}
		for i, want := range wanted {
			got := ours[i]
			if got.sid != want.sid || !slices.Equal(got.actions, want.actions) || len(got.resources) != 1 {
				t.Errorf("the role has %+v, and mrpackage prints %+v", got, want)
			}
			for _, resource := range want.resources {
				if len(allows([]statement{got}, want.actions[0], resource)) == 0 || got.resources[0] == "*" && resource != "*" {
					t.Errorf("%s: %s is not %s in a region", got.sid, resource, got.resources[0])
				}
			}
		}
	})
	const repository = "arn:aws:ecr:us-west-2:123456789012:repository/"
	for _, c := range []struct{ role, action, resource, sid string }{
		{"CodeBuildRole", "ecr:PutImage", repository + shop, "PushAndProveImages"},
		{"CodeBuildRole", "ecr:PutImage", repository + shop + "-2", ""},
		{"CodeBuildRole", "ecr:CreateRepository", repository + shop, ""},
		{"CodeBuildRole", "ecr:SetRepositoryPolicy", repository + shop, ""},
		{"CloudformationRole", "ecr:BatchGetImage", repository + shop, "ReadTheImages"},
		{"CloudformationRole", "ecr:GetRepositoryPolicy", repository + shop, "ReadTheImages"},
		{"CloudformationRole", "ecr:SetRepositoryPolicy", repository + shop, ""},
		{"CloudformationRole", "ecr:BatchGetImage", repository + "other", ""},
		{"StackSetExecutionRole", "ecr:CreateRepository", repository + shop, "MakeTheRepositories"},
		{"StackSetExecutionRole", "ecr:SetRepositoryPolicy", repository + shop, "MakeTheRepositories"},
		{"StackSetExecutionRole", "ecr:CreateRepository", repository + "other", ""},
		{"StackSetExecutionRole", "ecr:PutImage", repository + shop, ""},
		{"CodePipelineRole", "ecr:BatchGetImage", repository + shop, ""},
	} {
		if sids := strings.Join(allows(p.statements(c.role), c.action, c.resource), " "); sids != c.sid {
			t.Errorf("%s may %s on %s by %q, and should by %q", c.role, c.action, c.resource, sids, c.sid)
		}
	}
}
