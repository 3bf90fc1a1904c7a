package main

import (
	"archive/zip"
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/s3test"
)

// TestSoak runs the program over and over while S3 goes wrong in random ways,
// and holds every run to this: exit status 0 means that every object is there,
// whole, in every region, and every template is written; any other means that
// no template is, and that the next run, with S3 well again, succeeds.
//
// MRPACKAGE_SOAK is the number of runs, MRPACKAGE_SOAK_SEED the first one's
// seed: a failure names the seed with which it happens again.
func TestSoak(t *testing.T) {
	number := func(name string, standard int) int {
		if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
			return n
		}
		return standard
	}
	runs, first := number("MRPACKAGE_SOAK", 24), number("MRPACKAGE_SOAK_SEED", 1)
	for name, v := range map[string]string{
		"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "soak-secret", "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull, "AWS_MAX_ATTEMPTS": "2",
	} {
		t.Setenv(name, v)
	}
	var exits [256]atomic.Int64
	group := new(errgroup.Group)
	group.SetLimit(32) // they wait for one retry or another most of the time
	for seed := first; seed < first+runs; seed++ {
		group.Go(func() error {
			s := newSoak(t, seed)
			defer s.s3.Close()
			exit := s.run()
			exits[exit].Add(1)
			return os.RemoveAll(s.dir)
		})
	}
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
	t.Logf("%d runs under faults: %d done, %d failed, %d interrupted", runs, exits[exitDone].Load(), exits[exitFailed].Load(), exits[exitInterrupted].Load())
}

type soak struct {
	t     *testing.T
	seed  int
	rand  *rand.Rand
	s3    *s3test.Server
	dir   string
	files map[string]string // of the one folder, by name
	log   bytes.Buffer

	tampered bool
}

func newSoak(t *testing.T, seed int) *soak {
	s := &soak{
		t: t, seed: seed, rand: rand.New(rand.NewPCG(uint64(seed), 0)),
		s3: s3test.New(), dir: t.TempDir(), files: make(map[string]string),
	}
	s.s3.CreateBucket("us-east-1", "soak-us-east-1", "")
	s.s3.CreateBucket("us-west-2", "soak-us-west-2", "")
	s.files["app.js"] = strings.Repeat("exports.handler = 1\n", s.rand.IntN(2000))
	if s.rand.IntN(20) == 0 { // it goes in parts
		noise := make([]byte, 17<<20)
		for i := range noise {
			noise[i] = byte(s.rand.Uint32())
		}
		s.files["model.bin"] = string(noise)
	}
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600); err != nil {
			s.errorf("%v", err)
		}
	}
	if err := os.Mkdir(filepath.Join(s.dir, "src"), 0o700); err != nil {
		s.errorf("%v", err)
	}
	for name, text := range s.files {
		write("src/"+name, text)
	}
	write("api.yaml", "openapi: 3.0.0\n")
	write("template.yaml", "Resources:\n"+
		"  F: {Type: AWS::Serverless::Function, Properties: {CodeUri: src}}\n"+
		"  A: {Type: AWS::Serverless::Api, Properties: {DefinitionUri: api.yaml}}\n"+
		"  N: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: nested.yaml}}\n")
	write("nested.yaml", "Resources:\n  G: {Type: AWS::Lambda::Function, Properties: {Code: src}}\n")
	return s
}

func (s *soak) errorf(format string, args ...any) {
	s.t.Helper()
	s.t.Errorf("seed %d: "+format+"\n%s", append(append([]any{s.seed}, args...), s.log.String())...)
}

// run is one run under faults, and the clean one after it.
func (s *soak) run() (exit int) {
	if s.rand.IntN(3) == 0 { // a run before, and then something happens to what it stored
		s.program(s.t.Context())
		s.tamper()
		s.tampered = true
		s.clear()
	}
	for range 1 + s.rand.IntN(4) {
		s.s3.Fail(s.fault())
	}
	ctx, cancel := context.WithCancel(s.t.Context())
	defer cancel()
	if s.rand.IntN(8) == 0 {
		time.AfterFunc(time.Duration(s.rand.IntN(60))*time.Millisecond, cancel)
	}
	var args []string
	if s.rand.IntN(4) == 0 {
		args = append(args, "--force-upload")
	}
	if s.rand.IntN(4) == 0 {
		args = append(args, "--expected-bucket-owner", "111111111111")
	}
	if s.rand.IntN(2) == 0 {
		args = append(args, "--copy", "always")
	}
	exit = s.program(ctx, args...)
	switch {
	case exit == exitDone:
		s.check()
	case exit != exitFailed && (exit != exitInterrupted || ctx.Err() == nil):
		s.errorf("exit status %d", exit)
	default:
		if found, _ := filepath.Glob(filepath.Join(s.dir, "out", "*")); len(found) > 0 {
			s.errorf("exit status %d, and there are %q", exit, found)
		}
	}
	s.s3.ClearFaults()
	s.clear()
	if again := s.program(s.t.Context()); again != exitDone {
		s.errorf("the clean run after it: exit status %d", again)
		return exit
	}
	s.check()
	return exit
}

