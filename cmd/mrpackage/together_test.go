package main

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/s3test"
)

// Runs at the same time in one folder, with the same packaged templates and the same
// folder for archives, and with reports that are the same or their own: each succeeds,
// unless its bucket is not there; what they write is whole, the list of outputs has all
// of them, nothing temporary is left, and a later run packages none of it.
func TestRunsAtTheSameTime(t *testing.T) {
	s3 := s3test.New()
	defer s3.Close()
	s3.CreateBucket("us-east-1", "east", "")
	s3.CreateBucket("us-west-2", "west", "")
	env := append(os.Environ(),
		"AWS_ACCESS_KEY_ID=AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY=secret-example", "AWS_EC2_METADATA_DISABLED=true",
		"AWS_CONFIG_FILE="+os.DevNull, "AWS_SHARED_CREDENTIALS_FILE="+os.DevNull, "AWS_MAX_ATTEMPTS=2", "AWS_ENDPOINT_URL_S3="+s3.URL(),
	)
	const together = 5
	for round := range 4 {
		t.Run(fmt.Sprint(round), func(t *testing.T) {
			f := sharedFolder{t: t, dir: t.TempDir(), env: env}
			f.write("src/app.js", "exports.handler = 1\n")
			f.write("template.yaml", "Resources:\n  F: {Type: AWS::Serverless::Function, Properties: {CodeUri: src}}\n")
			if round%2 == 1 { // a list that git has had its hands on, and no last line's end
				f.write("src/.mrpackage-outputs", "old.json\r\nolder.json")
				f.write("src/old.json", "{}")
			}
			var runs sync.WaitGroup
			for i := range together {
				runs.Go(func() {
					f.run(0, "west", "--output-template-file", "src/out/{region}.yaml", "--archive-dir", "zips", "--report", "src/all.json", "--trace", fmt.Sprintf("src/trace-%d.json", i))
				})
				runs.Go(func() {
					f.run(0, "west", "--report", fmt.Sprintf("src/report-%d.json", i))
				})
				runs.Go(func() {
					// It makes the outputs' folder, and removes it.
					f.run(1, "absent", "--output-template-file", "target/failed-{region}.yaml")
				})
			}
			runs.Wait()
			f.check(together)
		})
	}
}

// A sharedFolder is one in which several runs go on.
type sharedFolder struct {
	t   *testing.T
	dir string
	env []string
}

func (f sharedFolder) write(name, text string) {
	path := filepath.Join(f.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		f.t.Error(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		f.t.Error(err)
	}
}

// run is one process, which must end with a status.
func (f sharedFolder) run(status int, west string, args ...string) string {
	cmd := exec.Command("mrpackage", append(args, "--s3-bucket", "us-east-1=east,us-west-2="+west, "--regions", "us-east-1,us-west-2")...)
	cmd.Dir, cmd.Env = f.dir, f.env
	said, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != status {
		f.t.Errorf("%q: %v\n%s", args, err, said)
	}
	return string(said)
}

func (f sharedFolder) check(together int) {
	list, err := os.ReadFile(filepath.Join(f.dir, "src", ".mrpackage-outputs"))
	if err != nil {
		f.t.Error(err)
	}
	listed := strings.Split(strings.ReplaceAll(string(list), "\r", ""), "\n")
	want := []string{"all.json"}
	for i := range together {
		want = append(want, fmt.Sprintf("report-%d.json", i), fmt.Sprintf("trace-%d.json", i))
	}
	for _, name := range want {
		text, err := os.ReadFile(filepath.Join(f.dir, "src", name))
		if err != nil || !json.Valid(text) {
			f.t.Errorf("%s is not whole: %v", name, err)
		}
		if n := slices.Index(listed, name); n < 0 || slices.Contains(listed[n+1:], name) {
			f.t.Errorf("%s is not on the list once: %q", name, listed)
		}
	}
	for _, region := range []string{"us-east-1", "us-west-2"} {
		own, err := os.ReadFile(filepath.Join(f.dir, "src", "out", region+".yaml"))
		standard, serr := os.ReadFile(filepath.Join(f.dir, "target", "packaged-template-"+region+".yaml"))
		if err != nil || serr != nil || !bytes.Equal(own, standard) || !bytes.Contains(own, []byte(".zip")) {
			f.t.Errorf("the packaged templates of %s: %q, %v, and %q, %v", region, own, err, standard, serr)
		}
	}
	zips, err := filepath.Glob(filepath.Join(f.dir, "zips", "*.zip"))
	if err != nil || len(zips) != 1 {
		f.t.Errorf("the archives are %q, %v", zips, err)
	} else if z, err := zip.OpenReader(zips[0]); err != nil || len(z.File) != 1 || z.Close() != nil {
		f.t.Errorf("the archive is not whole: %v", err)
	}
	err = filepath.WalkDir(f.dir, func(path string, _ os.DirEntry, err error) error {
		if strings.HasSuffix(path, ".tmp") || strings.Contains(path, "failed") {
			f.t.Errorf("%s is left", path)
		}
		return err
	})
	if err != nil {
		f.t.Error(err)
	}
	if said := f.run(0, "west"); strings.Count(said, "0 uploaded") != 2 || !strings.Contains(said, "1 artifact of 1 file") {
		f.t.Errorf("a later run packages an output:\n%s", said)
	}
}
