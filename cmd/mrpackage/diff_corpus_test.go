package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/s3test"
)

// TestCorpusDiff packages each template of the corpus for two regions, and for both at once. The
// two differ in locations alone, the one for both is what each of them is, and none differs from
// itself or from its form in JSON.
func TestCorpusDiff(t *testing.T) {
	corpus := os.Getenv("MRPACKAGE_CORPUS")
	if corpus == "" {
		t.Skip("MRPACKAGE_CORPUS names no corpus")
	}
	corpus, err := filepath.Abs(corpus)
	must(t, err)
	server := s3test.New()
	defer server.Close()
	server.CreateBucket("us-east-1", "candidate-us-east-1", "")
	server.CreateBucket("us-west-2", "candidate-us-west-2", "")
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_ENDPOINT_URL_S3": server.URL(),
	} {
		t.Setenv(name, value)
	}
	cases, err := os.ReadDir(filepath.Join(corpus, "cases"))
	must(t, err)
	compared, forAll := 0, 0
	for _, c := range cases {
		out := t.TempDir()
		template := enterCase(t, filepath.Join(corpus, "cases", c.Name()))
		pack := func(args ...string) bool {
			var stdout, stderr strings.Builder
			return run(t.Context(), append(args, "--regions", "us-east-1,us-west-2", "--s3-bucket", "candidate-{region}", "--quiet", "--template-file", template), &stdout, &stderr) == exitDone
		}
		same := func(before, after string) {
			t.Helper()
			var stdout, stderr strings.Builder
			if exit := run(t.Context(), []string{diffName, before, after}, &stdout, &stderr); exit != exitDone {
				t.Errorf("%s: %s and %s: exit status %d\n%s%s", c.Name(), filepath.Base(before), filepath.Base(after), exit, &stdout, &stderr)
			}
		}
		if !pack("--output-template-file", filepath.Join(out, "{region}.yaml")) {
			continue
		}
		compared++
		east, west := "us-east-1="+filepath.Join(out, "us-east-1.yaml"), "us-west-2="+filepath.Join(out, "us-west-2.yaml")
		same(east, west)
		same(east, east)
		if pack("--use-json", "--output-template-file", filepath.Join(out, "{region}.json")) {
			same(east, "us-east-1="+filepath.Join(out, "us-east-1.json"))
		}
		if pack("--one-template", "--output-template-file", filepath.Join(out, "all.yaml")) {
			forAll++
			all := filepath.Join(out, "all.yaml")
			same(all, all)
			same(east, all)
			same(all, west)
		}
	}
	t.Logf("%d templates compared, of %d of them the one for both regions", compared, forAll)
}