func (s *soak) clear() {
	if err := os.RemoveAll(filepath.Join(s.dir, "out")); err != nil {
		s.errorf("%v", err)
	}
}

func (s *soak) program(ctx context.Context, args ...string) int {
	args = append([]string{
		"-t", filepath.Join(s.dir, "template.yaml"), "-r", "us-east-1,us-west-2", "--s3-bucket", "soak-{region}",
		"--endpoint-url", s.s3.URL(), "--output-template-file", filepath.Join(s.dir, "out", "{region}.yaml"),
	}, args...)
	return run(ctx, args, &s.log, &s.log)
}

// fault is one way in which S3 goes wrong.
func (s *soak) fault() s3test.Fault {
	pick := func(values ...string) string { return values[s.rand.IntN(len(values))] }
	f := s3test.Fault{
		Operation: pick("", "HeadBucket", "HeadObject", "PutObject", "PutObject", "CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload", "CopyObject"),
		Region:    pick("", "us-east-1", "us-west-2"),
		Times:     s.rand.IntN(4), // 0 is always
	}
	switch s.rand.IntN(10) {
	case 0:
		f.Status, f.Code = 503, "SlowDown"
	case 1:
		f.Status = 500
	case 2:
		f.Status, f.Code = 403, "AccessDenied"
		if s.tampered && (f.Operation == "" || f.Operation == "HeadObject") {
			// Who may not read what is there can only believe S3 that it is.
			f.Operation = "PutObject"
		}
	case 3:
		f.Status, f.Code = 409, "ConditionalRequestConflict"
	case 4:
		f.Cut = s3test.AnswerNone
	case 5:
		f.Cut = s3test.Cuts()[s.rand.IntN(len(s3test.Cuts()))]
	case 6:
		f.Status, f.Code = 400, pick("ExpiredToken", "RequestTimeout", "BadDigest")
	case 7:
		wrongs := []s3test.Wrong{s3test.Hollow, s3test.Early, s3test.Unchecked, s3test.Circle, s3test.Endless}
		f.Wrong = wrongs[s.rand.IntN(len(wrongs))]
	case 8:
		f.Operation, f.Wrong = pick("PutObject", "CopyObject"), s3test.Spoiled
	case 9:
		f.Delay = time.Duration(s.rand.IntN(50)) * time.Millisecond
	}
	return f
}

// tamper does to stored objects what other people, lifecycle rules and broken
// uploads do.
func (s *soak) tamper() {
	for _, bucket := range []string{"soak-us-east-1", "soak-us-west-2"} {
		for _, key := range s.s3.Keys(bucket) {
			o, _ := s.s3.Object(bucket, key)
			switch s.rand.IntN(5) {
			case 0:
				o.Body, o.ETag, o.ChecksumSHA256, o.ChecksumType = nil, "", "", ""
			case 1:
				o.Body, o.ETag = o.Body[:len(o.Body)/2], ""
			case 2:
				o.Metadata = nil
			case 3:
				o.LastModified = time.Now().AddDate(0, -6, 0)
			default:
				continue
			}
			o.VersionID = ""
			s.s3.PutObject(bucket, key, o)
		}
	}
}

// check is what exit status 0 promises.
func (s *soak) check() {
	archives := make(map[string]bool)
	for _, region := range []string{"us-east-1", "us-west-2"} {
		bucket := "soak-" + region
		text, err := os.ReadFile(filepath.Join(s.dir, "out", region+".yaml"))
		if err != nil {
			s.errorf("a template is missing: %v", err)
			continue
		}
		found := regexp.MustCompile(bucket+`/([0-9a-f]{64}\.\w+)`).FindAllSubmatch(text, -1)
		if len(found) != 3 {
			s.errorf("%s names %d objects:\n%s", region, len(found), text)
		}
		for _, m := range found {
			o, ok := s.s3.Object(bucket, string(m[1]))
			switch {
			case !ok:
				s.errorf("%s is not in %s", m[1], bucket)
			case strings.HasSuffix(string(m[1]), ".zip"):
				archives[string(o.Body)] = true
				s.checkArchive(o.Body)
			case strings.HasSuffix(string(m[1]), ".template") && !bytes.Contains(o.Body, []byte(bucket)),
				strings.HasSuffix(string(m[1]), ".yaml") && string(o.Body) != "openapi: 3.0.0\n":
				s.errorf("%s in %s is:\n%s", m[1], bucket, o.Body)
			}
		}
	}
	if len(archives) != 1 {
		s.errorf("the regions have %d different archives", len(archives))
	}
}

func (s *soak) checkArchive(body []byte) {
	z, err := zip.NewReader(bytes.NewReader(body), int64(len(body)))
	if err != nil {
		s.errorf("a stored archive is broken: %v", err)
		return
	}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			s.errorf("%v", err)
			continue
		}
		text, err := io.ReadAll(r)
		if err != nil || string(text) != s.files[f.Name] {
			s.errorf("%s in the stored archive: %d bytes, %v", f.Name, len(text), err)
		}
	}
	if len(z.File) != len(s.files) {
		s.errorf("the stored archive has %d files, and there are %d", len(z.File), len(s.files))
	}
}
