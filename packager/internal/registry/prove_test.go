package registry_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/image"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/registry"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/registrytest"
)

// A template names an image by its digest alone: its manifest's bytes and all that these
// name prove it, and a tag does not matter. Nothing is sent that changes anything.
func TestProve(t *testing.T) {
	for _, kind := range []string{"ECR", "other"} {
		for name, c := range map[string]struct {
			spoil    func(s *registrytest.Server, at registrytest.Place, img image.Image)
			presence registry.Presence
			why      string
		}{
			"all is there":       {func(*registrytest.Server, registrytest.Place, image.Image) {}, registry.Proved, ""},
			"the tag is no more": {func(s *registrytest.Server, at registrytest.Place, _ image.Image) { s.Untag(at) }, registry.Proved, ""},
			"no manifest":        {func(s *registrytest.Server, at registrytest.Place, img image.Image) { s.Remove(at, img.Digest) }, registry.Absent, "there is no such image"},
			"no layer": {func(s *registrytest.Server, at registrytest.Place, img image.Image) {
				s.Remove(at, img.Layers[1].Digest)
			}, registry.Absent, "its manifest is there, and lacks "},
			"no configuration": {func(s *registrytest.Server, at registrytest.Place, img image.Image) { s.Remove(at, img.Config.Digest) }, registry.Absent, "its manifest is there, and lacks "},
			"a layer cut short": {func(s *registrytest.Server, at registrytest.Place, img image.Image) {
				s.Spoil(at, img.Layers[0].Digest, []byte("x"))
			}, registry.Absent, "its manifest is there, and lacks "},
			"another manifest": {func(s *registrytest.Server, at registrytest.Place, img image.Image) {
				s.Spoil(at, img.Digest, []byte("{}"))
			}, registry.Absent, "its manifest has the digest "},
		} {
			t.Run(kind+"/"+name, func(t *testing.T) {
				s := newServer(t, registrytest.Options{})
				at, store := orders("us-east-1"), storeOf(orders("us-east-1"))
				if kind == "other" {
					at = registrytest.Place{Name: "mirror/orders"}
					store.Repository = s.Host() + "/" + at.Name
					s.CreateRepository(at, false)
				}
				img := sample()
				put(t, s, at, img, img.Digest[7:])
				c.spoil(s, at, img)
				s.ResetRequests()
				r, err := connect(t, config(s)).Reader(store, registry.Told{})
				if err != nil {
					t.Fatal(err)
				}
				p, err := r.Prove(t.Context(), img.Digest)
				if err != nil || p.Presence != c.presence || !strings.HasPrefix(p.Why, c.why) || c.why == "" && p.Why != "" {
					t.Errorf("%+v, %v", p, err)
				}
				for operation := range operations(s) {
					if strings.Contains(operation, "Upload") || strings.HasPrefix(operation, "Put") {
						t.Errorf("it sent %s", operation)
					}
				}
			})
		}
	}
}

// What is denied is unknown, and a repository that is not there is told.
func TestProveDenied(t *testing.T) {
	s := newServer(t, registrytest.Options{})
	img := sample()
	put(t, s, orders("us-east-1"), img, img.Digest[7:])
	for _, operation := range []string{"BatchGetImage", "BatchCheckLayerAvailability"} {
		s.Fail(registrytest.Fault{Operation: operation, Status: http.StatusBadRequest, Code: "AccessDeniedException", Message: "no"})
		p, err := repository(t, connect(t, config(s)), orders("us-east-1"), registry.Told{}).Prove(t.Context(), img.Digest)
		if err != nil || p.Presence != registry.Unknown || !strings.Contains(p.Why, "denies") {
			t.Errorf("%s: %+v, %v", operation, p, err)
		}
		s.ClearFaults()
	}
	nowhere := registrytest.Place{Region: "us-west-2", Account: registrytest.Account, Name: "nowhere"}
	p, err := repository(t, connect(t, config(s)), nowhere, registry.Told{}).Prove(t.Context(), img.Digest)
	if err != nil || p.Presence != registry.Absent || p.Why != "there is no such repository" {
		t.Errorf("%+v, %v", p, err)
	}
	p, err = repository(t, connect(t, config(s)), orders("us-east-1"), registry.Told{}).Prove(t.Context(), img.Digest[7:])
	if err != nil || p.Presence != registry.Proved || p.Digest != img.Digest || p.Layers != 4 {
		t.Errorf("by its tag: %+v, %v", p, err)
	}
}

// An address has a repository, and a digest or a tag.
func TestAddress(t *testing.T) {
	for address, want := range map[string][2]string{
		"h.example/a/b@sha256:0":   {"h.example/a/b", "sha256:0"},
		"h.example/a:t@sha256:0":   {"h.example/a", "sha256:0"},
		"h.example:5000/a:t":       {"h.example:5000/a", "t"},
		"h.example:5000/a":         {"h.example:5000/a", "latest"},
		"localhost:5000/a@sha256:": {"localhost:5000/a", "sha256:"},
	} {
		if repository, reference := registry.Address(address); repository != want[0] || reference != want[1] {
			t.Errorf("%s: %q, %q", address, repository, reference)
		}
	}
}
