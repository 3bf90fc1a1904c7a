package registry_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/image"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/registry"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/registrytest"
)

// Who names images by a tag asks for that, pushes under it, and finds it; another image under
// an immutable one is told of, and under another one replaced.
func TestTagged(t *testing.T) {
	for name, at := range map[string]registrytest.Place{
		"ecr":           {Region: "us-east-1", Account: registrytest.Account, Name: "assets"},
		"ecr immutable": {Region: "us-east-1", Account: registrytest.Account, Name: "fixed"},
		"another":       {Name: "assets"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, registrytest.Options{})
			immutable := strings.HasSuffix(name, " immutable")
			to := storeOf(at)
			if at.Region == "" {
				to = registry.Store{Region: "us-east-1", Repository: strings.TrimPrefix(s.URL(), "http://") + "/" + at.Name}
			} else {
				s.CreateRepository(at, immutable)
			}
			r, err := connect(t, config(s)).Repository(to, registry.Told{})
			if err != nil {
				t.Fatal(err)
			}
			is := func(want string) {
				t.Helper()
				if digest, known, err := r.Tagged(t.Context(), "abc"); err != nil || !known || digest != want {
					t.Errorf("%q, %v, %v, want %q", digest, known, err, want)
				}
			}
			is("")
			img, other := sample(), newImage(blobOf(pattern(9, 100)))
			img.Tag, other.Tag = "abc", "abc"
			if err := r.Push(t.Context(), img, registry.Found{Missing: blobs(img)}); err != nil {
				t.Fatal(err)
			}
			is(img.Digest)
			if err := push(t.Context(), r, img); err != nil {
				t.Error(err)
			}
			err = push(t.Context(), r, other)
			switch {
			case !immutable && err != nil, immutable && (err == nil || !strings.Contains(err.Error(), "another image has the tag abc in")):
				t.Error(err)
			case immutable:
				is(img.Digest)
			default:
				is(other.Digest)
			}
		})
	}
}

func blobs(img image.Image) []image.Blob { return append([]image.Blob{img.Config}, img.Layers[:3]...) }

// Whoever may not look cannot know whose image has a tag that cannot be moved: an image under
// it counts as pushed only where its manifest was taken.
func TestTaggedUnseen(t *testing.T) {
	for _, immutable := range []bool{false, true} {
		s := newServer(t, registrytest.Options{})
		at := registrytest.Place{Region: "us-east-1", Account: registrytest.Account, Name: "assets"}
		s.CreateRepository(at, immutable)
		s.Fail(registrytest.Fault{Operation: "BatchGetImage", Status: 400, Code: "AccessDeniedException"})
		r := repository(t, connect(t, config(s)), at, registry.Told{})
		img, other := sample(), newImage(blobOf(pattern(9, 100)))
		img.Tag, other.Tag = "abc", "abc"
		if err := push(t.Context(), r, img); err != nil {
			t.Error(err)
		}
		err := push(t.Context(), r, other)
		if immutable != (err != nil) || immutable && !strings.Contains(err.Error(), "an image has the tag abc already") {
			t.Errorf("immutable: %v, %v", immutable, err)
		}
	}
}

// Whoever may not ask is told nothing, and of a repository that is not there what to do.
func TestTaggedRefused(t *testing.T) {
	s := newServer(t, registrytest.Options{})
	c := config(s)
	c.Absent = func(to registry.Store) string { return "make " + to.Repository + " in " + to.Region }
	connections := connect(t, c)
	r := repository(t, connections, registrytest.Place{Region: "us-east-1", Account: registrytest.Account, Name: "nowhere"}, registry.Told{})
	_, _, err := r.Tagged(t.Context(), "abc")
	var e *problem.Error
	if !errors.As(err, &e) || e.Hint != "make 123456789012.dkr.ecr.us-east-1.amazonaws.com/nowhere in us-east-1" {
		t.Errorf("%v", err)
	}
	s.Fail(registrytest.Fault{Operation: "BatchGetImage", Status: 400, Code: "AccessDeniedException"})
	r = repository(t, connections, orders("us-east-1"), registry.Told{})
	if digest, known, err := r.Tagged(t.Context(), "abc"); digest != "" || known || err != nil {
		t.Errorf("%q, %v, %v", digest, known, err)
	}
}
