package main

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/s3test"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/ststest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"mrpackage": main, "docker": fakeEngine, "podman": fakeEngine})
}

// TestScripts runs the scenarios of testdata/script: each one is a user's
// session with the program, beside an S3 of its own.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "../../testdata/script",
		RequireUniqueNames:  true,
		RequireExplicitExec: true,
		UpdateScripts:       os.Getenv("UPDATE_SCRIPTS") != "",
		Setup: func(env *testscript.Env) error {
			server := s3test.New()
			env.Defer(server.Close)
			env.Values["s3"] = server
			roles := ststest.New()
			env.Defer(roles.Close)
			env.Values["sts"] = roles
			env.Values["registries"] = &map[string]*registries{}
			app, err := filepath.Abs("../../testdata/app")
			if err != nil {
				return err
			}
			assembly, err := filepath.Abs("../../testdata/cdk/cdk.out")
			if err != nil {
				return err
			}
			env.Vars = append(env.Vars,
				"APP="+app,
				"CDK="+assembly,
				"HOME="+filepath.Join(env.WorkDir, "home"),
				"USERPROFILE="+filepath.Join(env.WorkDir, "home"), // the same on Windows
				"AWS_ACCESS_KEY_ID=AKIDEXAMPLE",
				"AWS_SECRET_ACCESS_KEY=secret-example",
				"AWS_EC2_METADATA_DISABLED=true",
				"AWS_ENDPOINT_URL_S3="+server.URL(),
				"AWS_ENDPOINT_URL_STS="+roles.URL(),
				"AWS_MAX_ATTEMPTS=2",
			)
			return nil
		},
		Condition: func(cond string) (bool, error) {
			if cond != "casefold" {
				return false, fmt.Errorf("there is no condition %s", cond)
			}
			_, err := os.Stat("MAIN_TEST.GO") // as on Windows and macOS
			return err == nil, nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"s3bucket":    s3bucket,
			"s3fail":      s3fail,
			"s3keys":      s3keys,
			"s3get":       s3get,
			"s3put":       s3put,
			"s3age":       s3age,
			"s3describe":  s3describe,
			"s3delete":    s3delete,
			"s3store":     s3store,
			"s3archive":   s3archive,
			"s3rules":     s3rules,
			"s3reads":     s3reads,
			"s3spoil":     s3spoil,
			"s3headers":   s3headers,
			"s3encrypt":   s3encrypt,
			"s3object":    s3object,
			"s3wellagain": func(ts *testscript.TestScript, _ bool, _ []string) { server(ts).ClearFaults() },
			"s3requests":  s3requests,
			"ziplist":     ziplist,
			"copydir":     copydir,
			"chtimes":     chtimes,
			"bigfile":     bigfile,
			"digests":     digests,
			"octal":       octal,
			"pipeline":    pipelineFiles,
			"change":      change,
			"exits":       exits,
			"pick":        pick,
			"concat":      concat,
			"grow":        grow,
			"jsonfile":    jsonfile,
			"topics":      topics,
			"diff":        differ,
			"envfile":     envfile,

			"stsrole":     stsRole,
			"stsfail":     stsFails,
			"stsrequests": stsRequests,
			"guard":       guardBucket,
			"ecrguard":    guardRegistries,

			"repository":   ecrRepository,
			"registry":     otherRegistry,
			"registryfail": registryFails,
			"registryslow": registrySlow,
			"arrived":      arrived,
			"image":        makeImages,
			"dockerlogin":  dockerLogin,
			"tags":         pushedTags,
			"requests":     pushedRequests,
		},
	})
}

