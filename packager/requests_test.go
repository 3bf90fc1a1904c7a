package packager_test

import (
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/symphoniacloud/multi-region-codepipeline/packager"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/s3test"
)

// headers returns what each operation said in a header.
func headers(server *s3test.Server, name string) map[string]string {
	said := make(map[string]string)
	for _, r := range server.Requests() {
		said[r.Operation] = r.Header.Get(name)
	}
	return said
}

// Every request names the owner that is expected, also those of an upload in
// parts, of its removal, and of a copy, whose source names it once more.
func TestOwnerWithEveryRequest(t *testing.T) {
	const owner, header = "111111111111", "X-Amz-Expected-Bucket-Owner"
	server, opts := store(t)
	opts.Hurry(time.Minute)
	opts.Stores = []packager.Store{{Region: "us-east-1", Bucket: "east", Owner: owner, Prefix: "a+b"}}
	write(t, filepath.Dir(opts.TemplateFile), "template.yaml", "Resources:\n"+
		"  F: {Type: AWS::Serverless::Function, Properties: {CodeUri: src}}\n  A: {Type: AWS::Serverless::Api, Properties: {DefinitionUri: template.yaml}}\n")
	large(t, &opts)
	run := func() {
		if _, err := packager.Package(t.Context(), opts); err != nil {
			t.Error(err)
		}
	}
	run()
	for _, key := range server.Keys("east") {
		o, _ := server.Object("east", key)
		o.LastModified, o.VersionID = time.Now().AddDate(0, -6, 0), ""
		server.PutObject("east", key, o)
	}
	run() // copies
	server.Fail(s3test.Fault{Operation: "HeadBucket", Status: 403, Code: "AccessDenied"})
	server.Fail(s3test.Fault{Operation: "CompleteMultipartUpload", Status: 409, Code: "ConditionalRequestConflict", Times: 1})
	opts.ForceUpload = true
	run() // lists, and removes

	said := headers(server, header)
	for _, operation := range []string{
		"HeadBucket", "ListObjectsV2", "HeadObject", "PutObject", "CopyObject",
		"CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload", "AbortMultipartUpload",
	} {
		if said[operation] != owner {
			t.Errorf("%s said %q", operation, said[operation])
		}
	}
	if source := headers(server, "X-Amz-Source-Expected-Bucket-Owner")["CopyObject"]; source != owner {
		t.Errorf("the copy's source is said to be of %q", source)
	}
}

