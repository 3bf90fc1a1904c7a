package registry_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/registry"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/registrytest"
)

// A repository that is there passes, and nothing can be stored by the questions.
func TestCheck(t *testing.T) {
	s := newServer(t, registrytest.Options{})
	for _, store := range []registry.Store{
		{Region: "us-east-1", Repository: orders("us-east-1").Host() + "/team/orders"},
		{Region: "us-east-1", Repository: "team/orders"},
		{Region: "cn-north-1", Repository: "team/orders"},
		{Region: "cn-north-1", Repository: "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/team/orders", Account: registrytest.Account},
	} {
		r, err := connect(t, config(s)).Repository(store, registry.Told{})
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Check(t.Context()); err != nil {
			t.Errorf("%+v: %v", store, err)
		}
		address, err := r.Address(t.Context())
		if want := orders(store.Region).Host() + "/team/orders"; err != nil || address != want {
			t.Errorf("%s, %v; want %s", address, err, want)
		}
	}
	for _, r := range s.Requests() {
		if !slices.Contains([]string{"GetAuthorizationToken", "Ping", "BatchCheckLayerAvailability", "CompleteLayerUpload", "PutImage"}, r.Operation) {
			t.Errorf("it asked for %s", r.Operation)
		}
	}
}

// What is wrong with a repository is told with what to do.
func TestCheckExplains(t *testing.T) {
	const denial = "User: arn:aws:iam::123456789012:user/x is not authorized to perform: %s on resource: arn:aws:ecr:us-east-1:123456789012:repository/team/orders because no identity-based policy allows it"
	deny := func(action string) registrytest.Fault {
		_, operation, _ := strings.Cut(action, ":")
		return registrytest.Fault{
			Operation: operation, Status: http.StatusBadRequest, Code: "AccessDeniedException", Message: strings.Replace(denial, "%s", action, 1),
		}
	}
	for name, c := range map[string]struct {
		store            registry.Store
		faults           []registrytest.Fault
		says, hint, allo string
	}{
		"missing": {
			store: registry.Store{Region: "us-east-1", Repository: "nowhere"},
			says:  "us-east-1: there is no repository nowhere in us-east-1", hint: "aws ecr create-repository --repository-name nowhere --region us-east-1",
		},
		"of another account": {
			store: registry.Store{Region: "us-east-1", Repository: "210987654321.dkr.ecr.us-east-1.amazonaws.com/team/orders"},
			says:  "us-east-1: there is no repository team/orders in us-east-1 in the account 210987654321", hint: "create it",
		},
		"no login": {
			faults: []registrytest.Fault{deny("ecr:GetAuthorizationToken")}, says: "logging in to the registry of 123456789012.dkr.ecr.us-east-1.amazonaws.com/team/orders: AccessDeniedException (User: ",
			hint: "allow the caller", allo: `{"Effect": "Allow", "Action": "ecr:GetAuthorizationToken", "Resource": "*"}`,
		},
		"no look": {
			faults: []registrytest.Fault{deny("ecr:BatchCheckLayerAvailability")}, says: "looking for the repository",
			allo: `{"Effect": "Allow", "Action": "ecr:BatchCheckLayerAvailability", "Resource": "arn:aws:ecr:us-east-1:123456789012:repository/team/orders"}`,
		},
		"no push": {
			faults: []registrytest.Fault{deny("ecr:CompleteLayerUpload"), deny("ecr:PutImage")}, says: "HTTP 400, request id registrytest)",
			allo: `{"Effect": "Allow", "Action": ["ecr:CompleteLayerUpload", "ecr:PutImage"], "Resource": "arn:aws:ecr:us-east-1:123456789012:repository/team/orders"}`,
		},
		"nothing at all": {
			faults: []registrytest.Fault{
				deny("ecr:GetAuthorizationToken"), deny("ecr:BatchCheckLayerAvailability"), deny("ecr:CompleteLayerUpload"), deny("ecr:PutImage"),
			},
			allo: `{"Effect": "Allow", "Action": "ecr:GetAuthorizationToken", "Resource": "*"}, {"Effect": "Allow", "Action": ["ecr:BatchCheckLayerAvailability", "ecr:CompleteLayerUpload", "ecr:PutImage"], "Resource": "arn:aws:ecr:us-east-1:123456789012:repository/team/orders"}`,
		},
		"explicitly": {
			faults: []registrytest.Fault{{Operation: "PutImage", Status: http.StatusBadRequest, Code: "AccessDeniedException", Message: "not authorized to perform: ecr:PutImage with an explicit deny in a service control policy"}},
			hint:   "a policy denies this explicitly",
		},
		"unknown credentials": {
			faults: []registrytest.Fault{{Operation: "PutImage", Status: http.StatusBadRequest, Code: "UnrecognizedClientException", Message: "The security token included in the request is invalid."}},
			hint:   "AWS does not know these credentials",
		},
		"the registry does not take the token": {
			faults: []registrytest.Fault{{Operation: "Ping", Status: http.StatusUnauthorized}}, hint: "does not take the token",
		},
		"a proxy's page": {
			faults: []registrytest.Fault{{Operation: "GetAuthorizationToken", Wrong: registrytest.Hollow}}, hint: "does a proxy answer",
		},
		"throttled": {
			faults: []registrytest.Fault{{Operation: "PutImage", Status: http.StatusBadRequest, Code: "ThrottlingException", Message: "Rate exceeded"}},
			hint:   "run again",
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, registrytest.Options{})
			if c.store.Region == "" {
				c.store = storeOf(orders("us-east-1"))
			}
			for _, f := range c.faults {
				s.Fail(f)
			}
			r, err := connect(t, config(s)).Repository(c.store, registry.Told{})
			if err != nil {
				t.Fatal(err)
			}
			err = r.Check(t.Context())
			var e *problem.Error
			if !errors.As(err, &e) || !strings.Contains(e.Error(), c.says) || !strings.Contains(e.Hint, c.hint) || e.Statement != c.allo || e.Subject != "us-east-1" {
				t.Errorf("%#v", err)
			}
			noSecret(t, s, err)
		})
	}
}

