package buildspec

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/check/internal/document"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/check/internal/shell"
)

// parse takes a region and an output, and refuses all else.
func parse(args []string) (Command, error) {
	c := Command{Packages: true, Output: "{region}.yaml"}
	for i, arg := range args {
		switch {
		case arg == "--help":
			return Command{}, nil
		case arg == "--region":
			c.Regions = []string{args[i+1]}
		case strings.HasPrefix(arg, "-"):
			return Command{Packages: true, Regions: []string{"*"}}, errors.New("unknown flag")
		}
	}
	return c, nil
}

// read reads a build with a command on each line.
func read(t *testing.T, commands string) *Build {
	t.Helper()
	spec, err := document.Parse("buildspec.yaml", []byte("phases:\n  build:\n    commands:"+strings.ReplaceAll("\n"+commands, "\n", "\n      - |\n        ")))
	if err != nil {
		t.Fatalf("%s: %v", commands, err)
	}
	return Read(t.Context(), spec, Options{Root: ".", Parse: parse})
}

// What each kind of call does to a build.
func TestEffects(t *testing.T) {
	t.Chdir(t.TempDir())
	for name, text := range map[string]string{
		"east.sh":      "mrpackage --region us-east-1\n",
		"env.sh":       "REGION=us-west-2\n",
		"again.sh":     "./again.sh\n",
		"package.json": `{"scripts": {"prepack": "cd app", "pack": "mrpackage --region us-east-1", "again": "npm run again"}}`,
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		commands  string
		templates []string
		opaque    string // the command that cannot be looked into
		moves     bool
		setsMore  bool
		problems  int
	}{
		{commands: "mrpackage", templates: []string{"*.yaml"}},
		{commands: "mrpackage --region us-east-1", templates: []string{"us-east-1.yaml"}},
		{commands: "mrpackage --region $REGION", templates: []string{"*.yaml"}},
		{commands: "mrpackage --help"},
		{commands: "mrpackage -x", templates: []string{"*"}, problems: 1},
		{commands: "mrpackage -$X", templates: []string{"*"}},
		{commands: "sudo env A=b mrpackage --region us-east-1", templates: []string{"us-east-1.yaml"}},
		{commands: "go run example.com/cmd/mrpackage@v1 --region us-east-1", templates: []string{"us-east-1.yaml"}},
		{commands: "aws cloudformation package --region us-east-1 --output-template-file a.yaml", templates: []string{"a.yaml"}},
		{commands: "sam package --output-template-file=a.yaml", templates: []string{"a.yaml"}},
		{commands: "sam package --region us-east-1 --s3-bucket code-us-west-2", templates: []string{"*"}},
		{commands: "cd app", moves: true},
		{commands: "cd ."},
		{commands: "sh -c 'mrpackage --region us-east-1'", templates: []string{"us-east-1.yaml"}},
		{commands: "sh -c \"$X\"", opaque: "sh -c"},
		{commands: "sh east.sh", templates: []string{"us-east-1.yaml"}},
		{commands: ". ./env.sh\nmrpackage --region $REGION", templates: []string{"us-west-2.yaml"}},
		{commands: "sh env.sh\nmrpackage --region $REGION", templates: []string{"*.yaml"}},
		{commands: ". $FILE", setsMore: true},
		{commands: "./esat.sh", opaque: "./esat.sh", problems: 1},
		{commands: "./again.sh"},
		{commands: "npm run pack", templates: []string{"us-east-1.yaml"}},
		{commands: "npm run again", opaque: "npm"},
		{commands: "npm ci"},
		{commands: "f() { mrpackage --region $1; }; f us-east-1", templates: []string{"us-east-1.yaml"}},
		{commands: "make", opaque: "make"},
		{commands: "eval $X", opaque: "eval", setsMore: true},
		{commands: "$X", opaque: "this command", setsMore: true},
		{commands: "ls | grep a > b"},
	} {
		b := read(t, c.commands)
		var templates []string
		for _, template := range b.Templates(nil) {
			templates = append(templates, template.Path.String())
		}
		opaque := ""
		if b.Opaque != nil {
			opaque = b.Opaque.Command
		}
		if !slices.Equal(templates, c.templates) || opaque != c.opaque || b.Moves != c.moves || b.SetsMore != c.setsMore || len(b.Problems) != c.problems {
			t.Errorf("%s: %q, opaque %q, moves %v, sets more %v, problems %v", c.commands, templates, opaque, b.Moves, b.SetsMore, b.Problems)
		}
	}
}

// A problem has the place of its command, however the command is written.
func TestPlaceOfCommand(t *testing.T) {
	for command, want := range map[string]string{
		"mrpackage -x":                                "4:9",
		"'mrpackage -x'":                              "4:10",
		"ls; mrpackage -x":                            "4:13",
		"|\n        ls\n        mrpackage -x":         "6:9",
		">-\n        sudo mrpackage -x":               "5:14",
		"&a |-\n        ls\n        ls; mrpackage -x": "6:13",
	} {
		spec, err := document.Parse("buildspec.yaml", []byte("phases:\n  build:\n    commands:\n      - "+command))
		if err != nil {
			t.Fatal(err)
		}
		problems := Read(t.Context(), spec, Options{Parse: parse}).Problems
		if len(problems) != 1 || !strings.HasPrefix(problems[0].Error(), "buildspec.yaml:"+want+": ") {
			t.Errorf("%q: %v, not at %s", command, problems, want)
		}
	}
}

// What artifacts hold of the templates a.yaml, target/*.yaml and out/deep/b.yaml.
func TestArtifacts(t *testing.T) {
	var templates []Template
	for _, path := range []string{"a.yaml", "target/*.yaml", "out/deep/b.yaml"} {
		templates = append(templates, Template{Path: shell.Pattern(path)})
	}
	for artifacts, want := range map[string][]string{
		"{}":                       nil,
		"{files: '**/*'}":          {"a.yaml", "target/*.yaml", "out/deep/b.yaml"},
		"{files: [./a.yaml]}":      {"a.yaml"},
		"{files: [target/x.yaml]}": {"target/x.yaml"},
		"{files: ['out/**/*'], discard-paths: yes}":             {"b.yaml"},
		"{files: ['**/*'], base-directory: out}":                {"deep/b.yaml"},
		"{files: ['**/*'], base-directory: ./out/}":             {"deep/b.yaml"},
		"{files: ['**/*'], exclude-paths: ['*/*']}":             {"a.yaml", "out/deep/b.yaml"},
		"{files: x, secondary-artifacts: {A: {files: a.yaml}}}": {"a.yaml"},
	} {
		spec, err := document.Parse("buildspec.yaml", []byte("artifacts: "+artifacts))
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, h := range Read(t.Context(), spec, Options{Parse: parse}).Artifact("A").Holds(templates) {
			names = append(names, h.Name.String())
		}
		if !slices.Equal(names, want) {
			t.Errorf("%s holds %q, not %q", artifacts, names, want)
		}
	}
}
