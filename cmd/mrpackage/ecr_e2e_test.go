//go:build e2e

package main_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/imagetest"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/registrytest"
)

const (
	motoAccount = "123456789012"
	// What moto's GetAuthorizationToken gives for that account opens, and nothing else.
	motoPassword = motoAccount + "-auth-token"
	motoUser     = "AWS:$2b$05$lO.LK0S5ZQkJGfkuE9Js/.eiZB.kEGLWxqgIzmt9bqYXkLv4sAUmu"
	otherUser    = "AWS:$2b$05$lO.LK0S5ZQkJGfkuE9Js/.eiZB.kEGLWxqgIzmt9bqYXkLv4sAUmX"
)

// An ecr is Amazon ECR: its API is moto's, its registries are distribution's, one for each region. Between them is a bridge:
// of what was pushed, moto knows nothing. It asks moto for the repository, as whoever asks for something in it.
type ecr struct {
	*moto
	hubs   map[string]*hub // by region
	bridge *httptest.Server
	proxy  *registrytest.Proxy

	mu  sync.Mutex
	api map[string]int // requests of its API, by region and operation
}

func startECR(t *testing.T, users map[string]string) *ecr {
	t.Helper()
	m := startMoto(t)
	if m == nil {
		return nil
	}
	m.reset(t)
	c := &ecr{moto: m, hubs: map[string]*hub{}, api: map[string]int{}}
	program := distribution(t)
	for region, user := range users {
		c.hubs[region] = startHub(t, program, user)
		c.hubs[region].login = base64.StdEncoding.EncodeToString([]byte("AWS:" + motoPassword))
	}
	c.bridge = httptest.NewServer(http.HandlerFunc(c.serveAPI))
	t.Cleanup(c.bridge.Close)
	var err error
	c.proxy, err = registrytest.NewProxy(func(host string) string {
		for region, h := range c.hubs {
			if host == ecrHost(region) {
				return h.host
			}
		}
		return ""
	})
	check(t, err)
	t.Cleanup(c.proxy.Close)
	return c
}

func ecrHost(region string) string { return motoAccount + ".dkr.ecr." + region + ".amazonaws.com" }

// environment is what leads a program there.
func (c *ecr) environment(t *testing.T) []string {
	t.Helper()
	authority := filepath.Join(t.TempDir(), "authority.pem")
	check(t, os.WriteFile(authority, c.proxy.Authority, 0o600))
	return []string{"AWS_ENDPOINT_URL_ECR=" + c.bridge.URL, "AWS_ENDPOINT_URL_STS=" + c.bridge.URL, "HTTPS_PROXY=" + c.proxy.URL(), "AWS_CA_BUNDLE=" + authority}
}

