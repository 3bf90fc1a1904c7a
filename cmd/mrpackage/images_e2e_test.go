//go:build e2e

package main_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/imagetest"
)

// A hub is the registry of one region, behind a proxy that counts what is sent.
type hub struct {
	host string

	mu      sync.Mutex
	changes int // requests that change something
}

// changed returns how many requests changed something since the last time.
func (h *hub) changed() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := h.changes
	h.changes = 0
	return n
}

// startHub starts the registry that most others are made of.
func startHub(t *testing.T, program string) *hub {
	base := &url.URL{Scheme: "http", Host: freeAddress(t)}
	dir := t.TempDir()
	config := filepath.Join(dir, "config.yml")
	check(t, os.WriteFile(config, fmt.Appendf(nil, "version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\nstorage: {filesystem: {rootdirectory: %q}}\nhttp: {addr: %q}\n", dir, base.Host), 0o600))
	server := exec.CommandContext(t.Context(), program, "serve", config)
	server.Env = append(environment(), "OTEL_TRACES_EXPORTER=none")
	log, ended := startUntilEnd(t, server)
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		select {
		case <-ended:
			t.Fatalf("the registry ended: %v\n%s", server.ProcessState, log)
		default:
		}
		if resp, err := http.Get(base.JoinPath("v2", "/").String()); err == nil {
			_ = resp.Body.Close()
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the registry does not answer")
		}
	}
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	h := &hub{}
	to := &httputil.ReverseProxy{Transport: transport, Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(base)
		r.Out.Host = r.In.Host // it says where to go on
	}}
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			h.mu.Lock()
			h.changes++
			h.mu.Unlock()
		}
		to.ServeHTTP(w, r)
	}))
	t.Cleanup(proxy.Close)
	h.host = strings.TrimPrefix(proxy.URL, "http://")
	return h
}

// get reads what a registry has under a digest, and holds it against that.
func (h *hub) get(t *testing.T, path, digest string) []byte {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+h.host+"/v2/team/shop/"+path+"/"+digest, nil)
	check(t, err)
	request.Header.Set("Accept", "application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json")
	response, err := http.DefaultClient.Do(request)
	check(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	check(t, err)
	if sum := sha256.Sum256(body); response.StatusCode != http.StatusOK || "sha256:"+hex.EncodeToString(sum[:]) != digest {
		t.Errorf("%s: %s/%s is not what it should be: %s", h.host, path, digest, response.Status)
	}
	return body
}

// testImages is the whole of it: two zip functions, an image from docker save and one from an OCI layout, three regions, in
// one run; again, with nothing sent; and in one template.
func (e *e2e) testImages(t *testing.T) {
	program, err := exec.LookPath("registry")
	if err != nil {
		program = install(t, "github.com/distribution/distribution/v3/cmd/registry", registryVersion, "--version")
	}
	buckets := e.createBuckets(t, "images")
	buckets[third] = "images-three"
	e.createBucket(t, third, buckets[third])
	hubs, args := map[string]*hub{}, flags(buckets)
	for region := range buckets {
		hubs[region] = startHub(t, program)
		args = append(args, "--image-repository", region+"="+hubs[region].host+"/team/shop")
	}
	dir := t.TempDir()
	large := make([]byte, 25<<20) // three parts
	_, err = rand.NewChaCha8([32]byte{1}).Read(large)
	check(t, err)
	write := func(name, text string) { check(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600)) }
	write("first.js", "exports.handler = async () => 1\n")
	write("second.js", "exports.handler = async () => 2\n")
	write("saved.tar", string(imagetest.DockerSave(imagetest.Image{Names: []string{"app:1"}, Layers: [][]byte{imagetest.Layer("opt/large", large), imagetest.Layer("app.py", []byte("pass\n"))}}).Tar()))
	check(t, imagetest.Buildx(imagetest.Image{Compression: "gzip", Layers: [][]byte{imagetest.Layer("b.py", []byte("pass\n"))}}).Write(filepath.Join(dir, "layout")))
	write("template.yaml", `Resources:
  First: {Type: AWS::Serverless::Function, Properties: {CodeUri: first.js}}
  Second: {Type: AWS::Lambda::Function, Properties: {Code: second.js}}
  Saved: {Type: AWS::Serverless::Function, Properties: {PackageType: Image, ImageUri: saved.tar}}
  Layout: {Type: AWS::Lambda::Function, Properties: {PackageType: Image, Code: {ImageUri: layout}}}
`)
	e.mrpackage(t, dir, nil, args...).wantExit(t, 0)
	var digests []string
	for region, h := range hubs {
		text, err := os.ReadFile(output(dir, region))
		check(t, err)
		found := regexp.MustCompile(regexp.QuoteMeta(h.host)+`/team/shop@(sha256:[0-9a-f]{64})`).FindAllSubmatch(text, -1)
		var own []string
		for _, m := range found {
			own = append(own, string(m[1]))
			h.getImage(t, string(m[1]))
		}
		if len(own) != 2 || digests != nil && !slices.Equal(own, digests) {
			t.Errorf("%s: the template has %q, another region's %q", region, own, digests)
		}
		digests = own
		if h.changed() == 0 {
			t.Errorf("%s: nothing was sent", region)
		}
	}
	for _, more := range [][]string{nil, {"--one-template"}} {
		r := e.mrpackage(t, dir, nil, append(slices.Clone(args), more...)...)
		r.wantExit(t, 0)
		for region, h := range hubs {
			if n := h.changed(); n > 0 {
				t.Errorf("%s: a second run %q makes %d requests that change something", region, more, n)
			}
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, "target", "packaged-template.yaml"))
	check(t, err)
	for region, h := range hubs {
		if !strings.Contains(string(text), region+": {Bucket: "+buckets[region]+", Repository: ") || !strings.Contains(string(text), h.host) {
			t.Errorf("%s is not in the template for all regions:\n%s", region, text)
		}
	}
	e.testCopies(t, program, dir, buckets, digests)
}

// testCopies packages the packaged template of one region for others whose registries have nothing yet: its images are
// copied there from its own registry. After that nothing is sent.
func (e *e2e) testCopies(t *testing.T, program, dir string, buckets map[string]string, digests []string) {
	hubs, args := map[string]*hub{}, append(flags(buckets), "--copy-images", "--template-file", output(dir, third))
	for region := range buckets {
		hubs[region] = startHub(t, program)
		args = append(args, "--image-repository", region+"="+hubs[region].host+"/team/shop")
	}
	other := t.TempDir()
	for run := range 2 {
		e.mrpackage(t, other, nil, args...).wantExit(t, 0)
		for region, h := range hubs {
			text, err := os.ReadFile(output(other, region))
			check(t, err)
			for _, digest := range digests {
				h.getImage(t, digest)
				if !strings.Contains(string(text), h.host+"/team/shop@"+digest) {
					t.Errorf("%s: the template does not name %s:\n%s", region, digest, text)
				}
			}
			if n := h.changed(); (n > 0) != (run == 0) {
				t.Errorf("%s: run %d makes %d requests that change something", region, run, n)
			}
		}
	}
}

// getImage reads an image as whoever pulls it does.
func (h *hub) getImage(t *testing.T, digest string) {
	t.Helper()
	var manifest struct {
		Config struct{ Digest string }
		Layers []struct{ Digest string }
	}
	check(t, json.Unmarshal(h.get(t, "manifests", digest), &manifest))
	h.get(t, "blobs", manifest.Config.Digest)
	for _, l := range manifest.Layers {
		h.get(t, "blobs", l.Digest)
	}
}
