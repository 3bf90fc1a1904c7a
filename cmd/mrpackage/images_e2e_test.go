//go:build e2e

package main_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/imagetest"
)

// testImages is the whole of it: two zip functions, an image from docker save and one from an OCI layout, three regions, in
// one run; again, with nothing sent; and in one template.
func (e *e2e) testImages(t *testing.T) {
	program := distribution(t)
	buckets := e.createBuckets(t, "images")
	buckets[third] = "images-three"
	e.createBucket(t, third, buckets[third])
	hubs, args := map[string]*hub{}, flags(buckets)
	for region := range buckets {
		hubs[region] = startHub(t, program, "")
		args = append(args, "--image-repository", region+"="+hubs[region].host+"/team/shop")
	}
	dir := t.TempDir()
	write := func(name, text string) { check(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600)) }
	write("first.js", "exports.handler = async () => 1\n")
	write("second.js", "exports.handler = async () => 2\n")
	write("saved.tar", string(imagetest.DockerSave(imagetest.Image{Names: []string{"app:1"}, Layers: [][]byte{imagetest.Layer("opt/large", random(25<<20)), imagetest.Layer("app.py", []byte("pass\n"))}}).Tar()))
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
			h.getImage(t, "team/shop", string(m[1]))
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
		hubs[region] = startHub(t, program, "")
		args = append(args, "--image-repository", region+"="+hubs[region].host+"/team/shop")
	}
	other := t.TempDir()
	for run := range 2 {
		e.mrpackage(t, other, nil, args...).wantExit(t, 0)
		for region, h := range hubs {
			text, err := os.ReadFile(output(other, region))
			check(t, err)
			for _, digest := range digests {
				h.getImage(t, "team/shop", digest)
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
