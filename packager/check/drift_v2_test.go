package check_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

const (
	pipelineV2File  = "deployment-pipeline/pipeline-v2.yaml"
	buildspecV2File = "deployment-pipeline/buildspec-v2.yaml"

	storeWest = `        - Region: us-west-2
          ArtifactStore:
            Type: S3
            Location: !Sub '${ArtifactBucketPrefix}-us-west-2'
`
	storeEurope = `        - Region: eu-west-1
          ArtifactStore:
            Type: S3
            Location: !Sub '${ArtifactBucketPrefix}-eu-west-1'
`
	deployEurope = `            - Name: DeployToEuWest1
              Region: eu-west-1
              InputArtifacts: [{Name: BuildOutput}]
              ActionTypeId: {Category: Deploy, Owner: AWS, Version: '1', Provider: CloudFormation}
              Configuration:
                ActionMode: CREATE_UPDATE
                Capabilities: CAPABILITY_IAM,CAPABILITY_AUTO_EXPAND
                RoleArn: !GetAtt CloudformationRole.Arn
                StackName: !Ref ApplicationStackName
                TemplatePath: BuildOutput::packaged-template.yaml
              RunOrder: 1
`
)

func filesV2(t *testing.T) map[string]string {
	t.Helper()
	return map[string]string{
		pipelineV2File: ours(t, pipelineV2File), buildspecV2File: ours(t, buildspecV2File),
		installFile: ours(t, installFile), "package.json": ours(t, "package.json"),
	}
}

// between cuts a piece out of a text: from one text to the next.
func between(t *testing.T, text, from, to string) string {
	t.Helper()
	_, rest, ok := strings.Cut(text, from)
	piece, _, found := strings.Cut(rest, to)
	if !ok || !found {
		t.Fatalf("there is no %q before %q", from, to)
	}
	return from + piece
}

