//go:build e2e

package main_test

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The pipeline's files where they repeat each other, and as cfn-lint reads them.
func TestE2ETemplates(t *testing.T) {
	root := filepath.Join("..", "..")
	spec := filepath.Join(root, "buildspec.yaml")
	if readFile(t, spec) != readFile(t, filepath.Join(root, "deployment-pipeline", "buildspec.yaml")) {
		t.Error("buildspec.yaml is not deployment-pipeline/buildspec.yaml")
	}
	const install = "sh deployment-pipeline/install-mrpackage.sh"
	for _, name := range []string{"buildspec.yaml", "deployment-pipeline/buildspec-v2.yaml"} {
		if first := readBuildspec(t, filepath.Join(root, name)).Phases.Install.Commands[0]; first != install {
			t.Errorf("%s does not install mrpackage by the script, but by %s", name, first)
		}
	}
	if !strings.Contains(readFile(t, filepath.Join(root, "multiregion-build.sh")), "\n"+install+"\n") {
		t.Error("multiregion-build.sh does not install mrpackage by the script")
	}

	lint, err := exec.LookPath("cfn-lint")
	if err != nil {
		t.Log("the templates were not linted:", err)
		return
	}
	// What stands in another template, and what the page says to put into it.
	dir := t.TempDir()
	buckets, options, moving := filepath.Join(dir, "buckets.yaml"), filepath.Join(dir, "options.yaml"), filepath.Join(dir, "moving.yaml")
	writeFile(t, buckets, pipelineV2(t, nil).properties("ArtifactBuckets")["TemplateBody"].(string))
	writeFile(t, options, withChangeSets(t))
	writeFile(t, moving, whileMoving(t))
	cmd := exec.CommandContext(t.Context(), lint, "--format", "json", "template.yaml", "testdata/app/template.yaml",
		"deployment-pipeline/artifact-buckets.yaml", "deployment-pipeline/pipeline.yaml", "deployment-pipeline/pipeline-v2.yaml", buckets, options, moving)
	cmd.Dir = root
	report, err := cmd.Output() // where it finds something it ends with a status of its own
	var findings []struct {
		Filename, Message string
		Rule              struct{ ID string }
		Location          struct{ Path []any }
	}
	if failed := json.Unmarshal(report, &findings); failed != nil {
		t.Fatalf("cfn-lint: %v, %v\n%s", err, failed, report)
	}
	var got []string
	for _, f := range findings {
		got = append(got, fmt.Sprint(f.Filename, " ", f.Rule.ID, " ", f.Location.Path))
		t.Logf("%s: %s %s", f.Filename, f.Rule.ID, f.Message)
	}
	// CodeBuildProject has had its DependsOn from the beginning; it says twice what is so, and does no harm.
	if want := []string{"deployment-pipeline/pipeline.yaml W3005 [Resources CodeBuildProject DependsOn]"}; !slices.Equal(got, want) {
		t.Errorf("cfn-lint finds %q, want %q", got, want)
	}
}
