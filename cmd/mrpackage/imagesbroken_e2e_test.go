//go:build e2e

package main_test

import (
	"bytes"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/imagetest"
)

const (
	largeLayer = 35<<20 + 3*512 // a file, and what an archive needs: four parts
	part       = 10 << 20
)

// A broken push is one of an image with a large layer and two small blobs, to the registries of three regions, in which
// the second part of the large layer is kept waiting.
type broken struct {
	hubs map[string]*hub
	dir  string
	args []string

	held    atomic.Int32  // registries in which a part waits
	release chan struct{} // lets all go on
}

func (e *e2e) breakPush(t *testing.T, name string) *broken {
	t.Helper()
	buckets := e.createBuckets(t, name)
	buckets[third] = name + "-three"
	e.createBucket(t, third, buckets[third])
	b := &broken{hubs: map[string]*hub{}, dir: t.TempDir(), args: flags(buckets), release: make(chan struct{})}
	program := distribution(t)
	for region := range buckets {
		h := startHub(t, program, "")
		b.hubs[region] = h
		b.args = append(b.args, "--image-repository", region+"="+h.host+"/team/shop")
		var parts atomic.Int32
		h.hold = func(r *http.Request) {
			if r.Method == http.MethodPatch && parts.Add(1) == 2 {
				b.held.Add(1)
				<-b.release // a server does not notice that the client is gone before it reads the body
			}
		}
	}
	// Compressed layers go as they are: what is sent can be counted.
	saved := imagetest.Layout(imagetest.Image{Compression: "gzip", Layers: [][]byte{imagetest.Layer("opt/large", random(largeLayer-3*512)), imagetest.Layer("app.py", []byte("pass\n"))}})
	check(t, saved.Write(filepath.Join(b.dir, "image")))
	writeFile(t, filepath.Join(b.dir, "template.yaml"), "Resources: {F: {Type: AWS::Serverless::Function, Properties: {PackageType: Image, ImageUri: image}}}\n")
	return b
}

// small waits until each registry has the two small blobs and a part of the large one waits.
func (b *broken) small(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		ready := int(b.held.Load()) == len(b.hubs)
		for _, h := range b.hubs {
			ready = ready && h.completed() >= 2
		}
		if ready {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the push does not come so far")
		}
	}
}

// completed counts the blobs that were put whole since the last look.
func (h *hub) completed() (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, a := range h.asked {
		if a.method == http.MethodPut && strings.Contains(a.path, "/blobs/") && a.status == http.StatusCreated {
			n++
		}
	}
	return n
}

// testImagesInterrupted ends a run in the middle of a push, and finishes it by another one.
func (e *e2e) testImagesInterrupted(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("signals are Unix")
	}
	for _, test := range []struct {
		name   string
		signal os.Signal
		exit   int
		left   int // folders for temporary files
	}{{"interrupt", os.Interrupt, 130, 0}, {"kill", os.Kill, -1, 1}} {
		t.Run(test.name, func(t *testing.T) {
			b := e.breakPush(t, "images-"+test.name)
			temp := t.TempDir()
			cmd := exec.CommandContext(t.Context(), e.program, b.args...)
			cmd.Dir, cmd.Env = b.dir, append(append(environment(), e.access()...), "TMPDIR="+temp)
			var said bytes.Buffer
			cmd.Stderr = &said
			check(t, cmd.Start())
			b.small(t)
			check(t, cmd.Process.Signal(test.signal))
			_ = cmd.Wait() // how it ended is looked at now
			close(b.release)
			if code := cmd.ProcessState.ExitCode(); code != test.exit {
				t.Errorf("exit code %d, want %d\n%s", code, test.exit, &said)
			}
			if left, err := os.ReadDir(temp); err != nil || len(left) != test.left {
				t.Errorf("in the folder for temporary files there are %v (%v), want %d", left, err, test.left)
			}
			if test.exit == 130 && !strings.Contains(said.String(), "mrpackage: interrupted; no template was written") {
				t.Errorf("it says:\n%s", &said)
			}
			wantNoOutput(t, b.dir)
			for region, h := range b.hubs {
				h.hasNone(t, "team/shop")
				cancelled := 0
				for _, a := range h.requests() {
					if a.method == http.MethodDelete {
						cancelled++
					}
				}
				if test.exit == 130 && cancelled != 1 {
					t.Errorf("%s: %d uploads were ended, want 1", region, cancelled)
				}
				h.hold = nil
			}
			e.finish(t, b)
		})
	}
}

// finish runs once more: the large layer is sent anew, from its beginning, and nothing else but the manifest.
func (e *e2e) finish(t *testing.T, b *broken) {
	t.Helper()
	e.mrpackage(t, b.dir, nil, b.args...).wantExit(t, 0)
	for region, h := range b.hubs {
		var begun, sent, manifests int64
		for _, a := range h.requests() {
			switch {
			case a.method == http.MethodPost:
				begun++
			case a.status == 0, a.method == http.MethodGet, a.method == http.MethodHead:
			case a.method == http.MethodPut && strings.Contains(a.path, "/manifests/"):
				manifests++
			case a.status < http.StatusMultipleChoices: // what was held may come to its end only now
				sent += a.bytes
			}
		}
		if begun != 1 || manifests != 1 || sent < largeLayer || sent > largeLayer+part/10 {
			t.Errorf("%s: %d uploads of %d bytes and %d manifests, want the large layer of %d alone", region, begun, sent, manifests, largeLayer)
		}
	}
	e.wantPushed(t, b)
}

// wantPushed holds the templates against those of a dry run, and reads the images that they name.
func (e *e2e) wantPushed(t *testing.T, b *broken) {
	t.Helper()
	dry := filepath.Join(t.TempDir(), "{region}.yaml")
	e.mrpackage(t, b.dir, nil, append(b.args, "--dry-run", "--output-template-file", dry)...).wantExit(t, 0)
	for region, h := range b.hubs {
		text := readFile(t, output(b.dir, region))
		if want := readFile(t, strings.ReplaceAll(dry, "{region}", region)); text != want {
			t.Errorf("%s: the template is\n%s\nwant\n%s", region, text, want)
		}
		m := regexp.MustCompile(`/team/shop@(sha256:[0-9a-f]{64})`).FindStringSubmatch(text)
		if m == nil {
			t.Fatalf("%s: no image in\n%s", region, text)
		}
		h.getImage(t, "team/shop", m[1])
	}
}

// testImagesRegistryRestarts stops a registry while a layer is on its way, and starts it again, which it does not notice.
func (e *e2e) testImagesRegistryRestarts(t *testing.T) {
	b := e.breakPush(t, "images-restart")
	cmd := exec.CommandContext(t.Context(), e.program, append(b.args, "--verbose")...)
	cmd.Dir, cmd.Env = b.dir, append(environment(), e.access()...)
	var said bytes.Buffer
	cmd.Stderr = &said
	check(t, cmd.Start())
	b.small(t)
	b.hubs[west].kill()
	close(b.release)
	time.Sleep(time.Second) // in which nobody is there
	b.hubs[west].start(t)
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, &said)
	}
	if !regexp.MustCompile(`(?m)^` + west + `: .*; trying again in`).MatchString(said.String()) {
		t.Errorf("it does not say that anything broke:\n%s", &said)
	}
	e.wantPushed(t, b)
}
