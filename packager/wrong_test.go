package packager_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/symphoniacloud/multi-region-codepipeline/packager"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/s3test"
)

// Whatever operation is answered wrongly, in whichever way, for ever or once, with or
// without the right to look: a run ends, success means that every region has the whole
// archive, and no part of an upload is left that could have been removed.
func TestWrongAnswers(t *testing.T) {
	operations := []string{"HeadBucket", "HeadObject", "PutObject", "CopyObject", "CreateMultipartUpload", "UploadPart", "UploadPartCopy", "CompleteMultipartUpload"}
	wrongs := []s3test.Wrong{s3test.Bare, s3test.Hollow, s3test.Early, s3test.Unchecked, s3test.Spoiled, s3test.Circle, s3test.Endless}
	for _, operation := range operations {
		for _, wrong := range wrongs {
			inParts := strings.Contains(operation, "Part") || strings.Contains(operation, "Multipart")
			for _, blind := range []bool{false, true} {
				if operation == "CompleteMultipartUpload" && wrong == s3test.Spoiled && blind {
					continue // who may not look can only believe a server that lies whole
				}
				for _, times := range []int{0, 1} {
					if inParts && (times == 1 || blind && operation != "CompleteMultipartUpload") {
						continue // they are slow
					}
					t.Run(fmt.Sprintf("%s/%s/blind=%t/times=%d", operation, wrong, blind, times), func(t *testing.T) {
						_ = underFault(t, s3test.Fault{Operation: operation, Wrong: wrong, Times: times}, inParts, blind)
					})
				}
			}
		}
	}
}

// underFault is a run with a fault of one region, into which a small or a large object
// goes. It returns the run's error.
func underFault(t *testing.T, fault s3test.Fault, isLarge, blind bool) error {
	operation := fault.Operation
	server, opts := store(t)
	opts.Hurry(10 * time.Second) // with -race, 16 MB may take more than one
	if isLarge {
		large(t, &opts)
	}
	opts.Copy = packager.CopyNever
	if strings.Contains(operation, "Copy") {
		opts.Copy = packager.CopyAlways
	}
	if operation == "UploadPartCopy" {
		opts.CopyInParts(5 << 20)
	}
	fault.Region = "us-west-2"
	server.Fail(fault)
	if blind {
		server.Fail(s3test.Fault{Operation: "HeadObject", Region: "us-west-2", Status: 403, Code: "AccessDenied"})
	}
	begun := time.Now()
	result, err := packager.Package(t.Context(), opts)
	if took := time.Since(begun); took > 30*time.Second {
		t.Errorf("took %v", took)
	}
	for _, bucket := range []string{"east", "west"} {
		// Nobody knows of an upload whose creation was not answered. It has no parts.
		if open := server.OpenUploads(bucket); len(open) > 0 && (operation != "CreateMultipartUpload" || fault.Cut == "") {
			t.Errorf("uploads left open in %s: %q", bucket, open)
		}
	}
	if err != nil {
		var e *problem.Error
		if !errors.As(err, &e) || e.Subject != "us-west-2" || !strings.Contains(e.Message, "s3://west") {
			t.Errorf("%v is no problem of us-west-2", err)
		}
		return err
	}
	key := result.Artifacts[0].Name
	east, _ := server.Object("east", key)
	west, ok := server.Object("west", key)
	if !ok || !bytes.Equal(east.Body, west.Body) || len(east.Body) == 0 {
		t.Errorf("success, and there are %d and %d bytes", len(east.Body), len(west.Body))
	}
	return nil
}