// Each change of pipeline-v2.yaml and its buildspec that breaks them is told, with the
// place that is to be mended, and nothing else is.
func TestPlantedDriftsOfV2(t *testing.T) {
	fits := filesV2(t)
	deployWest := strings.TrimSuffix(between(t, fits[pipelineV2File], "            - Name: DeployToUsWest2\n", "  CodeBuildProject:"), "\n")
	const (
		regions      = "us-east-1,us-west-2"
		kept         = "Default: ''\n  ConnectionArn"
		west         = "!Sub '${ArtifactBucketPrefix}-us-west-2'"
		east         = "!Sub '${ArtifactBucketPrefix}-us-east-1'"
		atStore      = "us-west-2\n          ArtifactStore:"
		atAction     = "us-west-2\n              InputArtifacts:"
		actionWest   = "Region: us-west-2\n              InputArtifacts:\n                - Name: BuildOutput\n"
		templateWest = "BuildOutput::packaged-template.yaml\n              RunOrder: 1\n\n"
		output       = "              OutputArtifacts:\n                - Name: BuildOutput\n"
		runs         = `mrpackage --one-template --regions="$REGIONS" --s3-bucket="$ARTIFACT_BUCKET_PREFIX-{region}"`
		literal      = `mrpackage --one-template --regions us-east-1 --s3-bucket="$ARTIFACT_BUCKET_PREFIX-{region}"`
		handsOver    = "target/packaged-template.yaml\n"
	)
	template := func(path string) string {
		return strings.Replace(templateWest, "BuildOutput::packaged-template.yaml", path, 1)
	}
	inRepository(t)
	if all := told(t, pipelineV2File, fits); len(all) > 0 {
		t.Fatalf("without a drift it tells %q", all)
	}
	for _, d := range []struct {
		name, file, old, new string
		at                   string // the message's place is where this stands
		want                 string // with "warning: " before it, where it may work all the same
		more                 string // that is told, too
	}{
		// A region that is missing in each of its places, and one that is in one of them only.
		{"not in Regions", pipelineV2File, "Default: " + regions, "Default: us-east-1", atStore,
			"ArtifactStores: ArtifactBuckets makes no bucket in us-west-2", ""},
		{"no store", pipelineV2File, storeWest, "", atAction, "DeployToUsWest2: there is no artifact store in us-west-2", ""},
		{"no action", pipelineV2File, deployWest, "", regions, "ArtifactBuckets: no action deploys to us-west-2", ""},
		{"in Regions only", pipelineV2File, "Default: " + regions, "Default: " + regions + ",eu-west-1", regions,
			"ArtifactBuckets: there is no artifact store in eu-west-1, and no action that deploys there", ""},
		{"a store only", pipelineV2File, storeWest, storeWest + storeEurope, "eu-west-1\n          ArtifactStore:",
			"ArtifactStores: ArtifactBuckets makes no bucket in eu-west-1", ""},
		{"an action only", pipelineV2File, deployWest, deployWest + deployEurope, "eu-west-1\n              InputArtifacts:",
			"DeployToEuWest1: there is no artifact store in eu-west-1", ""},
		{"a region that is none", pipelineV2File, "Default: " + regions, "Default: " + regions + ",eu-west1", regions,
			`ArtifactBuckets: "eu-west1" is not the name of a region`, ""},
		{"a region twice", pipelineV2File, "Default: " + regions, "Default: " + regions + ",us-east-1", regions,
			"ArtifactBuckets: us-east-1 stands there twice", ""},
		{"a region that is kept, too", pipelineV2File, kept, "Default: us-west-2\n  ConnectionArn", "us-west-2\n  ConnectionArn",
			"ArtifactBuckets: us-west-2 stands there twice", ""},
		{"a kept region without the rest", pipelineV2File, kept, "Default: eu-west-1\n  ConnectionArn", "eu-west-1\n  ConnectionArn",
			"ArtifactBuckets: there is no artifact store in eu-west-1, and no action that deploys there", ""},

		// A wrong bucket.
		{"another name", pipelineV2File, west, "!Sub '${ArtifactBucketPrefix}-us-west2'", "!Sub '${ArtifactBucketPrefix}-us-west2'",
			"ArtifactStores: the bucket that ArtifactBuckets makes in us-west-2 is ${ArtifactBucketPrefix}-us-west-2, and this is ${ArtifactBucketPrefix}-us-west2", ""},
		{"another region's", pipelineV2File, west, east + " ", east + " ",
			"ArtifactStores: the artifact stores of us-east-1 and us-west-2 are one bucket: ${ArtifactBucketPrefix}-us-east-1", ""},
		{"a region's that has none", pipelineV2File, west, "!Sub '${ArtifactBucketPrefix}-eu-west-1'", "!Sub '${ArtifactBucketPrefix}-eu-west-1'",
			"ArtifactStores: the bucket of us-west-2 is named after eu-west-1: ${ArtifactBucketPrefix}-eu-west-1", ""},
		{"without Sub", pipelineV2File, west, "'${ArtifactBucketPrefix}-us-west-2'", "'${ArtifactBucketPrefix}-us-west-2'",
			"ArtifactStores: this is taken as it stands here: ${ArtifactBucketPrefix}-us-west-2", ""},
		{"the stack set's name for it", pipelineV2File, "BucketName: !Sub '${Prefix}-", "BucketName: !Sub '${Prefix}-artifacts-", east,
			"warning: ArtifactStores: the bucket that ArtifactBuckets makes in us-east-1 is ${ArtifactBucketPrefix}-artifacts-us-east-1, and this is ${ArtifactBucketPrefix}-us-east-1",
			"ArtifactStores: the bucket that ArtifactBuckets makes in us-west-2"},

		// A wrong artifact, and a wrong template.
		{"an input that nobody makes", pipelineV2File, actionWest, strings.Replace(actionWest, "BuildOutput", "BuildOutputs", 1), "- Name: BuildOutputs",
			`DeployToUsWest2: no action has the output artifact "BuildOutputs"`, `DeployToUsWest2: "BuildOutput" is not among the action's input artifacts: BuildOutputs`},
		{"a template of no input", pipelineV2File, templateWest, template("Build::packaged-template.yaml"), "Build::packaged-template.yaml",
			`DeployToUsWest2: "Build" is not among the action's input artifacts: BuildOutput`, ""},
		{"a template of the source", pipelineV2File, templateWest, template("SourceCode::packaged-template.yaml"), "SourceCode::packaged-template.yaml",
			`DeployToUsWest2: "SourceCode" is not among the action's input artifacts: BuildOutput`, ""},
		{"another template", pipelineV2File, templateWest, template("BuildOutput::packaged.yaml"), "BuildOutput::packaged.yaml",
			"DeployToUsWest2: the build hands over no file packaged.yaml", ""},
		{"a region's template", pipelineV2File, templateWest, template("BuildOutput::packaged-template-us-west-2.yaml"), "BuildOutput::packaged-template-us-west-2.yaml",
			"DeployToUsWest2: the build hands over no file packaged-template-us-west-2.yaml", ""},
		{"no artifact", pipelineV2File, templateWest, template("packaged-template.yaml"), "packaged-template.yaml\n              RunOrder: 1\n\n",
			"DeployToUsWest2: this TemplatePath names no artifact", ""},
		{"an output that is misspelt", pipelineV2File, output, strings.Replace(output, "BuildOutput", "BuildOutputs", 1), "- Name: BuildOutput\n",
			`DeployToUsEast1: no action has the output artifact "BuildOutput"`, `DeployToUsWest2: no action has the output artifact "BuildOutput"`},

		// A source runs in the pipeline's own region only; every other region with an action needs a store.
		{"a source elsewhere", pipelineV2File, "            - Name: Source\n", "            - Name: Source\n              Region: eu-west-1\n", "eu-west-1\n",
			"Source: there is no artifact store in eu-west-1", ""},
		{"an approval elsewhere", pipelineV2File, "        - Name: Deploy\n          Actions:\n", "        - Name: Deploy\n          Actions:\n            - Name: Approve\n" +
			"              Region: eu-west-1\n              ActionTypeId: {Category: Approval, Owner: AWS, Version: '1', Provider: Manual}\n", "eu-west-1\n",
			"Approve: there is no artifact store in eu-west-1", ""},

		// The build.
		{"another buildspec", pipelineV2File, "buildspec-v2.yaml", "buildspec-v3.yaml", "deployment-pipeline/buildspec-v3.yaml",
			"warning: CodeBuildProject: there is no buildspec deployment-pipeline/buildspec-v3.yaml here", ""},
		{"a project that is none", pipelineV2File, "ProjectName: !Ref CodeBuildProject", "ProjectName: !Ref BuildProject", "!Ref BuildProject",
			`Build: the template has no resource and no parameter "BuildProject"`, ""},
		{"a variable that is lost", pipelineV2File, "- Name: REGIONS\n", "- Name: REGION_LIST\n", "", "warning: nothing sets REGIONS, which this reads", ""},
		{"a variable that is misspelt", buildspecV2File, `"$ARTIFACT_BUCKET_PREFIX-{region}"`, `"${ARTIFACT_BUCKETS_PREFIX}-{region}"`, "${ARTIFACT_BUCKETS_PREFIX}",
			"warning: nothing sets ARTIFACT_BUCKETS_PREFIX, which this reads", ""},
		{"a repository's variable that is misspelt", buildspecV2File, `=$IMAGE_REPOSITORY"`, `=$IMAGE_REPOSITORIES"`, "$IMAGE_REPOSITORIES",
			"warning: nothing sets IMAGE_REPOSITORIES, which this reads", ""},
		{"a repository's variable that is lost", pipelineV2File, "- Name: IMAGE_REPOSITORY\n", "- Name: IMAGES\n", "",
			"warning: nothing sets IMAGE_REPOSITORY, which this reads", ""},
		{"regions of its own", pipelineV2File, "Value: !Join [' ', [!Join [',', !Ref Regions], !Join [',', !Ref RegionsWithBucket]]]", "Value: us-east-1", atAction,
			"DeployToUsWest2: the build packages for us-east-1, and not for us-west-2", ""},
		{"not one template", buildspecV2File, "--one-template ", "", "", "DeployToUsEast1: the build hands over no file packaged-template.yaml",
			"DeployToUsWest2: the build hands over no file packaged-template.yaml"},
		{"written elsewhere", buildspecV2File, runs, runs + " --output-template-file target/app.yaml", "",
			"DeployToUsEast1: the build hands over no file packaged-template.yaml", "DeployToUsWest2: the build hands over no file packaged-template.yaml"},
		{"not handed over", buildspecV2File, handsOver, "target/packaged.yaml\n", "- target/packaged.yaml",
			"artifacts: target/packaged-template.yaml, which DeployToUsEast1 asks for, is not among the files that are handed over",
			"artifacts: target/packaged-template.yaml, which DeployToUsWest2 asks for"},
		{"in a folder", buildspecV2File, "  discard-paths: yes\n", "", "",
			"DeployToUsEast1: the artifact holds this template as target/packaged-template.yaml", "DeployToUsWest2: the artifact holds this template"},
		{"packaged for one region", buildspecV2File, runs, literal, "",
			"DeployToUsWest2: the build packages for us-east-1, and not for us-west-2", ""},
		{"packaged for one more", buildspecV2File, runs, strings.Replace(literal, "us-east-1", "us-east-1,us-west-2,eu-west-1", 1), "mrpackage --one-template",
			"eu-west-1: the build packages for this region, and no action deploys there", ""},
		{"no install script", buildspecV2File, "sh deployment-pipeline/install-mrpackage.sh", "sh deployment-pipeline/install.sh", "sh deployment-pipeline/install.sh",
			"the build runs deployment-pipeline/install.sh, and there is no such file", ""},
	} {
		t.Run(d.name, func(t *testing.T) {
			files := drift{d.name, d.file, d.old, d.new, ""}.plant(t, fits)
			all := told(t, pipelineV2File, files)
			message, warning := strings.CutPrefix(d.want, "warning: ")
			want := []string{message}
			if d.at != "" {
				want[0] = placeOf(t, d.file, files[d.file], d.at) + ": " + message
			}
			if d.more != "" {
				want = append(want, d.more)
			}
			for _, one := range want {
				i := slices.IndexFunc(all, func(said string) bool {
					return strings.Contains(said, one) && strings.HasPrefix(said, "warning: ") == warning
				})
				if i < 0 {
					t.Fatalf("%q is not told, but %q", one, all)
				}
				all = slices.Delete(all, i, i+1)
			}
			if len(all) > 0 {
				t.Errorf("it tells of more: %q", all)
			}
		})
	}
}

