//go:build e2e

package registry_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/registry"
)

// TestE2E pushes to the registry that most others are made of, github.com/distribution/distribution, where it is on the PATH:
// in parts of the usual size, with a connection that breaks in the middle of one, and copies from there.
func TestE2E(t *testing.T) {
	program, err := exec.LookPath("registry")
	if err != nil {
		t.Skip("no registry on the PATH: go install github.com/distribution/distribution/v3/cmd/registry@v3.0.0")
	}
	host := serveDistribution(t, program)
	fragile := cutOnce(t, host, 15<<20)
	conf := registry.Config{Jobs: 4, Questions: 4, Keychain: keychain{}, Backoff: 100 * time.Millisecond}
	img := newImage(blobOf(pattern(1, 25<<20)), blobOf(pattern(2, 10<<20)), blobOf(pattern(3, 100)))
	counts := &tally{}
	c := connect(t, conf)
	r, err := c.Repository(registry.Store{Region: "us-east-1", Repository: fragile + "/team/orders"}, counts.told())
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := push(t.Context(), r, img); err != nil {
		t.Fatal(err)
	}
	if len(counts.retried) == 0 {
		t.Error("nothing broke")
	}
	for _, l := range img.Layers {
		if counts.sent[l.Digest] != l.Size {
			t.Errorf("%d of %d bytes were told", counts.sent[l.Digest], l.Size)
		}
	}
	if found, err := r.Look(t.Context(), img); err != nil || found.Presence != registry.Proved {
		t.Errorf("%+v, %v", found, err)
	}
	fetched, err := c.Fetch(t.Context(), host+"/team/orders@"+img.Digest, registry.Platform{OS: "linux", Architecture: "arm64"}, registry.Told{})
	if err != nil {
		t.Fatal(err)
	}
	copied, err := c.Repository(registry.Store{Region: "us-east-1", Repository: host + "/copied"}, registry.Told{})
	if err != nil {
		t.Fatal(err)
	}
	if err := push(t.Context(), copied, fetched); err != nil {
		t.Fatal(err)
	}
	if found, err := copied.Look(t.Context(), img); err != nil || found.Presence != registry.Proved {
		t.Errorf("%+v, %v", found, err)
	}
	for _, l := range fetched.Layers {
		if digest := digestOfReader(t, l); digest != l.Digest {
			t.Errorf("%s is %s", l.Digest, digest)
		}
	}
}

// serveDistribution starts the registry on loopback, and returns its address.
func serveDistribution(t *testing.T, program string) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	host := listener.Addr().String()
	_ = listener.Close()
	dir := t.TempDir()
	file := filepath.Join(dir, "config.yml")
	text := fmt.Sprintf("version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\nstorage: {filesystem: {rootdirectory: %q}}\nhttp: {addr: %q}\n", dir, host)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	command := exec.CommandContext(ctx, program, "serve", file)
	command.Env = append(os.Environ(), "OTEL_TRACES_EXPORTER=none")
	said := &strings.Builder{}
	command.Stdout, command.Stderr = said, said
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = command.Wait()
		if t.Failed() {
			t.Log(said.String())
		}
	})
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for range 600 {
		if response, err := client.Get("http://" + host + "/v2/"); err == nil {
			_ = response.Body.Close()
			return host
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatal("the registry does not answer")
	return ""
}

// cutOnce passes connections on, and cuts one, once, that has sent so many bytes.
func cutOnce(t *testing.T, to string, after int64) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	var cut atomic.Bool
	go func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", to)
			if err != nil {
				_ = near.Close()
				continue
			}
			go func() {
				if n, _ := io.CopyN(far, near, after); n == after && !cut.Swap(true) {
					_ = near.Close()
				}
				_, _ = io.Copy(far, near)
				_ = far.Close()
			}()
			go func() {
				_, _ = io.Copy(near, far)
				_ = near.Close()
			}()
		}
	}()
	return listener.Addr().String()
}
