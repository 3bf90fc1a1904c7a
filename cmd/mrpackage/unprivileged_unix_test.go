//go:build unix

package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/s3test"
)

// nobody is a user without rights.
const nobody = 65534

// A closedPlace is a folder of a user who is not root, in which something may not be read
// or written. Whoever runs the tests as root runs the program as nobody.
type closedPlace struct {
	t    *testing.T
	dir  string
	root bool
}

func newClosedPlace(t *testing.T) closedPlace {
	t.Helper()
	p := closedPlace{t, t.TempDir(), os.Geteuid() == 0}
	t.Cleanup(func() { // or nobody could remove it
		_ = filepath.WalkDir(p.dir, func(path string, entry fs.DirEntry, _ error) error {
			if entry != nil && entry.IsDir() {
				_ = os.Chmod(path, 0o700) // a folder
			}
			return nil
		})
	})
	f := sharedFolder{t: t, dir: p.dir}
	f.write("src/app.js", "exports.handler = 1\n")
	f.write("src/lib/secret.js", "2\n")
	f.write("template.yaml", "Resources:\n  F: {Type: AWS::Serverless::Function, Properties: {CodeUri: src}}\n")
	for _, name := range []string{"tmp", "closed", "open"} {
		p.check(os.Mkdir(filepath.Join(p.dir, name), 0o700))
	}
	return p
}

func (p closedPlace) check(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

// run runs the program there, after change has closed something.
func (p closedPlace) run(s3 *s3test.Server, change func(p closedPlace), args []string) (said string, exit int) {
	p.t.Helper()
	// Others can come to neither the program nor the folder by their paths.
	program, err := exec.LookPath("mrpackage")
	p.check(err)
	binary, err := os.ReadFile(program)
	p.check(err)
	copied := filepath.Join(p.dir, "program")
	p.check(os.WriteFile(copied, binary, 0o700))
	change(p)
	ctx, cancel := context.WithCancel(p.t.Context())
	defer cancel()
	cmd := exec.CommandContext(ctx, copied, append([]string{"--regions", "us-east-1", "--s3-bucket", "east"}, args...)...)
	cmd.Args[0] = "mrpackage"
	cmd.Dir = p.dir
	cmd.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID=AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY=secret-example", "AWS_EC2_METADATA_DISABLED=true", "HOME="+p.dir,
		"AWS_CONFIG_FILE="+os.DevNull, "AWS_SHARED_CREDENTIALS_FILE="+os.DevNull, "AWS_ENDPOINT_URL_S3="+s3.URL(), "TMPDIR="+filepath.Join(p.dir, "tmp"))
	if p.root {
		p.give(p.dir)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody, NoSetGroups: false}}
	}
	out, err := cmd.CombinedOutput()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) {
		p.t.Skipf("no other user can run it here: %v", err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// give gives all that is root's to nobody, but what begins with "root".
func (p closedPlace) give(dir string) {
	for above := filepath.Dir(dir); above != os.TempDir() && above != filepath.Dir(above); above = filepath.Dir(above) {
		p.check(os.Chmod(above, 0o755)) // nobody must come by
	}
	p.check(filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || strings.HasPrefix(filepath.Base(path), "root") {
			return err
		}
		return os.Lchown(path, nobody, nobody)
	}))
}

// mode closes a file or a folder.
func mode(name string, bits os.FileMode) func(closedPlace) {
	return func(p closedPlace) { p.check(os.Chmod(filepath.Join(p.dir, name), bits)) }
}

