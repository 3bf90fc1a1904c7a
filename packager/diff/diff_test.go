package diff_test

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"go.uber.org/goleak"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/diff"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/s3test"
)

// No goroutine outlives a call.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A world is an S3 with a bucket in each of two regions, and options to read from it.
type world struct {
	*testing.T
	*s3test.Server
	diff.Options
	dir   string
	asked int // how often the configuration of AWS was asked for
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{T: t, Server: s3test.New(), dir: t.TempDir()}
	t.Cleanup(w.Close)
	w.CreateBucket("us-east-1", "east", "")
	w.CreateBucket("us-west-2", "west", "")
	w.Options = diff.Options{EndpointURL: w.URL(), AWS: func(context.Context) (aws.Config, error) {
		w.asked++
		return aws.Config{Credentials: credentials.NewStaticCredentialsProvider("AKID", "SECRET", ""), RetryMaxAttempts: 1}, nil
	}}
	return w
}

// template writes a template, and returns its file.
func (w *world) template(name, text string) string {
	file := filepath.Join(w.dir, name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		w.Fatal(err)
	}
	return file
}

// put stores an object in the bucket east under its digest, as an archive, and returns the key.
func (w *world) put(body []byte) string {
	sum := sha256.Sum256(body)
	key := hex.EncodeToString(sum[:]) + ".zip"
	w.PutObject("east", key, s3test.Object{Body: body})
	return key
}

func (w *world) run(before, after string) (*diff.Result, error) {
	opts := w.Options
	opts.Old, opts.New = before, after
	return diff.Run(w.Context(), opts)
}

// function is a template with one function.
func function(bucket, key string) string {
	return fmt.Sprintf("Resources:\n  F:\n    Type: AWS::Serverless::Function\n    Properties: {CodeUri: \"s3://%s/%s\"}\n", bucket, key)
}