// A version says everything once: one that Go makes of a commit holds the
// revision already.
func TestVersion(t *testing.T) {
	const untagged = "v1.2.4-0.20261122100000-0123456789ab+dirty"
	build := func(version string) *debug.BuildInfo {
		return &debug.BuildInfo{
			Main:     debug.Module{Version: version},
			Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: "0123456789abcdef0123456789abcdef01234567"}, {Key: "vcs.modified", Value: "true"}},
		}
	}
	for _, test := range []struct {
		info *debug.BuildInfo
		want string
	}{
		{nil, "(devel)"},
		{build(""), "(devel)"},
		{build("v1.2.3"), "v1.2.3"},
		{build(untagged), untagged},
	} {
		want := fmt.Sprintf("%s %s/%s %s", test.want, runtime.GOOS, runtime.GOARCH, runtime.Version())
		if got := versionOf(test.info); got != want {
			t.Errorf("version %q, want %q", got, want)
		}
	}
}

func server(ts *testscript.TestScript) *s3test.Server {
	return ts.Value("s3").(*s3test.Server)
}

// need checks a command's form; none of them can be negated.
func need(ts *testscript.TestScript, neg bool, args []string, usage string, atLeast int) {
	if neg || len(args) < atLeast {
		ts.Fatalf("usage: %s", usage)
	}
}

func s3bucket(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, "s3bucket REGION BUCKET [OWNER]", 2)
	server(ts).CreateBucket(args[0], args[1], strings.Join(args[2:], ""))
}

func s3fail(ts *testscript.TestScript, neg bool, args []string) {
	const usage = "s3fail OPERATION REGION STATUS CODE [TIMES], or s3fail OPERATION REGION DELAY"
	need(ts, neg, args, usage, 3)
	f := s3test.Fault{Operation: args[0], Region: args[1]}
	if delay, err := time.ParseDuration(args[2]); err == nil {
		f.Delay = delay
		server(ts).Fail(f)
		return
	}
	need(ts, neg, args, usage, 4)
	var err error
	f.Status, err = strconv.Atoi(args[2])
	ts.Check(err)
	f.Code = args[3]
	if len(args) > 4 {
		f.Times, err = strconv.Atoi(args[4])
		ts.Check(err)
	}
	server(ts).Fail(f)
}

func s3keys(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, "s3keys BUCKET", 1)
	out := ts.Stdout() // also where there is nothing to print
	for _, key := range server(ts).Keys(args[0]) {
		fmt.Fprintln(out, key)
	}
}

func s3get(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, "s3get BUCKET KEY FILE (KEY may be *.zip, for the only one)", 3)
	key := args[1]
	if pattern := key; strings.Contains(pattern, "*") {
		keys := slices.DeleteFunc(server(ts).Keys(args[0]), func(k string) bool {
			ok, err := filepath.Match(pattern, k)
			ts.Check(err)
			return !ok
		})
		if len(keys) != 1 {
			ts.Fatalf("%s matches %d keys", pattern, len(keys))
		}
		key = keys[0]
	}
	o, ok := server(ts).Object(args[0], key)
	if !ok {
		ts.Fatalf("no object %s/%s", args[0], key)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), o.Body, 0o600))
	for _, k := range slices.Sorted(maps.Keys(o.Metadata)) {
		fmt.Fprintf(ts.Stdout(), "%s=%s\n", k, o.Metadata[k])
	}
}

// s3age makes every object of a bucket older.
func s3age(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, "s3age BUCKET DAYS", 2)
	days, err := strconv.Atoi(args[1])
	ts.Check(err)
	for _, key := range server(ts).Keys(args[0]) {
		o, _ := server(ts).Object(args[0], key)
		o.LastModified = time.Now().AddDate(0, 0, -days)
		o.VersionID = ""
		server(ts).PutObject(args[0], key, o)
	}
}

// s3delete deletes objects of a bucket: a delete marker is what is left.
func s3delete(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, "s3delete BUCKET PATTERN", 2)
	for _, key := range server(ts).Keys(args[0]) {
		if ok, err := filepath.Match(args[1], key); ok {
			server(ts).Delete(args[0], key)
		} else {
			ts.Check(err)
		}
	}
}

