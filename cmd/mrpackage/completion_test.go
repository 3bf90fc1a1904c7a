package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// completed is what the program answers the shells: the values, and the directive.
func completed(t *testing.T, words ...string) (values []string, directive string) {
	t.Helper()
	var out, said bytes.Buffer
	if exit := run(t.Context(), append([]string{cobra.ShellCompNoDescRequestCmd}, words...), &out, &said); exit != exitDone {
		t.Fatalf("%q: exit code %d: %s", words, exit, said.String())
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	return lines[:len(lines)-1], lines[len(lines)-1]
}

// The program knows the values of flags.
func TestCompletion(t *testing.T) {
	t.Setenv("EU_WEST_3_ARTIFACT_BUCKET", "x")
	const noFiles, inOrder, files, folders = ":4", ":36", ":0", ":16"
	for line, want := range map[string]string{
		"ch":                                    "check " + noFiles,
		"completion ":                           "bash zsh fish powershell " + noFiles,
		"--copy ":                               "auto always never " + inOrder,
		"--copy=al":                             "always " + inOrder,
		"--sse aws":                             "aws:kms " + inOrder,
		"--image-engine ":                       "docker podman finch nerdctl " + inOrder,
		"-r eu-west-":                           "eu-west-3 eu-west-1 eu-west-2 " + inOrder, // the environment's stands first
		"--region eu-west-":                     "eu-west-3 eu-west-1 eu-west-2 " + inOrder,
		"--regions eu-west-1,eu-west-2,eu-west": "eu-west-1,eu-west-2,eu-west-3 " + inOrder,
		"--s3-bucket us-west-":                  "us-west-1= us-west-2= :38",
		"--s3-bucket ":                          ":38",
		"--expected-bucket-owner ":              "self " + noFiles,
		"--expected-bucket-owner us-west-1=":    "us-west-1=self " + noFiles,
		"--property A::B=C":                     ":6",
		"--property A::B=C:l":                   "A::B=C:lambda " + noFiles,
		"--property A::B=C:s3":                  "A::B=C:s3 A::B=C:s3:zip " + noFiles,
		"--property A::B=C:s3:":                 "A::B=C:s3:zip " + noFiles,
		"--template-file ":                      "yaml yml json :8",
		"check --buildspec ":                    "yaml yml :8",
		"--archive-dir ":                        folders,
		"--report ":                             files,
		"--s3-prefix ":                          noFiles,
		"--exclude a --exc":                     "--exclude " + noFiles, // which may be given again
		"--jobs x --s3-bucket a,b --copy al":    "always " + inOrder,    // whatever stands before
		"--jobs 3 --job":                        noFiles,
		"x":                                     noFiles, // it takes no argument
	} {
		words := strings.Split(line, " ")
		values, directive := completed(t, words...)
		if got := strings.Join(append(slices.DeleteFunc(values, func(v string) bool { return v == "" }), directive), " "); got != want {
			t.Errorf("%s: %s, want %s", line, got, want)
		}
	}
}

// Every flag of every command is completed: its name, and its value in one way or another.
func TestCompletionOfAllFlags(t *testing.T) {
	var walk func(path []string, cmd *cobra.Command)
	walk = func(path []string, cmd *cobra.Command) {
		offered, _ := completed(t, append(path, "--")...)
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if !slices.Contains(offered, "--"+f.Name) {
				t.Errorf("%q: --%s is not offered", path, f.Name)
			}
			if f.NoOptDefVal == "" {
				completed(t, append(path, "--"+f.Name, "")...)
			}
		})
		for _, below := range cmd.Commands() {
			walk(append(slices.Clone(path), below.Name()), below)
		}
	}
	walk(nil, command(&ui{}))
}

// Each shell reads its script, as far as it is here.
func TestCompletionScripts(t *testing.T) {
	for shell, check := range map[string][]string{
		"bash": {"-n"}, "zsh": {"-n"}, "fish": {"-n"},
		"powershell": {"-NoProfile", "-Command", "$errors = $null; [void][System.Management.Automation.Language.Parser]::ParseFile($args[0], [ref]$null, [ref]$errors); exit $errors.Count"},
	} {
		t.Run(shell, func(t *testing.T) {
			var out, said bytes.Buffer
			if exit := run(t.Context(), []string{"completion", shell}, &out, &said); exit != exitDone {
				t.Fatalf("exit code %d: %s", exit, said.String())
			}
			script := filepath.Join(t.TempDir(), "script")
			if err := os.WriteFile(script, out.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
			program := shell
			if shell == "powershell" {
				program = "pwsh"
			}
			if _, err := exec.LookPath(program); err != nil {
				t.Skip("there is no ", program)
			}
			if said, err := exec.Command(program, append(check, script)...).CombinedOutput(); err != nil || len(said) > 0 {
				t.Errorf("%v: %s", err, said)
			}
		})
	}
}
