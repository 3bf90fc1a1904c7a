// Command bench measures mrpackage beside what else packages code on this
// machine: the AWS CLI once per region, Info-ZIP, and Python's zipfile. All of
// them store into one S3 on loopback, in a process of its own, or archive into
// files; every figure is a median of several runs, each ratio is of one run of
// this program.
//
//	go run ./bench
//
// What is not on the PATH is left out. The application is eight functions with
// up to 69 MB of Go's source, or with -app a folder of one's own, which holds a
// template.yaml.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

func main() {
	beS3 := flag.Bool("serve", false, "be the S3 that is stored into")
	runs := flag.Int("runs", 5, "runs of each command; the median counts")
	app := flag.String("app", "", "the folder of the application; made of Go's source by default")
	flag.Parse()
	if err := run(*beS3, *runs, *app); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func regions(n int) []string {
	all := []string{
		"us-east-1", "us-east-2", "us-west-1", "us-west-2", "eu-west-1", "eu-west-2", "eu-west-3", "eu-central-1",
		"eu-north-1", "ap-south-1", "ap-southeast-1", "ap-southeast-2", "ap-northeast-1", "ap-northeast-2", "sa-east-1", "ca-central-1",
	}
	return all[:n]
}

func run(beS3 bool, runs int, app string) error {
	if beS3 {
		return serve()
	}
	dir, err := os.MkdirTemp("", "mrpackage-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b := &bench{dir: dir, app: app, runs: runs}
	if err := b.prepare(); err != nil {
		return err
	}
	defer b.stop()
	return b.all()
}

type bench struct {
	dir, app, program string
	endpoint          string
	runs              int
	server            *exec.Cmd
	files             int
	bytes             int64
	peak              int64 // the most memory that a command took
}

// prepare makes the application, builds the program, and starts the server.
func (b *bench) prepare() error {
	if b.app == "" {
		b.app = filepath.Join(b.dir, "app")
		if err := b.makeApp(); err != nil {
			return err
		}
	} else if err := b.measureApp(); err != nil {
		return err
	}
	b.program = filepath.Join(b.dir, "mrpackage")
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", b.program, "./cmd/mrpackage")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("building mrpackage: %w\n%s", err, out)
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	b.server = exec.Command(self, "-serve")
	out, err := b.server.StdoutPipe()
	if err != nil {
		return err
	}
	if err := b.server.Start(); err != nil {
		return err
	}
	line := make([]byte, 100)
	n, err := out.Read(line)
	b.endpoint = strings.TrimSpace(string(line[:n]))
	return err
}

func (b *bench) stop() {
	_ = b.server.Process.Signal(os.Interrupt)
	_ = b.server.Wait()
}

// makeApp takes Go's own source for the code of functions: real text, in small
// files for the most part, as node_modules holds it, and on every machine that
// can run this.
func (b *bench) makeApp() error {
	const functions, files, total = 8, 6600, 69_000_000
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return fmt.Errorf("asking for Go's source: %w", err)
	}
	source := filepath.Join(strings.TrimSpace(string(root)), "src")
	template := "Transform: AWS::Serverless-2016-10-31\nResources:\n"
	for f := range functions {
		template += fmt.Sprintf("  F%d:\n    Type: AWS::Serverless::Function\n    Properties:\n      CodeUri: f%d\n      Handler: a.b\n      Runtime: nodejs22.x\n", f, f)
	}
	err = filepath.WalkDir(source, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(source, path)
		if err != nil {
			return err
		}
		to := filepath.Join(b.app, fmt.Sprintf("f%d", b.bytes*functions/(total+1)), name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(to), 0o755), os.WriteFile(to, text, 0o644)); err != nil {
			return err
		}
		b.files++
		if b.bytes += int64(len(text)); b.files >= files || b.bytes >= total {
			return fs.SkipAll
		}
		return nil
	})
	return errors.Join(err, os.WriteFile(filepath.Join(b.app, "template.yaml"), []byte(template), 0o644))
}

// measureApp counts the files of an application of the user's own.
func (b *bench) measureApp() error {
	return filepath.WalkDir(b.app, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		b.files++
		b.bytes += info.Size()
		return nil
	})
}

// command runs a program in the application's folder and returns how long it
// took.
func (b *bench) command(name string, args ...string) (time.Duration, error) {
	cmd := exec.Command(name, args...)
	cmd.Dir = b.app
	cmd.Env = append(os.Environ(), "AWS_ENDPOINT_URL_S3="+b.endpoint, "AWS_ACCESS_KEY_ID=AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY=secret",
		"AWS_CONFIG_FILE="+os.DevNull, "AWS_SHARED_CREDENTIALS_FILE="+os.DevNull, "AWS_EC2_METADATA_DISABLED=true")
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
	var all []time.Duration
	for range b.runs {
		d, err := what()
		if err != nil {
			return 0, err
		}
		all = append(all, d)
	}
	slices.Sort(all)
	return all[len(all)/2], nil
}

func (b *bench) mrpackage(n int, flags ...string) (time.Duration, error) {
	return b.command(b.program, append([]string{"--regions", strings.Join(regions(n), ","), "--s3-bucket", "bench-{region}", "--output-template-file", filepath.Join(b.dir, "out-{region}.yaml")}, flags...)...)
}

// A row is one line of the table.
type row struct {
	name string
	measure
	peer  time.Duration // what the peer takes for one region
	times int           // regions
	one   measure       // what one region takes, where that is compared
}

