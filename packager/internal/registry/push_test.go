package registry_test

import (
	"context"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/registry"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/registrytest"
)

// An image is pushed by digest, under a tag of the same digits, each blob once, and the second run takes two requests and no
// login.
func TestPush(t *testing.T) {
	s := newServer(t, registrytest.Options{})
	img := sample()
	for _, region := range []string{"us-east-1", "cn-north-1"} {
		counts := &tally{}
		c := connect(t, config(s))
		r := repository(t, c, orders(region), counts.told())
		if err := push(t.Context(), r, img); err != nil {
			t.Fatal(err)
		}
		if missing := stored(s, orders(region), img); missing != nil {
			t.Errorf("%s lacks %q", region, missing)
		}
		for _, l := range append(img.Layers, img.Config) {
			if counts.sent[l.Digest] != l.Size {
				t.Errorf("%d of %d bytes were told", counts.sent[l.Digest], l.Size)
			}
		}
		if len(counts.retried) > 0 {
			t.Errorf("retried: %q", counts.retried)
		}
		// 4 blobs, of which two go in 4 and 2 parts.
		if got := operations(s); got["StartUpload"] != 4 || got["UploadPart"] != 6 || got["CompleteUpload"] != 4 || got["PutManifest"] != 1 || got["GetAuthorizationToken"] != 1 {
			t.Errorf("requests: %v", got)
		}
		s.ResetRequests()

		again := connect(t, config(s))
		if err := push(t.Context(), repository(t, again, orders(region), registry.Told{}), img); err != nil {
			t.Fatal(err)
		}
		if got := operations(s); !maps.Equal(got, map[string]int{"BatchGetImage": 1, "BatchCheckLayerAvailability": 1}) {
			t.Errorf("an unchanged image took %v", got)
		}
		s.ResetRequests()
	}
}

// Only what is missing is sent.
func TestPushChanged(t *testing.T) {
	s := newServer(t, registrytest.Options{})
	c := connect(t, config(s))
	r := repository(t, c, orders("us-east-1"), registry.Told{})
	base := blobOf(pattern(1, 3*part))
	first, second := newImage(base, blobOf(pattern(2, 100))), newImage(base, blobOf(pattern(3, 100)))
	if err := push(t.Context(), r, first); err != nil {
		t.Fatal(err)
	}
	s.ResetRequests()
	found, err := r.Look(t.Context(), second)
	if err != nil || found.Presence != registry.Absent || len(found.Missing) != 1 || found.Missing[0].Digest != second.Layers[1].Digest {
		t.Fatalf("%+v, %v", found, err)
	}
	if err := r.Push(t.Context(), second, found); err != nil {
		t.Fatal(err)
	}
	if got := operations(s); got["StartUpload"] != 1 || stored(s, orders("us-east-1"), second) != nil {
		t.Errorf("requests: %v", got)
	}
	// A layer that vanished, a tag, and a manifest: all are mended.
	for _, digest := range []string{second.Layers[0].Digest, second.Digest} {
		s.Remove(orders("us-east-1"), digest)
		if err := push(t.Context(), r, second); err != nil || stored(s, orders("us-east-1"), second) != nil {
			t.Errorf("without %s: %v", digest, err)
		}
	}
}

// A layer that vanishes while the image is pushed is sent again.
func TestPushVanishing(t *testing.T) {
	s := newServer(t, registrytest.Options{})
	r := repository(t, connect(t, config(s)), orders("us-east-1"), registry.Told{})
	s.Fail(registrytest.Fault{Operation: "CompleteUpload", Times: 1, Wrong: registrytest.Lost})
	s.Fail(registrytest.Fault{Operation: "PutManifest", Times: 1, Wrong: registrytest.Lost})
	img := sample()
	if err := push(t.Context(), r, img); err != nil || stored(s, orders("us-east-1"), img) != nil {
		t.Errorf("%v; lacks %q", err, stored(s, orders("us-east-1"), img))
	}
}

