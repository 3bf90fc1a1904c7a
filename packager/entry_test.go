package packager_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/symphoniacloud/multi-region-codepipeline/packager"
)

// An artifact tells its files: how many bytes each takes in the archive where that was made, and what a zip holds that is
// stored as it is.
func TestEntries(t *testing.T) {
	server, opts := store(t)
	dir := filepath.Dir(opts.TemplateFile)
	write(t, dir, "template.yaml", `Resources:
  F: {Type: AWS::Serverless::Function, Properties: {CodeUri: src}}
  Api: {Type: AWS::Serverless::Api, Properties: {DefinitionUri: api.yaml}}
`)
	write(t, dir, "api.yaml", "openapi: 3.0.1\n")
	write(t, dir, "src/lib/large.js", strings.Repeat("export const answer = 42\n", 1000))
	opts.ArchiveDir = filepath.Join(t.TempDir(), "archives")
	result, err := packager.Package(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	code := result.Artifacts[0].Entries()
	if len(code) != 2 || code[0].Name != "app.js" || code[1].Name != "lib/large.js" || code[0].Size+code[1].Size != result.Artifacts[0].Size {
		t.Errorf("the code holds %+v", code)
	}
	object, _ := server.Object("east", result.Artifacts[0].Name)
	if packed, all := code[0].Packed+code[1].Packed, int64(len(object.Body)); code[1].Packed == 0 || packed >= all || packed < all-400 {
		t.Errorf("the code holds %+v, and its archive has %d bytes", code, all)
	}
	if api := result.Artifacts[1].Entries(); len(api) != 1 || api[0] != (packager.Entry{Name: "api.yaml", Size: 15}) {
		t.Errorf("the API is %+v", api)
	}

	// The second time nothing is archived, and the archive of the first one is stored as it is.
	write(t, dir, "template.yaml", "Resources:\n  F: {Type: AWS::Serverless::Function, Properties: {CodeUri: src}}\n  Ready: {Type: AWS::Serverless::Function, Properties: {CodeUri: ready.zip}}\n")
	if err := os.WriteFile(filepath.Join(dir, "ready.zip"), object.Body, 0o600); err != nil {
		t.Fatal(err)
	}
	opts.ArchiveDir = ""
	if result, err = packager.Package(t.Context(), opts); err != nil {
		t.Fatal(err)
	}
	again, ready := result.Artifacts[0].Entries(), result.Artifacts[1].Entries()
	for i, e := range again {
		if e.Name != code[i].Name || e.Size != code[i].Size || e.Packed != 0 {
			t.Errorf("what was there already holds %+v", e)
		}
		if ready[i] != code[i] {
			t.Errorf("the zip holds %+v, want %+v", ready[i], code[i])
		}
	}
	if none := new(packager.Artifact).Entries(); none != nil {
		t.Errorf("an artifact of nothing holds %v", none)
	}
}
