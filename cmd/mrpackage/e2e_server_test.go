//go:build e2e

package main_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"go.yaml.in/yaml/v4"
)

// An e2e is the built program, and an S3 with some regions: a reverse proxy that sends a request to the server of the
// region in the request's signature, and so is one endpoint for all regions. The servers share a folder, as S3's regions
// share the names of buckets; the proxy knows a bucket's region, and answers for the others as S3 does.
type e2e struct {
	program, server string
	endpoint        string
	routes          map[string]http.Handler // region → its server

	hold func(*http.Request) // keeps a request waiting, where it is not nil

	mu       sync.Mutex
	homes    map[string]string // bucket → region
	requests []string          // since the last command began
}

func (e *e2e) start(t *testing.T) {
	dir := t.TempDir()
	users := filepath.Join(dir, "users")
	check(t, os.MkdirAll(users, 0o755))
	data := filepath.Join(dir, "data")
	check(t, os.MkdirAll(data, 0o755))

	transport := &http.Transport{DisableCompression: true}
	t.Cleanup(transport.CloseIdleConnections)
	for _, region := range []string{east, west, third} {
		server := e.startServer(t, region, users, data)
		if region == east {
			// One is enough: the servers share the users' folder too.
			run := exec.CommandContext(t.Context(), e.server, "admin", "--access", ownerAccount, "--secret", ownerSecret,
				"--endpoint-url", server.String(), "create-user", "--access", guestAccount, "--secret", guestSecret, "--role", "user")
			if out, err := run.CombinedOutput(); err != nil {
				t.Fatalf("creating the guest: %v\n%s", err, out)
			}
		}
		e.routes[region] = &httputil.ReverseProxy{
			Transport: transport,
			Rewrite: func(r *httputil.ProxyRequest) {
				r.SetURL(server)
				r.Out.Host = r.In.Host // it is signed
			},
		}
	}
	proxy := httptest.NewServer(e)
	t.Cleanup(proxy.Close)
	e.endpoint = proxy.URL
}

// freeAddress is one of loopback at which nothing listens.
func freeAddress(t *testing.T) string {
	t.Helper()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	defer func() { check(t, free.Close()) }()
	return free.Addr().String()
}

// startUntilEnd starts a server that the test's end kills. log may be read when it has ended.
func startUntilEnd(t *testing.T, server *exec.Cmd) (log *bytes.Buffer, ended <-chan struct{}) {
	t.Helper()
	log = new(bytes.Buffer)
	server.Stdout, server.Stderr = log, log
	check(t, server.Start())
	over := make(chan struct{})
	go func() {
		_ = server.Wait() // the test's end kills it
		close(over)
	}()
	t.Cleanup(func() { <-over })
	return log, over
}

// startServer starts the server of one region, which ends with the test, and waits until it answers.
func (e *e2e) startServer(t *testing.T, region, users, data string) *url.URL {
	addr := freeAddress(t)
	server := exec.CommandContext(t.Context(), e.server, "--access", ownerAccount, "--secret", ownerSecret, "--quiet",
		"--region", region, "--port", addr, "--health", "/health", "--iam-dir", users, "posix", data)
	server.Env = environment()
	log, ended := startUntilEnd(t, server)
	base := &url.URL{Scheme: "http", Host: addr}
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		select {
		case <-ended:
			t.Fatalf("the server of %s ended: %v\n%s", region, server.ProcessState, log)
		default:
		}
		if resp, err := http.Get(base.JoinPath("health").String()); err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return base
			}
		}
	}
	t.Fatalf("the server of %s does not answer", region)
	return nil
}

func (e *e2e) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// Authorization: AWS4-HMAC-SHA256 Credential=<access key>/<date>/<region>/s3/aws4_request, …
	var region string
	if scope := strings.Split(r.Header.Get("Authorization"), "/"); len(scope) > 3 {
		region = scope[2]
	}
	bucket, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	request := r.Method + " " + region + " " + r.URL.RequestURI()
	e.mu.Lock()
	e.requests = append(e.requests, request)
	home := e.homes[bucket]
	e.mu.Unlock()

	if e.hold != nil {
		e.hold(r)
	}
	switch server := e.routes[region]; {
	case server == nil:
		http.Error(w, "the request is not signed for a region of this test", http.StatusForbidden)
	case home != "" && home != region:
		w.Header().Set("X-Amz-Bucket-Region", home)
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(http.StatusMovedPermanently)
		_, _ = fmt.Fprintf(w, "<Error><Code>PermanentRedirect</Code><Message>The bucket is in %s.</Message></Error>", home)
	default:
		server.ServeHTTP(w, r)
	}
}