func (r row) print() {
	ratio := ""
	if r.peer > 0 {
		ratio = fmt.Sprintf("%.1f", float64(r.times)*r.peer.Seconds()/r.took.Seconds())
	}
	to := ""
	if r.one.took > 0 && r.times > 1 {
		to = fmt.Sprintf("%.2f times the time, %.2f times the bytes", r.took.Seconds()/r.one.took.Seconds(), float64(r.sent)/float64(r.one.sent))
	}
	fmt.Printf("| %s | %.2f | %s | %.1f MB | %.0f MB | %s |\n", r.name, r.took.Seconds(), ratio, float64(r.sent)/1e6, float64(r.memory)/1e6, to)
}

// all measures everything. What it prints is Markdown.
func (b *bench) all() error {
	fmt.Printf("%d files, %.0f MB; medians of %d\n\n| | seconds | times faster than the AWS CLI | sent | memory | compared with one region |\n|---|---|---|---|---|---|\n", b.files, float64(b.bytes)/1e6, b.runs)
	if err := b.uploads(); err != nil {
		return err
	}
	return b.archives()
}

func (b *bench) uploads() error {
	var loop time.Duration
	if aws, err := exec.LookPath("aws"); err == nil {
		loop, err = b.median(func() (time.Duration, error) {
			return b.command(aws, "cloudformation", "package", "--force-upload", "--template-file", "template.yaml", "--region", "us-east-1",
				"--s3-bucket", "peer-us-east-1", "--output-template-file", filepath.Join(b.dir, "peer.yaml"))
		})
		if err != nil {
			return err
		}
		fmt.Printf("| AWS CLI, each region | %.2f | | | %.0f MB | |\n", loop.Seconds(), float64(b.peak)/1e6)
	}
	var one measure
	for _, n := range []int{1, 4, 16} {
		for _, mode := range []string{"auto", "never"} {
			m, err := b.measure(n, "--force-upload", "--copy", mode)
			if err != nil {
				return err
			}
			if n == 1 {
				if one = m; mode == "never" {
					continue // there is nothing to copy
				}
			}
			row{fmt.Sprintf("mrpackage, %s", regionsAnd(n, mode)), m, loop, n, one}.print()
		}
		again, err := b.measure(n)
		if err != nil {
			return err
		}
		row{fmt.Sprintf("mrpackage, %s, unchanged", regionsAnd(n, "auto")), again, loop, n, measure{}}.print()
	}
	return nil
}

func regionsAnd(n int, mode string) string {
	switch {
	case n == 1:
		return "1 region"
	case mode == "never":
		return fmt.Sprintf("%d regions, `--copy never`", n)
	}
	return fmt.Sprintf("%d regions", n)
}

// A measure is what a command took.
type measure struct {
	took   time.Duration // the median
	sent   int64         // bytes to the server, the last time
	memory int64         // the largest resident set, in bytes
}

// measure runs mrpackage several times.
func (b *bench) measure(n int, flags ...string) (m measure, err error) {
	b.peak = 0
	m.took, err = b.median(func() (time.Duration, error) {
		if _, err := b.taken(); err != nil {
			return 0, err
		}
		return b.mrpackage(n, flags...)
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
	answer, err := http.Get(b.endpoint + takenPath)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close() // nothing was written
	_, err = fmt.Fscan(answer.Body, &n)
	return n, err
}

// archives compares archiving alone, which others do with one processor.
func (b *bench) archives() error {
	const python = "import os, sys, zipfile\nfor f in sorted(os.listdir('.')):\n  if not os.path.isdir(f): continue\n" +
		"  with zipfile.ZipFile(sys.argv[1] + f + '.zip', 'w', zipfile.ZIP_DEFLATED) as z:\n" +
		"    for d, _, names in os.walk(f):\n      for n in names: z.write(os.path.join(d, n))\n"
	ours := filepath.Join(b.dir, "ours")
	took, err := b.median(func() (time.Duration, error) {
		if err := os.RemoveAll(ours); err != nil {
			return 0, err
		}
		return b.mrpackage(1, "--dry-run", "--archive-dir", ours)
	})
	if err != nil {
		return err
	}
	size, err := sizeOf(filepath.Join(ours, "*.zip"))
	if err != nil {
		return err
	}
	fmt.Printf("\n| archives alone | seconds | size | mrpackage is faster |\n|---|---|---|---|\n| mrpackage | %.2f | %.1f MB | |\n", took.Seconds(), size)
	for _, peer := range []struct {
		name, program string
		args          []string
	}{
		{"Info-ZIP -6", "sh", []string{"-c", `for f in f*; do (cd $f && zip -q -6 -r "$0$f.zip" .); done`}},
		{"Python's zipfile", "python3", []string{"-c", python}},
	} {
		prefix := filepath.Join(b.dir, "peer-")
		if peer.program == "sh" {
			if _, err := exec.LookPath("zip"); err != nil {
				continue
			}
		}
		if _, err := exec.LookPath(peer.program); err != nil {
			continue
		}
		theirs, err := b.median(func() (time.Duration, error) {
			old, err := filepath.Glob(prefix + "*.zip")
			for _, name := range old {
				err = errors.Join(err, os.Remove(name))
			}
			if err != nil {
				return 0, err
			}
			return b.command(peer.program, append(slices.Clone(peer.args), prefix)...)
		})
		if err != nil {
			return err
		}
		theirSize, err := sizeOf(prefix + "*.zip")
		if err != nil {
			return err
		}
		fmt.Printf("| %s | %.2f | %.1f MB (ours is %+.1f %%) | %.1f times |\n", peer.name, theirs.Seconds(), theirSize, 100*(size/theirSize-1), theirs.Seconds()/took.Seconds())
	}
	return nil
}

// sizeOf is that of the files that match, in megabytes.
func sizeOf(pattern string) (total float64, err error) {
	names, err := filepath.Glob(pattern)
	for _, name := range names {
		info, serr := os.Stat(name)
		if serr != nil {
			return 0, serr
		}
		total += float64(info.Size()) / 1e6
	}
	return total, err
}
