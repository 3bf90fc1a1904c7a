package role_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"go.uber.org/goleak"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/role"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/ststest"
)

// No goroutine outlives the roles.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const deployment = "arn:aws:iam::222222222222:role/deployment"

// open returns a server, and roles that are assumed there.
func open(t *testing.T, patience time.Duration) (*ststest.Server, *role.Roles) {
	t.Helper()
	s := ststest.New()
	t.Cleanup(s.Close)
	r := role.Open(role.Config{
		AWS: aws.Config{
			Credentials:  aws.NewCredentialsCache(credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "wJalrXUtnFEMI", "")),
			BaseEndpoint: aws.String(s.URL()), RetryMaxAttempts: 2,
		},
		Patience: patience, Backoff: time.Millisecond,
	})
	t.Cleanup(r.Close)
	return s, r
}

// assumed are the requests to assume a role, "region role".
func assumed(s *ststest.Server) (all []string) {
	for _, r := range s.Requests() {
		if r.Operation == "AssumeRole" {
			all = append(all, r.Region+" "+r.Role)
		}
	}
	slices.Sort(all)
	return all
}

// However many need it, a role is assumed once in each region, and in all of them at the same time.
func TestAssumedOncePerRoleAndRegion(t *testing.T) {
	s, roles := open(t, 0)
	s.Fail(ststest.Fault{Delay: 200 * time.Millisecond})
	var all sync.WaitGroup
	const regions = 30
	for i := range regions {
		region := fmt.Sprintf("eu-west-%d", i+1)
		as := role.Role{ARN: fmt.Sprintf("arn:aws:iam::222222222222:role/%s", region)}
		s.CreateRole(ststest.Role{ARN: as.ARN})
		for range 5 {
			all.Go(func() {
				if err := roles.Assume(t.Context(), as, region); err != nil {
					t.Error(err)
				}
			})
		}
	}
	all.Wait()
	got := assumed(s)
	if len(got) != regions || len(slices.Compact(got)) != regions {
		t.Errorf("assumed %q", got)
	}
	for _, at := range got {
		if region, arn, _ := strings.Cut(at, " "); !strings.HasSuffix(arn, "/"+region) {
			t.Errorf("%s was assumed in %s", arn, region)
		}
	}
	if s.MostAtOnce() < regions/2 {
		t.Errorf("at most %d of %d roles were assumed at the same time", s.MostAtOnce(), regions)
	}
	two, err := role.Role{ARN: deployment}.With([]byte(`{"Tags": [{"Key": "a", "Value": "b"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	s.ClearFaults()
	s.CreateRole(ststest.Role{ARN: deployment})
	for _, r := range []role.Role{{ARN: deployment}, two, two} { // other tags make another session
		if err := roles.Assume(t.Context(), r, "us-east-1"); err != nil {
			t.Error(err)
		}
	}
	if n := len(assumed(s)); n != regions+2 {
		t.Errorf("assumed %d times", n)
	}
}

// Credentials are renewed before they expire, and where that fails the old ones do as long as they are good.
func TestRenewed(t *testing.T) {
	s, roles := open(t, 0)
	s.CreateRole(ststest.Role{ARN: deployment})
	s.SetLife(time.Second)
	provider := roles.Credentials(role.Role{ARN: deployment}, "us-east-1")
	use := func() string {
		t.Helper()
		c, err := provider.Retrieve(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if code := s.Only(deployment)(c.AccessKeyID, c.SessionToken); code != "" {
			t.Errorf("the credentials are refused: %s", code)
		}
		if c.AccountID != "222222222222" {
			t.Errorf("the account %q", c.AccountID)
		}
		return c.AccessKeyID
	}
	first := use()
	if use() != first {
		t.Error("assumed again at once")
	}
	for deadline := time.Now().Add(10 * time.Second); use() == first; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("never renewed")
		}
	}
	s.SetLife(time.Hour)
	provider.(*aws.CredentialsCache).Invalidate()
	second := use()
	if c, err := provider.Retrieve(t.Context()); err != nil || time.Until(c.Expires) > 56*time.Minute || time.Until(c.Expires) < 50*time.Minute {
		t.Errorf("credentials of an hour are renewed after %s: %v", time.Until(c.Expires), err)
	}
	s.Fail(ststest.Fault{Status: 503, Code: "ServiceUnavailable"})
	provider.(*aws.CredentialsCache).Invalidate()
	if use() != second {
		t.Error("the old credentials are good")
	}
}

// A role that cannot be assumed is told with its region, AWS's code and request id, and what to do; and is asked for once.
func TestExplained(t *testing.T) {
	const (
		cdk   = "arn:aws:iam::222222222222:role/cdk-hnb659fds-file-publishing-role-222222222222-eu-west-1"
		other = "arn:aws:iam::111111111111:role/cdk-team-image-publishing-role-111111111111-eu-west-1"
	)
	for _, c := range []struct {
		name            string
		role            role.Role
		fault           ststest.Fault
		says, hint, iam string
	}{
		{name: "not trusted", role: role.Role{ARN: deployment, ExternalID: "very-secret"},
			says: "AccessDenied (User: " + ststest.Caller + " is not authorized to perform: sts:AssumeRole on resource: " + deployment + ", HTTP 403, request id ststest-request-id)",
			hint: "is there such a role? its trust policy must let the caller assume it",
			iam: `{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111111111111:role/build"}, "Action": "sts:AssumeRole", "Condition": {"StringEquals": {"sts:ExternalId": "the external ID"}}}, ` +
				`{"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "` + deployment + `"}`},
		{name: "nobody says who", role: role.Role{ARN: deployment}, fault: ststest.Fault{Operation: "AssumeRole", Status: 403, Code: "AccessDenied", Message: "Access denied"},
			says: "AccessDenied (Access denied, HTTP 403, request id", iam: `"Principal": {"AWS": "arn:aws:iam::111111111111:role/build"}`},
		{name: "explicitly", role: role.Role{ARN: deployment}, fault: ststest.Fault{Status: 403, Code: "AccessDenied", Message: "with an explicit deny in a service control policy"}, hint: "the organization's"},
		{name: "CDK's", role: role.Role{ARN: cdk},
			hint: "has this environment been bootstrapped? cdk bootstrap aws://222222222222/eu-west-1 --trust 111111111111 --cloudformation-execution-policies ARN; and",
			iam:  `{"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "` + cdk + `"}`},
		{name: "CDK's, own account, other qualifier", role: role.Role{ARN: other}, hint: "cdk bootstrap aws://111111111111/eu-west-1 --qualifier team; and"},
		{name: "expired", role: role.Role{ARN: deployment}, fault: ststest.Fault{Status: 403, Code: "ExpiredToken", Message: "expired"}, hint: "the caller's credentials have expired: sign in again"},
		{name: "unknown", role: role.Role{ARN: deployment}, fault: ststest.Fault{Status: 403, Code: "InvalidClientTokenId", Message: "invalid"}, hint: "AWS does not know the caller's credentials"},
		{name: "switched off", role: role.Role{ARN: deployment}, fault: ststest.Fault{Status: 403, Code: "RegionDisabledException", Message: "not activated"}, hint: "IAM's account settings"},
		{name: "too long", role: role.Role{ARN: deployment}, fault: ststest.Fault{Status: 400, Code: "ValidationError", Message: "The requested DurationSeconds exceeds the MaxSessionDuration"}, hint: "maximum session duration"},
		{name: "busy", role: role.Role{ARN: deployment}, fault: ststest.Fault{Status: 503, Code: "ServiceUnavailable", Message: "busy"}, hint: "run again"},
		{name: "moved", role: role.Role{ARN: deployment}, fault: ststest.Fault{Status: 301}, says: "Moved Permanently, HTTP 301", hint: "does a proxy answer"},
		{name: "proxy's login", role: role.Role{ARN: deployment}, fault: ststest.Fault{Status: 407}, says: "Proxy Authentication Required, HTTP 407", hint: "does a proxy answer"},
		{name: "broken", role: role.Role{ARN: deployment}, fault: ststest.Fault{Status: 502}, says: "Bad Gateway, HTTP 502", hint: "run again"},
		{name: "hollow", role: role.Role{ARN: deployment}, fault: ststest.Fault{Hollow: true}, says: "the answer holds no credentials", hint: "does a proxy answer"},
		{name: "cut", role: role.Role{ARN: deployment}, fault: ststest.Fault{Cut: true}, says: "no answer from 127.0.0.1:", hint: "STS in eu-west-1 cannot be reached from here"},
		{name: "silent", role: role.Role{ARN: deployment}, fault: ststest.Fault{Delay: time.Hour}, says: "STS does not answer: waited 500ms", hint: "STS in eu-west-1 cannot be reached from here"},
	} {
		t.Run(c.name, func(t *testing.T) {
			patience := time.Duration(0)
			if c.fault.Delay > 0 {
				patience = 500 * time.Millisecond
			}
			s, roles := open(t, patience)
			s.CreateRole(ststest.Role{ARN: deployment, Trusts: []string{}})
			if c.fault != (ststest.Fault{}) {
				s.Fail(c.fault)
			}
			err := roles.Assume(t.Context(), c.role, "eu-west-1")
			var e *problem.Error
			if !errors.As(err, &e) {
				t.Fatalf("no problem: %v", err)
			}
			if e.Subject != "eu-west-1" || !strings.HasPrefix(e.Message, "assuming the role "+c.role.ARN+": "+c.says) || !strings.Contains(e.Hint, c.hint) ||
				c.says != "" && c.hint == "" && e.Statement == "" || !strings.Contains(e.Statement, c.iam) || c.iam == "" && e.Statement != "" && !strings.HasPrefix(c.name, "CDK") {
				t.Errorf("%q\nhint %q\nstatement %s", e, e.Hint, e.Statement)
			}
			if all := e.Error() + e.Hint + e.Statement; strings.Contains(all, "very-secret") || strings.Contains(all, "wJalrXUtnFEMI") {
				t.Errorf("a secret in %s", all)
			}
			before := len(s.Requests())
			if again := roles.Assume(t.Context(), c.role, "eu-west-1"); again == nil || len(s.Requests()) != before {
				t.Errorf("asked again: %v", again)
			}
		})
	}
}

// Who has no credentials hears that, and nothing of the role.
func TestCallerWithoutCredentials(t *testing.T) {
	s := ststest.New()
	defer s.Close()
	none := aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{}, errors.New("no EC2 IMDS role found")
	})
	roles := role.Open(role.Config{AWS: aws.Config{Credentials: aws.NewCredentialsCache(none), BaseEndpoint: aws.String(s.URL())}, Backoff: time.Millisecond})
	defer roles.Close()
	err := roles.Assume(t.Context(), role.Role{ARN: deployment}, "us-east-1")
	var e *problem.Error
	if !errors.As(err, &e) || e.Subject != "" || e.Message != "getting AWS credentials: no EC2 IMDS role found" || len(s.Requests()) > 0 {
		t.Errorf("%v", err)
	}
}