// s3store stores a file as it is under a key, as another program would.
func s3store(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, "s3store BUCKET KEY FILE", 3)
	server(ts).PutObject(args[0], args[1], s3test.Object{Body: []byte(ts.ReadFile(args[2]))})
}

// s3archive moves every object of a bucket to another storage class.
func s3archive(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, "s3archive BUCKET CLASS", 2)
	for _, key := range server(ts).Keys(args[0]) {
		o, _ := server(ts).Object(args[0], key)
		o.StorageClass, o.VersionID = args[1], ""
		server(ts).PutObject(args[0], key, o)
	}
}

// s3spoil changes a byte of every object of a bucket, which nothing tells but the bytes.
func s3spoil(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, "s3spoil BUCKET", 1)
	for _, key := range server(ts).Keys(args[0]) {
		o, _ := server(ts).Object(args[0], key)
		o.Body[len(o.Body)/2] ^= 1
		server(ts).PutObject(args[0], key, s3test.Object{Body: o.Body, Metadata: o.Metadata})
	}
}

// s3rules gives a bucket lifecycle rules.
func s3rules(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, "s3rules BUCKET FILE", 2)
	server(ts).SetLifecycle(args[0], ts.ReadFile(args[1]))
}

// s3reads fails where a request since the last time was no HEAD and no GET.
func s3reads(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, "s3reads", 0)
	for _, r := range server(ts).Requests() {
		if !strings.HasPrefix(r.Operation, "Head") && !strings.HasPrefix(r.Operation, "Get") && !strings.HasPrefix(r.Operation, "List") {
			ts.Fatalf("%s of s3://%s/%s", r.Operation, r.Bucket, r.Key)
		}
	}
	server(ts).ResetRequests()
}

// s3describe prints what every object of a bucket is stored with.
func s3describe(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, "s3describe BUCKET", 1)
	for _, key := range server(ts).Keys(args[0]) {
		o, _ := server(ts).Object(args[0], key)
		fmt.Fprintf(ts.Stdout(), "%s %s %d days\n", o.ServerSideEncryption, o.SSEKMSKeyID, int(time.Since(o.LastModified).Hours()/24))
		for _, m := range []map[string]string{o.Tags, o.Metadata} {
			for _, k := range slices.Sorted(maps.Keys(m)) {
				if !strings.HasPrefix(k, "mrpackage-") || k == "mrpackage-commit" || k == "mrpackage-build" {
					fmt.Fprintf(ts.Stdout(), "%s=%s\n", k, m[k])
				}
			}
		}
	}
}

// s3headers prints what each operation since the last time said in a header.
func s3headers(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, "s3headers NAME", 1)
	var lines []string
	for _, r := range server(ts).Requests() {
		lines = append(lines, r.Operation+" "+r.Header.Get(args[0])+"\n")
	}
	server(ts).ResetRequests()
	slices.Sort(lines)
	fmt.Fprint(ts.Stdout(), strings.Join(slices.Compact(lines), ""))
}

// s3object stores an object as another tool would, without metadata.
func s3object(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, "s3object BUCKET KEY FILE", 3)
	server(ts).PutObject(args[0], args[1], s3test.Object{Body: []byte(ts.ReadFile(args[2]))})
}

// s3encrypt says how a bucket encrypts by itself.
func s3encrypt(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, "s3encrypt BUCKET ALGORITHM [KEY]", 2)
	server(ts).SetEncryption(args[0], args[1], strings.Join(args[2:], ""))
}

// s3put changes a stored object as somebody else would.
func s3put(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, "s3put BUCKET FILE (in the place of every object)", 2)
	for _, key := range server(ts).Keys(args[0]) {
		o, _ := server(ts).Object(args[0], key)
		server(ts).PutObject(args[0], key, s3test.Object{Body: []byte(ts.ReadFile(args[1])), Metadata: o.Metadata})
	}
}