// A result is what came of one command.
type result struct {
	exit           int
	stdout, stderr string
	requests       []string // METHOD region path, in the order in which they came
}

func (e *e2e) mrpackage(t *testing.T, dir string, env []string, args ...string) result {
	return e.command(t, dir, env, e.program, args...)
}

// command runs a program in dir as somebody who has nothing but the owner's credentials, or those in env.
func (e *e2e) command(t *testing.T, dir string, env []string, name string, args ...string) result {
	t.Helper()
	var r result
	r.requests = e.recorded(func() {
		r = run(t, dir, slices.Concat(environment(), e.access(), env), name, args...)
	})
	return r
}

// access is what lets a program reach the servers, and nothing else, as the owner of the buckets.
func (e *e2e) access() []string {
	return []string{
		"AWS_ENDPOINT_URL_S3=" + e.endpoint,
		"AWS_ACCESS_KEY_ID=" + ownerAccount,
		"AWS_SECRET_ACCESS_KEY=" + ownerSecret,
		"AWS_CONFIG_FILE=" + os.DevNull,
		"AWS_SHARED_CREDENTIALS_FILE=" + os.DevNull,
		"AWS_EC2_METADATA_DISABLED=true",
		"NO_PROXY=127.0.0.1",
	}
}

// recorded returns the requests that come while f runs.
func (e *e2e) recorded(f func()) []string {
	e.mu.Lock()
	e.requests = nil
	e.mu.Unlock()
	f()
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.requests)
}

// run runs a program in this environment and no other.
func run(t *testing.T, dir string, env []string, name string, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = dir, env
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatalf("running %s: %v", name, err)
	}
	return result{exit: cmd.ProcessState.ExitCode(), stdout: stdout.String(), stderr: stderr.String()}
}

func (r result) wantExit(t *testing.T, exit int) {
	t.Helper()
	if r.exit != exit {
		t.Fatalf("exit code %d, want %d\nstdout:\n%s\nstderr:\n%s\nrequests:\n%s",
			r.exit, exit, r.stdout, r.stderr, strings.Join(r.requests, "\n"))
	}
}

// wantNothingStored is wantExit for a run that only reads.
func (r result) wantNothingStored(t *testing.T, exit int) {
	t.Helper()
	r.wantExit(t, exit)
	if writes := slices.Concat(r.writes(east), r.writes(west), r.writes(third)); len(writes) != 0 {
		t.Errorf("the run wrote:\n%s", strings.Join(writes, "\n"))
	}
}

// wantError looks for each of the patterns on stderr.
func (r result) wantError(t *testing.T, patterns ...string) {
	t.Helper()
	for _, p := range patterns {
		if !regexp.MustCompile(p).MatchString(r.stderr) {
			t.Errorf("stderr does not say %q:\n%s", p, r.stderr)
		}
	}
}

// writes are the requests to a region that can change something.
func (r result) writes(region string) []string {
	return slices.DeleteFunc(slices.Clone(r.requests), func(request string) bool {
		method, rest, _ := strings.Cut(request, " ")
		return method == http.MethodHead || method == http.MethodGet || !strings.HasPrefix(rest, region+" ")
	})
}

func (e *e2e) client(region string) *s3.Client {
	return s3.New(s3.Options{
		Region:       region,
		BaseEndpoint: aws.String(e.endpoint),
		UsePathStyle: true,
		Credentials:  credentials.NewStaticCredentialsProvider(ownerAccount, ownerSecret, ""),
	})
}

// createBuckets creates a bucket in each region, and returns them by region. Their names do not hold the region's: a
// message that names both has found out both.
func (e *e2e) createBuckets(t *testing.T, name string) map[string]string {
	t.Helper()
	buckets := map[string]string{east: name + "-one", west: name + "-two"}
	for region, bucket := range buckets {
		e.createBucket(t, region, bucket)
	}
	return buckets
}

