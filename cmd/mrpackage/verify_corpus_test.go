package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/s3test"
)

// TestCorpusVerify proves what mrpackage, and what the AWS CLI, made of real templates: of the
// latter S3's MD5 is enough, for the objects of its keys. What only a deployment knows stays
// unknown, and nothing is wrong.
func TestCorpusVerify(t *testing.T) {
	corpus := corpusFolder(t)
	server := s3test.New()
	defer server.Close()
	server.CreateBucket("us-west-2", "candidate", "")
	server.CreateBucket("us-west-2", "ref-us-west-2", "")
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_ENDPOINT_URL_S3": server.URL(),
	} {
		t.Setenv(name, value)
	}
	must(t, filepath.WalkDir(filepath.Join(corpus, "raw"), func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		_, key, found := strings.Cut(filepath.ToSlash(path), "/ref-us-west-2/")
		if !found {
			return nil
		}
		body, err := os.ReadFile(path)
		server.PutObject("ref-us-west-2", key, s3test.Object{Body: body})
		return err
	}))
	candidate := t.TempDir()
	cases, err := os.ReadDir(filepath.Join(corpus, "cases"))
	must(t, err)
	proved := 0
	for _, c := range cases {
		to := filepath.Join(candidate, c.Name())
		packageCase(t, filepath.Join(corpus, "cases", c.Name()), to)
		for _, file := range []string{filepath.Join(to, "packaged.yaml"), filepath.Join(corpus, "ref", c.Name(), "packaged.yaml")} {
			if _, err := os.Stat(file); err != nil {
				continue // it was refused
			}
			var stdout, stderr strings.Builder
			run(t.Context(), []string{"verify", "--quiet", "us-west-2=" + file}, &stdout, &stderr)
			if state := strings.Split(stdout.String()+"\t\t\t", "\t")[2]; state == "proved" || state == "present" {
				proved++
			}
			// What is wrong is in buckets that are not here, or was never packaged: the AWS CLI leaves images,
			// the templates of stack sets, and what Globals say.
			ours := strings.HasPrefix(file, candidate)
			for line := range strings.Lines(stderr.String()) {
				told := regexp.MustCompile(`: s3://(candidate|ref-us-west-2)/\S+ in us-west-2: `).MatchString(line)
				if told && !strings.Contains(line, "warning: ") || ours && strings.Contains(line, "is a local path") {
					t.Errorf("%s: %s", c.Name(), line)
				}
			}
		}
	}
	t.Logf("%d templates of %d cases are proved", proved, len(cases))
	if proved < len(cases) {
		t.Error("these are too few: more than half of the corpus names nothing of others")
	}
}