// serveAPI answers what only the registries know, and passes on everything else to moto.
func (c *ecr) serveAPI(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	region := ""
	if scope := strings.Split(r.Header.Get("Authorization"), "/"); len(scope) > 3 {
		region = scope[2]
	}
	_, operation, ok := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	if !ok {
		operation = "GetCallerIdentity"
	}
	c.mu.Lock()
	c.api[region+" "+operation]++
	c.mu.Unlock()
	var in struct {
		RepositoryName string
		LayerDigests   []string
		ImageIDs       []struct {
			ImageDigest string `json:"imageDigest,omitempty"`
			ImageTag    string `json:"imageTag,omitempty"`
		} `json:"imageIds"`
	}
	answer := map[string]func() any{
		"BatchCheckLayerAvailability": func() any { return c.hubs[region].layers(in.RepositoryName, in.LayerDigests) },
		"BatchGetImage": func() any {
			images, failures := []any{}, []any{}
			for _, id := range in.ImageIDs {
				if image := c.hubs[region].image(in.RepositoryName, id.ImageDigest, id.ImageTag); image != nil {
					images = append(images, image)
				} else {
					failures = append(failures, map[string]any{"imageId": id, "failureCode": "ImageNotFound", "failureReason": "Requested image not found"})
				}
			}
			return map[string]any{"images": images, "failures": failures}
		},
		// moto does not have the one, and falls over the other where there is no repository. ECR knows no such upload, and
		// takes no such manifest.
		"CompleteLayerUpload": func() any { return nil },
		"PutImage":            func() any { return nil },
	}[operation]
	if answer == nil || json.Unmarshal(body, &in) != nil || c.hubs[region] == nil {
		c.ServeHTTP(w, r)
		return
	}
	// Whether there is such a repository moto knows.
	if said := c.describe(r, in.RepositoryName); said.Code != http.StatusOK {
		maps.Copy(w.Header(), said.Header())
		w.WriteHeader(said.Code)
		_, _ = w.Write(said.Body.Bytes())
		return
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	out := answer()
	if out == nil {
		w.WriteHeader(http.StatusBadRequest)
		out = map[string]string{"__type": "InvalidParameterException", "message": operation + " is refused to everybody"}
	}
	_ = json.NewEncoder(w).Encode(out)
}

// describe asks moto for a repository in the name of who asks for something in it.
func (c *ecr) describe(r *http.Request, repository string) *httptest.ResponseRecorder {
	body := fmt.Sprintf(`{"repositoryNames": [%q]}`, repository)
	ask := r.Clone(r.Context())
	ask.Header.Set("X-Amz-Target", "AmazonEC2ContainerRegistry_V20150921.DescribeRepositories")
	ask.Header.Set("Content-Length", fmt.Sprint(len(body)))
	ask.Body, ask.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
	said := httptest.NewRecorder()
	c.ServeHTTP(said, ask)
	return said
}

// layers answers BatchCheckLayerAvailability.
func (h *hub) layers(repository string, digests []string) any {
	layers := []any{}
	for _, digest := range digests {
		layer := map[string]any{"layerDigest": digest, "layerAvailability": "UNAVAILABLE"}
		if a, err := h.ask(http.MethodHead, "/v2/"+repository+"/blobs/"+digest); err == nil && a.status == http.StatusOK {
			layer["layerAvailability"], layer["layerSize"] = "AVAILABLE", a.length
		}
		layers = append(layers, layer)
	}
	return map[string]any{"layers": layers, "failures": []any{}}
}

// image is one of those with which BatchGetImage is answered; nil where there is none.
func (h *hub) image(repository, digest, tag string) any {
	reference := digest
	if reference == "" {
		reference = tag
	}
	a, err := h.ask(http.MethodGet, "/v2/"+repository+"/manifests/"+reference)
	if err != nil || a.status != http.StatusOK {
		return nil
	}
	id := map[string]string{"imageDigest": a.header.Get("Docker-Content-Digest")}
	if tag != "" {
		id["imageTag"] = tag
	}
	return map[string]any{"imageId": id, "imageManifest": string(a.body), "imageManifestMediaType": a.header.Get("Content-Type")}
}

// testECR packages a function with code and two with images for three regions, in whose registries nobody is let in
// who does not show the token of the region's own API.
func (e *e2e) testECR(t *testing.T) {
	c := startECR(t, map[string]string{east: motoUser, west: motoUser, third: motoUser})
	if c == nil {
		return
	}
	buckets := e.createBuckets(t, "ecr")
	buckets[third] = "ecr-three"
	e.createBucket(t, third, buckets[third])
	env := c.environment(t)
	cli := func(command string) {
		t.Helper()
		e.command(t, t.TempDir(), append(env, "AWS_ENDPOINT_URL_ECR="+c.endpoint), "bash", "-c", command).wantExit(t, 0)
	}
	for _, region := range []string{east, west} {
		cli("aws ecr create-repository --repository-name shop/orders --image-tag-mutability IMMUTABLE --region " + region)
	}
	dir := ecrApp(t)
	args := append(flags(buckets), "--image-repository", "shop/orders")

	// In one region there is no repository: nothing is sent anywhere, and the hint's command creates it.
	r := e.mrpackage(t, dir, env, args...)
	r.wantExit(t, 1)
	r.wantError(t, "(?m)^mrpackage: "+third+": there is no repository shop/orders in "+third+" in the account "+motoAccount+"$")
	if len(r.writes(east)) > 0 {
		t.Errorf("it stored objects: %q", r.writes(east))
	}
	for region, h := range c.hubs {
		if n := h.changed(); n > 0 {
			t.Errorf("%s: %d requests change something", region, n)
		}
	}
	hint := regexp.MustCompile(`hint: create it: (.*)`).FindStringSubmatch(r.stderr)
	if hint == nil {
		t.Fatalf("no hint:\n%s", r.stderr)
	}
	cli(hint[1])

	e.mrpackage(t, dir, env, append(args, "--report", "report.json", "--verbose")...).wantExit(t, 0)
	c.wantImages(t, dir)
	policy := e.mrpackage(t, dir, []string{"AWS_ACCOUNT_ID=" + motoAccount}, append(args, "--print-iam-policy")...)
	policy.wantExit(t, 0)
	c.wantAllowed(t, policy.stdout)

	// All is there: ECR is asked two questions for each image, and nothing is sent, also in one template.
	for _, more := range [][]string{nil, {"--one-template"}} {
		c.api = map[string]int{}
		e.mrpackage(t, dir, env, slices.Concat(args, more)...).wantExit(t, 0)
		for region, h := range c.hubs {
			if n := h.changed(); n > 0 {
				t.Errorf("%s: %d requests change something", region, n)
			}
			if looks, layers := c.api[region+" BatchGetImage"], c.api[region+" BatchCheckLayerAvailability"]; looks != 2 || layers != 3 {
				t.Errorf("%s: %d and %d questions, want one of each for both images, and one for the repository", region, looks, layers)
			}
		}
	}
}

// testECRLogin has a registry that does not know the token that the API gives.
func (e *e2e) testECRLogin(t *testing.T) {
	c := startECR(t, map[string]string{east: motoUser, west: otherUser})
	if c == nil {
		return
	}
	buckets, env, dir := e.createBuckets(t, "ecrlogin"), c.environment(t), ecrApp(t)
	for region := range buckets {
		e.command(t, dir, append(env, "AWS_ENDPOINT_URL_ECR="+c.endpoint), "aws", "ecr", "create-repository", "--repository-name", "shop/orders", "--region", region).wantExit(t, 0)
	}
	r := e.mrpackage(t, dir, env, append(flags(buckets), "--image-repository", "shop/orders")...)
	r.wantExit(t, 1)
	r.wantError(t, "(?m)^mrpackage: "+west+": logging in to the registry of .*UNAUTHORIZED", "1 problem; no template was written")
	if strings.Contains(r.stderr, motoPassword) {
		t.Errorf("the password is shown:\n%s", r.stderr)
	}
	if n := c.hubs[east].changed(); n > 0 {
		t.Errorf("%d requests change something in the other region", n)
	}
}

// ecrApp is a folder with a template of one function with code, and two with images.
func ecrApp(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	saved := imagetest.DockerSave(imagetest.Image{Names: []string{"app:1"}, Layers: [][]byte{imagetest.Layer("opt/noise", random(12<<20)), imagetest.Layer("app.py", []byte("pass\n"))}})
	writeFile(t, filepath.Join(dir, "saved.tar"), string(saved.Tar()))
	check(t, imagetest.Buildx(imagetest.Image{Compression: "gzip", Layers: [][]byte{imagetest.Layer("b.py", []byte("pass\n"))}}).Write(filepath.Join(dir, "layout")))
	writeFile(t, filepath.Join(dir, "app.js"), "exports.handler = async () => 1\n")
	writeFile(t, filepath.Join(dir, "template.yaml"), `Resources:
  Code: {Type: AWS::Serverless::Function, Properties: {CodeUri: app.js}}
  Saved: {Type: AWS::Serverless::Function, Properties: {PackageType: Image, ImageUri: saved.tar}}
  Layout: {Type: AWS::Lambda::Function, Properties: {PackageType: Image, Code: {ImageUri: layout}}}
`)
	return dir
}

// wantImages reads, as Lambda would, the images that each region's template names. Nothing that the run wrote has the
// password.
func (c *ecr) wantImages(t *testing.T, dir string) {
	t.Helper()
	var first []string
	for region, h := range c.hubs {
		text := readFile(t, output(dir, region))
		var digests []string
		for _, m := range regexp.MustCompile(regexp.QuoteMeta(ecrHost(region))+`/shop/orders@(sha256:[0-9a-f]{64})`).FindAllStringSubmatch(text, -1) {
			digests = append(digests, m[1])
			h.getImage(t, "shop/orders", m[1])
			if h.image("shop/orders", "", strings.TrimPrefix(m[1], "sha256:")) == nil {
				t.Errorf("%s: %s has not its digest as its tag", region, m[1])
			}
		}
		if len(digests) != 2 || first != nil && !slices.Equal(first, digests) {
			t.Errorf("%s: the template has the images %q, another region's %q", region, digests, first)
		}
		first = digests
		for _, operation := range []string{"GetAuthorizationToken", "BatchGetImage", "BatchCheckLayerAvailability"} {
			if c.api[region+" "+operation] == 0 {
				t.Errorf("%s: nobody asked for %s", region, operation)
			}
		}
		if said := readFile(t, filepath.Join(dir, "report.json")); strings.Contains(text+said, motoPassword) {
			t.Error("the password was written")
		}
	}
}

// wantAllowed holds what was asked for against a policy, and the policy against what was asked for.
func (c *ecr) wantAllowed(t *testing.T, policy string) {
	t.Helper()
	var document struct {
		Statement []struct{ Action, Resource []string }
	}
	check(t, json.Unmarshal([]byte(policy), &document))
	allowed := map[string]bool{}
	for _, s := range document.Statement {
		for _, action := range s.Action {
			for _, resource := range s.Resource {
				if strings.HasPrefix(action, "ecr:") {
					allowed[action+" "+resource] = true
				}
			}
		}
	}
	used := map[string]bool{}
	for asked := range c.api {
		switch region, operation, _ := strings.Cut(asked, " "); operation {
		case "GetCallerIdentity": // everybody may
		case "GetAuthorizationToken":
			used["ecr:"+operation+" *"] = true
		default:
			used["ecr:"+operation+" "+ordersARN(region)] = true
		}
	}
	for region, h := range c.hubs {
		for _, a := range h.requests() {
			if action := actionOf(a); action != "" {
				used[action+" "+ordersARN(region)] = true
			}
		}
		// What reads layers is for --copy-images from there, and for who may not ask the API.
		delete(allowed, "ecr:GetDownloadUrlForLayer "+ordersARN(region))
	}
	for action := range used {
		if !allowed[action] {
			t.Errorf("the policy does not allow %s", action)
		}
	}
	for action := range allowed {
		if !used[action] {
			t.Errorf("the policy allows %s, and nobody asked for it", action)
		}
	}
}

func ordersARN(region string) string {
	return "arn:aws:ecr:" + region + ":" + motoAccount + ":repository/shop/orders"
}

// actionOf is the permission that ECR wants of a request of the registry protocol; "" where a login is enough.
func actionOf(a asked) string {
	switch blob := strings.Contains(a.path, "/blobs/"); {
	case a.method == http.MethodPost:
		return "ecr:InitiateLayerUpload"
	case a.method == http.MethodPatch, a.method == http.MethodPut && blob && a.bytes > 0:
		return "ecr:UploadLayerPart"
	case a.method == http.MethodPut && blob:
		return "ecr:CompleteLayerUpload"
	case a.method == http.MethodPut:
		return "ecr:PutImage"
	case blob:
		return "ecr:GetDownloadUrlForLayer"
	case strings.Contains(a.path, "/manifests/"):
		return "ecr:BatchGetImage"
	}
	return ""
}
