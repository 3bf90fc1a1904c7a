package packager

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A rewrite that reads otherwise than it must is never returned: whichever
// reader sees it, it is an internal error that says how to report it.
func TestProof(t *testing.T) {
	const src = "Resources:\n  F:\n    Type: AWS::Serverless::Function\n    Properties:\n      CodeUri: src\n      Handler: a.b\n"
	path := filepath.Join(t.TempDir(), "template.yaml")
	if err := os.WriteFile(path, []byte(src), 0o600); err != nil {
		t.Fatal(err)
	}
	locate := func(*reference) location { return location{region: "us-east-1", bucket: "code", key: "k.zip"} }
	for name, breakIt := range map[string]func(*template){
		"the first reader sees another value": func(t *template) {
			t.readers[0].read = func(b []byte) (*node, error) { return readYAML(bytes.Replace(b, []byte("a.b"), []byte("a.c"), 1)) }
		},
		"the second reader sees another value": func(t *template) {
			t.readers[1].read = func(b []byte) (*node, error) { return readGoccy(bytes.Replace(b, []byte("s3://"), []byte("s4://"), 1)) }
		},
		"a reader fails": func(t *template) {
			t.readers[1].read = func(b []byte) (*node, error) {
				if bytes.Contains(b, []byte("s3://")) {
					return nil, errors.New("unreadable")
				}
				return readGoccy(b)
			}
		},
		"a value is not where it was found": func(t *template) { t.refs[0].node.start += 2 },
		"an edit spoils what is beside it":  func(t *template) { t.refs[0].node.value = "src Handler: a.b" },
	} {
		t.Run(name, func(t *testing.T) {
			whole, _ := readTemplate(path, "template.yaml", properties())
			tmpl, errs := readTemplate(path, "template.yaml", properties())
			if len(errs) > 0 || len(tmpl.refs) != 1 || len(tmpl.readers) != 2 {
				t.Fatalf("%v, %d references, %d readers", errs, len(tmpl.refs), len(tmpl.readers))
			}
			if out, _, err := whole.rewrite(locate); err != nil || !strings.Contains(string(out), "CodeUri: s3://code/k.zip\n") {
				t.Fatalf("%v\n%s", err, out)
			}
			breakIt(tmpl)
			out, _, err := tmpl.rewrite(locate)
			var problem *Error
			if !errors.As(err, &problem) || out != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			if !strings.Contains(problem.Message, "internal error, nothing is written") || !strings.Contains(problem.Hint, "/issues") {
				t.Errorf("%v\nhint: %s", problem, problem.Hint)
			}
		})
	}
}
