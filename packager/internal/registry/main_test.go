package registry_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/google/go-containerregistry/pkg/authn"
	"go.uber.org/goleak"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/image"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/registry"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/registrytest"
)

// No goroutine outlives the connections.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	part   = 32 << 10 // of layers, in these tests
	manual = "application/vnd.oci.image.manifest.v1+json"
)

// orders is a repository of ECR's in a region.
func orders(region string) registrytest.Place {
	return registrytest.Place{Region: region, Account: registrytest.Account, Name: "team/orders"}
}

// newServer has the repository orders in some regions.
func newServer(t *testing.T, options registrytest.Options) *registrytest.Server {
	if options.MinPart == 0 {
		options.MinPart = part
	}
	s := registrytest.New(options)
	t.Cleanup(s.Close)
	for _, region := range []string{"us-east-1", "us-west-2", "cn-north-1"} {
		s.CreateRepository(orders(region), false)
	}
	return s
}

// config is for tests: small parts, and short times to wait.
func config(s *registrytest.Server) registry.Config {
	return registry.Config{
		AWS:  aws.Config{Credentials: aws.NewCredentialsCache(credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "wJalrXUtnFEMI", ""))},
		Jobs: 4, Questions: 4, API: s.URL(), Hub: s.URL(), Keychain: keychain{}, Backoff: time.Millisecond, Part: part,
	}
}

// connect returns connections that end with the test.
func connect(t *testing.T, c registry.Config) *registry.Connections {
	connections := registry.Connect(c)
	t.Cleanup(connections.Close)
	return connections
}

// A keychain knows one login for every registry.
type keychain struct{ user, password string }

func (k keychain) Resolve(authn.Resource) (authn.Authenticator, error) {
	if k.user == "" {
		return authn.Anonymous, nil
	}
	return &authn.Basic{Username: k.user, Password: k.password}, nil
}

// repository opens the repository of a place.
func repository(t *testing.T, c *registry.Connections, at registrytest.Place, told registry.Told) *registry.Repository {
	t.Helper()
	r, err := c.Repository(storeOf(at), told)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func storeOf(at registrytest.Place) registry.Store {
	return registry.Store{Region: at.Region, Repository: at.Host() + "/" + at.Name}
}

// blobOf is a blob of bytes.
func blobOf(body []byte) image.Blob {
	sum := sha256.Sum256(body)
	return image.Blob{
		Digest: "sha256:" + hex.EncodeToString(sum[:]), MediaType: "application/vnd.oci.image.layer.v1.tar+gzip", Size: int64(len(body)),
		Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil },
	}
}

// pattern is so many bytes that no other seed has.
func pattern(seed byte, size int) []byte {
	b := make([]byte, size)
	state := uint32(seed) + 1
	for i := range b {
		state = state*1664525 + 1013904223
		b[i] = byte(state >> 24)
	}
	return b
}

// newImage makes an image of layers.
func newImage(layers ...image.Blob) image.Image {
	img := image.Image{MediaType: manual, OS: "linux", Architecture: "arm64", Layers: layers}
	img.Config = blobOf([]byte(`{"os": "linux", "architecture": "arm64"}`))
	img.Config.MediaType = "application/vnd.oci.image.config.v1+json"
	img.Manifest = manifestOf(img)
	img.Digest = blobOf(img.Manifest).Digest
	return img
}

func manifestOf(img image.Image) []byte {
	type descriptor struct {
		MediaType string `json:"mediaType"`
		Digest    string `json:"digest"`
		Size      int64  `json:"size"`
	}
	m := struct {
		SchemaVersion int          `json:"schemaVersion"`
		MediaType     string       `json:"mediaType"`
		Config        descriptor   `json:"config"`
		Layers        []descriptor `json:"layers"`
	}{2, img.MediaType, descriptor{img.Config.MediaType, img.Config.Digest, img.Config.Size}, nil}
	for _, l := range img.Layers {
		m.Layers = append(m.Layers, descriptor{l.MediaType, l.Digest, l.Size})
	}
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		panic(err)
	}
	return text
}

// sample has a layer of several parts, one of exactly two, and a small one, twice.
func sample() image.Image {
	small := blobOf(pattern(3, 100))
	return newImage(blobOf(pattern(1, 3*part+part/2)), blobOf(pattern(2, 2*part)), small, small)
}

// stored tells whether an image is there as a whole, and what is missing of it.
func stored(s *registrytest.Server, at registrytest.Place, img image.Image) (missing []string) {
	m, ok := s.Manifest(at, img.Digest)
	if !ok || !bytes.Equal(m.Body, img.Manifest) || m.MediaType != img.MediaType {
		missing = append(missing, "manifest")
	}
	if s.Tags(at)[strings.TrimPrefix(img.Digest, "sha256:")] != img.Digest {
		missing = append(missing, "tag")
	}
	for _, b := range append(slices.Clone(img.Layers), img.Config) {
		body, size, ok := s.Blob(at, b.Digest)
		if !ok || size != b.Size || body != nil && blobOf(body).Digest != b.Digest {
			missing = append(missing, b.Digest)
		}
	}
	return missing
}

// push looks for an image and pushes what is missing of it, as a run does.
func push(ctx context.Context, r *registry.Repository, img image.Image) error {
	found, err := r.Look(ctx, img)
	if err != nil || found.Presence == registry.Proved {
		return err
	}
	return r.Push(ctx, img, found)
}

// operations counts the requests by their operation.
func operations(s *registrytest.Server) map[string]int {
	counts := map[string]int{}
	for _, r := range s.Requests() {
		counts[r.Operation]++
	}
	return counts
}

// A tally counts what a repository tells.
type tally struct {
	mu      sync.Mutex
	sent    map[string]int64
	retried []string
}

func (c *tally) told() registry.Told {
	return registry.Told{
		Sent: func(digest string, n int64) {
			c.mu.Lock()
			defer c.mu.Unlock()
			if c.sent == nil {
				c.sent = map[string]int64{}
			}
			c.sent[digest] += n
		},
		Retrying: func(err error, _ time.Duration) {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.retried = append(c.retried, err.Error())
		},
	}
}
