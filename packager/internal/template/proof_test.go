package template

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/syntax"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// A rewrite that reads otherwise than it must is never returned: whichever
// reader sees it, it is an internal error that says how to report it.
func TestProof(t *testing.T) {
	const src = "Resources:\n  F:\n    Type: AWS::Serverless::Function\n    Properties:\n      CodeUri: src\n      Handler: a.b\n"
	path := filepath.Join(t.TempDir(), "template.yaml")
	if err := os.WriteFile(path, []byte(src), 0o600); err != nil {
		t.Fatal(err)
	}
	locate := func(*Reference) Location { return Location{Region: "us-east-1", Bucket: "code", Key: "k.zip"} }
	for name, breakIt := range map[string]func(*Template){
		"the first reader sees another value": func(t *Template) {
			t.proofs[0].Read = func(ctx context.Context, s *problem.Source) (*syntax.Node, error) {
				return syntax.ReadYAML(ctx, problem.NewSource(bytes.Replace(s.Text, []byte("a.b"), []byte("a.c"), 1)))
			}
		},
		"the second reader sees another value": func(t *Template) {
			t.proofs[1].Read = func(ctx context.Context, s *problem.Source) (*syntax.Node, error) {
				return syntax.ReadSecond(ctx, problem.NewSource(bytes.Replace(s.Text, []byte("s3://"), []byte("s4://"), 1)))
			}
		},
		"a reader fails": func(t *Template) {
			t.proofs[1].Read = func(ctx context.Context, s *problem.Source) (*syntax.Node, error) {
				if bytes.Contains(s.Text, []byte("s3://")) {
					return nil, errors.New("unreadable")
				}
				return syntax.ReadSecond(ctx, s)
			}
		},
		"a value is not where it was found": func(t *Template) { t.refs[0].node.Start += 2 },
		"an edit spoils what is beside it":  func(t *Template) { t.refs[0].node.Value = "src Handler: a.b" },
	} {
		t.Run(name, func(t *testing.T) {
			whole, _ := Read(t.Context(), path, "template.yaml", Table())
			tmpl, errs := Read(t.Context(), path, "template.yaml", Table())
			if len(errs) > 0 || len(tmpl.refs) != 1 || len(tmpl.proofs) != 2 {
				t.Fatalf("%v, %d references, %d readers", errs, len(tmpl.refs), len(tmpl.proofs))
			}
			if out, err := whole.Rewrite(t.Context(), false, locate); err != nil || !strings.Contains(string(out), "CodeUri: s3://code/k.zip\n") {
				t.Fatalf("%v\n%s", err, out)
			}
			breakIt(tmpl)
			out, err := tmpl.Rewrite(t.Context(), false, locate)
			var e *problem.Error
			if !errors.As(err, &e) || out != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			if !strings.Contains(e.Message, "internal error, nothing is written") || !strings.Contains(e.Hint, "/issues") {
				t.Errorf("%v\nhint: %s", e, e.Hint)
			}
		})
	}
}
