package registrytest_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/registrytest"
)

// The registry that is not ECR is one to another client, too.
func TestAnotherClient(t *testing.T) {
	for _, options := range []registrytest.Options{{}, {User: "me", Password: "secret"}, {User: "me", Password: "secret", Bearer: true}} {
		s := registrytest.New(options)
		defer s.Close()
		auth := authn.Anonymous
		if options.User != "" {
			auth = &authn.Basic{Username: options.User, Password: options.Password}
		}
		img, err := random.Image(100_000, 3)
		if err != nil {
			t.Fatal(err)
		}
		tag, err := name.NewTag(s.Host() + "/team/orders:v1")
		if err != nil {
			t.Fatal(err)
		}
		if err := remote.Write(tag, img, remote.WithAuth(auth)); err != nil {
			t.Fatal(err)
		}
		got, err := remote.Image(tag, remote.WithAuth(auth))
		if err != nil {
			t.Fatal(err)
		}
		want, _ := img.Digest()
		if digest, err := got.Digest(); err != nil || digest != want {
			t.Errorf("%s, %v", digest, err)
		}
		if options.User != "" && remote.Write(tag, img, remote.WithAuth(authn.Anonymous)) == nil {
			t.Error("anybody may push")
		}
	}
}

// ECR's ways: what a client that knows only the specification stumbles over.
func TestECR(t *testing.T) {
	s := registrytest.New(registrytest.Options{MinPart: 4})
	defer s.Close()
	at := registrytest.Place{Region: "us-east-1", Name: "orders"}
	s.CreateRepository(at, true)
	ask := func(method, target, body, contentRange string) (int, http.Header, string) {
		t.Helper()
		r, err := http.NewRequest(method, s.URL()+target, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Host = at.Host()
		if contentRange != "" {
			r.Header.Set("Content-Range", contentRange)
		}
		r.Header.Set("Authorization", "Basic "+token(t, s))
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			return 0, nil, ""
		}
		defer response.Body.Close()
		text := &bytes.Buffer{}
		_, _ = text.ReadFrom(response.Body)
		return response.StatusCode, response.Header, text.String()
	}
	if status, _, _ := ask(http.MethodPost, "/v2/nowhere/blobs/uploads/", "", ""); status != 0 {
		t.Errorf("a repository that is not there answers %d", status)
	}
	_, header, _ := ask(http.MethodPost, "/v2/orders/blobs/uploads/", "", "")
	to := header.Get("Location")
	for _, c := range []struct {
		method, body, contentRange, query string
		status                            int
		says                              string // of the range, or of the body
	}{
		{http.MethodPatch, "1234", "0-3", "", http.StatusCreated, "0-3"},
		{http.MethodPatch, "5678", "4-7", "", http.StatusCreated, "0-3"},
		{http.MethodPatch, "5678", "4-7", "", http.StatusRequestedRangeNotSatisfiable, "First byte of the layer part is 4 instead of 8"},
		{http.MethodGet, "", "", "", http.StatusNotFound, ""},
		{http.MethodPatch, "9", "8-8", "", http.StatusCreated, "0-3"},
		{http.MethodPatch, "0", "9-9", "", http.StatusCreated, "0-3"},
		{http.MethodPut, "", "", "&digest=sha256:0", http.StatusBadRequest, "too small"},
	} {
		status, header, body := ask(c.method, to+c.query, c.body, c.contentRange)
		if status != c.status || !strings.Contains(header.Get("Range")+body, c.says) {
			t.Errorf("%s %s: %d %v %s", c.method, c.contentRange, status, header, body)
		}
	}
}

// token is a good one for us-east-1.
func token(t *testing.T, s *registrytest.Server) string {
	t.Helper()
	r, err := http.NewRequest(http.MethodPost, s.URL(), strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Amz-Target", "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken")
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=A/20260101/us-east-1/ecr/aws4_request, ...")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text := &bytes.Buffer{}
	_, _ = text.ReadFrom(response.Body)
	_, rest, _ := strings.Cut(text.String(), `"authorizationToken":"`)
	basic, _, _ := strings.Cut(rest, `"`)
	return basic
}
