package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/s3test"
)

// TestCorpusOneTemplate packages real templates for all regions, and for each region.
// What is refused of them with --one-template alone is what no function can stand in. The rest is
// compared by testdata/onetemplate.py, which carries out the functions by itself; where
// SAM's translator and cfn-lint are installed, so is what these make of both.
func TestCorpusOneTemplate(t *testing.T) {
	corpus := corpusFolder(t)
	script, err := filepath.Abs("testdata/onetemplate.py")
	must(t, err)
	server := s3test.New()
	defer server.Close()
	regions := []string{"us-east-1", "cn-north-1"}
	for _, region := range regions {
		server.CreateBucket(region, "code-"+region, "")
	}
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_ENDPOINT_URL_S3": server.URL(),
	} {
		t.Setenv(name, value)
	}
	results := t.TempDir()
	cases, err := os.ReadDir(filepath.Join(corpus, "cases"))
	must(t, err)
	packaged, refused, failing := 0, 0, 0
	for _, c := range cases {
		template, to := enterCase(t, filepath.Join(corpus, "cases", c.Name())), filepath.Join(results, c.Name())
		attempt := func(more ...string) (exit int, said string) {
			var stdout, stderr strings.Builder
			exit = run(t.Context(), append([]string{
				"--regions", strings.Join(regions, ","), "--s3-bucket", "code-{region}", "--quiet", "--template-file", template,
			}, more...), &stdout, &stderr)
			return exit, stderr.String()
		}
		exit, _ := attempt("--output-template-file", filepath.Join(to, "{region}.template"))
		oneExit, said := attempt("--one-template", "--output-template-file", filepath.Join(to, "all.template"))
		switch {
		case exit != exitDone:
			failing++
			if oneExit == exitDone {
				t.Errorf("%s: it is packaged with --one-template alone", c.Name())
			}
		case oneExit == exitDone:
			packaged++
		default:
			refused++
			if !onlyRefuses(said) {
				t.Errorf("%s: %s", c.Name(), said)
			}
		}
	}
	for _, region := range regions {
		for _, key := range server.Keys("code-" + region) {
			o, _ := server.Object("code-"+region, key)
			path := filepath.Join(results, "objects", "code-"+region, filepath.FromSlash(key))
			must(t, os.MkdirAll(filepath.Dir(path), 0o777))
			must(t, os.WriteFile(path, o.Body, 0o666))
		}
	}
	t.Logf("%d of %d cases have one template, %d cannot, and %d are refused for each region, too", packaged, len(cases), refused, failing)

	arguments := []string{script, results}
	if _, err := exec.LookPath("cfn-lint"); err == nil {
		arguments = append(arguments, "lint")
	}
	cmd := exec.Command("python3", arguments...)
	var errs strings.Builder
	cmd.Stderr = &errs
	text, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, errs.String())
	}
	var result struct {
		Problems []string
		Counts   map[string]int
	}
	must(t, json.Unmarshal(text, &result))
	for _, problem := range result.Problems {
		t.Error(problem)
	}
	t.Log(result.Counts)
	if result.Counts["compared"]+result.Counts["with loops, not compared"] != (packaged-result.Counts["not read by PyYAML"])*len(regions) {
		t.Errorf("%d templates were packaged, and %v", packaged, result.Counts)
	}
}

// onlyRefuses tells whether all problems are values in whose place no function can stand.
func onlyRefuses(said string) bool {
	var problems []string
	for line := range strings.Lines(said) {
		if regexp.MustCompile(`^[^ ].*:[0-9]+:[0-9]+: `).MatchString(line) && !strings.Contains(line, ": warning: ") {
			problems = append(problems, line)
		}
	}
	return len(problems) > 0 && !slices.ContainsFunc(problems, func(line string) bool {
		return !regexp.MustCompile(`: this template is one for all regions, and (SAM takes|what is included|what publishes)`).MatchString(line)
	})
}
