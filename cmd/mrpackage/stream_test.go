package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/s3test"
)

// A fullPipe takes nothing more until somebody reads.
func fullPipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = r.Close(), w.Close() })
	for {
		_ = w.SetWriteDeadline(time.Now().Add(50 * time.Millisecond))
		if _, err := w.Write(make([]byte, 1024)); err != nil {
			break
		}
	}
	for { // the last bytes of it
		_ = w.SetWriteDeadline(time.Now().Add(50 * time.Millisecond))
		if _, err := w.Write([]byte{0}); err != nil {
			return r, w
		}
	}
}

// Whoever reads what the program says may be gone, as head is, or read no longer for a
// while: no template is lost by that, and an interrupt ends the run all the same. Nothing
// temporary is left.
func TestReaders(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("signals and full pipes are Unix")
	}
	tests := map[string]struct {
		stuck     bool     // else gone
		interrupt bool     // else a stuck reader reads on
		outputs   string   // that it reads: o, e
		args      []string // beside those of every run
		exit      int
	}{
		"results, gone":                {outputs: "o"},
		"all, gone":                    {outputs: "oe"},
		"news, gone":                   {outputs: "e", args: []string{"--verbose"}},
		"the template, gone":           {outputs: "o", args: []string{"--regions", "us-east-1", "--output-template-file", "-"}, exit: exitFailed},
		"results, later":               {outputs: "o", stuck: true},
		"news, later":                  {outputs: "e", stuck: true, args: []string{"--verbose"}},
		"results, never":               {outputs: "o", stuck: true, interrupt: true, exit: exitInterrupted},
		"news, never":                  {outputs: "e", stuck: true, interrupt: true, exit: exitInterrupted},
		"news of a large upload, gone": {outputs: "e", args: []string{"--template-file", "large.yaml", "--regions", "us-east-1"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s3 := s3test.New()
			defer s3.Close()
			s3.CreateBucket("us-east-1", "east", "")
			s3.CreateBucket("us-west-2", "west", "")
			f := sharedFolder{t: t, dir: t.TempDir()}
			f.write("src/app.js", "exports.handler = 1\n")
			f.write("template.yaml", "Resources:\n  F: {Type: AWS::Serverless::Function, Properties: {CodeUri: src}}\n")
			f.write("large.yaml", "Resources:\n  A: {Type: AWS::Serverless::Api, Properties: {DefinitionUri: large.json}}\n")
			f.write("large.json", strings.Repeat("0123456789abcdef", 17<<16))
			f.write("tmp/here", "")
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			cmd := exec.CommandContext(ctx, "mrpackage", append([]string{"--s3-bucket", "us-east-1=east,us-west-2=west", "--regions", "us-east-1,us-west-2"}, tt.args...)...)
			if len(tt.args) > 2 {
				cmd.Args = append([]string{"mrpackage", "--s3-bucket", "east"}, tt.args...)
			}
			cmd.Dir = f.dir
			cmd.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID=AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY=secret-example", "AWS_EC2_METADATA_DISABLED=true",
				"AWS_CONFIG_FILE="+os.DevNull, "AWS_SHARED_CREDENTIALS_FILE="+os.DevNull, "AWS_ENDPOINT_URL_S3="+s3.URL(), "TMPDIR="+filepath.Join(f.dir, "tmp"))
			var said bytes.Buffer
			cmd.Stdout, cmd.Stderr = &said, &said
			r, w := fullPipe(t)
			if strings.Contains(tt.outputs, "o") {
				cmd.Stdout = w
			}
			if strings.Contains(tt.outputs, "e") {
				cmd.Stderr = w
			}
			if !tt.stuck {
				_ = r.Close()
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			_ = w.Close()
			if tt.stuck {
				waitForRequests(ctx, s3)
				if tt.interrupt {
					_ = cmd.Process.Signal(os.Interrupt)
				} else {
					go func() { _, _ = io.Copy(io.Discard, r) }()
				}
			}
			var failed *exec.ExitError
			if err := cmd.Wait(); err != nil && !errors.As(err, &failed) || cmd.ProcessState.ExitCode() != tt.exit {
				t.Errorf("it ended with %v: %s", cmd.ProcessState, said.String())
			}
			written, _ := filepath.Glob(filepath.Join(f.dir, "target", "packaged-template-*"))
			if (len(written) > 0) != (tt.exit == exitDone) {
				t.Errorf("exit status %d, and there are %q", tt.exit, written)
			}
			left, _ := filepath.Glob(filepath.Join(f.dir, "*", ".mrpackage-*"))
			if open := s3.OpenUploads("east"); len(left)+len(open) > 0 {
				t.Errorf("left behind: %q and uploads of %q", left, open)
			}
		})
	}
}

// waitForRequests returns when the run has asked something and has soon something to say.
func waitForRequests(ctx context.Context, s3 *s3test.Server) {
	for ctx.Err() == nil && len(s3.Requests()) < 2 {
		time.Sleep(5 * time.Millisecond)
	}
	time.Sleep(200 * time.Millisecond)
}