// zipOf makes a zip of files in their order, which are not compressed.
func zipOf(t *testing.T, files ...[2]string) []byte {
	t.Helper()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for _, f := range files {
		to, err := z.CreateHeader(&zip.FileHeader{Name: f[0], Method: zip.Store})
		if err == nil {
			_, err = io.WriteString(to, f[1])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// Two archives of 50 MB that differ in one of a thousand files cost a look and the last 128 KiB
// of each.
func TestFewRequests(t *testing.T) {
	w := newWorld(t)
	content := make([]byte, 50_000)
	_, _ = rand.NewChaCha8([32]byte{7}).Read(content)
	files := make([][2]string, 1000)
	for i := range files {
		files[i] = [2]string{fmt.Sprintf("node_modules/package-%d/index.js", i), string(content)}
	}
	before := w.put(zipOf(t, files...))
	files[500][1] += "more"
	after := w.put(zipOf(t, files...))
	result, err := w.run("us-east-1="+w.template("old.yaml", function("east", before)), "us-east-1="+w.template("new.yaml", function("east", after)))
	if err != nil || !result.Different || len(result.Code) != 1 || len(result.Code[0].Files) != 1 {
		t.Fatalf("%+v, %v", result, err)
	}
	if c := result.Code[0]; c.Files[0].Name != files[500][0] || *c.Old.Files != 1000 || *c.New.Size < 50_000_000 {
		t.Errorf("%+v", c)
	}
	requests, sum := w.Requests(), int64(0)
	for _, r := range requests {
		sum += r.AnswerBytes
		if !strings.HasPrefix(r.Operation, "Get") && !strings.HasPrefix(r.Operation, "Head") {
			t.Errorf("it sends %s", r.Operation)
		}
	}
	if len(requests) != 4 || sum != 2*128<<10 {
		t.Errorf("%d requests, %d bytes", len(requests), sum)
	}
}

// A directory that is longer than that costs one request more.
func TestLargeDirectory(t *testing.T) {
	w := newWorld(t)
	var files [][2]string
	for i := range 5000 {
		files = append(files, [2]string{fmt.Sprintf("node_modules/package-%d/index.js", i), ""})
	}
	before := w.put(zipOf(t, files...))
	after := w.put(zipOf(t, files[1:]...))
	result, err := w.run("us-east-1="+w.template("old.yaml", function("east", before)), "us-east-1="+w.template("new.yaml", function("east", after)))
	if err != nil || len(result.Code[0].Files) != 1 || result.Code[0].Files[0].Status != diff.Removed {
		t.Fatalf("%+v, %v", result, err)
	}
	if n := len(w.Requests()); n != 6 {
		t.Errorf("%d requests", n)
	}
}

// Where nothing must be read, the configuration of AWS is not asked for, and no request is made.
func TestNothingRead(t *testing.T) {
	w := newWorld(t)
	key := strings.Repeat("ab", 32) + ".zip"
	a := w.template("packaged-template-us-east-1.yaml", function("east", key))
	b := w.template("packaged-template-us-west-2.yaml", function("west", key))
	w.Outputs = []string{"target/packaged-template-{region}.yaml"}
	if result, err := w.run(a, b); err != nil || result.Different || result.Code[0].Status != diff.Same {
		t.Errorf("two regions: %+v, %v", result, err)
	}
	moved := w.template("moved.yaml", function("other", "prefix/"+key))
	if result, err := w.run(a, "us-east-1="+moved); err != nil || !result.Different || result.Code[0].Status != diff.Moved {
		t.Errorf("another bucket: %+v, %v", result, err)
	}
	gone := w.template("gone.yaml", "Resources: {T: {Type: AWS::SNS::Topic}}")
	if result, err := w.run(a, "us-east-1="+gone); err != nil || !result.Different || result.Code[0].Status != diff.Removed {
		t.Errorf("removed: %+v, %v", result, err)
	}
	w.ArchiveDir = w.dir
	other := strings.Repeat("cd", 32) + ".zip"
	w.template(key, string(zipOf(t, [2]string{"a", "1"})))
	w.template(other, string(zipOf(t, [2]string{"a", "2"})))
	if result, err := w.run(a, "us-east-1="+w.template("new.yaml", function("east", other))); err != nil || result.Code[0].Status != diff.Changed || len(result.Code[0].Files) != 1 {
		t.Errorf("from a folder: %+v, %v", result, err)
	}
	if w.asked > 0 || len(w.Requests()) > 0 {
		t.Errorf("asked %d times, %d requests", w.asked, len(w.Requests()))
	}
}

// What is called by no digest may be anything at another time: of one name in two buckets it
// is read, and a file of that name in the folder of archives is not.
func TestNamesThatTellNothing(t *testing.T) {
	w := newWorld(t)
	w.PutObject("east", "v1.zip", s3test.Object{Body: zipOf(t, [2]string{"a", "1"})})
	w.PutObject("west", "v1.zip", s3test.Object{Body: zipOf(t, [2]string{"a", "1"})})
	w.ArchiveDir = w.dir
	w.template("v1.zip", "nothing")
	a, b := w.template("a.yaml", function("east", "v1.zip")), w.template("b.yaml", function("west", "v1.zip"))
	for _, regions := range [][2]string{{"us-east-1=", "us-west-2="}, {"", ""}} { // S3 tells where a bucket is
		result, err := w.run(regions[0]+a, regions[1]+b)
		if err != nil || result.Code[0].Status != diff.Repackaged || !result.Different {
			t.Errorf("%+v, %v", result, err)
		}
	}
	if result, err := w.run("us-east-1="+a, "us-east-1="+a); err != nil || result.Different {
		t.Errorf("%+v, %v", result, err)
	}
}

// A version that a template names is the one that is read.
func TestVersions(t *testing.T) {
	w := newWorld(t)
	w.PutObject("east", "v.zip", s3test.Object{VersionID: "one", Body: zipOf(t, [2]string{"a", "1"})})
	w.PutObject("east", "v.zip", s3test.Object{VersionID: "two", Body: zipOf(t, [2]string{"a", "22"})})
	text := func(version string) string {
		return "Resources: {F: {Type: AWS::Lambda::Function, Properties: {Code: {S3Bucket: east, S3Key: v.zip, S3ObjectVersion: " + version + "}}}}"
	}
	result, err := w.run("us-east-1="+w.template("a.yaml", text("one")), "us-east-1="+w.template("b.yaml", text("two")))
	if err != nil || len(result.Code[0].Files) != 1 || *result.Code[0].Files[0].OldSize != 1 || *result.Code[0].Files[0].NewSize != 2 {
		t.Errorf("%+v, %v", result, err)
	}
}

// Names in a stranger's archive cannot look like lines of ours, and stay apart.
func TestHostileNames(t *testing.T) {
	w := newWorld(t)
	before := w.put(zipOf(t))
	after := w.put(zipOf(t, [2]string{"\x1b[2Jx\nmrpackage: all is well", ""}, [2]string{"\xff", ""}, [2]string{"\xfe", ""}, [2]string{`"\xff"`, ""}, [2]string{"é ü", ""}, [2]string{"\u202egnp", ""}))
	result, err := w.run("us-east-1="+w.template("a.yaml", function("east", before)), "us-east-1="+w.template("b.yaml", function("east", after)))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range result.Code[0].Files {
		names = append(names, f.Name)
	}
	want := `"\x1b[2Jx\nmrpackage: all is well" "\"\\xff\"" é ü "\u202egnp" "\xfe" "\xff"`
	if got := strings.Join(names, " "); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

// What is damaged, gone or denied is told with the place that names it; the rest is known all
// the same.
func TestTrouble(t *testing.T) {
	good := zipOf(t, [2]string{"a", "1"})
	damaged := bytes.Clone(good)
	damaged[len(damaged)-12] = 9
	for name, tt := range map[string]struct {
		object s3test.Object
		fault  s3test.Fault
		want   string
	}{
		"damaged":  {s3test.Object{Body: damaged}, s3test.Fault{}, "this zip is damaged: it holds 1 files, and says 9"},
		"deleted":  {s3test.Object{DeleteMarker: true}, s3test.Fault{}, "it was deleted: a delete marker stands in its place"},
		"denied":   {s3test.Object{Body: good}, s3test.Fault{Operation: "HeadObject", Key: "new.zip", Status: 403}, "S3 denies a look at it"},
		"archived": {s3test.Object{Body: good, StorageClass: "GLACIER"}, s3test.Fault{}, "it is archived, in the storage class GLACIER, and must be restored"},
		"broken":   {s3test.Object{Body: good}, s3test.Fault{Operation: "GetObject", Key: "new.zip", Status: 500, Code: "InternalError"}, "InternalError"},
	} {
		w := newWorld(t)
		w.PutObject("east", "old.zip", s3test.Object{Body: good})
		w.PutObject("east", "new.zip", tt.object)
		if tt.fault.Status > 0 {
			w.Fail(tt.fault)
		}
		after := w.template("b.yaml", strings.Replace(function("east", "new.zip"), "}\n", ", Timeout: 1}\n", 1))
		result, err := w.run("us-east-1="+w.template("a.yaml", function("east", "old.zip")), "us-east-1="+after)
		all := problem.Errors(err)
		if len(all) != 1 || !strings.Contains(all[0].Error(), tt.want) || result == nil {
			t.Errorf("%s: %v, want %s", name, err, tt.want)
			continue
		}
		c := result.Code[0]
		if c.Status != diff.Changed || c.Files != nil || !strings.Contains(c.Unknown, tt.want) || *c.Old.Files != 1 || len(result.Changes) != 1 {
			t.Errorf("%s: %+v", name, result)
		}
	}
}

// Templates that nest each other without an end are left at some number.
func TestEndlessNesting(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"a", "b"} {
		var text strings.Builder
		text.WriteString("Resources:\n")
		for i := range 3 {
			fmt.Fprintf(&text, "  S%d: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: https://s3.us-east-1.amazonaws.com/east/%s%d}}\n", i, name, i)
		}
		for i := range 3 {
			w.PutObject("east", fmt.Sprint(name, i), s3test.Object{Body: []byte(text.String())})
		}
		w.template(name+".yaml", text.String())
	}
	result, err := w.run("us-east-1="+filepath.Join(w.dir, "a.yaml"), "us-east-1="+filepath.Join(w.dir, "b.yaml"))
	if err == nil || !strings.Contains(err.Error(), "more than 200 nested templates differ: the others are not compared") || result == nil {
		t.Fatalf("%v", err)
	}
	if n := len(w.Requests()); n > 3000 {
		t.Errorf("%d requests", n)
	}
}

// A template is not read on when its context has ended.
func TestInterrupt(t *testing.T) {
	w := newWorld(t)
	a, b := w.template("a.yaml", function("east", "a.zip")), w.template("b.yaml", function("east", "b.zip"))
	ctx, cancel := context.WithCancel(t.Context())
	opts := w.Options
	opts.Old, opts.New = a, b
	opts.AWS = func(context.Context) (aws.Config, error) {
		cancel()
		return aws.Config{}, nil
	}
	if result, err := diff.Run(ctx, opts); !errors.Is(err, context.Canceled) || result != nil {
		t.Errorf("%+v, %v", result, err)
	}
}

// Code that a condition chooses is compared branch by branch, in whatever region.
func TestConditions(t *testing.T) {
	w := newWorld(t)
	digest := func(c string) string { return strings.Repeat(c, 32) + ".zip" }
	text := func(bucket, key string) string {
		return "Conditions: {East: !Equals [!Ref AWS::Region, us-east-1]}\nResources:\n  F:\n    Type: AWS::Lambda::Function\n    Condition: East\n" +
			"    Properties: {Code: !If [East, {S3Bucket: " + bucket + ", S3Key: " + digest("ab") + "}, {S3Bucket: " + bucket + ", S3Key: " + key + "}]}\n"
	}
	a := "us-east-1=" + w.template("a.yaml", text("east", digest("cd")))
	if result, err := w.run(a, "us-west-2="+w.template("b.yaml", text("west", digest("cd")))); err != nil || result.Different || len(result.Code) != 2 {
		t.Errorf("%+v, %v", result, err)
	}
	result, err := w.run(a, "us-west-2="+w.template("b.yaml", text("west", digest("ef"))))
	if err == nil || !result.Different || len(result.Code) != 2 || len(result.Changes) != 0 {
		t.Errorf("%+v, %v", result, err)
	}
}

// A stranger's template may name as much as its size allows.
func TestManyReferences(t *testing.T) {
	w := newWorld(t)
	text := func(prefix string) string {
		var b strings.Builder
		b.WriteString("Resources:\n")
		for i := range 5_000 {
			fmt.Fprintf(&b, "  F%d: {Type: AWS::Serverless::Function, Properties: {CodeUri: 's3://east/%s%d/%s.zip'}}\n", i, prefix, i, strings.Repeat("ab", 32))
		}
		return b.String()
	}
	result, err := w.run("us-east-1="+w.template("a.yaml", text("a")), "us-east-1="+w.template("b.yaml", text("b")))
	if err != nil || len(result.Code) != 1 || len(result.Code[0].References) != 5_000 || len(result.Code[0].New.Locations) != 5_000 {
		t.Errorf("%v", err)
	}
}

// What one template names in each region is read where it is still there.
func TestOtherRegion(t *testing.T) {
	w := newWorld(t)
	text := func(key string) string {
		return "Mappings: {B: {us-east-1: {N: east}, us-west-2: {N: west}}}\n" +
			"Resources: {F: {Type: AWS::Serverless::Function, Properties: {CodeUri: {Bucket: !FindInMap [B, !Ref 'AWS::Region', N], Key: " + key + "}}}}\n"
	}
	before := w.put(zipOf(t, [2]string{"a", "1"}))
	archive := zipOf(t, [2]string{"a", "2"})
	after := w.put(archive)
	w.Delete("east", after)
	w.PutObject("west", after, s3test.Object{Body: archive})
	result, err := w.run(w.template("a.yaml", text(before)), w.template("b.yaml", text(after)))
	if err != nil || len(result.Code) != 1 || len(result.Code[0].Files) != 1 || len(result.Code[0].New.Locations) != 2 {
		t.Errorf("%+v, %v", result, err)
	}
}

// SAM takes a location as a text and as a mapping, and a URL names the same object whether it says the region or not.
func TestURLs(t *testing.T) {
	w := newWorld(t)
	text := func(url string) string {
		return "Resources: {S: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: '" + url + "'}}}"
	}
	for _, own := range []string{"s3://east/k.zip", "{Bucket: east, Key: k.zip}"} {
		file := w.template("c.yaml", "Resources: {F: {Type: AWS::Serverless::Function, Properties: {CodeUri: "+own+"}}}")
		if result, err := w.run("us-east-1="+w.template("d.yaml", function("east", "k.zip")), "us-east-1="+file); err != nil || result.Different {
			t.Errorf("%s: %+v, %v", own, result, err)
		}
	}
	// A server in the place of S3 has URLs of its own, which the AWS CLI writes.
	for _, name := range []string{"one", "two"} {
		w.PutObject("east", name, s3test.Object{Body: []byte(function("east", name+".zip"))})
	}
	one, two := w.template("one.yaml", text(w.URL()+"/east/one")), w.template("two.yaml", text(w.URL()+"/east/two"))
	if result, _ := w.run("us-east-1="+one, "us-east-1="+two); result == nil || len(result.Changes) > 0 || len(result.Code) != 1 || result.Code[0].Nested == nil {
		t.Errorf("%+v", result)
	}
	a, b := w.template("a.yaml", text("https://s3.us-east-1.amazonaws.com/east/k.template")), w.template("b.yaml", text("https://east.s3.amazonaws.com/k.template"))
	if result, err := w.run("us-east-1="+a, "us-east-1="+b); err != nil || result.Different {
		t.Errorf("%+v, %v", result, err)
	}
}
