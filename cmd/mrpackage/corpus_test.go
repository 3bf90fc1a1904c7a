package main

import (
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/s3test"
)

// TestCorpus packages real templates and holds the results against the AWS
// CLI's, by the corpus's own compare.py. It runs where MRPACKAGE_CORPUS names
// a corpus folder and Python has PyYAML. testdata/corpus.txt lists the cases
// in which the right result is another than the AWS CLI's, and why.
func TestCorpus(t *testing.T) {
	corpus := corpusFolder(t)
	reasons := make(map[string]string)
	table, err := os.ReadFile("../../testdata/corpus.txt")
	must(t, err)
	for line := range strings.Lines(string(table)) {
		if id, reason, ok := strings.Cut(strings.TrimSpace(line), "  "); ok && !strings.HasPrefix(line, "#") {
			reasons[id] = strings.TrimSpace(reason)
		}
	}

	server := s3test.New()
	defer server.Close()
	server.CreateBucket("us-west-2", "candidate", "")
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_ENDPOINT_URL_S3": server.URL(),
	} {
		t.Setenv(name, value)
	}
	candidate := t.TempDir()
	cases, err := os.ReadDir(filepath.Join(corpus, "cases"))
	must(t, err)
	for _, c := range cases {
		packageCase(t, filepath.Join(corpus, "cases", c.Name()), filepath.Join(candidate, c.Name()))
	}
	objects := filepath.Join(candidate, "objects", "candidate")
	must(t, os.MkdirAll(objects, 0o777))
	for _, key := range server.Keys("candidate") {
		o, _ := server.Object("candidate", key)
		must(t, os.WriteFile(filepath.Join(objects, key), o.Body, 0o666))
	}

	out := filepath.Join(t.TempDir(), "result.json")
	cmd := exec.Command("python3", filepath.Join(corpus, "compare.py"), "--candidate", candidate, "--objects", filepath.Join(candidate, "objects"), "--json", out)
	printed, _ := cmd.CombinedOutput() // its status only says whether there are differences
	text, err := os.ReadFile(out)
	if err != nil {
		t.Fatalf("%v\n%s", err, printed)
	}
	var result struct {
		Cases []struct{ ID, Status, Why string }
	}
	must(t, json.Unmarshal(text, &result))
	for _, c := range result.Cases {
		same := c.Status == "same" || c.Status == "both-error"
		switch reason := reasons[c.ID]; {
		case same && reason != "":
			t.Errorf("%s is the same now, and testdata/corpus.txt says: %s", c.ID, reason)
		case !same && reason == "":
			t.Errorf("%s: %s: %s", c.ID, c.Status, c.Why)
		}
	}
	t.Logf("%d cases, %d of them different with a reason", len(result.Cases), len(reasons))
}

// corpusFolder is the corpus, for a test that is left out where there is none, or no
// Python to compare with.
func corpusFolder(t *testing.T) string {
	corpus := os.Getenv("MRPACKAGE_CORPUS")
	if corpus == "" {
		t.Skip("MRPACKAGE_CORPUS names no corpus")
	}
	corpus, err := filepath.Abs(corpus)
	must(t, err)
	if err := exec.Command("python3", "-c", "import yaml").Run(); err != nil {
		t.Skip("there is no Python with PyYAML: ", err)
	}
	return corpus
}

// enterCase goes into a copy of a case's folder, and returns the path of its template.
func enterCase(t *testing.T, from string) (template string) {
	var info struct{ Template, Cwd string }
	text, err := os.ReadFile(filepath.Join(from, "case.json"))
	must(t, err)
	must(t, json.Unmarshal(text, &info))
	dir := t.TempDir()
	must(t, os.CopyFS(dir, os.DirFS(from)))
	restoreLinks(t, dir)
	t.Chdir(filepath.Join(dir, info.Cwd))
	return filepath.Join(dir, info.Template)
}

// packageCase packages one case.
func packageCase(t *testing.T, from, to string) {
	template := enterCase(t, from)
	must(t, os.MkdirAll(to, 0o777))
	var stdout, stderr strings.Builder
	exit := run(t.Context(), []string{
		"--regions", "us-west-2", "--s3-bucket", "candidate", "--quiet",
		"--template-file", template,
		"--output-template-file", filepath.Join(to, "packaged.yaml"),
	}, &stdout, &stderr)
	if exit != exitDone {
		must(t, os.WriteFile(filepath.Join(to, "error"), []byte(stderr.String()), 0o666))
	}
}

// restoreLinks makes links of the small files that hold just the name of a
// file or folder beside them: what became of links where the corpus was copied
// by something that knows none.
func restoreLinks(t *testing.T, dir string) {
	must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err != nil || info.Size() > 64 {
			return err
		}
		target, err := os.ReadFile(path)
		if err != nil || len(target) == 0 || strings.ContainsAny(string(target), "\n ") {
			return err
		}
		if _, err := os.Stat(filepath.Join(filepath.Dir(path), string(target))); err != nil {
			return nil //nolint:nilerr // no link
		}
		if err := os.Remove(path); err != nil {
			return err
		}
		return os.Symlink(string(target), path)
	}))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
