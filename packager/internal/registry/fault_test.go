package registry_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/registry"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/registrytest"
)

// The operations of a push, in ECR and in another registry.
func inECR() []string {
	return []string{
		"GetAuthorizationToken", "BatchCheckLayerAvailability", "BatchGetImage",
		"StartUpload", "UploadPart", "CompleteUpload", "PutManifest",
	}
}

func inOther() []string {
	return []string{"Ping", "Token", "HeadBlob", "GetManifest", "StartUpload", "UploadPart", "CompleteUpload", "PutManifest"}
}

// passingFaults are over when the request is made again.
func passingFaults() map[string]registrytest.Fault {
	return map[string]registrytest.Fault{
		"throttled": {Status: http.StatusTooManyRequests, Code: "TOOMANYREQUESTS", Message: "Rate exceeded"},
		"asked to wait": {
			Status: http.StatusTooManyRequests, Code: "TOOMANYREQUESTS", Message: "Rate exceeded", Header: map[string]string{"Retry-After": "3600"},
		},
		"internal error":  {Status: http.StatusInternalServerError, Code: "UNKNOWN", Message: "unknown error"},
		"unavailable":     {Status: http.StatusServiceUnavailable},
		"bad gateway":     {Status: http.StatusBadGateway},
		"request cut":     {CutBody: true},
		"answer cut":      {CutAnswer: true},
		"answer broken":   {Wrong: registrytest.Broken},
		"stalled":         {Delay: time.Minute},
		"answer is short": {Wrong: registrytest.Truncated},
	}
}

// lastingFaults are those, and what no second try helps against.
func lastingFaults() map[string]registrytest.Fault {
	faults := passingFaults()
	faults["bad request"] = registrytest.Fault{Status: http.StatusBadRequest, Code: "MANIFEST_INVALID", Message: "no"}
	faults["unauthorized"] = registrytest.Fault{Status: http.StatusUnauthorized, Code: "UNAUTHORIZED", Message: "no"}
	faults["denied"] = registrytest.Fault{Status: http.StatusForbidden, Code: "DENIED", Message: "User: x is not authorized to perform: ecr:PutImage on resource: y"}
	faults["not found"] = registrytest.Fault{Status: http.StatusNotFound}
	faults["no such upload"] = registrytest.Fault{Status: http.StatusNotFound, Code: "BLOB_UPLOAD_UNKNOWN", Message: "no"}
	faults["does not fit"] = registrytest.Fault{Status: http.StatusRequestedRangeNotSatisfiable, Code: "BLOB_UPLOAD_INVALID", Message: "First byte of the layer part is 0 instead of 7"}
	faults["digest invalid"] = registrytest.Fault{Status: http.StatusBadRequest, Code: "DIGEST_INVALID", Message: "no"}
	faults["tag invalid"] = registrytest.Fault{Status: http.StatusBadRequest, Code: "TAG_INVALID", Message: "the tag is immutable"}
	faults["odd status"] = registrytest.Fault{Status: http.StatusNonAuthoritativeInfo}
	faults["partial content"] = registrytest.Fault{Status: http.StatusPartialContent}
	for _, wrong := range []registrytest.Wrong{
		registrytest.Hollow, registrytest.OK, registrytest.OtherDigest, registrytest.Truncated, registrytest.Circle,
		registrytest.Spoiled, registrytest.Lost, registrytest.Early, registrytest.Echo,
	} {
		faults["wrong: "+string(wrong)] = registrytest.Fault{Wrong: wrong}
	}
	return faults
}

// eachFault runs a test for each operation and each fault, in both kinds of registries.
func eachFault(t *testing.T, faults map[string]registrytest.Fault, test func(t *testing.T, s *registrytest.Server, r func(patient bool) *registry.Repository, at registrytest.Place, f registrytest.Fault), tries int) {
	one := func(t *testing.T, kind, operation string, f registrytest.Fault) {
		s := newServer(t, registrytest.Options{User: "me", Password: "hunter2hunter2", Bearer: true})
		at, store := orders("us-east-1"), storeOf(orders("us-east-1"))
		if kind == "other" {
			at = registrytest.Place{Name: "mirror/orders"}
			store.Repository = s.Host() + "/" + at.Name
		}
		f.Operation = operation
		conf := config(s)
		conf.Keychain = keychain{"me", "hunter2hunter2"}
		conf.AWS.RetryMaxAttempts = tries
		if f.Delay > 0 {
			conf.Stall = 300 * time.Millisecond
		}
		test(t, s, func(patient bool) *registry.Repository {
			conf := conf
			if patient {
				conf.Stall, conf.AWS.RetryMaxAttempts = 0, 0
			}
			r, err := connect(t, conf).Repository(store, registry.Told{})
			if err != nil {
				t.Fatal(err)
			}
			return r
		}, at, f)
	}
	var waiting sync.WaitGroup
	for kind, operations := range map[string][]string{"ECR": inECR(), "other": inOther()} {
		for _, operation := range operations {
			for name, f := range faults {
				run := func(t *testing.T) { one(t, kind, operation, f) }
				if f.Delay > 0 { // it only waits: all at once
					waiting.Go(func() { t.Run(kind+"/"+operation+"/"+name, run) })
					continue
				}
				t.Run(kind+"/"+operation+"/"+name, run)
			}
		}
	}
	waiting.Wait()
}