// A copy onto itself keeps what the object is stored with, and is of the object
// that was proved.
func TestRefreshKeeps(t *testing.T) {
	server, opts := store(t)
	opts.Stores = []packager.Store{{Region: "us-east-1", Bucket: "east", Prefix: "a+b/c=d"}}
	first, err := packager.Package(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	key := first.Stores[0].Objects[0].Key
	o, _ := server.Object("east", key)
	o.LastModified, o.VersionID = time.Now().AddDate(0, -6, 0), ""
	o.ContentType, o.StorageClass, o.Tags = "application/zip", "STANDARD_IA", map[string]string{"team": "shop"}
	o.ChecksumSHA256, o.ChecksumType = "", ""
	server.PutObject("east", key, o)
	second, err := packager.Package(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	if a := second.Stores[0].Objects[0].Action; a != packager.Refreshed {
		t.Errorf("it is %s", a)
	}
	now, _ := server.Object("east", key)
	if now.ContentType != o.ContentType || now.StorageClass != o.StorageClass || now.Tags["team"] != "shop" || now.ChecksumSHA256 == "" || now.Metadata["mrpackage-digest"] == "" {
		t.Errorf("stored: %+v", now)
	}
	for name, want := range map[string]string{
		"X-Amz-Copy-Source-If-Match": o.ETag, "X-Amz-Metadata-Directive": "REPLACE",
		"X-Amz-Copy-Source": "east/" + strings.NewReplacer("+", "%2B", "=", "%3D").Replace(key),
	} {
		if got := headers(server, name)["CopyObject"]; got == "" || want != "" && got != want {
			t.Errorf("the copy's %s is %q, want %q", name, got, want)
		}
	}
}

// The put with which a run finds out that it may store is made as those are that
// store: policies decide by key, encryption and tags.
func TestProbeIsLikeAPut(t *testing.T) {
	server, opts := store(t)
	opts.Stores = []packager.Store{{Region: "us-east-1", Bucket: "east", Prefix: "app", KMSKey: "alias/code"}}
	opts.Tags = map[string]string{"team": "shop"}
	for _, operation := range []string{"HeadBucket", "ListObjectsV2"} {
		server.Fail(s3test.Fault{Operation: operation, Status: 403, Code: "AccessDenied"})
	}
	if _, err := packager.Package(t.Context(), opts); err != nil {
		t.Fatal(err)
	}
	var puts []s3test.Request
	for _, r := range server.Requests() {
		if r.Operation == "PutObject" {
			puts = append(puts, r)
		}
	}
	if len(puts) != 2 || puts[0].Status != http.StatusBadRequest || !strings.HasPrefix(puts[0].Key, "app/") || len(server.Keys("east")) != 1 {
		t.Fatalf("puts: %+v, stored: %q", puts, server.Keys("east"))
	}
	for _, name := range []string{"X-Amz-Tagging", "X-Amz-Server-Side-Encryption", "X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id"} {
		if a, b := puts[0].Header.Get(name), puts[1].Header.Get(name); a == "" || a != b {
			t.Errorf("%s is %q, and %q in the put", name, a, b)
		}
	}
}

// Only 404 means absent: after any other answer nothing is put.
func TestOnly404IsAbsent(t *testing.T) {
	for _, status := range []int{405, 410, 416, 429, 500} {
		server, opts := store(t)
		opts.Hurry(time.Minute)
		server.Fail(s3test.Fault{Operation: "HeadObject", Region: "us-east-1", Status: status})
		if _, err := packager.Package(t.Context(), opts); err == nil || len(server.Keys("east")) > 0 {
			t.Errorf("%d: %v, stored: %q", status, err, server.Keys("east"))
		}
	}
}

// What is there under other metadata than asked for is no hit of a conditional
// put either.
func TestConditionalPutOfOtherMetadata(t *testing.T) {
	server, opts := store(t)
	opts.Stores = opts.Stores[:1]
	if _, err := packager.Package(t.Context(), opts); err != nil {
		t.Fatal(err)
	}
	opts.Metadata = map[string]string{"team": "shop"}
	server.Fail(s3test.Fault{Operation: "HeadObject", Status: 403, Code: "AccessDenied", Times: 1})
	result, err := packager.Package(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	if o, _ := server.Object("east", result.Artifacts[0].Name); o.Metadata["team"] != "shop" {
		t.Errorf("stored with %v", o.Metadata)
	}
}

// A completion that S3 has forgotten, and of which nothing is stored, is none;
// nor is one that somebody else confirmed.
func TestFalseCompletion(t *testing.T) {
	for name, fault := range map[string]s3test.Fault{
		"forgotten": {Operation: "CompleteMultipartUpload", Status: 404, Code: "NoSuchUpload"},
		"a page":    {Operation: "CompleteMultipartUpload", Status: 200},
	} {
		server, opts := store(t)
		opts.Hurry(time.Minute)
		opts.Stores = opts.Stores[:1]
		large(t, &opts)
		server.Fail(fault)
		if _, err := packager.Package(t.Context(), opts); err == nil {
			t.Errorf("%s: it is taken for stored, with %q in the bucket", name, server.Keys("east"))
		}
	}
}

// Each part goes with a SHA-256 that the service verifies, and that is the hash
// which the request is signed with, over TLS too: the SDK itself would compute
// either for every store.
func TestPartsHaveChecksums(t *testing.T) {
	for _, scheme := range []string{"http", "https"} {
		t.Run(scheme, func(t *testing.T) {
			server, opts := store(t)
			large(t, &opts)
			if scheme == "https" {
				opts.EndpointURL, opts.AWS = overTLS(t, server)
			}
			result, err := packager.Package(t.Context(), opts)
			if err != nil {
				t.Fatal(err)
			}
			if o, _ := server.Object("east", result.Artifacts[0].Name); !strings.HasSuffix(o.ChecksumSHA256, "-2") {
				t.Errorf("the checksum is %q", o.ChecksumSHA256)
			}
			sums := make(map[string]int)
			for _, r := range server.Requests() {
				if r.Operation != "UploadPart" {
					continue
				}
				sum := r.Header.Get("X-Amz-Checksum-Sha256")
				if raw, err := base64.StdEncoding.DecodeString(sum); err != nil || hex.EncodeToString(raw) != r.Header.Get("X-Amz-Content-Sha256") {
					t.Errorf("checksum %q, signed with %q", sum, r.Header.Get("X-Amz-Content-Sha256"))
				}
				sums[sum]++
			}
			if len(sums) != 2 {
				t.Errorf("%d parts, want 2", len(sums))
			}
			for sum, n := range sums {
				if n != 2 {
					t.Errorf("%s went to %d stores", sum, n)
				}
			}
		})
	}
}

// overTLS puts TLS before a server, and returns the endpoint and a configuration
// that trusts it.
func overTLS(t *testing.T, server *s3test.Server) (endpoint string, cfg *aws.Config) {
	t.Helper()
	to, err := url.Parse(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	plain := &http.Transport{}
	t.Cleanup(plain.CloseIdleConnections)
	front := httptest.NewTLSServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) }, Transport: plain})
	t.Cleanup(front.Close)
	trusted := front.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	return front.URL, &aws.Config{
		Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", ""),
		HTTPClient: awshttp.NewBuildableClient().WithTransportOptions(func(h *http.Transport) {
			h.TLSClientConfig = &tls.Config{RootCAs: trusted, MinVersion: tls.VersionTLS12}
		}),
	}
}

