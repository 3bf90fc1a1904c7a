package verify

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"go.uber.org/goleak"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/s3test"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start returns an S3 with a bucket in two regions, and options that ask it.
func start(t *testing.T) (*s3test.Server, Options) {
	t.Helper()
	t.Chdir(t.TempDir())
	s := s3test.New()
	t.Cleanup(s.Close)
	s.CreateBucket("us-east-1", "east", "")
	s.CreateBucket("us-west-2", "west", "")
	return s, Options{
		Outputs: []string{"packaged-{region}.yaml"}, EndpointURL: s.URL(), backoff: time.Millisecond, stall: 5 * time.Second,
		AWS: &aws.Config{Credentials: credentials.NewStaticCredentialsProvider("AKID", "SECRET", "")},
	}
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func sumOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// put stores a text as mrpackage would, under its SHA-256.
func put(s *s3test.Server, bucket, text, ext string) (key string) {
	sum := sumOf(text)
	s.PutObject(bucket, sum+ext, s3test.Object{Body: []byte(text), Metadata: map[string]string{
		"mrpackage-digest": sum, "mrpackage-size": fmt.Sprint(len(text)), "mrpackage-sha256": sum,
	}})
	return sum + ext
}

func functionIn(bucket, key string) string {
	return "Resources: {F: {Type: AWS::Lambda::Function, Properties: {Code: {S3Bucket: " + bucket + ", S3Key: " + key + "}}}}\n"
}

func verified(t *testing.T, opts Options) *Result {
	t.Helper()
	r, err := Run(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Nothing that verify does without Refresh changes anything: of all that it may meet, each
// request is one that reads.
func TestSendsNothing(t *testing.T) {
	for name, set := range map[string]func(*s3test.Server, *Options){
		"all is well": func(*s3test.Server, *Options) {},
		"deep":        func(_ *s3test.Server, o *Options) { o.Deep = true },
		"an owner": func(_ *s3test.Server, o *Options) {
			o.Access = func(string) Access { return Access{Owner: "222222222222"} }
		},
		"a missing one": func(s *s3test.Server, _ *Options) { s.Delete("east", sumOf("code")+".zip") },
		"archived": func(s *s3test.Server, _ *Options) {
			s.PutObject("east", sumOf("code")+".zip", s3test.Object{StorageClass: "GLACIER"})
		},
		"denied looks":   func(s *s3test.Server, _ *Options) { s.Fail(s3test.Fault{Operation: "HeadObject", Status: 403}) },
		"denied buckets": func(s *s3test.Server, _ *Options) { s.Fail(s3test.Fault{Operation: "HeadBucket", Status: 403}) },
		"denied lists":   func(s *s3test.Server, _ *Options) { s.Fail(s3test.Fault{Status: 403, Code: "AccessDenied"}) },
		"denied reads": func(s *s3test.Server, o *Options) {
			s.Fail(s3test.Fault{Operation: "GetObject", Status: 403})
			o.Deep = true
		},
		"a server's pain": func(s *s3test.Server, _ *Options) { s.Fail(s3test.Fault{Status: 503}) },
		"other redirects": func(s *s3test.Server, _ *Options) { s.Fail(s3test.Fault{Status: 301, BucketRegion: "eu-west-1"}) },
		"bad requests":    func(s *s3test.Server, _ *Options) { s.Fail(s3test.Fault{Operation: "HeadObject", Status: 400}) },
		"hollow answers":  func(s *s3test.Server, _ *Options) { s.Fail(s3test.Fault{Wrong: s3test.Hollow}) },
		"not old enough":  func(_ *s3test.Server, o *Options) { o.Refresh = true },
	} {
		t.Run(name, func(t *testing.T) {
			s, opts := start(t)
			nested := put(s, "east", functionIn("east", put(s, "east", "code", ".zip")), ".template")
			write(t, "packaged-us-east-1.yaml", "Resources: {S: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: 'https://s3.us-east-1.amazonaws.com/east/"+nested+"'}}}\n")
			set(s, &opts)
			r := verified(t, opts)
			if (r.State() == Proved) != slices.Contains([]string{"all is well", "deep", "denied buckets", "not old enough"}, name) {
				t.Errorf("%s: %v %v", r.State(), r.Problems, r.Unknowns)
			}
			for _, q := range s.Requests() {
				if !slices.Contains([]string{"HeadBucket", "ListObjectsV2", "GetBucketLifecycleConfiguration", "HeadObject", "GetObject", "GetObjectTagging"}, q.Operation) {
					t.Errorf("it sent %s", q.Operation)
				}
			}
			for _, err := range slices.Concat(r.Problems, r.Unknowns) {
				var e *problem.Error
				if !errors.As(err, &e) || e.File == "" || e.Line == 0 {
					t.Errorf("%v has no place", err)
				}
			}
		})
	}
}

// What S3 answers is held against what was asked for: a body that breaks off, or never
// ends, or is another one, proves nothing, and is not called missing.
func TestBrokenBodies(t *testing.T) {
	for name, f := range map[string]s3test.Fault{
		"cut again and again": {Operation: "GetObject", Cut: s3test.AnswerBegun},
		"no answer":           {Operation: "GetObject", Cut: s3test.AnswerNone},
		"somebody else's":     {Operation: "GetObject", Status: 200},
		"hollow":              {Operation: "GetObject", Wrong: s3test.Hollow},
		"in a circle":         {Operation: "GetObject", Wrong: s3test.Circle},
		"a look without end":  {Operation: "HeadObject", Wrong: s3test.Endless},
	} {
		t.Run(name, func(t *testing.T) {
			s, opts := start(t)
			write(t, "packaged-us-east-1.yaml", functionIn("east", put(s, "east", strings.Repeat("code", 1000), ".js")))
			s.Fail(f)
			opts.Deep = true
			r := verified(t, opts)
			if r.State() != Unknown || len(r.Unknowns) != 1 {
				t.Errorf("%s: %v", r.State(), r.Unknowns)
			}
		})
	}
	// Once is no matter.
	for _, cut := range s3test.Cuts() {
		s, opts := start(t)
		write(t, "packaged-us-east-1.yaml", functionIn("east", put(s, "east", strings.Repeat("code", 1000), ".js")))
		s.Fail(s3test.Fault{Operation: "GetObject", Cut: cut, Times: 1})
		opts.Deep = true
		if r := verified(t, opts); r.State() != Proved || r.Deployments[0].Objects[0].By != ByContent {
			t.Errorf("cut %s: %s %v", cut, r.State(), r.Unknowns)
		}
	}
}

// A template that nests itself, as no program writes it, has an end; so has one that nests
// many that nest many.
func TestNestedWithoutEnd(t *testing.T) {
	s, opts := start(t)
	nests := func(key string) string {
		return "{Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: 'https://s3.us-east-1.amazonaws.com/east/" + key + "'}}"
	}
	s.PutObject("east", "self", s3test.Object{Body: []byte("Resources: {A: " + nests("self") + "}")})
	write(t, "packaged-us-east-1.yaml", "Resources: {S: "+nests("self")+"}")
	r := verified(t, opts)
	if r.State() != Wrong || len(r.Problems) != 1 || !strings.Contains(r.Problems[0].Error(), "s3://east/self:1:77: A.TemplateURL: s3://east/self nests itself") {
		t.Errorf("%s, %v", r.State(), r.Problems)
	}
	for i := range 20 {
		next := nests(fmt.Sprint("deep", i+1))
		s.PutObject("east", fmt.Sprint("deep", i), s3test.Object{Body: []byte("Resources: {A: " + next + ", B: " + next + "}")})
	}
	write(t, "packaged-us-east-1.yaml", "Resources: {S: "+nests("deep0")+"}")
	if r := verified(t, opts); r.State() != Unknown || r.Deployments[0].Nested != maxDepth || len(r.Unknowns) != 2 {
		t.Errorf("many that nest many: %s, %d, %v", r.State(), r.Deployments[0].Nested, r.Unknowns)
	}
	s.PutObject("east", "large", s3test.Object{Body: bytes.Repeat([]byte("# nothing\n"), maxTemplate/10+1)})
	write(t, "packaged-us-east-1.yaml", "Resources: {S: "+nests("large")+"}")
	if r := verified(t, opts); r.State() != Wrong || !strings.Contains(r.Problems[0].Error(), "far more than CloudFormation takes") {
		t.Errorf("a large one: %s %v", r.State(), r.Problems)
	}
	for _, q := range s.Requests() {
		if q.Operation == "GetObject" && q.Key == "large" {
			t.Error("the large one was read")
		}
	}
}

// Five hundred templates that name the same code ask for it once, and each has its own
// line. What one lacks is told of each that names it.
func TestManyTemplates(t *testing.T) {
	s, opts := start(t)
	keys := map[string]string{"east": put(s, "east", "code", ".zip"), "west": put(s, "west", "code", ".zip")}
	regions := map[string]string{"east": "us-east-1", "west": "us-west-2"}
	for i := range 250 {
		for bucket, region := range regions {
			name := fmt.Sprintf("app%d-%s.yaml", i, region)
			write(t, name, functionIn(bucket, keys[bucket]))
			opts.Templates = append(opts.Templates, region+"="+name)
		}
	}
	told := 0
	opts.Verified = func(Object) { told++ }
	r := verified(t, opts)
	if r.State() != Proved || len(r.Deployments) != 500 || told != 2 {
		t.Errorf("%s, %d deployments, %d told, %v", r.State(), len(r.Deployments), told, r.Problems)
	}
	count := make(map[string]int)
	for _, q := range s.Requests() {
		count[q.Operation]++
	}
	if count["HeadObject"] != 2 || count["HeadBucket"] != 2 || count["GetBucketLifecycleConfiguration"] != 2 {
		t.Errorf("requests: %v", count)
	}
	s.Delete("west", keys["west"])
	if r := verified(t, opts); len(r.Problems) != 250 {
		t.Errorf("%d problems", len(r.Problems))
	}
}

// No more objects are read at once than Jobs says, nor asked for than four times that.
func TestJobs(t *testing.T) {
	s, opts := start(t)
	var text strings.Builder
	text.WriteString("Resources:\n")
	for i := range 40 {
		fmt.Fprintf(&text, "  F%d: {Type: AWS::Lambda::Function, Properties: {Code: {S3Bucket: east, S3Key: %s}}}\n", i, put(s, "east", fmt.Sprint(i), ".js"))
	}
	write(t, "packaged-us-east-1.yaml", text.String())
	opts.Jobs, opts.Deep = 2, true
	most := watch(t, s, &opts)
	s.Fail(s3test.Fault{Operation: "GetObject", Delay: 5 * time.Millisecond})
	if r := verified(t, opts); r.State() != Proved {
		t.Errorf("%s %v", r.State(), r.Unknowns)
	}
	if n := most("GetObject"); n < 1 || n > 2 {
		t.Errorf("%d objects were read at once", n)
	}
	if n := most("HeadObject"); n > 8 {
		t.Errorf("%d objects were asked for at once", n)
	}
}

// An interrupt ends a run while an object is read, and it leaves nothing behind.
func TestInterrupt(t *testing.T) {
	s, opts := start(t)
	write(t, "packaged-us-east-1.yaml", functionIn("east", put(s, "east", strings.Repeat("code", 100_000), ".js")))
	opts.Deep = true
	s.Fail(s3test.Fault{Operation: "GetObject", StallAnswer: time.Hour})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		for {
			for _, q := range s.Requests() {
				if q.Operation == "GetObject" {
					cancel()
					return
				}
			}
			time.Sleep(time.Millisecond)
		}
	}()
	if _, err := Run(ctx, opts); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// The version that a template names is the one that is looked at.
func TestVersions(t *testing.T) {
	s, opts := start(t)
	sum := sumOf("code")
	meta := map[string]string{"mrpackage-digest": sum, "mrpackage-size": "4", "mrpackage-sha256": sum}
	s.PutObject("east", sum+".js", s3test.Object{Body: []byte("code"), Metadata: meta, VersionID: "v1"})
	s.PutObject("east", sum+".js", s3test.Object{Body: []byte("other"), VersionID: "v2"})
	named := func(version string) *Result {
		write(t, "packaged-us-east-1.yaml", "Resources: {F: {Type: AWS::Lambda::Function, Properties: {Code: {S3Bucket: east, S3Key: "+sum+".js, S3ObjectVersion: "+version+"}}}}\n")
		return verified(t, opts)
	}
	opts.Deep = true
	if r := named("v1"); r.State() != Proved {
		t.Errorf("the first: %v %v", r.Problems, r.Unknowns)
	}
	if r := named("v2"); r.State() != Wrong {
		t.Errorf("the second: %s", r.State())
	}
	if r := named("v3"); r.State() != Wrong || !strings.Contains(r.Problems[0].Error(), "there is no such version of it") {
		t.Errorf("none: %v", r.Problems)
	}
	s.Delete("east", sum+".js")
	if r := named("v1"); r.State() != Proved {
		t.Errorf("behind a delete marker: %v", r.Problems)
	}
	s.SetLifecycle("east", "<Rule><ID>old</ID><Status>Enabled</Status><Filter><Prefix></Prefix></Filter><NoncurrentVersionExpiration><NoncurrentDays>10</NoncurrentDays></NoncurrentVersionExpiration></Rule>")
	if o := named("v1").Deployments[0].Objects[0]; o.Ends.IsZero() || o.EndUnknown == "" {
		t.Errorf("an old version ends: %+v", o)
	}
	opts.Refresh, opts.RefreshAfter = true, time.Nanosecond
	s.PutObject("east", sum+".js", s3test.Object{Body: []byte("code"), Metadata: meta, VersionID: "v4", LastModified: time.Now().AddDate(0, 0, -9)})
	s.ResetRequests()
	if r := named("v4"); r.State() != Proved || len(r.Warnings) != 1 || r.Deployments[0].Objects[0].Refreshed {
		t.Errorf("a version cannot be refreshed: %v %v", r.Warnings, r.Problems)
	}
}

// S3 that does not answer when an object ends does not keep verify: that is unknown, and the
// objects are proved. Of many objects one alone waits, where they are asked one after the other.
func TestSilentAboutEnds(t *testing.T) {
	const rules = "<Rule><ID>tagged</ID><Status>Enabled</Status><Filter><Tag><Key>a</Key><Value>b</Value></Tag></Filter><Expiration><Days>9</Days></Expiration></Rule>"
	for _, operation := range []string{"GetBucketLifecycleConfiguration", "GetObjectTagging"} {
		t.Run(operation, func(t *testing.T) {
			s, opts := start(t)
			opts.Jobs, opts.patience, opts.stall = 1, 2*time.Second, time.Hour
			s.SetLifecycle("east", rules)
			text := "Resources:\n"
			for i := range 30 {
				text += fmt.Sprintf("  F%d: {Type: AWS::Lambda::Function, Properties: {Code: {S3Bucket: east, S3Key: %s}}}\n", i, put(s, "east", fmt.Sprint(i), ".js"))
			}
			write(t, "packaged-us-east-1.yaml", text)
			s.Fail(s3test.Fault{Operation: operation, Delay: time.Hour})
			r := verified(t, opts)
			if r.State() != Proved || len(r.Deployments[0].Objects) != 30 {
				t.Errorf("%s: %v %v", r.State(), r.Problems, r.Unknowns)
			}
			for _, o := range r.Deployments[0].Objects {
				if o.EndUnknown == "" {
					t.Errorf("%s ends at %v", o.Key, o.Ends)
				}
			}
			asked := 0
			for _, request := range s.Requests() {
				if request.Operation == operation {
					asked++
				}
			}
			if asked == 0 || asked > 8 {
				t.Errorf("%d times %s", asked, operation)
			}
		})
	}
}

// Templates come in the order given, those that cannot be read too.
func TestUnreadInOrder(t *testing.T) {
	s, opts := start(t)
	write(t, "us-east-1.yaml", functionIn("east", put(s, "east", "code", ".js")))
	write(t, "broken.yaml", "Resources: [")
	opts.Templates = []string{"us-east-1=us-east-1.yaml", "us-west-2=broken.yaml", "us-east-1=none.yaml"}
	var got []string
	for _, d := range verified(t, opts).Deployments {
		got = append(got, d.Template)
	}
	if want := []string{"us-east-1.yaml", "broken.yaml", "none.yaml"}; !slices.Equal(got, want) {
		t.Errorf("%q, not %q", got, want)
	}
}

// A key that claims a digest and an object without a record of it is unknown, unless S3's
// checksum or the bytes prove it.
func TestWithoutRecord(t *testing.T) {
	s, opts := start(t)
	sum := sha256.Sum256([]byte("code"))
	key := hex.EncodeToString(sum[:]) + ".js"
	write(t, "packaged-us-east-1.yaml", functionIn("east", key))
	s.PutObject("east", key, s3test.Object{Body: []byte("code")})
	if r := verified(t, opts); r.State() != Unknown || !strings.Contains(fmt.Sprint(r.Unknowns), "nothing was recorded with it that would prove it") {
		t.Errorf("%s %v", r.State(), r.Unknowns)
	}
	opts.Deep = true
	if r := verified(t, opts); r.State() != Proved || r.Deployments[0].Objects[0].By != ByContent {
		t.Errorf("deep: %s %v", r.State(), r.Unknowns)
	}
	opts.Deep = false
	s.PutObject("east", key, s3test.Object{Body: []byte("code"), ChecksumSHA256: "VpSNq49D8Z1JDYZ6bTf4rYHcOwKgUVQqj0E0tA8cvQw="})
	if r := verified(t, opts); r.State() != Unknown {
		t.Errorf("another checksum: %s", r.State())
	}
}

// watch counts how many requests of an operation were under way at once, as the client sees
// it: the server's records are made when they arrive, and completed when they are answered.
func watch(t *testing.T, s *s3test.Server, _ *Options) (most func(string) int) {
	t.Helper()
	var mu sync.Mutex
	max := make(map[string]int)
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			now := make(map[string]int)
			for _, q := range s.Requests() {
				if q.Status == 0 {
					now[q.Operation]++
				}
			}
			mu.Lock()
			for op, n := range now {
				if n > max[op] {
					max[op] = n
				}
			}
			mu.Unlock()
			select {
			case <-done:
				return
			case <-time.After(time.Millisecond):
			}
		}
	}()
	t.Cleanup(func() { close(done); <-ended })
	return func(op string) int {
		mu.Lock()
		defer mu.Unlock()
		return max[op]
	}
}

// A template for a stack set is proved in all regions of its own.
func TestStackSet(t *testing.T) {
	s, opts := start(t)
	key := put(s, "east", "code", ".zip")
	put(s, "west", "code", ".zip")
	inner := "Mappings: {B: {us-east-1: {N: east}, us-west-2: {N: west}}}\n" + strings.Replace(functionIn("BUCKET", key), "BUCKET", "!FindInMap [B, !Ref AWS::Region, N]", 1)
	nested := put(s, "east", inner, ".template")
	write(t, filepath.Join(".", "packaged-us-east-1.yaml"), "Resources: {S: {Type: AWS::CloudFormation::StackSet, Properties: {TemplateURL: 'https://s3.us-east-1.amazonaws.com/east/"+nested+"'}}}\n")
	r := verified(t, opts)
	if r.State() != Proved || len(r.Deployments[0].Objects) != 3 {
		t.Errorf("%s %v %+v", r.State(), r.Problems, r.Deployments)
	}
	s.Delete("west", key)
	if r := verified(t, opts); r.State() != Wrong || !strings.Contains(r.Problems[0].Error(), "s3://west/"+key+" in us-west-2") {
		t.Errorf("%s %v", r.State(), r.Problems)
	}
}
