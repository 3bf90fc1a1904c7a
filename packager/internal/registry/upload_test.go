package registry_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/google/go-containerregistry/pkg/authn"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/image"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/registry"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/registrytest"
)

// A part that broke off is sent again from where the registry is: by what ECR says when a part does not fit, and by what
// others say when they are asked. A blob that cannot be sought in is read from its beginning.
func TestResume(t *testing.T) {
	for _, kind := range []string{"ECR", "other"} {
		for name, f := range map[string]registrytest.Fault{
			"request cut": {CutBody: true}, "answer cut": {CutAnswer: true}, "unavailable": {Status: http.StatusServiceUnavailable},
			"token not taken": {Status: http.StatusUnauthorized},
			"token expired":   {Status: http.StatusForbidden, Message: "Your Authorization Token has expired. Please run 'aws ecr get-login' to fetch a new one."},
		} {
			for _, seekable := range []bool{true, false} {
				t.Run(fmt.Sprint(kind, "/", name, "/", seekable), func(t *testing.T) {
					s := newServer(t, registrytest.Options{User: "me", Password: "hunter2hunter2", Bearer: true})
					at, store := orders("us-east-1"), storeOf(orders("us-east-1"))
					if kind == "other" {
						at = registrytest.Place{Name: "mirror/orders"}
						store.Repository = s.Host() + "/" + at.Name
					}
					conf := config(s)
					conf.Keychain = keychain{"me", "hunter2hunter2"}
					f.Operation, f.Times, f.Skip = "UploadPart", 1, 1
					s.Fail(f)
					body := pattern(1, 4*part)
					layer := blobOf(body)
					if seekable {
						layer.Open = func() (io.ReadCloser, error) { return seekableBody{bytes.NewReader(body)}, nil }
					}
					img := newImage(layer)
					counts := &tally{}
					r, err := connect(t, conf).Repository(store, counts.told())
					if err != nil {
						t.Fatal(err)
					}
					if err := push(t.Context(), r, img); err != nil || stored(s, at, img) != nil {
						t.Fatalf("%v; lacks %q", err, stored(s, at, img))
					}
					var begun int
					var sent int64
					for _, r := range s.Requests() {
						if r.Operation == "StartUpload" {
							begun++
						}
						if r.Operation == "UploadPart" {
							sent += r.BodyBytes
						}
					}
					// The layer's upload and the configuration's; and no more than one part twice.
					if begun != 2 || sent > 5*part {
						t.Errorf("%d uploads were begun, %d bytes sent of %d", begun, sent, 4*part)
					}
					if counts.sent[layer.Digest] != layer.Size || (len(counts.retried) == 0) != strings.HasPrefix(name, "token") {
						t.Errorf("told %d of %d bytes, and %d retries", counts.sent[layer.Digest], layer.Size, len(counts.retried))
					}
				})
			}
		}
	}
}

type seekableBody struct{ *bytes.Reader }

func (seekableBody) Close() error { return nil }