// A run that ends, or is interrupted, waits for no STS.
func TestInterrupted(t *testing.T) {
	s, roles := open(t, time.Hour)
	s.CreateRole(ststest.Role{ARN: deployment})
	s.Fail(ststest.Fault{Delay: time.Hour})
	before := goleak.IgnoreCurrent()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- roles.Assume(ctx, role.Role{ARN: deployment}, "us-east-1") }()
	for len(s.Requests()) == 0 {
		time.Sleep(time.Millisecond)
	}
	stop()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	roles.Close()
	goleak.VerifyNone(t, before) // the request ends with it
}

// What CDK calls assumeRoleAdditionalOptions is sent as it is, and what cannot be is refused.
func TestMoreFields(t *testing.T) {
	s, roles := open(t, 0)
	s.CreateRole(ststest.Role{ARN: deployment, ExternalID: "secret"})
	r, err := role.Role{ARN: deployment, ExternalID: "secret"}.With([]byte(`{"Tags": [{"Key": "team", "Value": "shop"}], "TransitiveTagKeys": ["team"], "DurationSeconds": 900,
		"Policy": "{}", "PolicyArns": [{"arn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}], "RoleSessionName": "mine", "SourceIdentity": "me"}`))
	if err == nil {
		err = roles.Assume(t.Context(), r, "us-east-1")
	}
	if err != nil {
		t.Fatal(err)
	}
	form := s.Requests()[0].Form
	form.Del("Version")
	if got, want := form.Encode(), "Action=AssumeRole&DurationSeconds=900&ExternalId=secret&Policy=%7B%7D&PolicyArns.member.1.arn=arn%3Aaws%3Aiam%3A%3Aaws%3Apolicy%2FReadOnlyAccess"+
		"&RoleArn=arn%3Aaws%3Aiam%3A%3A222222222222%3Arole%2Fdeployment&RoleSessionName=mine&SourceIdentity=me&Tags.member.1.Key=team&Tags.member.1.Value=shop&TransitiveTagKeys.member.1=team"; got != want {
		t.Errorf("asked for\n%s, want\n%s", got, want)
	}
	policy, err := json.Marshal(role.Policy([]role.Role{{}, r, {ARN: deployment + "2"}, r, {ARN: deployment}}))
	if err != nil {
		t.Fatal(err)
	}
	if want := `[{"Sid":"AssumeRoles","Effect":"Allow","Action":["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"],"Resource":["` + deployment + `"]},` +
		`{"Sid":"AssumeRoles2","Effect":"Allow","Action":["sts:AssumeRole"],"Resource":["` + deployment + `","` + deployment + `2"]}]`; string(policy) != want {
		t.Errorf("the policy\n%s, want\n%s", policy, want)
	}
	for fields, want := range map[string]string{
		`{"Tags": [{"Key": "a", "Value": "b"}, {"Key": "c", "Value": "d"}]}`:                            "TransitiveTagKeys.member.1=a&TransitiveTagKeys.member.2=c",
		`{"Tags": [{"Key": "a", "Value": "b"}], "TransitiveTagKeys": []}`:                               "",
		`{"Tags": [{"Key": "a", "Value": "b"}, {"Key": "c", "Value": ""}], "TransitiveTagKeys": ["c"]}`: "TransitiveTagKeys.member.1=c",
	} {
		r, err := role.Role{ARN: deployment, ExternalID: "secret"}.With([]byte(fields))
		if err == nil {
			err = roles.Assume(t.Context(), r, "us-east-1")
		}
		requests := s.Requests()
		form := requests[len(requests)-1].Form
		for name := range form {
			if !strings.HasPrefix(name, "TransitiveTagKeys") {
				delete(form, name)
			}
		}
		if got := form.Encode(); err != nil || got != want {
			t.Errorf("%s: %v, %s", fields, err, got)
		}
	}
	for fields, want := range map[string]string{
		`[]`:                             "this is not a JSON object with fields of AssumeRole",
		`{"tags": []}`:                   "tags is not known; there are DurationSeconds, Policy, PolicyArns, RoleSessionName, SourceIdentity, Tags, TransitiveTagKeys",
		`{"RoleArn": "x"}`:               "RoleArn is not known; there are",
		`{"TokenCode": "123456"}`:        "TokenCode cannot be used: a code serves for one session",
		`{"SerialNumber": "GAHT"}`:       "SerialNumber cannot be used",
		`{"Tags": {"team": "shop"}}`:     "Tags does not hold what AssumeRole takes",
		`{"Tags": [{"Value": "shop"}]}`:  "each of Tags has a Key and a Value",
		`{"RoleSessionName": "a b"}`:     "RoleSessionName has 2 to 64",
		`{"DurationSeconds": 60}`:        "DurationSeconds is 900 to 43200",
		`{"DurationSeconds": "1h"}`:      "DurationSeconds does not hold",
		`{"PolicyArns": ["arn:aws:x"]}`:  "PolicyArns does not hold",
		`{"PolicyArns": [{"x": "arn"}]}`: "each of PolicyArns has an arn",
	} {
		if _, err := (role.Role{ARN: deployment}).With([]byte(fields)); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v", fields, err)
		}
	}
	if r, err := (role.Role{ARN: deployment}).With([]byte(`{}`)); err != nil || r != (role.Role{ARN: deployment}) {
		t.Errorf("with nothing it is another role: %v, %v", r, err)
	}
}

