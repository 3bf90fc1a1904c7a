package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

type bench struct {
	ctx               context.Context //nolint:containedctx // of the whole program
	dir, app, program string
	endpoint          string // of the server that runs
	trusted           string // the file of its certificate; "" where it has none
	runs              int
	files             int
	bytes             int64
	peak              int64 // the most memory that a command took
	fill              int   // how many prefixes were stored under
}

// fresh is a prefix under which nothing is stored yet.
func (b *bench) fresh() []string {
	b.fill++
	return b.same()
}

// same is the last one.
func (b *bench) same() []string { return []string{"--s3-prefix", fmt.Sprintf("p%d", b.fill)} }

func (b *bench) build() error {
	b.program = filepath.Join(b.dir, "mrpackage")
	build := exec.CommandContext(b.ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", b.program, "./cmd/mrpackage")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("building mrpackage: %w\n%s", err, out)
	}
	return nil
}

// serving runs something while a server runs, which is this program once more; over a
// network where that is not nil.
func (b *bench) serving(over *overNetwork, what func() error) error {
	var flags []string
	if b.trusted = ""; over != nil {
		b.trusted = filepath.Join(b.dir, "certificate.pem")
		flags = over.flags(b.trusted)
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	server := exec.Command(self, append([]string{"-serve"}, flags...)...)
	in, err := server.StdinPipe()
	if err != nil {
		return err
	}
	out, err := server.StdoutPipe()
	if err != nil {
		return err
	}
	if err := server.Start(); err != nil {
		return err
	}
	defer func() {
		_ = in.Close() // which ends it, as our own end does
		_ = server.Wait()
	}()
	line := make([]byte, 100)
	n, err := out.Read(line)
	if err != nil {
		return err
	}
	b.endpoint = strings.TrimSpace(string(line[:n]))
	return what()
}

// command runs a program in the application's folder and returns how long it
// took.
func (b *bench) command(name string, args ...string) (time.Duration, error) {
	cmd := exec.CommandContext(b.ctx, name, args...)
	cmd.Dir = b.app
	environment := slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "AWS_PROFILE=") || strings.HasPrefix(v, "AWS_DEFAULT_PROFILE=")
	})
	cmd.Env = slices.Concat(environment, []string{"AWS_ENDPOINT_URL_S3=" + b.endpoint, "AWS_ENDPOINT_URL_STS=" + b.endpoint, "AWS_ACCESS_KEY_ID=AKIDEXAMPLE", "AWS_REGION=us-east-1", "AWS_SECRET_ACCESS_KEY=secret",
		"AWS_CONFIG_FILE=" + os.DevNull, "AWS_SHARED_CREDENTIALS_FILE=" + os.DevNull, "AWS_EC2_METADATA_DISABLED=true", "TMPDIR=" + b.dir})
	if b.trusted != "" {
		cmd.Env = append(cmd.Env, "AWS_CA_BUNDLE="+b.trusted)
	}
	began := time.Now()
	out, err := cmd.CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, out)
	}
	took := time.Since(began)
	b.peak = max(b.peak, peakMemory(cmd.ProcessState))
	return took, nil
}

// median runs something several times.
func (b *bench) median(what func() (time.Duration, error)) (time.Duration, error) {
	all, err := b.medians(what)
	if err != nil {
		return 0, err
	}
	return all[0], nil
}

// medians runs several things in turn, several times: a machine that gets slower
// does so for all.
func (b *bench) medians(what ...func() (time.Duration, error)) ([]time.Duration, error) {
	all := make([][]time.Duration, len(what))
	for range b.runs {
		for i := range what {
			d, err := what[i]()
			if err != nil {
				return nil, err
			}
			all[i] = append(all[i], d)
		}
	}
	medians := make([]time.Duration, len(what))
	for i := range all {
		slices.Sort(all[i])
		medians[i] = all[i][len(all[i])/2]
	}
	return medians, nil
}

func regions(n int) []string {
	all := []string{
		"us-east-1", "us-east-2", "us-west-1", "us-west-2", "eu-west-1", "eu-west-2", "eu-west-3", "eu-central-1",
		"eu-north-1", "ap-south-1", "ap-southeast-1", "ap-southeast-2", "ap-northeast-1", "ap-northeast-2", "sa-east-1", "ca-central-1",
		"eu-south-1", "eu-south-2", "eu-central-2", "ap-south-2", "ap-southeast-3", "ap-southeast-4", "ap-southeast-5", "ap-east-1",
		"ap-northeast-3", "af-south-1", "me-south-1", "me-central-1", "il-central-1", "ca-west-1",
	}
	return all[:n]
}

func (b *bench) mrpackage(n int, flags ...string) (time.Duration, error) {
	return b.command(b.program, append([]string{"--regions", strings.Join(regions(n), ","), "--s3-bucket", "bench-{region}", "--output-template-file", filepath.Join(b.dir, "out-{region}.yaml")}, flags...)...)
}

// A measure is what a command took.
type measure struct {
	took   time.Duration // the median
	sent   int64         // bytes to the server, the last time
	memory int64         // the largest resident set, in bytes
}

// measure runs mrpackage several times.
func (b *bench) measure(n int, flags func() []string) (m measure, err error) {
	b.peak = 0
	m.took, err = b.median(func() (time.Duration, error) {
		if _, err := b.taken(); err != nil {
			return 0, err
		}
		return b.mrpackage(n, flags()...)
	})
	if err != nil {
		return m, err
	}
	m.memory = b.peak
	m.sent, err = b.taken()
	return m, err
}

// taken asks the server how much it has taken since it was last asked.
func (b *bench) taken() (n int64, err error) {
	client := http.DefaultClient
	if b.trusted != "" {
		if client, err = trusting(b.trusted); err != nil {
			return 0, err
		}
		defer client.CloseIdleConnections()
	}
	answer, err := client.Get(b.endpoint + takenPath)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close() // nothing was written
	_, err = fmt.Fscan(answer.Body, &n)
	return n, err
}