func (e *e2e) createBucket(t *testing.T, region, bucket string) {
	t.Helper()
	_, err := e.client(region).CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &bucket})
	check(t, err)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.homes[bucket] = region
}

func (e *e2e) allowGuest(t *testing.T, region, bucket string, actions ...string) {
	t.Helper()
	policy, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": []any{map[string]any{
		"Effect":    "Allow",
		"Principal": map[string]any{"AWS": []string{guestAccount}},
		"Action":    actions,
		"Resource":  []string{"arn:aws:s3:::" + bucket, "arn:aws:s3:::" + bucket + "/*"},
	}}})
	check(t, err)
	_, err = e.client(region).PutBucketPolicy(t.Context(), &s3.PutBucketPolicyInput{Bucket: &bucket, Policy: aws.String(string(policy))})
	check(t, err)
}

// objects reads all that a bucket holds, by key.
func (e *e2e) objects(t *testing.T, region, bucket string) map[string][]byte {
	t.Helper()
	client := e.client(region)
	list, err := client.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: &bucket})
	check(t, err)
	objects := map[string][]byte{}
	for _, object := range list.Contents {
		got, err := client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: object.Key})
		check(t, err)
		objects[*object.Key], err = io.ReadAll(got.Body)
		check(t, err)
		check(t, got.Body.Close())
	}
	return objects
}

type archived struct {
	Content    string
	Executable bool
}

// unpack reads an archive to its end, and holds the modes to the two there may be.
func unpack(t *testing.T, data []byte) map[string]archived {
	t.Helper()
	r, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	check(t, err)
	files := map[string]archived{}
	for _, f := range r.File {
		if mode := f.Mode(); mode != 0o644 && mode != 0o755 {
			t.Errorf("%s has mode %v in the archive", f.Name, mode)
		}
		body, err := f.Open()
		check(t, err)
		content, err := io.ReadAll(body) // checks the CRC too
		check(t, err)
		files[f.Name] = archived{string(content), f.Mode()&0o111 != 0}
	}
	if len(files) != len(r.File) {
		t.Errorf("the archive has %d entries and %d names", len(r.File), len(files))
	}
	if unzip, err := exec.LookPath("unzip"); err == nil {
		path := filepath.Join(t.TempDir(), "archive.zip")
		writeFile(t, path, string(data))
		if out, err := exec.CommandContext(t.Context(), unzip, "-t", path).CombinedOutput(); err != nil {
			t.Errorf("unzip -t: %v\n%s", err, out)
		}
	}
	return files
}

// packaged reads a packaged template as what it means: short and long forms of an intrinsic are the same, and in place
// of a location in the bucket stands what is stored there. Scalars are compared as text, as the AWS CLI changes quotes.
func (e *e2e) packaged(t *testing.T, path, bucket string) any {
	t.Helper()
	objects := e.objects(t, west, bucket)
	stored := func(form, key string) any {
		data, ok := objects[key]
		if !ok {
			t.Errorf("%s names %s, which is not in the bucket", path, key)
		}
		if bytes.HasPrefix(data, []byte("PK")) {
			return map[string]any{form: unpack(t, data)}
		}
		return map[string]any{form: string(data)}
	}
	var meaning func(n *yaml.Node) any
	meaning = func(n *yaml.Node) any {
		var value any
		switch n.Kind {
		case yaml.DocumentNode:
			return meaning(n.Content[0])
		case yaml.MappingNode:
			m := map[string]any{}
			for i := 0; i < len(n.Content); i += 2 {
				m[n.Content[i].Value] = meaning(n.Content[i+1])
			}
			value = m
			if key, ok := m["S3Key"].(string); ok && m["S3Bucket"] == bucket && len(m) == 2 {
				value = stored("S3Bucket, S3Key", key)
			}
			if key, ok := m["Key"].(string); ok && m["Bucket"] == bucket && len(m) == 2 {
				value = stored("Bucket, Key", key)
			}
		case yaml.SequenceNode:
			list := []any{}
			for _, item := range n.Content {
				list = append(list, meaning(item))
			}
			value = list
		default:
			value = n.Value
			if key, ok := strings.CutPrefix(n.Value, "s3://"+bucket+"/"); ok {
				value = stored("s3://", key)
			}
		}
		if !strings.HasPrefix(n.Tag, "!") || strings.HasPrefix(n.Tag, "!!") {
			return value
		}
		function := n.Tag[1:]
		if attribute, ok := value.(string); ok && function == "GetAtt" {
			resource, name, _ := strings.Cut(attribute, ".")
			value = []any{resource, name}
		}
		if function != "Ref" && function != "Condition" {
			function = "Fn::" + function
		}
		return map[string]any{function: value}
	}
	var document yaml.Node
	check(t, yaml.Unmarshal([]byte(readFile(t, path)), &document))
	return meaning(&document)
}