// An object that lacks one of the three things that prove it is a foreign one.
func TestObjectWithoutProof(t *testing.T) {
	for _, lacking := range []string{"mrpackage-digest", "mrpackage-size", "mrpackage-sha256"} {
		server, opts := store(t)
		first, err := packager.Package(t.Context(), opts)
		if err != nil {
			t.Fatal(err)
		}
		key := first.Artifacts[0].Name
		o, _ := server.Object("east", key)
		bare := s3test.Object{Body: o.Body, Metadata: make(map[string]string)}
		for name, value := range o.Metadata {
			if name != lacking {
				bare.Metadata[name] = value
			}
		}
		server.PutObject("east", key, bare)
		second, err := packager.Package(t.Context(), opts)
		if err != nil {
			t.Fatal(err)
		}
		if a := second.Stores[0].Objects[0].Action; a != packager.Uploaded {
			t.Errorf("without %s it is %s", lacking, a)
		}
	}
}

// The question whether objects may be stored stores nothing, not even where the server
// takes whatever comes.
func TestProbeStoresNothing(t *testing.T) {
	for _, wrong := range []s3test.Wrong{"", s3test.Unchecked, s3test.Early} {
		server, opts := store(t)
		for _, operation := range []string{"HeadBucket", "ListObjectsV2"} {
			server.Fail(s3test.Fault{Operation: operation, Status: 403, Code: "AccessDenied"})
		}
		server.Fail(s3test.Fault{Operation: "PutObject", Wrong: wrong})
		_, _ = packager.Package(t.Context(), opts) // Early ends in an error, rightly
		for _, bucket := range []string{"east", "west"} {
			for _, key := range server.Keys(bucket) {
				o, _ := server.Object(bucket, key)
				if strings.Contains(key, "probe") && wrong != s3test.Early || len(o.Body) == 1 {
					t.Errorf("%s: %s is stored in %s, %d bytes", wrong, key, bucket, len(o.Body))
				}
			}
		}
	}
	// A denial is told before anything is sent.
	server, opts := store(t)
	for _, operation := range []string{"HeadBucket", "ListObjectsV2", "PutObject"} {
		server.Fail(s3test.Fault{Operation: operation, Status: http.StatusForbidden, Code: "AccessDenied"})
	}
	_, err := packager.Package(t.Context(), opts)
	if all := problem.Errors(err); len(all) != 2 || !strings.Contains(all[0].Error(), "asking whether objects may be stored") {
		t.Errorf("%v", all)
	}
}

// A plan is uploaded once at a time, and again when that is over.
func TestPlanUploadedTwice(t *testing.T) {
	server, opts := store(t)
	server.Fail(s3test.Fault{Operation: "PutObject", Delay: 300 * time.Millisecond})
	plan, err := packager.NewPlan(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	errs := make([]error, 3)
	var uploads sync.WaitGroup
	for i := range errs {
		uploads.Go(func() { _, errs[i] = plan.Upload(t.Context()) })
	}
	uploads.Wait()
	refused := 0
	for _, err := range errs {
		if err != nil {
			refused++
		}
	}
	if refused != len(errs)-1 {
		t.Errorf("%d of %d are refused: %v", refused, len(errs), errs)
	}
	if _, err := plan.Upload(t.Context()); err != nil {
		t.Errorf("again: %v", err)
	}
}

// What no HTTP header can hold is refused before anything is sent.
func TestMetadataOfLibrary(t *testing.T) {
	server, opts := store(t)
	for name, change := range map[string]func(*packager.Options){
		"a line end in a value":     func(o *packager.Options) { o.Metadata = map[string]string{"a": "b\r\nX-Amz-Acl: public-read"} },
		"a line end in a key":       func(o *packager.Options) { o.Metadata = map[string]string{"a\n": "b"} },
		"a key of mrpackage's own":  func(o *packager.Options) { o.Metadata = map[string]string{"mrpackage-digest": "0"} },
		"a line end in provenance":  func(o *packager.Options) { o.Provenance = map[string]string{"mrpackage-commit": "a\nb"} },
		"a key twice, but for case": func(o *packager.Options) { o.Metadata = map[string]string{"a": "b", "A": "c"} },
	} {
		bad := opts
		change(&bad)
		if _, err := packager.NewPlan(t.Context(), bad); err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if r := server.Requests(); len(r) > 0 {
		t.Errorf("%d requests", len(r))
	}
}