// Without credentials the error is the SDK's, by which s3store knows it.
func TestWithoutCredentials(t *testing.T) {
	s := newServer(t, registrytest.Options{})
	conf := config(s)
	conf.AWS.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{}, errors.New("no EC2 IMDS role found")
	})
	r := repository(t, connect(t, conf), orders("us-east-1"), registry.Told{})
	_, lerr := r.Look(t.Context(), sample())
	for _, err := range []error{r.Check(t.Context()), lerr, r.Push(t.Context(), sample(), registry.Found{Missing: sample().Layers})} {
		if err == nil || !strings.Contains(err.Error(), "get credentials: no EC2 IMDS role found") {
			t.Errorf("%v", err)
		}
	}
}

// Addresses: what they mean, and what is wrong with them.
func TestComplete(t *testing.T) {
	for _, c := range []struct{ region, repository, account, says string }{
		{"us-east-1", "orders", "", ""},
		{"us-east-1", "team/orders_1.x-y", "", ""},
		{"us-east-1", "123456789012.dkr.ecr.us-east-1.amazonaws.com/orders", "123456789012", ""},
		{"cn-north-1", "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/orders", "", ""},
		{"us-gov-west-1", "123456789012.dkr.ecr.us-gov-west-1.amazonaws.com/orders", "", ""},
		{"us-east-1", "localhost:5000/orders", "", ""},
		{"us-east-1", "mirror.example.com/team/orders", "", ""},
		{"us-east-1", "123456789012.dkr.ecr.us-west-2.amazonaws.com/orders", "", "is in us-west-2, not in us-east-1"},
		{"us-east-1", "123456789012.dkr.ecr-fips.us-east-1.amazonaws.com/orders", "", "which Lambda does not take"},
		{"cn-north-1", "123456789012.dkr.ecr.cn-north-1.amazonaws.com/orders", "", "is no registry of the region cn-north-1"},
		{"us-east-1", "123456789012.dkr.ecr.us-east-1.evil.amazonaws.com/orders", "", "is no registry of the region us-east-1"},
		{"us-east-1", "123456789012.dkr.ecr.us-east-1.amazonaws.com/orders", "210987654321", "does not belong to the account 210987654321"},
		{"us-east-1", "123456789012.dkr.ecr.us-east-1.amazonaws.com/orders:latest", "", "names an image"},
		{"us-east-1", "orders@sha256:0", "", "names an image"},
		{"us-east-1", "localhost:5000/orders:latest", "", "names an image"},
		{"us-east-1", "localhost:5000/Orders", "", "is not the address of a repository"},
		{"us-east-1", "Orders", "", "is not a repository's name"},
		{"us-east-1", "a//b", "", "is not a repository's name"},
		{"us-east-1", "../b", "", "is not a repository's name"},
		{"us-east-1", "", "", "is not a repository's name"},
		{"us-east-1", "123456789012.dkr.ecr.us-east-1.amazonaws.com", "", "names a registry, and no repository in it"},
		{"us-east-1", "123456789012.dkr.ecr.us-east-1.amazonaws.com/", "", "names a registry, and no repository in it"},
		{"us-east-1", "210987654321.dkr.ecr.us-east-1.amazonaws.com/123456789012.dkr.ecr.us-east-1.amazonaws.com", "", "names a registry, and no repository in it"},
		{"us-east-1", "https://123456789012.dkr.ecr.us-east-1.amazonaws.com/orders", "", "is a URL"},
		{"us-east-1", "http://localhost:5000/orders", "", "is a URL"},
		{"us-east-1", "docker://orders", "", "is a URL"},
		{"us-east-1", "123456789012.dkr-ecr.us-east-1.on.aws/orders", "", "is named by an endpoint for both IP versions"},
		{"us-east-1", "123456789012.dkr-ecr-fips.us-east-1.on.aws/orders", "", "is named by an endpoint for both IP versions"},
		{"us-east-1", "123456789012.dkr-ecr.us-west-2.on.aws/orders", "", "is in us-west-2, not in us-east-1"},
		{"cn-north-1", "123456789012.dkr-ecr.cn-north-1.on.amazonwebservices.com.cn/orders", "", "is named by an endpoint for both IP versions"},
		{"us-east-1", "123456789012.DKR.ECR.us-east-1.amazonaws.com/orders", "", "is no registry of Amazon ECR"},
		{"us-east-1", "12345678901.dkr.ecr.us-east-1.amazonaws.com/orders", "", "is no registry of Amazon ECR"},
		{"us-east-1", "1234-5678-9012.dkr.ecr.us-east-1.amazonaws.com/orders", "", "is no registry of Amazon ECR"},
		{"us-east-1", "123456789012.dkr.ecr.amazonaws.com/orders", "", "is no registry of Amazon ECR"},
		{"us-east-1", "123456789012.ecr.us-east-1.amazonaws.com/orders", "", "is no registry of Amazon ECR"},
		{"us-east-1", "123456789012.dkr.us-east-1.amazonaws.com/orders", "", "is no registry of Amazon ECR"},
		{"us-east-1", "vpce-0a1b-x.dkr.ecr.us-east-1.vpce.amazonaws.com/orders", "", "is no registry of Amazon ECR"},
		{"us-east-1", "orders", "12", "is not an account ID"},
		{"us-east", "orders", "", "is not the name of a region"},
	} {
		errs := registry.Complete([]registry.Store{{Region: c.region, Repository: c.repository, Account: c.account}})
		if c.says == "" && errs != nil || c.says != "" && (len(errs) != 1 || !strings.Contains(errs[0].Error(), c.says)) {
			t.Errorf("%s in %s: %v, want %q", c.repository, c.region, errs, c.says)
		}
	}
}

// Whatever is taken for a repository can be opened, and stands in a policy as one resource.
func FuzzComplete(f *testing.F) {
	for _, seed := range []string{"orders", "a/b", "123456789012.dkr.ecr.us-east-1.amazonaws.com/orders", "localhost:5000/x", "[::1]:5000/x", "../b", "a*b", "x.y/z:1"} {
		f.Add(seed)
	}
	c := registry.Connect(registry.Config{})
	f.Fuzz(func(t *testing.T, address string) {
		store := registry.Store{Region: "us-east-1", Repository: address}
		r, err := c.Repository(store, registry.Told{})
		if errs := registry.Complete([]registry.Store{store}); (err != nil) != (len(errs) > 0) {
			t.Fatalf("%v, but %v", err, errs)
		}
		for _, statement := range registry.Policy([]registry.Store{store}, nil) {
			resource := strings.TrimPrefix(statement.Resource[0], "arn:aws:ecr:us-east-1:*:")
			if r == nil || len(statement.Resource) != 1 || strings.ContainsAny(resource[1:], "*? \n") {
				t.Errorf("%q: %q", address, statement.Resource)
			}
		}
	})
}