// rewrittenValues holds a packaged template against its source. Only what stands behind a property that names a local
// artifact may differ, and those values are returned.
func rewrittenValues(t *testing.T, source, packaged string) []string {
	t.Helper()
	property := regexp.MustCompile(`^(\s*(?:CodeUri|ContentUri|DefinitionUri|Code): )["']?[\w./]+["']?((?s).*)$`)
	var pattern strings.Builder
	for line := range strings.Lines(source) {
		if m := property.FindStringSubmatch(line); m != nil {
			pattern.WriteString(regexp.QuoteMeta(m[1]) + `([^#\s][^#]*?)` + regexp.QuoteMeta(m[2]))
		} else {
			pattern.WriteString(regexp.QuoteMeta(line))
		}
	}
	values := regexp.MustCompile(`\A` + pattern.String() + `\z`).FindStringSubmatch(packaged)
	if values == nil {
		t.Fatalf("not only the rewritten values differ from the source:\n%s", packaged)
	}
	return values[1:]
}

func sampleApp(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	check(t, os.CopyFS(dir, os.DirFS(filepath.Join("..", "..", "testdata", "app"))))
	return dir
}

// flags name the regions and their buckets.
func flags(buckets map[string]string) []string {
	regions := slices.Sorted(maps.Keys(buckets))
	args := []string{"--regions", strings.Join(regions, ",")}
	for _, region := range regions {
		args = append(args, "--s3-bucket", region+"="+buckets[region])
	}
	return args
}

func outputName(region string) string { return "packaged-template-" + region + ".yaml" }

func output(app, region string) string { return filepath.Join(app, "target", outputName(region)) }

func wantNoOutput(t *testing.T, app string) {
	t.Helper()
	found, err := filepath.Glob(output(app, "*"))
	check(t, err)
	if len(found) != 0 {
		t.Errorf("a failed run has written %q", found)
	}
}

func buildProgram(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "mrpackage")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("building mrpackage: %v\n%s", err, out)
	}
	return program
}

// installServer returns the path of versitygw, which stays installed for the next run.
func installServer(t *testing.T) string {
	t.Helper()
	return install(t, "github.com/versity/versitygw/cmd/versitygw", serverVersion, "--version")
}

// install has Go build a program of others', once, and returns where it is. asked is what it answers without doing
// anything.
func install(t *testing.T, name, version, asked string) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = t.TempDir()
	}
	dir := filepath.Join(cache, "mrpackage-e2e", path.Base(name)+"-"+version)
	program := filepath.Join(dir, path.Base(name))
	if exec.CommandContext(t.Context(), program, asked).Run() == nil {
		return program
	}
	install := exec.CommandContext(t.Context(), "go", "install", name+"@"+version)
	install.Dir = t.TempDir() // outside of this module, whose flags are not for it either
	install.Env = append(os.Environ(), "GOBIN="+dir, "GOFLAGS=")
	if out, err := install.CombinedOutput(); err != nil {
		t.Fatalf("installing %s: %v\n%s", name, err, out)
	}
	return program
}

// environment is this process's without what would configure the programs under test.
func environment() []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return strings.HasPrefix(name, "AWS_") || strings.HasPrefix(name, "VGW_") || strings.HasSuffix(name, "_ARTIFACT_BUCKET") || strings.HasSuffix(name, "_IMAGE_REPOSITORY")
	})
}

func keys(objects map[string][]byte) []string { return slices.Sorted(maps.Keys(objects)) }

func indented(v any) string {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err.Error()
	}
	return string(text)
}
