package packager_test

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/symphoniacloud/multi-region-codepipeline/packager"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/s3test"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/ststest"
)

// startSTS starts an STS that has these roles.
func startSTS(t *testing.T, arns ...string) *ststest.Server {
	t.Helper()
	sts := ststest.New()
	t.Cleanup(sts.Close)
	t.Setenv("AWS_ENDPOINT_URL_STS", sts.URL())
	for _, arn := range arns {
		sts.CreateRole(ststest.Role{ARN: arn})
	}
	return sts
}

// A run to 30 regions, each of which lets in its own role alone, assumes each role once, and all at the same time.
func TestRoleOfEachRegion(t *testing.T) {
	server, opts := store(t)
	sts := startSTS(t)
	sts.Fail(ststest.Fault{Delay: 300 * time.Millisecond})
	opts.Stores = nil
	const regions = 30
	for i := range regions {
		s := packager.Store{Region: fmt.Sprintf("eu-west-%d", i+1), Bucket: fmt.Sprintf("bucket-%d", i+1)}
		s.Role.ARN = fmt.Sprintf("arn:aws:iam::222222222222:role/publish-%d", i+1)
		sts.CreateRole(ststest.Role{ARN: s.Role.ARN})
		server.CreateBucket(s.Region, s.Bucket, "222222222222")
		server.Guard(s.Bucket, sts.Only(s.Role.ARN))
		opts.Stores = append(opts.Stores, s)
	}
	result, err := packager.Package(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(sts.Requests()); n != regions {
		t.Errorf("STS was asked %d times", n)
	}
	if sts.MostAtOnce() < regions/2 {
		t.Errorf("at most %d roles were assumed at the same time", sts.MostAtOnce())
	}
	for _, s := range result.Stores {
		if s.Objects[0].Action != packager.Uploaded || s.Role.Account() != "222222222222" {
			t.Errorf("%s: %s by %+v", s.Region, s.Objects[0].Action, s.Role)
		}
	}
}

// Credentials that expire in the middle of a run are survived.
func TestRoleExpires(t *testing.T) {
	const arn = "arn:aws:iam::222222222222:role/publish"
	server, opts := store(t)
	sts := startSTS(t, arn)
	sts.SetLife(time.Second)
	server.Guard("east", sts.Only(arn))
	// The body comes, and then the credentials are out of date.
	server.Fail(s3test.Fault{Operation: "PutObject", Region: "us-east-1", Delay: 1500 * time.Millisecond, Times: 1})
	opts.Stores = []packager.Store{{Region: "us-east-1", Bucket: "east", Role: packager.Role{ARN: arn}}}
	opts.Hurry(time.Minute)
	t.Setenv("AWS_MAX_ATTEMPTS", "6")
	if _, err := packager.Package(t.Context(), opts); err != nil {
		t.Fatal(err)
	}
	if n := len(sts.Requests()); n < 2 {
		t.Errorf("the role was assumed %d times", n)
	}
	refused := 0
	for _, r := range server.Requests() {
		if r.Operation == "PutObject" && r.Status == 400 {
			refused++
		}
	}
	if refused == 0 {
		t.Error("no credentials expired")
	}
}

// Credentials that AWS takes for expired, whatever this machine's clock says, are fetched anew.
func TestRoleExpiresEarly(t *testing.T) {
	const arn = "arn:aws:iam::222222222222:role/publish"
	server, opts := store(t)
	sts := startSTS(t, arn)
	var mu sync.Mutex
	first, uses := "", 0
	server.Guard("east", func(accessKey, _ string) string {
		mu.Lock()
		defer mu.Unlock()
		if first == "" {
			first = accessKey
		}
		if accessKey != first {
			return ""
		}
		if uses++; uses > 2 { // for the bucket, and for the object
			return "ExpiredToken"
		}
		return ""
	})
	opts.Stores = []packager.Store{{Region: "us-east-1", Bucket: "east", Role: packager.Role{ARN: arn}}}
	opts.Hurry(time.Minute)
	if _, err := packager.Package(t.Context(), opts); err != nil {
		t.Fatal(err)
	}
	if n := len(sts.Requests()); n != 2 {
		t.Errorf("the role was assumed %d times", n)
	}
}

// S3 copies between buckets of one role, and never between those of two: a role that may do both would be more than each
// needs.
func TestNoCopyBetweenRoles(t *testing.T) {
	const east, west = "arn:aws:iam::222222222222:role/east", "arn:aws:iam::222222222222:role/west"
	for name, c := range map[string]struct {
		roles  [3]string
		copies int
	}{
		"no role":       {[3]string{}, 2},
		"one role":      {[3]string{east, east, east}, 2},
		"three":         {[3]string{east, west, ""}, 0},
		"two of a kind": {[3]string{east, west, east}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			server, opts := store(t)
			sts := startSTS(t, east, west)
			server.CreateBucket("eu-west-1", "ireland", "")
			opts.Copy = packager.CopyAlways
			opts.Stores = []packager.Store{{Region: "us-east-1", Bucket: "east"}, {Region: "us-west-2", Bucket: "west"}, {Region: "eu-west-1", Bucket: "ireland"}}
			for i, arn := range c.roles {
				opts.Stores[i].Role.ARN = arn
				if arn != "" {
					server.Guard(opts.Stores[i].Bucket, sts.Only(arn))
				}
			}
			count := func() (copies, failed int) {
				for _, r := range server.Requests() {
					if r.Operation == "CopyObject" {
						copies++
					}
					if r.Status >= 400 && r.Operation != "HeadObject" {
						failed++
					}
				}
				server.ResetRequests()
				return copies, failed
			}
			if _, err := packager.Package(t.Context(), opts); err != nil {
				t.Fatal(err)
			}
			if copies, failed := count(); copies != c.copies || failed > 0 {
				t.Errorf("%d copies, %d refused requests", copies, failed)
			}
			// What one store has already is sent where no copy can be.
			server.CreateBucket("us-west-1", "more", "")
			opts.Stores = append(opts.Stores, packager.Store{Region: "us-west-1", Bucket: "more", Role: packager.Role{ARN: west}})
			if _, err := packager.Package(t.Context(), opts); err != nil {
				t.Fatal(err)
			}
			if _, ok := server.Object("more", server.Keys("east")[0]); !ok {
				t.Error("the new store has nothing")
			}
		})
	}
}

