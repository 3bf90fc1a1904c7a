package check_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/check"
)

// A drift is a change of this repository's pipeline or buildspec that breaks it, and
// what must be told of it.
type drift struct {
	name, file, old, new string
	want                 string
}

const (
	pipelineFile  = "deployment-pipeline/pipeline.yaml"
	buildspecFile = "deployment-pipeline/buildspec.yaml"
	installFile   = "deployment-pipeline/install-mrpackage.sh"
	lastStage     = "  CodeBuildProject:\n    Type"
)

// drifts makes members of each kind, with names and places that chance chooses.
func drifts(r *rand.Rand) (all []drift) {
	pick := func(of ...string) string { return of[r.IntN(len(of))] }
	word := func() string { return fmt.Sprintf("X%d", r.IntN(1000)) }
	providers := []string{
		"Deploy AWS S3", "Deploy AWS ECS", "Deploy AWS CodeDeploy", "Deploy AWS AppConfig", "Invoke AWS Lambda", "Invoke AWS StepFunctions",
		"Approval AWS Manual", "Test AWS DeviceFarm", "Compute AWS Commands", "Deploy AWS CloudFormation", "Deploy AWS CloudFormationStackInstances",
	}
	action := func(more string) string {
		kind := strings.Fields(pick(providers...))
		return fmt.Sprintf("        - Name: More\n          Actions:\n            - {Name: Planted, ActionTypeId: {Category: %s, Owner: %s, Provider: %s, Version: '1'}, %s}\n\n%s",
			kind[0], kind[1], kind[2], more, lastStage)
	}
	far, artifact := pick("eu-west-1", "ap-southeast-2", "us-gov-west-1", "sa-east-1"), word()
	region := pick("us-east-1", "us-west-2")
	stackSet := func(config string) string {
		return fmt.Sprintf("        - Name: More\n          Actions:\n            - {Name: Planted, ActionTypeId: {Category: Deploy, Owner: AWS, Provider: CloudFormationStackSet, Version: '1'}, "+
			"InputArtifacts: [{Name: BuildOutput}], Configuration: {StackSetName: s, %s}}\n\n%s", config, lastStage)
	}
	phase := pick("install", "pre_build", "post_build", "build", "biuld", "deploy", "artifacts", "postbuild", "prebuild")
	known := map[string]bool{"install": true, "pre_build": true, "post_build": true, "build": true}
	all = []drift{
		{"region without a store", pipelineFile, lastStage, action("Region: " + far), "Planted: there is no artifact store in " + far},
		{"region that is none", pipelineFile, lastStage, action("Region: nowhere" + word()), "is not the name of a region"},
		{"input that nobody makes", pipelineFile, lastStage, action("InputArtifacts: [{Name: " + artifact + "}]"), fmt.Sprintf("no action has the output artifact %q", artifact)},
		{"output of another", pipelineFile, lastStage, action("OutputArtifacts: [{Name: " + pick("SourceCode", "BuildOutput") + "}]"), "already"},
		{"input of its own", pipelineFile, lastStage, action(fmt.Sprintf("InputArtifacts: [{Name: %s}], OutputArtifacts: [{Name: %s}]", artifact, artifact)), "does not run before"},
		{"stack set for another region", pipelineFile, lastStage,
			stackSet(fmt.Sprintf("TemplatePath: 'BuildOutput::packaged-template-%s.yaml', Regions: '%s,%s'", region, region, far)), "whose code a stack in " + far + " cannot read"},
		{"stack set of no input", pipelineFile, lastStage, stackSet("TemplatePath: '" + artifact + "::a.yaml', Regions: " + region), "is not among the action's input artifacts"},
		{"stack set without a template", pipelineFile, lastStage, stackSet("Regions: " + region), "there is no TemplatePath"},
		{"command that is a mapping", buildspecFile, "      - npm run clean\n",
			"      - " + pick(`echo "FATAL: no"`, "echo a: b", "{a: b}", `if a; then b "c: d"; fi`) + "\n", "is no text, and CodeBuild refuses"},
		{"key that is misspelled", buildspecFile, "  build:\n    commands:", "  build:\n    " + pick("comands", "command", "commnads", "cmmands") + ":", "CodeBuild knows no"},
		{"section that is misspelled", buildspecFile, "\nartifacts:", "\n" + pick("artifact", "artifactz", "artefacts") + ":", "CodeBuild knows no"},
	}
	if !known[phase] {
		all = append(all, drift{"phase that is none", buildspecFile, "phases:\n", "phases:\n  " + phase + ": {commands: [echo]}\n", phase + " is no phase"})
	}
	return all
}

// Whatever drift is planted is told; without one there is nothing to tell.
func TestPlantedDrifts(t *testing.T) {
	fits := map[string]string{pipelineFile: ours(t, pipelineFile), buildspecFile: ours(t, buildspecFile), installFile: ours(t, installFile)}
	inRepository(t)
	if all := told(t, pipelineFile, fits); len(all) > 0 {
		t.Fatalf("without a drift it tells %q", all)
	}
	for seed := range uint64(20) {
		for _, d := range drifts(rand.New(rand.NewPCG(seed, 1))) {
			if all := told(t, pipelineFile, d.plant(t, fits)); !strings.Contains(strings.Join(all, "\n"), d.want) {
				t.Errorf("%s, seed %d: %q is not told, but %q", d.name, seed, d.want, all)
			}
		}
	}
}

// inRepository makes a new folder the working folder, with those for pipelines and for
// the application.
func inRepository(t *testing.T) {
	t.Helper()
	t.Chdir(t.TempDir())
	for _, folder := range []string{"deployment-pipeline", "src"} {
		if err := os.Mkdir(folder, 0o700); err != nil {
			t.Fatal(err)
		}
	}
}

// plant returns the files with the drift in them.
func (d drift) plant(t *testing.T, fits map[string]string) map[string]string {
	t.Helper()
	if strings.Count(fits[d.file], d.old) != 1 {
		t.Fatalf("%s: %s does not hold %q once", d.name, d.file, d.old)
	}
	drifted := maps.Clone(fits)
	drifted[d.file] = strings.Replace(drifted[d.file], d.old, d.new, 1)
	return drifted
}

// told is what check tells of a pipeline among these files, warnings included.
func told(t *testing.T, pipeline string, files map[string]string) (all []string) {
	t.Helper()
	writeAll(t, files)
	problems, warnings := check.Run(t.Context(), check.Options{Pipeline: pipeline, Parse: func(args []string) (check.Command, error) {
		if slices.Equal(args, []string{"--version"}) {
			return check.Command{}, nil
		}
		return parse(args)
	}})
	for _, err := range problems {
		all = append(all, err.Error())
	}
	for _, err := range warnings {
		all = append(all, "warning: "+err.Error())
	}
	return all
}