// What may not be read or written is one problem, found before anything is sent, which
// says what to do: for whoever is not root.
func TestWithoutRights(t *testing.T) {
	args := func(a ...string) []string { return a }
	// Each is a folder or a file that is closed, what is said, and the hint.
	tests := map[string]struct {
		close      func(closedPlace)
		args       []string
		says, hint string
	}{
		"the folder of outputs":      {mode("closed", 0o555), args("--output-template-file", "closed/{region}.yaml"), "closed: outputs cannot be written", "choose another --output-template-file, or make closed writable"},
		"one that is to be made":     {mode("closed", 0o555), args("--output-template-file", "closed/a/b/{region}.yaml"), "closed/a/b: outputs cannot be written", "make closed writable"},
		"the working folder":         {mode(".", 0o555), nil, "target: outputs cannot be written", "make . writable"},
		"the folder for archives":    {mode("closed", 0o555), args("--archive-dir", "closed"), "closed: outputs cannot be written", "choose another --archive-dir"},
		"the report's":               {mode("closed", 0o555), args("--report", "closed/r.json"), "closed: outputs cannot be written", "choose another --report"},
		"the trace's":                {mode("closed", 0o555), args("--trace", "closed/t.json"), "closed: outputs cannot be written", "choose another --trace"},
		"temporary files'":           {mode("tmp", 0o555), nil, "making a temporary folder", "let TMPDIR name a folder"},
		"the list of outputs'":       {mode("src", 0o555), args("--report", "src/r.json"), "src: outputs cannot be written", "choose another --report, or make"},
		"the list's, of a link":      {linked("src/r.json", "../open/r.json", "src"), args("--report", "src/r.json"), "src: outputs cannot be written", "choose another --report, or make"},
		"behind a link":              {linked("open/r.json", "../closed/r.json", "closed"), args("--report", "open/r.json"), "closed: outputs cannot be written", "choose another --report"},
		"a source file":              {mode("src/lib/secret.js", 0), nil, "secret.js: permission denied", "let the build's user read it, or leave it out with --exclude 'lib/secret.js'"},
		"a source folder":            {mode("src/lib", 0), nil, "reading the folder", "let the build's user read it, or leave it out with --exclude 'lib'"},
		"a folder that is listed":    {mode("src/lib", 0o444), nil, "reading the folder", "let the build's user read it, or leave it out with --exclude 'lib'"},
		"a folder that is searched":  {mode("src/lib", 0o111), nil, "reading the folder", "let the build's user read it, or leave it out with --exclude 'lib'"},
		"the artifact's folder":      {mode("src", 0), nil, "reading the folder", "let the build's user read it"},
		"the same, that is listed":   {mode("src", 0o444), nil, "reading the folder", "let the build's user read it"},
		"the same, that is searched": {mode("src", 0o111), nil, "reading the folder", "let the build's user read it"},
		"the template":               {mode("template.yaml", 0), nil, "template.yaml: permission denied", ""},
		"the list of outputs":        {closedFile("src/.mrpackage-outputs"), nil, "reading .mrpackage-outputs in ", ""},
		"the ignore file":            {closedFile("src/.mrpackageignore"), nil, ".mrpackageignore: permission denied", ""},
		"another user's output":      {foreign, args("--output-template-file", "open/root-{region}.yaml"), "this output cannot be replaced: it is another user's file", "choose another --output-template-file"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			p := newClosedPlace(t)
			if strings.HasPrefix(name, "another") && !p.root {
				t.Skip("it takes root to make another user's file")
			}
			s3 := s3test.New()
			defer s3.Close()
			s3.CreateBucket("us-east-1", "east", "")
			said, exit := p.run(s3, tt.close, tt.args)
			if exit != exitFailed || !strings.Contains(said, tt.says) || !strings.Contains(said, tt.hint) || !strings.Contains(said, "1 problem; no template was written") || strings.Contains(said, ", or \n") {
				t.Errorf("exit status %d:\n%s", exit, said)
			}
			if keys := s3.Keys("east"); len(keys) > 0 {
				t.Errorf("stored: %q", keys)
			}
			for _, pattern := range []string{"*", "*/*"} {
				left, _ := filepath.Glob(filepath.Join(p.dir, pattern))
				for _, path := range left {
					if name := filepath.Base(path); strings.HasPrefix(name, ".mrpackage-") && name != ".mrpackage-outputs" || name == "target" {
						t.Errorf("left behind: %s", path)
					}
				}
			}
		})
	}
	// What needs no right is done: a link in a folder that is closed, to one that is not.
	p := newClosedPlace(t)
	s3 := s3test.New()
	defer s3.Close()
	s3.CreateBucket("us-east-1", "east", "")
	said, exit := p.run(s3, linked("closed/r.json", "../open/r.json", "closed"), args("--report", "closed/r.json"))
	if _, err := os.Stat(filepath.Join(p.dir, "open", "r.json")); exit != exitDone || err != nil {
		t.Errorf("exit status %d, %v:\n%s", exit, err, said)
	}
}

// linked makes a link, and closes a folder.
func linked(name, target, folder string) func(closedPlace) {
	return func(p closedPlace) {
		p.check(os.Symlink(target, filepath.Join(p.dir, name)))
		mode(folder, 0o555)(p)
	}
}

// closedFile makes a file that may not be read.
func closedFile(name string) func(closedPlace) {
	return func(p closedPlace) { p.check(os.WriteFile(filepath.Join(p.dir, name), []byte("x\n"), 0)) }
}

// foreign makes another user's output, where everybody may write.
func foreign(p closedPlace) {
	p.check(os.WriteFile(filepath.Join(p.dir, "open", "root-us-east-1.yaml"), []byte("old"), 0o600))
	p.check(os.Chmod(filepath.Join(p.dir, "open"), os.ModeSticky|0o777))
	p.check(os.Rename(filepath.Join(p.dir, "open"), filepath.Join(p.dir, "root-open")))
	p.check(os.Symlink("root-open", filepath.Join(p.dir, "open")))
}