// All that a run does in a region with a role it does as that role, images too, and all that it reads from elsewhere as the
// caller.
func TestRoleOfAll(t *testing.T) {
	const arn = "arn:aws:iam::222222222222:role/publish"
	server, opts := store(t)
	sts := startSTS(t, arn)
	opts.Stores = []packager.Store{{Region: "us-east-1", Bucket: "east", Role: packager.Role{ARN: arn, SessionName: "release-7"}}}
	write(t, filepath.Dir(opts.TemplateFile), "nested.yaml", "Resources:\n  T: {Type: AWS::SNS::Topic}\n")
	write(t, filepath.Dir(opts.TemplateFile), "template.yaml", "Resources:\n  F: {Type: AWS::Serverless::Function, Properties: {CodeUri: src}}\n  N: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: nested.yaml}}\n")
	var mu sync.Mutex
	signers := make(map[string]bool)
	server.Guard("east", func(accessKey, token string) string {
		mu.Lock()
		defer mu.Unlock()
		signer, code := sts.Signer(accessKey, token)
		signers[signer] = true
		return code
	})
	opts.Jobs = 1
	if _, err := packager.Package(t.Context(), opts); err != nil {
		t.Fatal(err)
	}
	if len(signers) != 1 || !signers["arn:aws:sts::222222222222:assumed-role/publish/release-7"] {
		t.Errorf("signed by %v", signers)
	}
	if policy, err := packager.Policy(opts); err != nil || strings.Contains(string(policy), "s3:") || !strings.Contains(string(policy), arn) {
		t.Errorf("%v: %s", err, policy)
	}
}

// An image that is copied is read as the caller, who may be let in there, and pushed as each region's role.
func TestRoleOfCopiedImages(t *testing.T) {
	const arn = "arn:aws:iam::123456789012:role/publish"
	s, opts := copyApp(t)
	sts := startSTS(t, arn)
	digest := s.putImage(s.ecr, "amd64", "hello", "1")
	write(t, filepath.Dir(opts.TemplateFile), "template.yaml", functions(s.in(s.ecr)+":1"))
	for i := range opts.Stores {
		opts.Stores[i].Role.ARN = arn
	}
	if _, err := packager.Package(t.Context(), opts); err != nil {
		t.Fatal(err)
	}
	if n := len(s.there(opts, digest)); n != len(opts.Stores) {
		t.Errorf("the image is in %d regions", n)
	}
	key := regexp.MustCompile(`Credential=([^/]+)/`)
	asked := 0
	for _, r := range s.Requests() {
		if r.Header.Get("X-Amz-Target") == "" {
			continue // with a token
		}
		asked++
		signer, code := sts.Signer(key.FindStringSubmatch(r.Header.Get("Authorization"))[1], r.Header.Get("X-Amz-Security-Token"))
		want := "arn:aws:sts::123456789012:assumed-role/publish/mrpackage"
		if r.Place.Region == s.ecr.Region {
			want = ststest.Caller
		}
		if signer != want || code != "" {
			t.Errorf("%s in %s is signed by %s %s", r.Operation, r.Place.Region, signer, code)
		}
	}
	if asked == 0 || len(sts.Requests()) != len(opts.Stores) {
		t.Errorf("%d requests, %d of them to STS", asked, len(sts.Requests()))
	}
}
