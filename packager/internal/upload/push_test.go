package upload

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/imagetest"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/image"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/registry"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/registrytest"
)

// withImages adds images to the scene, and for each region of its first three stores a
// repository and a store that has no bucket and gets the images; a point is one that it does
// not get.
func (s *scene) withImages(t *testing.T, rows ...string) (registries *registrytest.Server, opened []atomic.Int64) {
	t.Helper()
	registries = registrytest.New(registrytest.Options{})
	t.Cleanup(registries.Close)
	s.job.Registry = registry.Config{AWS: s.job.S3.AWS, Jobs: 4, Questions: 16, API: registries.URL(), Hub: registries.URL(), Stall: time.Minute, Backoff: 10 * time.Millisecond}
	first := len(s.job.Stores)
	for _, store := range s.job.Stores[:3] {
		at := registrytest.Place{Region: store.Region, Name: "app"}
		registries.CreateRepository(at, true)
		s.job.Repositories = append(s.job.Repositories, registry.Store{Region: store.Region, Repository: at.Host() + "/app"})
		images := Store{}
		images.Region = store.Region
		s.job.Stores = append(s.job.Stores, images)
	}
	opened = make([]atomic.Int64, len(rows))
	for i, row := range rows {
		path := filepath.Join(t.TempDir(), "saved.tar")
		layer := imagetest.Layer("app", []byte(strings.Repeat("app ", 1000*(i+1))))
		if err := os.WriteFile(path, imagetest.DockerSave(imagetest.Image{Layers: [][]byte{layer}, Names: []string{"app:1"}}).Tar(), 0o600); err != nil {
			t.Fatal(err)
		}
		planned, closeImage, err := image.Open(t.Context(), image.Source{Path: path})
		if err != nil {
			t.Fatal(err)
		}
		if err := closeImage(); err != nil {
			t.Fatal(err)
		}
		s.job.Images = append(s.job.Images, Image{Planned: *planned, Open: func(ctx context.Context, _ *registry.Connections, _ registry.Told) (*image.Image, func() error, error) {
			opened[i].Add(1)
			return image.Open(ctx, image.Source{Path: path})
		}})
		for k, n := range row {
			if n != '.' {
				to := &s.job.Stores[first+k]
				to.Images = append(to.Images, Push{Image: i, Repository: k})
			}
		}
	}
	return registries, opened
}

// Images go where they are wanted, each opened once; a store needs no bucket for that. A second
// run opens none. A repository that takes nothing is its store's failure alone.
func TestPush(t *testing.T) {
	rows := []string{"1.1", ".11", "..."}
	s := newScene(t, "a111")
	registries, opened := s.withImages(t, rows...)
	holds := func(failing int) {
		t.Helper()
		for k, store := range s.job.Stores[:3] {
			s.holds(t, k)
			for i, row := range rows {
				digest := s.job.Images[i].Planned.Digest
				_, there := registries.Manifest(registrytest.Place{Region: store.Region, Name: "app"}, digest)
				if want := row[k] != '.' && k != failing; there != want {
					t.Errorf("image %d is in %s: %v", i, store.Region, there)
				}
			}
		}
	}
	registries.Fail(registrytest.Fault{Operation: "PutManifest", Region: "eu-west-1", Status: 403, Code: "DENIED"})
	result, err := s.run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "eu-west-1") || result.Stores[3].Images[0].Action != Uploaded || result.Stores[5].Images[0].Action != Planned {
		t.Errorf("%v, %+v", err, result)
	}
	if sent := s.layersSent(); sent[0] == 0 || sent[1] == 0 {
		t.Errorf("bytes are sent to two repositories: %v", sent)
	}
	holds(2)
	registries.ClearFaults()
	if result, err = s.run(t.Context()); err != nil || result.Stores[3].Images[0].Action != Reused || result.Stores[5].Images[0].Action != Uploaded {
		t.Errorf("%v, %+v", err, result)
	}
	holds(-1)
	for i, want := range []int64{2, 2, 0} { // once in each run
		if opened[i].Load() != want {
			t.Errorf("image %d was opened %d times", i, opened[i].Load())
		}
	}
	s.check(t, result)
	if sent := s.layersSent(); sent[0]+sent[1] != 0 {
		t.Errorf("bytes are sent again: %v", sent)
	}
	if _, err := s.run(t.Context()); err != nil || opened[0].Load()+opened[1].Load() != 4 {
		t.Errorf("a third run opens images: %v", err)
	}
}

// layersSent are the bytes of layers that were told of, by repository.
func (s *scene) layersSent() map[int]int64 {
	sent := make(map[int]int64)
	for _, e := range s.events {
		if e.Kind == SentLayer {
			sent[e.Repository] += e.Bytes
		}
	}
	return sent
}

// A repository that is not there is told with the buckets that are not, and nothing is sent.
func TestWrongRepository(t *testing.T) {
	s := newScene(t, "a111")
	registries, _ := s.withImages(t, "111")
	s.job.Stores[0].Bucket = "nobodys"
	s.job.Repositories[1].Repository = strings.TrimSuffix(s.job.Repositories[1].Repository, "app") + "other"
	_, err := s.run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "nobodys") || !strings.Contains(err.Error(), "other") {
		t.Errorf("%v", err)
	}
	if puts, _ := s.sent(); len(puts) > 0 {
		t.Errorf("sent: %q", puts)
	}
	for _, r := range registries.Requests() {
		if r.Operation == "StartUpload" || r.Operation == "UploadPart" || r.Operation == "PutManifest" {
			t.Errorf("sent: %s", r.Operation)
		}
	}
}
