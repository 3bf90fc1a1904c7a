package registry_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/image"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/registry"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/registrytest"
)

const (
	index       = "application/vnd.oci.image.index.v1+json"
	attestation = `, "annotations": {"vnd.docker.reference.type": "attestation-manifest"}`
)

// digestOfReader reads a blob.
func digestOfReader(t *testing.T, b image.Blob) string {
	t.Helper()
	r, err := b.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, r); err != nil {
		t.Fatal(err)
	}
	return "sha256:" + hex.EncodeToString(sum.Sum(nil))
}

// put stores an image as somebody else would.
func put(t *testing.T, s *registrytest.Server, at registrytest.Place, img image.Image, tags ...string) {
	for _, b := range append([]image.Blob{img.Config}, img.Layers...) {
		r, err := b.Open()
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		s.PutBlob(at, body)
	}
	s.PutManifest(at, registrytest.Manifest{MediaType: img.MediaType, Body: img.Manifest}, tags...)
}

// An image is copied from one registry to another, by digest, whatever goes wrong on the way for a time.
func TestCopy(t *testing.T) {
	for name, f := range map[string]registrytest.Fault{
		"well": {}, "download cut": {Operation: "GetBlob", CutBody: true, Times: 2, Skip: 1}, "unavailable": {Operation: "GetBlob", Status: http.StatusServiceUnavailable, Times: 2, Skip: 1},
		"upload cut": {Operation: "UploadPart", CutBody: true, Times: 2}, "manifest unavailable": {Operation: "GetManifest", Status: http.StatusServiceUnavailable, Times: 2},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, registrytest.Options{})
			c := connect(t, config(s))
			source := registrytest.Place{Name: "library/base"}
			s.CreateRepository(source, false)
			img := sample()
			put(t, s, source, img, "v1")
			if f.Operation != "" {
				s.Fail(f)
			}
			for _, address := range []string{s.Host() + "/library/base:v1", s.Host() + "/library/base@" + img.Digest} {
				got, err := c.Fetch(t.Context(), address, registry.Platform{}, registry.Told{})
				if err != nil {
					t.Fatal(err)
				}
				if got.Digest != img.Digest || got.OS != "linux" || got.Architecture != "arm64" || got.MediaType != img.MediaType || len(got.Layers) != len(img.Layers) {
					t.Errorf("%+v", got)
				}
				for _, region := range []string{"us-east-1", "cn-north-1"} {
					if err := push(t.Context(), repository(t, c, orders(region), registry.Told{}), got); err != nil || stored(s, orders(region), img) != nil {
						t.Errorf("%s: %v; lacks %q", region, err, stored(s, orders(region), img))
					}
				}
			}
			// What broke off is read on, not anew.
			if f.Operation == "GetBlob" && f.CutBody && !slices.ContainsFunc(s.Requests(), func(r registrytest.Request) bool { return r.Header.Get("Range") != "" }) {
				t.Error("no part of a layer was asked for")
			}
			// From ECR it is read with ECR's login.
			if _, err := c.Fetch(t.Context(), orders("us-east-1").Host()+"/team/orders@"+img.Digest, registry.Platform{}, registry.Told{}); err != nil {
				t.Error(err)
			}
		})
	}
}

// A registry that gives other bytes than a digest's is not believed, and nothing of it is stored.
func TestCopyWrong(t *testing.T) {
	for _, c := range []struct {
		operation string
		wrong     registrytest.Wrong
	}{
		{"GetManifest", registrytest.OtherDigest}, {"GetManifest", registrytest.Truncated}, {"GetManifest", registrytest.OK}, {"GetManifest", registrytest.Hollow},
		{"GetBlob", registrytest.OtherDigest}, {"GetBlob", registrytest.Truncated}, {"GetBlob", registrytest.OK}, {"GetBlob", registrytest.Circle}, {"GetBlob", registrytest.Hollow},
	} {
		t.Run(c.operation+"/"+string(c.wrong), func(t *testing.T) {
			for _, skip := range []int{0, 1} {
				s := newServer(t, registrytest.Options{})
				connections := connect(t, config(s))
				source := registrytest.Place{Name: "library/base"}
				s.CreateRepository(source, false)
				img := newImage(blobOf(pattern(1, 3*part)))
				put(t, s, source, img, "v1")
				s.Fail(registrytest.Fault{Operation: c.operation, Name: source.Name, Wrong: c.wrong, Skip: skip})
				got, err := connections.Fetch(t.Context(), s.Host()+"/library/base@"+img.Digest, registry.Platform{}, registry.Told{})
				if err == nil {
					err = push(t.Context(), repository(t, connections, orders("us-east-1"), registry.Told{}), got)
				}
				if _, there := s.Manifest(orders("us-east-1"), img.Digest); err == nil && (skip == 0 || c.operation == "GetBlob") || there && stored(s, orders("us-east-1"), img) != nil {
					t.Errorf("believed (%v)", err)
				}
			}
		})
	}
}