// One request at a time is enough: nothing that has its turn waits for another one.
func TestOneAtATime(t *testing.T) {
	s := newServer(t, registrytest.Options{User: "me", Password: "hunter2hunter2", Bearer: true})
	conf := config(s)
	conf.Jobs, conf.Questions, conf.Keychain = 1, 1, keychain{"me", "hunter2hunter2"}
	c := connect(t, conf)
	var group sync.WaitGroup
	var once sync.Once
	for _, store := range []registry.Store{
		storeOf(orders("us-east-1")), storeOf(orders("us-west-2")), {Region: "us-east-1", Repository: "team/orders"}, {Region: "us-east-1", Repository: s.Host() + "/orders"},
	} {
		group.Go(func() {
			r, err := c.Repository(store, registry.Told{})
			if err == nil {
				err = r.Check(t.Context())
			}
			if err == nil {
				once.Do(s.RevokeTokens)
				err = push(t.Context(), r, sample())
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
}

// Images with the same base, pushed at once: the base is sent once to each region. Where the first one's upload is given up,
// another's goes on.
func TestSharedBase(t *testing.T) {
	for _, interrupt := range []bool{false, true} {
		s := newServer(t, registrytest.Options{})
		c := connect(t, config(s))
		base := blobOf(pattern(1, 4*part))
		s.Fail(registrytest.Fault{Operation: "UploadPart", Delay: 50 * time.Millisecond})
		var group sync.WaitGroup
		for _, region := range []string{"us-east-1", "us-west-2"} {
			r := repository(t, c, orders(region), registry.Told{})
			for i := range byte(3) {
				ctx, cancel := context.WithCancel(t.Context())
				if interrupt && i == 0 {
					time.AfterFunc(60*time.Millisecond, cancel)
				}
				group.Go(func() {
					defer cancel()
					img := newImage(base, blobOf(pattern(10+i, 100)))
					if err := push(ctx, r, img); (err != nil || stored(s, orders(region), img) != nil) && ctx.Err() == nil {
						t.Errorf("%v; lacks %q", err, stored(s, orders(region), img))
					}
				})
			}
		}
		group.Wait()
		if got := operations(s)["UploadPart"]; got != 8 && !interrupt {
			t.Errorf("%d parts were sent", got)
		}
	}
}

// A layer that was there at the look, and is not when the manifest comes, is sent after all.
func TestPushDeletedMeanwhile(t *testing.T) {
	s := newServer(t, registrytest.Options{})
	r := repository(t, connect(t, config(s)), orders("us-east-1"), registry.Told{})
	img := sample()
	if err := push(t.Context(), r, img); err != nil {
		t.Fatal(err)
	}
	s.Remove(orders("us-east-1"), img.Digest)
	found, err := r.Look(t.Context(), img)
	if err != nil || len(found.Missing) > 0 {
		t.Fatalf("%+v, %v", found, err)
	}
	s.Remove(orders("us-east-1"), img.Layers[0].Digest)
	if err := r.Push(t.Context(), img, found); err != nil || stored(s, orders("us-east-1"), img) != nil {
		t.Errorf("%v; lacks %q", err, stored(s, orders("us-east-1"), img))
	}
	// A registry that always says so is believed at last.
	s.Fail(registrytest.Fault{Operation: "PutManifest", Status: http.StatusBadRequest, Code: "MANIFEST_BLOB_UNKNOWN", Message: "blob unknown"})
	if err := push(t.Context(), r, newImage(img.Layers[:1]...)); err == nil || !strings.Contains(err.Error(), "MANIFEST_BLOB_UNKNOWN") {
		t.Errorf("%v", err)
	}
}

// With immutable tags an image is pushed once, two runs at once both succeed, and a lost answer does no harm.
func TestImmutable(t *testing.T) {
	for _, name := range []string{"two at once", "lost answer", "already there", "another image under the tag"} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, registrytest.Options{})
			at := registrytest.Place{Region: "us-east-1", Name: "immutable"}
			s.CreateRepository(at, true)
			img := sample()
			runs := 1
			switch name {
			case "two at once":
				runs = 4
			case "lost answer":
				s.Fail(registrytest.Fault{Operation: "PutManifest", Times: 1, CutAnswer: true})
			case "already there":
				runs = 1
				if err := push(t.Context(), repository(t, connect(t, config(s)), at, registry.Told{}), img); err != nil {
					t.Fatal(err)
				}
			case "another image under the tag":
				s.PutManifest(at, registrytest.Manifest{MediaType: manual, Body: []byte("{}")}, strings.TrimPrefix(img.Digest, "sha256:"))
			}
			errs := make([]error, runs)
			var group sync.WaitGroup
			for i := range runs {
				r := repository(t, connect(t, config(s)), at, registry.Told{})
				group.Go(func() { errs[i] = push(t.Context(), r, img) })
			}
			group.Wait()
			missing := stored(s, at, img)
			for _, err := range errs {
				if name == "another image under the tag" {
					if err == nil {
						t.Errorf("believed: %q is missing", missing)
					}
				} else if err != nil || missing != nil {
					t.Errorf("%v; lacks %q", err, missing)
				}
			}
		})
	}
}

// A registry that is not ECR: without a login, with a password, and with a server of tokens. Repositories need not exist.
func TestOtherRegistry(t *testing.T) {
	for name, options := range map[string]registrytest.Options{
		"open": {}, "password": {User: "me", Password: "hunter2hunter2"}, "tokens": {User: "me", Password: "hunter2hunter2", Bearer: true},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, options)
			conf := config(s)
			conf.Keychain = keychain{options.User, options.Password}
			c := connect(t, conf)
			at := registrytest.Place{Name: "mirror/orders"}
			r, err := c.Repository(registry.Store{Region: "us-east-1", Repository: s.Host() + "/" + at.Name}, registry.Told{})
			if err != nil {
				t.Fatal(err)
			}
			img := sample()
			if err := r.Check(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := push(t.Context(), r, img); err != nil || stored(s, at, img) != nil {
				t.Fatalf("%v; lacks %q", err, stored(s, at, img))
			}
			s.RevokeTokens()
			if found, err := r.Look(t.Context(), img); err != nil || found.Presence != registry.Proved {
				t.Errorf("%+v, %v", found, err)
			}
			if options.User == "" {
				return
			}
			conf.Keychain = keychain{"me", "wrong-password"}
			r, err = connect(t, conf).Repository(registry.Store{Region: "us-east-1", Repository: s.Host() + "/" + at.Name}, registry.Told{})
			if err != nil {
				t.Fatal(err)
			}
			if err := r.Check(t.Context()); err == nil || strings.Contains(err.Error(), "wrong-password") {
				t.Errorf("with another password: %v", err)
			}
		})
	}
}