// A server may answer for a bucket of another region as if it were its own, and
// tells the region all the same.
func TestOtherRegionThatAnswers(t *testing.T) {
	_, opts := store(t)
	opts.Stores = opts.Stores[:1]
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X-Amz-Bucket-Region", "eu-west-1") }))
	defer other.Close()
	opts.EndpointURL = other.URL
	if _, err := packager.Package(t.Context(), opts); err == nil || !strings.Contains(err.Error(), "the bucket east is in eu-west-1, not in us-east-1") {
		t.Errorf("got %v", err)
	}
}

// The first questions to a bucket are not asked as often as what comes later:
// somebody waits for the answer.
func TestFewTriesOfCheck(t *testing.T) {
	server, opts := store(t)
	opts.Hurry(time.Minute)
	opts.Stores = opts.Stores[:1]
	t.Setenv("AWS_MAX_ATTEMPTS", "9")
	server.Fail(s3test.Fault{Status: 500})
	_, err := packager.Package(t.Context(), opts)
	checks := 0
	for _, r := range server.Requests() {
		if r.Operation == "HeadBucket" {
			checks++
		}
	}
	if err == nil || checks != 3 {
		t.Errorf("%d requests, %v", checks, err)
	}
}

// A file that changes after its digest was taken is named, and nothing of it is
// sent: neither to the region whose turn comes later, nor as a broken request.
func TestFileChangesBeforeItIsSent(t *testing.T) {
	for _, content := range []string{"exports.handler = async () => 'HELLO'\n", "shorter", ""} {
		server, opts := store(t)
		opts.Hurry(time.Minute)
		dir := filepath.Dir(opts.TemplateFile)
		write(t, dir, "template.yaml", "Resources:\n  A: {Type: AWS::Serverless::Api, Properties: {DefinitionUri: src/app.js}}\n")
		opts.Progress = func(e packager.Event) {
			if e.Kind == packager.Looked {
				write(t, dir, "src/app.js", content)
			}
		}
		_, err := packager.Package(t.Context(), opts)
		if all := problem.Errors(err); len(all) != 1 || !strings.Contains(err.Error(), "app.js changed while it was read: is the build still running?") {
			t.Errorf("got %v", err)
		}
		for _, r := range server.Requests() {
			if r.Operation == "PutObject" {
				t.Errorf("sent to %s: %d bytes", r.Bucket, r.BodyBytes)
			}
		}
	}
}

// The file that ends a run is named, also where other archives are under way.
func TestChangedFileAmongMany(t *testing.T) {
	_, opts := store(t)
	opts.ForceUpload = true
	dir := filepath.Dir(opts.TemplateFile)
	template := "Resources:\n"
	for i := range 60 {
		template += fmt.Sprintf("  F%d: {Type: AWS::Serverless::Function, Properties: {CodeUri: f%d}}\n", i, i)
		write(t, dir, fmt.Sprintf("f%d/a.js", i), strings.Repeat(fmt.Sprint(i), 9000))
	}
	write(t, dir, "template.yaml", template)
	for i := range 60 {
		plan, err := packager.NewPlan(t.Context(), opts)
		if err != nil {
			t.Fatal(err)
		}
		name := fmt.Sprintf("f%d/a.js", i)
		write(t, dir, name, "changed")
		if _, err := plan.Upload(t.Context()); err == nil || !strings.Contains(err.Error(), filepath.FromSlash(name)+" changed while") {
			t.Errorf("got %v", err)
		}
	}
}

// Where the file's checksum is known and the recorded one is another, the object
// is another, also where S3 has none of its own to say so.
func TestRecordedChecksum(t *testing.T) {
	server, opts := store(t)
	opts.Stores = opts.Stores[:1]
	write(t, filepath.Dir(opts.TemplateFile), "template.yaml", "Resources:\n  A: {Type: AWS::Serverless::Api, Properties: {DefinitionUri: src/app.js}}\n")
	first, err := packager.Package(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	o, _ := server.Object("east", first.Artifacts[0].Name)
	o.ChecksumSHA256, o.ChecksumType, o.VersionID = "", "", ""
	o.Metadata["mrpackage-sha256"] = strings.Repeat("0", 64)
	server.PutObject("east", first.Artifacts[0].Name, o)
	second, err := packager.Package(t.Context(), opts)
	if err != nil || second.Stores[0].Objects[0].Action != packager.Uploaded {
		t.Errorf("%v, %+v", err, second)
	}
}