// placeOf is where a text stands in a file, as messages name it.
func placeOf(t *testing.T, name, text, at string) string {
	t.Helper()
	before, _, ok := strings.Cut(text, at)
	if !ok {
		t.Fatalf("%s does not hold %q", name, at)
	}
	line := strings.Count(before, "\n") + 1
	return fmt.Sprintf("%s:%d:%d", name, line, len(before)-strings.LastIndex(before, "\n"))
}

// A region that is added in all its places fits, and so does one whose bucket was kept.
func TestThirdRegionOfV2(t *testing.T) {
	fits := filesV2(t)
	inRepository(t)
	for _, region := range []drift{
		{"added", pipelineV2File, "Default: us-east-1,us-west-2", "Default: us-east-1, us-west-2, eu-west-1", ""},
		{"kept", pipelineV2File, "Default: ''\n  ConnectionArn", "Default: eu-west-1\n  ConnectionArn", ""},
	} {
		files := region.plant(t, fits)
		for _, d := range []drift{
			{"store", pipelineV2File, storeWest, storeWest + storeEurope, ""},
			{"action", pipelineV2File, "\n  CodeBuildProject:", deployEurope + "\n  CodeBuildProject:", ""},
		} {
			files = d.plant(t, files)
		}
		if all := told(t, pipelineV2File, files); len(all) > 0 {
			t.Errorf("%s: it tells %q", region.name, all)
		}
	}
}
