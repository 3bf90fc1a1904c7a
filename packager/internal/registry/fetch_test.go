package registry_test

import (
	"context"
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
	s.PutManifest(source, registrytest.Manifest{MediaType: index, Body: []byte(`{"manifests": [` + entry(amd.Digest, "linux/amd64", "") +
		`, {"mediaType": "` + manual + `", "digest": "` + arm.Config.Digest + `", "artifactType": "application/vnd.example.signature"}]}`)}, "signed")
	for _, test := range []struct {
		tag, architecture, want, says string
	}{
		{"both", "arm64", arm.Digest, ""}, {"both", "amd64", amd.Digest, ""}, {"nested", "amd64", amd.Digest, ""}, {"one", "", amd.Digest, ""}, {"signed", "amd64", amd.Digest, ""},
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

// What was fetched can be read again by other connections, without a question: where its tag
// has moved since does not matter.
func TestAgain(t *testing.T) {
	s := newServer(t, registrytest.Options{})
	first := connect(t, config(s))
	source := registrytest.Place{Name: "library/base"}
	s.CreateRepository(source, false)
	img, other := newImage(blobOf(pattern(1, 3*part))), newImage(blobOf(pattern(2, 3*part)))
	put(t, s, source, img, "v1")
	address := s.Host() + "/library/base:v1"
	ctx, cancel := context.WithCancel(t.Context())
	got, err := first.Fetch(ctx, address, registry.Platform{}, registry.Told{})
	if err != nil {
		t.Fatal(err)
	}
	first.Close()
	cancel()
	put(t, s, source, other, "v1")
	s.ResetRequests()
	c := connect(t, config(s))
	again, err := c.Again(t.Context(), address, got, registry.Told{})
	if err != nil || len(s.Requests()) > 0 {
		t.Fatalf("%v, %d requests", err, len(s.Requests()))
	}
	if digest := digestOfReader(t, again.Layers[0]); digest != img.Layers[0].Digest || again.Digest != img.Digest {
		t.Errorf("%s of %s", digest, again.Digest)
	}
	if digest := digestOfReader(t, again.Config); digest != img.Config.Digest {
		t.Errorf("configuration %s", digest)
	}
	for _, r := range s.Requests() {
		if r.Operation == "GetManifest" || r.Operation == "GetBlob" && strings.HasSuffix(r.Path, img.Config.Digest) {
			t.Errorf("%s %s", r.Operation, r.Path)
		}
	}
}

// An image is read from the host that its address names, and asks to read, not to push.
func TestFetchAsks(t *testing.T) {
	s := newServer(t, registrytest.Options{User: "user", Password: "password", Bearer: true})
	cfg := config(s)
	cfg.Keychain = keychain{"user", "password"}
	c := connect(t, cfg)
	source, fips := registrytest.Place{Name: "library/base"}, registrytest.Place{Region: "us-east-1", Account: "111111111111", Name: "base"}
	img := sample()
	for _, at := range []registrytest.Place{source, fips} {
		s.CreateRepository(at, false)
		put(t, s, at, img, "v1")
	}
	for address, host := range map[string]string{
		s.Host() + "/library/base:v1":                                     s.Host(),
		"111111111111.dkr.ecr-fips.us-east-1.amazonaws.com/base:v1":       "111111111111.dkr.ecr-fips.us-east-1.amazonaws.com",
		"111111111111.dkr.ecr.us-east-1.amazonaws.com/base@" + img.Digest: "111111111111.dkr.ecr.us-east-1.amazonaws.com",
	} {
		s.ResetRequests()
		if _, err := c.Fetch(t.Context(), address, registry.Platform{}, registry.Told{}); err != nil {
			t.Errorf("%s: %v", address, err)
		}
		for _, r := range s.Requests() {
			if r.Host != host && !strings.HasPrefix(r.Operation, "GetAuthorization") {
				t.Errorf("%s: %s is asked for %s", address, r.Host, r.Operation)
			}
			if r.Operation == "Token" && r.Query.Get("scope") != "repository:library/base:pull" {
				t.Errorf("scope %q", r.Query.Get("scope"))
			}
		}
	}
}
