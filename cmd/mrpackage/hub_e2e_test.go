//go:build e2e

package main_test

import (
	"bytes"
	"context"
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
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// A hub is the registry of one region, github.com/distribution/distribution, behind a proxy that sees what is asked of it.
type hub struct {
	host string // the proxy's

	program, config string
	base            *url.URL // the registry's own
	login           string   // what it is shown by the test itself; "" where it lets everybody in

	hold func(*http.Request) // keeps a request waiting, where it is not nil

	mu    sync.Mutex
	asked []asked // since the test last looked
	kill  func()  // ends the registry, and waits for that
}

// An asked request is what the proxy saw of it.
type asked struct {
	method, path string
	status       int // of the answer
	bytes        int64
}

// distribution is the registry's program.
func distribution(t *testing.T) string {
	t.Helper()
	program, err := exec.LookPath("registry")
	if err != nil {
		program = install(t, "github.com/distribution/distribution/v3/cmd/registry", registryVersion, "--version")
	}
	return program
}

// startHub starts a registry, which lets those in whom users, a file of htpasswd's, knows; everybody if that is "".
func startHub(t *testing.T, program, users string) *hub {
	t.Helper()
	dir := t.TempDir()
	h := &hub{program: program, config: filepath.Join(dir, "config.yml"), base: &url.URL{Scheme: "http", Host: freeAddress(t)}}
	config := fmt.Sprintf("version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\nstorage: {filesystem: {rootdirectory: %q}}\nhttp: {addr: %q}\n", dir, h.base.Host)
	if users != "" {
		check(t, os.WriteFile(filepath.Join(dir, "users"), []byte(users+"\n"), 0o600))
		config += fmt.Sprintf("auth: {htpasswd: {realm: test, path: %q}}\n", filepath.Join(dir, "users"))
	}
	check(t, os.WriteFile(h.config, []byte(config), 0o600))
	h.start(t)
	t.Cleanup(func() { h.kill() })
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	to := &httputil.ReverseProxy{
		Transport: transport,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(h.base)
			r.Out.Host = r.In.Host // it says where to go on
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if h.hold != nil {
			h.hold(r)
		}
		body := &counted{ReadCloser: r.Body}
		r.Body = body
		said := &status{ResponseWriter: w}
		defer func() {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.asked = append(h.asked, asked{r.Method, r.URL.Path, said.status, body.n})
		}()
		to.ServeHTTP(said, r)
	}))
	t.Cleanup(proxy.Close)
	h.host = strings.TrimPrefix(proxy.URL, "http://")
	return h
}

// A counted body tells how much of it was read.
type counted struct {
	io.ReadCloser
	n int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.n += int64(n)
	return n, err
}

// A status remembers what was answered.
type status struct {
	http.ResponseWriter
	status int
}

func (s *status) WriteHeader(code int) {
	s.status = code
	s.ResponseWriter.WriteHeader(code)
}

// start starts the registry, and waits until it answers.
func (h *hub) start(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	server := exec.CommandContext(ctx, h.program, "serve", h.config)
	server.Env = append(environment(), "OTEL_TRACES_EXPORTER=none")
	var log bytes.Buffer
	server.Stdout, server.Stderr = &log, &log
	check(t, server.Start())
	ended := make(chan struct{})
	go func() {
		_ = server.Wait() // kill ends it
		close(ended)
	}()
	h.kill = func() {
		cancel()
		<-ended
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		select {
		case <-ended:
			t.Fatalf("the registry ended: %v\n%s", server.ProcessState, &log)
		default:
		}
		if resp, err := http.Get(h.base.JoinPath("v2", "/").String()); err == nil {
			_ = resp.Body.Close()
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the registry does not answer")
		}
	}
}

// requests returns what was asked since the last time.
func (h *hub) requests() []asked {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := h.asked
	h.asked = nil
	return all
}

// changed returns how many requests could change something since the last time.
func (h *hub) changed() int {
	return len(slices.DeleteFunc(h.requests(), func(a asked) bool { return a.method == http.MethodGet || a.method == http.MethodHead }))
}

// An answer is one that was read.
type answer struct {
	status int
	header http.Header
	length int64
	body   []byte
}

// ask asks the registry itself, past the proxy.
func (h *hub) ask(method, path string) (answer, error) {
	request, err := http.NewRequest(method, h.base.String()+path, nil)
	if err != nil {
		return answer{}, err
	}
	request.Header.Set("Accept", "application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json")
	if h.login != "" {
		request.Header.Set("Authorization", "Basic "+h.login)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, response.Header, response.ContentLength, body}, err
}

// get reads what a repository has under a digest, and holds it against that.
func (h *hub) get(t *testing.T, repository, path, digest string) []byte {
	t.Helper()
	a, err := h.ask(http.MethodGet, "/v2/"+repository+"/"+path+"/"+digest)
	check(t, err)
	if sum := sha256.Sum256(a.body); a.status != http.StatusOK || "sha256:"+hex.EncodeToString(sum[:]) != digest {
		t.Errorf("%s: %s/%s is not what it should be: %d", repository, path, digest, a.status)
	}
	return a.body
}

// getImage reads an image as whoever pulls it does.
func (h *hub) getImage(t *testing.T, repository, digest string) {
	t.Helper()
	var manifest struct {
		Config struct{ Digest string }
		Layers []struct{ Digest string }
	}
	check(t, json.Unmarshal(h.get(t, repository, "manifests", digest), &manifest))
	h.get(t, repository, "blobs", manifest.Config.Digest)
	for _, l := range manifest.Layers {
		h.get(t, repository, "blobs", l.Digest)
	}
}

// hasNone holds a repository against that no image was put there.
func (h *hub) hasNone(t *testing.T, repository string) {
	t.Helper()
	a, err := h.ask(http.MethodGet, "/v2/"+repository+"/tags/list")
	check(t, err)
	var list struct{ Tags []string }
	if err := json.Unmarshal(a.body, &list); a.status != http.StatusNotFound && (err != nil || len(list.Tags) > 0) {
		t.Errorf("%s has images: %d, %s", repository, a.status, a.body)
	}
}

// random is what does not compress: of 25 MiB a layer has three parts.
func random(n int) []byte {
	content := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(content) // it never fails
	return content
}