// A file that changed, ends early, or cannot be read: the error says so at once, and the upload is ended.
func TestBrokenLayers(t *testing.T) {
	body := pattern(1, 3*part)
	for name, c := range map[string]struct {
		open func() (io.ReadCloser, error)
		says string
	}{
		"changed": {func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(pattern(9, 3*part))), nil }, "did the file change?"},
		"shorter": {func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body[:2*part-1])), nil }, "early: did the file change?"},
		"gone":    {func() (io.ReadCloser, error) { return os.Open(filepath.Join(t.TempDir(), "gone")) }, "gone"},
		"broken": {func() (io.ReadCloser, error) {
			return io.NopCloser(io.MultiReader(bytes.NewReader(body[:part+1]), brokenReader{})), nil
		}, "disk on fire"},
	} {
		for _, size := range []int64{3 * part, part} {
			t.Run(fmt.Sprint(name, "/", size), func(t *testing.T) {
				s := newServer(t, registrytest.Options{})
				layer := blobOf(body[:size])
				layer.Open = c.open
				if size == part && (name == "broken" || name == "shorter") {
					layer.Size, layer.Digest = part-1, blobOf(body[:part-1]).Digest
					layer.Open = func() (io.ReadCloser, error) {
						r, _ := c.open()
						return io.NopCloser(io.MultiReader(io.LimitReader(r, 7), brokenReader{})), nil
					}
					c.says = "disk on fire"
				}
				counts := &tally{}
				err := push(t.Context(), repository(t, connect(t, config(s)), orders("us-east-1"), counts.told()), newImage(layer))
				if err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), layer.Digest) {
					t.Errorf("%v", err)
				}
				if name != "changed" && len(counts.retried) > 0 {
					t.Errorf("retried: %q", counts.retried)
				}
				if n := s.OpenUploads(orders("us-east-1")); n > 1 { // the other's, if it was just begun
					t.Errorf("%d uploads are open", n)
				}
			})
		}
	}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errors.New("disk on fire") }

// ECR's tokens are asked for once for each region, before they run out, and anew when they are not taken.
func TestLogin(t *testing.T) {
	for name, c := range map[string]struct {
		life     time.Duration
		revoke   bool
		want, at int // how many tokens for each region
	}{
		"long": {12 * time.Hour, false, 1, 1}, "revoked": {12 * time.Hour, true, 2, 2}, "short": {time.Second, false, 2, 1 << 20},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, registrytest.Options{TokenLife: c.life})
			connections := connect(t, config(s))
			var group sync.WaitGroup
			for _, region := range []string{"us-east-1", "us-west-2"} {
				for i := range byte(4) {
					group.Go(func() {
						r := repository(t, connections, orders(region), registry.Told{})
						if err := push(t.Context(), r, newImage(blobOf(pattern(i, 3*part)))); err != nil {
							t.Error(err)
						}
					})
				}
			}
			group.Wait()
			if c.revoke {
				s.RevokeTokens()
			}
			if c.life < time.Hour {
				time.Sleep(c.life)
			}
			for _, region := range []string{"us-east-1", "us-west-2"} {
				// Several requests at once find that the token is not taken: with bodies, too.
				if err := push(t.Context(), repository(t, connections, orders(region), registry.Told{}), newImage(blobOf(pattern(7, 3*part)), blobOf(pattern(8, part)))); err != nil {
					t.Error(err)
				}
			}
			tokens := map[string]int{}
			for _, r := range s.Requests() {
				if r.Operation == "GetAuthorizationToken" {
					tokens[r.Place.Region]++
				}
			}
			for region, n := range tokens {
				if n < c.want || n > c.at {
					t.Errorf("%d tokens for %s", n, region)
				}
			}
			if len(tokens) != 2 {
				t.Errorf("tokens: %v", tokens)
			}
		})
	}
}

