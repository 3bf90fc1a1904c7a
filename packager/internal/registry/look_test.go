package registry_test

import (
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/image"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/registry"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/registrytest"
)

// A hit is proved: the manifest's bytes, its tag, and every blob with its size. Everything else is missing, and nothing else.
func TestLook(t *testing.T) {
	for _, kind := range []string{"ECR", "other"} {
		for name, c := range map[string]struct {
			spoil   func(s *registrytest.Server, at registrytest.Place, img image.Image)
			proved  bool
			missing int
		}{
			"all is there": {func(*registrytest.Server, registrytest.Place, image.Image) {}, true, 0},
			"no manifest":  {func(s *registrytest.Server, at registrytest.Place, img image.Image) { s.Remove(at, img.Digest) }, false, 0},
			"no layer": {func(s *registrytest.Server, at registrytest.Place, img image.Image) {
				s.Remove(at, img.Layers[1].Digest)
			}, false, 1},
			"no configuration": {func(s *registrytest.Server, at registrytest.Place, img image.Image) { s.Remove(at, img.Config.Digest) }, false, 1},
			"a layer cut short": {func(s *registrytest.Server, at registrytest.Place, img image.Image) {
				s.Spoil(at, img.Layers[0].Digest, []byte("x"))
			}, false, 1},
			"another manifest": {func(s *registrytest.Server, at registrytest.Place, img image.Image) {
				s.Spoil(at, img.Digest, []byte("{}"))
			}, false, 0},
			"the tag is no more": {func(s *registrytest.Server, at registrytest.Place, img image.Image) { s.Untag(at) }, false, 0},
			"nothing but a layer": {func(s *registrytest.Server, at registrytest.Place, img image.Image) {
				s.Remove(at, img.Digest)
				s.Remove(at, img.Layers[0].Digest)
				s.Remove(at, img.Config.Digest)
			}, false, 2},
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
				r, err := connect(t, config(s)).Repository(store, registry.Told{})
				if err != nil {
					t.Fatal(err)
				}
				found, err := r.Look(t.Context(), img)
				if err != nil || (found.Presence == registry.Proved) != c.proved || len(found.Missing) != c.missing {
					t.Errorf("%+v, %v", found, err)
				}
				if err := push(t.Context(), r, img); err != nil || stored(s, at, img) != nil {
					t.Errorf("pushed: %v; lacks %q", err, stored(s, at, img))
				}
			})
		}
	}
}

// More layers than ECR tells of at once.
func TestLookManyLayers(t *testing.T) {
	s := newServer(t, registrytest.Options{})
	r := repository(t, connect(t, config(s)), orders("us-east-1"), registry.Told{})
	var layers []image.Blob
	for i := range 120 {
		layers = append(layers, blobOf(fmt.Append(nil, "layer", i)))
	}
	img := newImage(layers...)
	if err := push(t.Context(), r, img); err != nil || stored(s, orders("us-east-1"), img) != nil {
		t.Fatal(err)
	}
	s.ResetRequests()
	if found, err := r.Look(t.Context(), img); err != nil || found.Presence != registry.Proved || len(s.Requests()) != 3 {
		t.Errorf("%+v, %v, %v", found, err, operations(s))
	}
}

// Who may not look may push all the same: what is there is not sent where it can be asked for otherwise.
func TestLookDenied(t *testing.T) {
	for _, operation := range []string{"BatchGetImage", "BatchCheckLayerAvailability"} {
		s := newServer(t, registrytest.Options{})
		r := repository(t, connect(t, config(s)), orders("us-east-1"), registry.Told{})
		s.Fail(registrytest.Fault{Operation: operation, Status: http.StatusBadRequest, Code: "AccessDeniedException", Message: "no"})
		img := sample()
		found, err := r.Look(t.Context(), img)
		if err != nil || found.Presence != registry.Unknown || len(found.Missing) != 4 {
			t.Fatalf("%+v, %v", found, err)
		}
		for range 2 {
			if err := r.Push(t.Context(), img, found); err != nil || stored(s, orders("us-east-1"), img) != nil {
				t.Errorf("%v; lacks %q", err, stored(s, orders("us-east-1"), img))
			}
		}
		if got := operations(s); got["StartUpload"] != 4 {
			t.Errorf("%v", got)
		}
	}
}

// A repository that is not there is told with the command that creates it, also where nobody has checked.
func TestLookMissingRepository(t *testing.T) {
	s := newServer(t, registrytest.Options{})
	r := repository(t, connect(t, config(s)), registrytest.Place{Region: "us-west-2", Name: "nowhere"}, registry.Told{})
	_, err := r.Look(t.Context(), sample())
	var e *problem.Error
	if !errors.As(err, &e) || e.Hint != "create it: aws ecr create-repository --repository-name nowhere --region us-west-2" {
		t.Errorf("%#v", err)
	}
	if err := r.Push(t.Context(), sample(), registry.Found{Missing: sample().Layers}); err == nil {
		t.Error("pushed into a repository that is not there")
	}
}