// What is over when the request is made again is survived, whichever request it hits, also in the middle of a layer.
func TestPassingFaults(t *testing.T) {
	eachFault(t, passingFaults(), func(t *testing.T, s *registrytest.Server, r func(patient bool) *registry.Repository, at registrytest.Place, f registrytest.Fault) {
		f.Times, f.Skip = 2, 1
		if f.Wrong != "" {
			return // of bodies, which are judged as they are
		}
		s.Fail(f)
		img := sample()
		for range 2 { // where an operation is made once only, it is hit in the second run
			if err := push(t.Context(), r(false), img); err != nil {
				t.Fatal(err)
			}
			if missing := stored(s, at, img); missing != nil {
				t.Errorf("believed: %q is missing", missing)
			}
		}
	}, 0)
}

// Whatever goes wrong for ever: a push says that it succeeded only if all is there. It ends, no error holds a secret, and when
// the fault is over, the next run succeeds.
func TestLastingFaults(t *testing.T) {
	eachFault(t, lastingFaults(), func(t *testing.T, s *registrytest.Server, r func(patient bool) *registry.Repository, at registrytest.Place, f registrytest.Fault) {
		for _, skip := range []int{0, 2} {
			img := newImage(blobOf(pattern(byte(skip), 3*part+part/2)), blobOf(pattern(byte(skip+100), 100)))
			f.Skip = skip
			s.ClearFaults()
			s.Fail(f)
			err := push(t.Context(), r(false), img)
			missing := stored(s, at, img)
			if err == nil && missing != nil {
				t.Errorf("believed: %q is missing", missing)
			}
			noSecret(t, s, err)
			s.ClearFaults()
			if err := push(t.Context(), r(true), img); err != nil || stored(s, at, img) != nil {
				t.Errorf("after it was over: %v; lacks %q", err, stored(s, at, img))
			}
			if f.Delay > 0 {
				return // which takes long
			}
		}
	}, 3)
}

// What is wrong with an answer is said, with the region, the repository and the layer.
func TestWrongAnswers(t *testing.T) {
	const at = "123456789012.dkr.ecr.us-east-1.amazonaws.com/team/orders: "
	for _, c := range []struct {
		operation string
		wrong     registrytest.Wrong
		says      string
	}{
		{"StartUpload", registrytest.Hollow, " to " + at + "the answer is a success, but not a registry's: it has no Location"},
		{"StartUpload", registrytest.OK, " to " + at + "OK, HTTP 200"},
		{"StartUpload", registrytest.Circle, " to " + at + "redirected 4 times"},
		{"UploadPart", registrytest.Early, " to " + at},
		{"UploadPart", registrytest.Hollow, "it has no Location"},
		{"CompleteUpload", registrytest.OtherDigest, "the registry answers with the digest sha256:d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa, and "},
		{"CompleteUpload", registrytest.OK, "OK, HTTP 200"},
		{"CompleteUpload", registrytest.Hollow, "it has no Docker-Content-Digest"},
		{"CompleteUpload", registrytest.Spoiled, "was pushed to "},
		{"PutManifest", registrytest.OtherDigest, "into " + at + "the registry answers with the digest "},
		{"PutManifest", registrytest.Hollow, "into " + at + "the answer is a success, but not a registry's: it has no Docker-Content-Digest"},
		{"PutManifest", registrytest.Lost, "its manifest, of these bytes, is not there"},
		{"PutManifest", registrytest.Echo, "MANIFEST_INVALID (bad request with … and …, HTTP 400)"},
		{"BatchGetImage", registrytest.Hollow, "looking for the image sha256:"},
		{"BatchCheckLayerAvailability", registrytest.Hollow, "looking for the image sha256:"},
	} {
		t.Run(c.operation+"/"+string(c.wrong), func(t *testing.T) {
			s := newServer(t, registrytest.Options{})
			s.Fail(registrytest.Fault{Operation: c.operation, Wrong: c.wrong})
			err := push(t.Context(), repository(t, connect(t, config(s)), orders("us-east-1"), registry.Told{}), sample())
			if err == nil || !strings.Contains(err.Error(), c.says) || !strings.HasPrefix(err.Error(), "us-east-1: ") {
				t.Errorf("%v", err)
			}
		})
	}
}