// What is said of a role is checked before anybody is asked.
func TestCheck(t *testing.T) {
	for _, c := range []struct {
		role           role.Role
		region, wanted string
	}{
		{role.Role{}, "us-east-1", ""},
		{role.Role{ARN: deployment, ExternalID: "a:b/c=d,e", SessionName: "x@y"}, "us-east-1", ""},
		{role.Role{ARN: "arn:aws:iam::222222222222:role/team/of/shop/deploy,ment"}, "us-east-1", ""},
		{role.Role{ARN: "arn:aws-cn:iam::222222222222:role/deployment"}, "cn-north-1", ""},
		{role.Role{ARN: deployment}, "cn-north-1", "cn-north-1: the role " + deployment + " is of the partition aws, and cn-north-1 is in aws-cn"},
		{role.Role{ARN: "deployment"}, "us-east-1", `us-east-1: "deployment" is not the ARN of a role`},
		{role.Role{ARN: "arn:aws:iam::222222222222:user/deployment"}, "us-east-1", "is not the ARN of a role"},
		{role.Role{ARN: "arn:aws:iam::22222222222:role/deployment"}, "us-east-1", "is not the ARN of a role"},
		{role.Role{ExternalID: "x"}, "us-east-1", `"" is not the ARN of a role`},
		{role.Role{ARN: deployment, ExternalID: "a b"}, "us-east-1", "the external ID for the role " + deployment + " is none"},
		{role.Role{ARN: deployment, SessionName: "a b"}, "us-east-1", `"a b", the session's name`},
	} {
		err := c.role.Check(c.region)
		if c.wanted == "" && err != nil || c.wanted != "" && (err == nil || !strings.Contains(err.Error(), c.wanted)) {
			t.Errorf("%+v in %s: %v", c.role, c.region, err)
		}
	}
}

// Whatever fields are given, what is made of them is taken in again as it is, and is sent without a panic.
func FuzzWith(f *testing.F) {
	for _, fields := range []string{`{"Tags": [{"Key": "a", "Value": "b"}], "DurationSeconds": 900}`, `{"PolicyArns": [{"arn": "a"}]}`, `{"Policy": null}`, `null`, `[]`, `{"TransitiveTagKeys": []}`} {
		f.Add([]byte(fields))
	}
	f.Fuzz(func(t *testing.T, fields []byte) {
		r, err := role.Role{ARN: deployment}.With(fields)
		if err != nil {
			return
		}
		if err := r.Check("us-east-1"); err != nil {
			t.Errorf("with %q it is no role any more: %v", fields, err)
		}
		if again, err := r.With(fields); err != nil || again != r {
			t.Errorf("%q means %+v, and again %+v (%v)", fields, r, again, err)
		}
		if len(role.Policy([]role.Role{r})) != 1 {
			t.Errorf("with %q nobody may assume it", fields)
		}
	})
}