// A manifest and a blob whose bytes are others than their digests' are refused where they are read.
func TestFetchSpoiled(t *testing.T) {
	s := newServer(t, registrytest.Options{})
	c := connect(t, config(s))
	source := registrytest.Place{Name: "library/base"}
	s.CreateRepository(source, false)
	img, other := newImage(blobOf(pattern(1, 3*part))), newImage(blobOf(pattern(2, 3*part)))
	put(t, s, source, img, "v1")
	put(t, s, source, other)
	s.Spoil(source, img.Layers[0].Digest, pattern(2, 3*part))
	got, err := c.Fetch(t.Context(), s.Host()+"/library/base:v1", registry.Platform{}, registry.Told{})
	if err != nil {
		t.Fatal(err)
	}
	layer, err := got.Layers[0].Open()
	if err != nil {
		t.Fatal(err)
	}
	defer layer.Close()
	if _, err := io.Copy(io.Discard, layer); err == nil || !strings.Contains(err.Error(), "other bytes") {
		t.Errorf("layer: %v", err)
	}
	s.Spoil(source, img.Digest, other.Manifest)
	for _, reference := range []string{":v1", "@" + img.Digest} {
		if _, err := c.Fetch(t.Context(), s.Host()+"/library/base"+reference, registry.Platform{}, registry.Told{}); err == nil || !strings.Contains(err.Error(), "has the digest "+other.Digest) {
			t.Errorf("manifest: %v", err)
		}
	}
}

// Of an index it is the image of the platform; attestations are none.
func TestFetchPlatform(t *testing.T) {
	s := newServer(t, registrytest.Options{})
	c := connect(t, config(s))
	source := registrytest.Place{Name: "library/base"}
	s.CreateRepository(source, false)
	arm, amd := newImage(blobOf(pattern(1, 100))), newImage(blobOf(pattern(2, 100)))
	put(t, s, source, arm)
	put(t, s, source, amd)
	entry := func(digest, platform, more string) string {
		os, architecture, _ := strings.Cut(platform, "/")
		p, _ := json.Marshal(map[string]string{"os": os, "architecture": architecture})
		return `{"mediaType": "` + manual + `", "digest": "` + digest + `", "size": 1, "platform": ` + string(p) + more + `}`
	}
	both := s.PutManifest(source, registrytest.Manifest{MediaType: index, Body: []byte(`{"manifests": [` +
		entry(arm.Digest, "linux/arm64", "") + "," + entry(amd.Digest, "linux/amd64", "") + "," + entry(arm.Config.Digest, "unknown/unknown", attestation) + `]}`)}, "both")
	s.PutManifest(source, registrytest.Manifest{MediaType: index, Body: []byte(`{"manifests": [` +
		entry(amd.Digest, "linux/amd64", "") + "," + entry(arm.Config.Digest, "unknown/unknown", attestation) + `]}`)}, "one")
	s.PutManifest(source, registrytest.Manifest{MediaType: index, Body: []byte(`{"manifests": [{"mediaType": "` + index + `", "digest": "` + both + `"}]}`)}, "nested")
	s.PutManifest(source, registrytest.Manifest{MediaType: index, Body: []byte(`{"manifests": []}`)}, "none")
	for _, test := range []struct {
		tag, architecture, want, says string
	}{
		{"both", "arm64", arm.Digest, ""}, {"both", "amd64", amd.Digest, ""}, {"nested", "amd64", amd.Digest, ""}, {"one", "", amd.Digest, ""},
		{"both", "", "", "the index has 2 images for linux; it is of linux/arm64, linux/amd64"},
		{"one", "arm64", "", "the index has 0 images for linux/arm64; it is of linux/amd64"},
		{"none", "", "", "not that of an image"}, {"gone", "", "", "MANIFEST_UNKNOWN"}, {"a b", "", "", "not the address of an image"},
	} {
		img, err := c.Fetch(t.Context(), s.Host()+"/library/base:"+test.tag, registry.Platform{OS: "linux", Architecture: test.architecture}, registry.Told{})
		if img.Digest != test.want || test.says != "" && (err == nil || !strings.Contains(err.Error(), test.says)) || test.says == "" && err != nil {
			t.Errorf("%s for %s: %s, %v", test.tag, test.architecture, img.Digest, err)
		}
	}
}