// s3requests prints what was asked since the last time, sorted: the order of
// concurrent requests means nothing.
func s3requests(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, "s3requests", 0)
	var lines []string
	for _, r := range server(ts).Requests() {
		lines = append(lines, fmt.Sprintf("%s %s %s %d\n", r.Operation, r.Region, r.Bucket, r.Status))
	}
	server(ts).ResetRequests()
	slices.Sort(lines)
	fmt.Fprint(ts.Stdout(), strings.Join(lines, ""))
}

func ziplist(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, "ziplist FILE", 1)
	z, err := zip.OpenReader(ts.MkAbs(args[0]))
	ts.Check(err)
	defer z.Close()
	for _, f := range z.File {
		r, err := f.Open()
		ts.Check(err)
		_, err = io.Copy(io.Discard, r)
		ts.Check(err)
		fmt.Fprintf(ts.Stdout(), "%s %s\n", f.Mode(), f.Name)
	}
}

func copydir(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, "copydir FROM TO", 2)
	ts.Check(os.CopyFS(ts.MkAbs(args[1]), os.DirFS(args[0])))
}

func chtimes(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, "chtimes DATE FILE...", 2)
	when, err := time.Parse(time.DateOnly, args[0])
	ts.Check(err)
	for _, name := range args[1:] {
		ts.Check(os.Chtimes(ts.MkAbs(name), when, when))
	}
}

// bigfile makes a file that does not compress.
func bigfile(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, "bigfile MEGABYTES FILE", 2)
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	var b bytes.Buffer
	for x := uint64(88172645463325252); b.Len() < n<<20; {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		b.Write([]byte{byte(x), byte(x >> 8), byte(x >> 16), byte(x >> 24), byte(x >> 32)})
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), b.Bytes(), 0o600))
}

// digests cuts every digest in a file to eight characters, for goldens that a
// person can read.
func digests(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, "digests FILE...", 1)
	for _, name := range args {
		text := ts.ReadFile(name)
		var out strings.Builder
		for text != "" {
			n := 0
			for n < len(text) && strings.IndexByte("0123456789abcdef", text[n]) >= 0 {
				n++
			}
			if n == 64 {
				out.WriteString(text[:8])
			} else {
				n = max(n, 1)
				out.WriteString(text[:n])
			}
			text = text[n:]
		}
		ts.Check(os.WriteFile(ts.MkAbs(name), []byte(out.String()), 0o600))
	}
}

// octal writes bytes that a script cannot hold, as \NNN, into a file.
func octal(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, "octal FILE TEXT", 2)
	text, err := strconv.Unquote(`"` + strings.Join(args[1:], " ") + `"`)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
}

// pipelineFiles copies what this repository has of a pipeline.
func pipelineFiles(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, "pipeline FOLDER", 1)
	for _, name := range []string{
		"buildspec.yaml", "multiregion-build.sh", "package.json", "template.yaml", "src/lambda.js",
		"deployment-pipeline/pipeline.yaml", "deployment-pipeline/buildspec.yaml", "deployment-pipeline/create-artifact-buckets.sh",
		"deployment-pipeline/pipeline-v2.yaml", "deployment-pipeline/buildspec-v2.yaml", "deployment-pipeline/install-mrpackage.sh",
	} {
		text, err := os.ReadFile(filepath.Join("..", "..", name))
		ts.Check(err)
		to := ts.MkAbs(filepath.Join(args[0], name))
		ts.Check(os.MkdirAll(filepath.Dir(to), 0o700))
		ts.Check(os.WriteFile(to, text, 0o600))
	}
}

// change puts one text in the place of another one, which must be there once;
// \n is a line's end.
func change(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, "change FILE TEXT OTHER", 3)
	text, lines := ts.ReadFile(args[0]), strings.NewReplacer(`\n`, "\n")
	before := lines.Replace(args[1])
	if n := strings.Count(text, before); n != 1 {
		ts.Fatalf("%s holds %q %d times", args[0], before, n)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.Replace(text, before, lines.Replace(args[2]), 1)), 0o600))
}