// A program that keeps the user's credentials may wait for ever.
func TestHelperHangs(t *testing.T) {
	s := newServer(t, registrytest.Options{})
	conf := config(s)
	hangs := make(hanging)
	defer close(hangs)
	conf.Keychain = hangs
	r, err := connect(t, conf).Repository(registry.Store{Region: "us-east-1", Repository: s.Host() + "/orders"}, registry.Told{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	var e *problem.Error
	if err := r.Check(ctx); !errors.As(err, &e) || !strings.HasSuffix(e.Message, ": the program that keeps them does not answer") || !strings.Contains(e.Hint, "credsStore") {
		t.Errorf("%v", err)
	}
}

type hanging chan struct{}

// Resolve waits for the end of the test.
func (h hanging) Resolve(authn.Resource) (authn.Authenticator, error) {
	<-h
	return authn.Anonymous, nil
}

// A layer goes through the memory in pieces, also where it cannot be sought in and a part has to be sent again.
func TestMemory(t *testing.T) {
	const size = 200 << 20
	s := newServer(t, registrytest.Options{HashOnly: true, MinPart: 5 << 20})
	s.Fail(registrytest.Fault{Operation: "UploadPart", Times: 1, Skip: 5, CutBody: true})
	conf := config(s)
	conf.Part = 10 << 20
	zeros := image.Blob{
		MediaType: "application/vnd.oci.image.layer.v1.tar", Size: size,
		Open: func() (io.ReadCloser, error) { return io.NopCloser(io.LimitReader(zeroReader{}, size)), nil },
	}
	zeros.Digest = digestOfReader(t, zeros)
	img := newImage(zeros)
	r := repository(t, connect(t, conf), orders("us-east-1"), registry.Told{})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	err := push(t.Context(), r, img)
	runtime.ReadMemStats(&after)
	if err != nil || stored(s, orders("us-east-1"), img) != nil {
		t.Fatalf("%v; lacks %q", err, stored(s, orders("us-east-1"), img))
	}
	// All that was allocated, also what is free again, and the server's: a tenth of the layer.
	if allocated := after.TotalAlloc - before.TotalAlloc; allocated > size/10 {
		t.Errorf("%d bytes were allocated", allocated)
	} else {
		t.Logf("%d bytes were allocated", allocated)
	}
}

type zeroReader struct{}

func (zeroReader) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// A registry whose certificate is trusted by the AWS configuration's client, as by AWS_CA_BUNDLE, is reached; and no
// redirection leaves TLS.
func TestTLS(t *testing.T) {
	leaked := ""
	plain := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { leaked = r.URL.Path }))
	defer plain.Close()
	secure := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/v2/") {
			return
		}
		http.Redirect(w, r, plain.URL+r.URL.Path, http.StatusTemporaryRedirect)
	}))
	defer secure.Close()
	s := newServer(t, registrytest.Options{})
	conf := config(s)
	store := registry.Store{Region: "us-east-1", Repository: secure.Listener.Addr().String() + "/orders"}
	untrusted, err := connect(t, conf).Repository(store, registry.Told{})
	if err != nil {
		t.Fatal(err)
	}
	if err := untrusted.Check(t.Context()); err == nil {
		t.Error("a certificate that nobody knows is trusted")
	}
	conf.AWS.HTTPClient = awshttp.NewBuildableClient().WithTransportOptions(func(h *http.Transport) {
		h.TLSClientConfig = secure.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	})
	r, err := connect(t, conf).Repository(store, registry.Told{})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "redirected from TLS") || leaked != "" {
		t.Errorf("%v; asked for %q", err, leaked)
	}
}

func TestPolicy(t *testing.T) {
	got := registry.Policy([]registry.Store{
		{Region: "us-east-1", Repository: "orders"}, storeOf(orders("cn-north-1")), {Region: "us-east-1", Repository: "localhost:5000/x"},
	}, []string{"python:3.12", "210987654321.dkr.ecr.eu-west-1.amazonaws.com/base:v1", "210987654321.dkr.ecr.eu-west-1.amazonaws.com/base:v2"})
	if len(got) != 3 || got[0].Action[0] != "ecr:GetAuthorizationToken" || got[0].Resource[0] != "*" || len(got[1].Action) != 7 ||
		strings.Join(got[1].Resource, " ") != "arn:aws-cn:ecr:cn-north-1:123456789012:repository/team/orders arn:aws:ecr:us-east-1:*:repository/orders" ||
		strings.Join(got[2].Resource, " ") != "arn:aws:ecr:eu-west-1:210987654321:repository/base" || len(got[2].Action) != 2 {
		t.Errorf("%+v", got)
	}
	if got := registry.Policy([]registry.Store{{Region: "us-east-1", Repository: "localhost:5000/x"}}, []string{"python:3.12"}); got != nil {
		t.Errorf("%+v", got)
	}
}
