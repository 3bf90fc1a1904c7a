package packaged_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/packaged"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/s3store"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/template"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/s3test"
)

func patterns() []string {
	return []string{filepath.FromSlash("target/packaged-template-{region}.yaml"), filepath.FromSlash("target/packaged-template.yaml")}
}

// The region of a template is the one that is said, else the one in its file's name,
// wherever that was moved to.
func TestArguments(t *testing.T) {
	for arg, want := range map[string]string{
		"t.yaml":           " t.yaml",
		"us-east-1=t.yaml": "us-east-1 t.yaml",
		"us-east-1=target/packaged-template-us-west-2.yaml": "us-east-1 target/packaged-template-us-west-2.yaml",
		"target/packaged-template-us-west-2.yaml":           "us-west-2 target/packaged-template-us-west-2.yaml",
		"packaged-template-us-gov-west-1.yaml":              "us-gov-west-1 packaged-template-us-gov-west-1.yaml",
		"a/b/packaged-template-us-west-2.yaml":              "us-west-2 a/b/packaged-template-us-west-2.yaml",
		"unpackaged-template-us-west-2.yaml":                " unpackaged-template-us-west-2.yaml",
		"packaged-template-us-west-2.yaml.bak":              " packaged-template-us-west-2.yaml.bak",
		"packaged-template-here.yaml":                       " packaged-template-here.yaml",
		"packaged-template.yaml":                            " packaged-template.yaml",
		"x=t.yaml":                                          " x=t.yaml",
		"-":                                                 " -",
		"us-east-1=-":                                       "us-east-1 -",
	} {
		given, errs := packaged.Arguments([]string{arg}, patterns())
		if len(errs) > 0 || given[0].Region+" "+given[0].File != want {
			t.Errorf("%s: %v, %v", arg, given, errs)
		}
	}
	for _, args := range [][]string{{""}, {"us-east-1="}, {"a", "a"}, {"-", "us-east-1=-"}} {
		if _, errs := packaged.Arguments(args, patterns()); len(errs) == 0 {
			t.Errorf("%q is taken", args)
		}
	}
	given, _ := packaged.Arguments([]string{"out/us-east-1/x-us-east-1.yaml", "out/us-east-1/x-us-west-2.yaml", "elsewhere/eu-west-1/x-eu-west-1.yaml"}, []string{"out/{region}/x-{region}.yaml"})
	if given[0].Region != "us-east-1" || given[1].Region != "" || given[2].Region != "eu-west-1" {
		t.Errorf("%v", given)
	}
}

// Without arguments they are the outputs that are there.
func TestOutputs(t *testing.T) {
	t.Chdir(t.TempDir())
	if _, errs := packaged.Arguments(nil, patterns()); len(errs) != 1 || !strings.Contains(errs[0].Error(), "there is no packaged template") {
		t.Errorf("%v", errs)
	}
	for _, name := range []string{"target/packaged-template-us-east-1.yaml", "target/packaged-template-eu-west-1.yaml", "target/packaged-template-copy.yaml", "target/packaged-template.yaml", "target/other.yaml"} {
		write(t, name, "")
	}
	given, errs := packaged.Arguments(nil, patterns())
	var got []string
	for _, g := range given {
		got = append(got, g.Region+" "+filepath.ToSlash(g.File))
	}
	want := []string{"eu-west-1 target/packaged-template-eu-west-1.yaml", "us-east-1 target/packaged-template-us-east-1.yaml", " target/packaged-template.yaml"}
	if len(errs) > 0 || !slices.Equal(got, want) {
		t.Errorf("%q, %v", got, errs)
	}
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// How the regions of a template are found, in the order of what is surest.
func TestRegions(t *testing.T) {
	t.Chdir(t.TempDir())
	s := s3test.New()
	defer s.Close()
	s.CreateBucket("eu-west-1", "west", "")
	c := s3store.Connect(s3store.Config{Jobs: 1, Questions: 1, EndpointURL: s.URL(), AWS: aws.Config{Credentials: credentials.NewStaticCredentialsProvider("A", "S", "")}}, 1)
	defer c.Close()
	const (
		one   = "Mappings: {B: {us-east-1: {N: e}, us-west-2: {N: w}}}\nResources: {F: {Type: AWS::Lambda::Function, Properties: {Code: {S3Bucket: !FindInMap [B, !Ref AWS::Region, N], S3Key: k}}}}"
		own   = "Resources: {F: {Type: AWS::Lambda::Function, Properties: {Code: {S3Bucket: west, S3Key: k}}}}"
		none  = "Resources: {T: {Type: AWS::SNS::Topic}}"
		wrong = "Resources: {F: {Type: AWS::Lambda::Function, Properties: {Code: {S3Bucket: nobodys, S3Key: k}}}}"
	)
	for _, test := range []struct{ arg, text, want string }{
		{"us-east-1=t.yaml", one, "us-east-1 as given"},
		{"packaged-template-us-east-1.yaml", own, "us-east-1 by its name"},
		{"t.yaml", one, "us-east-1,us-west-2 by mapping"},
		{"t.yaml", own, "eu-west-1 by its bucket"},
		{"-", own, "eu-west-1 by its bucket"},
		{"t.yaml", none, " "},
		{"t.yaml", wrong, "t.yaml:1:65: F.Code: the bucket nobodys, which would tell the region of this template, is not there"},
		{"t.yaml", "a: [", "t.yaml:2:1: did not find expected node content"},
		{"none.yaml", "", "none.yaml: no such file"},
		{".", "", ".: this is a folder, and a template is a file"},
	} {
		given, errs := packaged.Arguments([]string{test.arg}, patterns())
		if len(errs) > 0 {
			t.Fatal(errs)
		}
		if test.text != "" && given[0].File != "-" {
			write(t, given[0].File, test.text)
		}
		got := ""
		tmpl, errs := packaged.Read(t.Context(), given[0], strings.NewReader(test.text), template.Table())
		if len(errs) == 0 {
			if err := tmpl.Locate(t.Context(), c, "us-east-1", s3store.Told{Retrying: func(error, time.Duration) {}}); err != nil {
				errs = []error{err}
			}
		}
		if len(errs) > 0 {
			got = errs[0].Error()
			var e *problem.Error
			if !errors.As(errs[0], &e) {
				t.Errorf("%v has no place", errs[0])
			}
		} else {
			got = strings.Join(tmpl.Regions, ",") + " " + string(tmpl.How)
		}
		if got != test.want {
			t.Errorf("%s: %q, want %q", test.arg, got, test.want)
		}
	}
}

// A pipe that says nothing does not keep a run from its end.
func TestReadEnds(t *testing.T) {
	silent, writer := io.Pipe()
	defer writer.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, errs := packaged.Read(ctx, packaged.Given{File: "-"}, silent, template.Table()); len(errs) != 1 || !errors.Is(errs[0], context.Canceled) {
		t.Errorf("%v", errs)
	}
}