// An answer that is none of the registry's, or that says only by its status what is wrong, comes with what to do.
func TestHints(t *testing.T) {
	const proxy, busy = "does a proxy answer in the registry's place?", "run again"
	faults := map[string]struct {
		registrytest.Fault
		hint string
	}{
		"page":        {registrytest.Fault{Wrong: registrytest.OK}, proxy},
		"moved":       {registrytest.Fault{Status: http.StatusMovedPermanently}, proxy},
		"found":       {registrytest.Fault{Status: http.StatusFound}, proxy},
		"redirected":  {registrytest.Fault{Wrong: registrytest.Circle}, proxy},
		"too large":   {registrytest.Fault{Status: http.StatusRequestEntityTooLarge}, proxy},
		"proxy login": {registrytest.Fault{Status: http.StatusProxyAuthRequired}, proxy},
		"throttled":   {registrytest.Fault{Status: http.StatusTooManyRequests}, busy},
		"failed":      {registrytest.Fault{Status: http.StatusInternalServerError}, busy},
		"overloaded":  {registrytest.Fault{Status: http.StatusServiceUnavailable}, busy},
		"cut":         {registrytest.Fault{CutAnswer: true}, ""},
	}
	for _, operation := range []string{"GetAuthorizationToken", "BatchGetImage", "StartUpload", "UploadPart", "CompleteUpload", "PutManifest"} {
		for name, f := range faults {
			t.Run(operation+"/"+name, func(t *testing.T) {
				s := newServer(t, registrytest.Options{})
				f.Operation = operation
				s.Fail(f.Fault)
				conf := config(s)
				conf.AWS.RetryMaxAttempts = 2
				err := push(t.Context(), repository(t, connect(t, conf), orders("us-east-1"), registry.Told{}), sample())
				var e *problem.Error
				if err == nil && operation == "CompleteUpload" && f.CutAnswer {
					return // it was done, and is found
				}
				if !errors.As(err, &e) || e.Hint == "" || strings.HasSuffix(e.Message, "team/orders: EOF") || !strings.Contains(e.Hint, f.hint) || strings.Contains(e.Error(), "UnknownError") {
					t.Errorf("%v", err)
					if e != nil {
						t.Error(e.Hint)
					}
				}
			})
		}
	}
}

// A part whose answer is lost takes one try, also where the next request only tells where the registry is.
func TestLostPart(t *testing.T) {
	for name, f := range map[string]registrytest.Fault{"request": {CutBody: true}, "answer": {CutAnswer: true}} {
		for skip := range 3 {
			s := newServer(t, registrytest.Options{})
			f.Operation, f.Skip, f.Times = "UploadPart", skip, 1
			s.Fail(f)
			conf := config(s)
			conf.AWS.RetryMaxAttempts = 2
			img := newImage(blobOf(pattern(byte(skip), 3*part+part/2)))
			if err := push(t.Context(), repository(t, connect(t, conf), orders("us-east-1"), registry.Told{}), img); err != nil {
				t.Errorf("%s %d: %v", name, skip, err)
			}
		}
	}
}

// noSecret looks for what the registries gave and took as secrets in an error and in all that it wraps.
func noSecret(t *testing.T, s *registrytest.Server, err error) {
	t.Helper()
	secrets := append(s.Secrets(), "wJalrXUtnFEMI", "hunter2hunter2")
	var texts []string
	var walk func(error)
	walk = func(err error) {
		if err == nil {
			return
		}
		texts = append(texts, err.Error(), fmt.Sprintf("%+v", err))
		if joined, ok := err.(interface{ Unwrap() []error }); ok {
			for _, of := range joined.Unwrap() {
				walk(of)
			}
		}
		walk(errors.Unwrap(err))
	}
	walk(err)
	for _, text := range texts {
		if i := slices.IndexFunc(secrets, func(secret string) bool { return strings.Contains(text, secret) }); i >= 0 {
			t.Errorf("the secret %s is in %q", secrets[i], text)
		}
	}
}

// A run that is interrupted ends at once, and ends the uploads that it has begun.
func TestInterrupted(t *testing.T) {
	for kind, operations := range map[string][]string{"ECR": inECR(), "other": inOther()} {
		for _, operation := range operations {
			t.Run(kind+"/"+operation, func(t *testing.T) {
				t.Parallel()
				s := newServer(t, registrytest.Options{})
				at, store := orders("us-east-1"), storeOf(orders("us-east-1"))
				if kind == "other" {
					at = registrytest.Place{Name: "mirror/orders"}
					store.Repository = s.Host() + "/" + at.Name
				}
				if operation == "Token" {
					return // it is asked for in the other tests
				}
				conf := config(s)
				conf.Jobs = 1 // who begins an upload at this moment cannot know what to end
				r, err := connect(t, conf).Repository(store, registry.Told{})
				if err != nil {
					t.Fatal(err)
				}
				s.Fail(registrytest.Fault{Operation: operation, Delay: time.Hour})
				ctx, cancel := context.WithCancel(t.Context())
				go func() {
					defer cancel()
					for t.Context().Err() == nil && !slices.ContainsFunc(s.Requests(), func(r registrytest.Request) bool { return r.Operation == operation }) {
						time.Sleep(time.Millisecond)
					}
				}()
				if err := push(ctx, r, sample()); !errors.Is(err, context.Canceled) {
					t.Errorf("%v", err)
				}
				if n := s.OpenUploads(at); n > 0 && operation != "StartUpload" {
					t.Errorf("%d uploads are open", n)
				}
			})
		}
	}
}
