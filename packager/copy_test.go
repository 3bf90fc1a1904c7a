package packager_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/symphoniacloud/multi-region-codepipeline/packager"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/s3test"
)

// What is too large for one copy is copied in parts, and the copy is what was
// uploaded; where S3 refuses a part, it is uploaded, and no part stays behind.
func TestCopyInParts(t *testing.T) {
	for name, tt := range map[string]struct {
		fault s3test.Fault
		want  packager.Action
	}{
		"copied":              {want: packager.Copied},
		"a part refused":      {fault: s3test.Fault{Operation: "UploadPartCopy", Status: 403, Code: "AccessDenied"}, want: packager.Uploaded},
		"throttled once":      {fault: s3test.Fault{Operation: "UploadPartCopy", Status: 503, Code: "SlowDown", Times: 1}, want: packager.Copied},
		"an error in success": {fault: s3test.Fault{Operation: "UploadPartCopy", Status: 200, Code: "InternalError"}, want: packager.Uploaded},
		"not completed":       {fault: s3test.Fault{Operation: "CompleteMultipartUpload", Region: "us-west-2", Status: 403, Code: "AccessDenied", Times: 1}, want: packager.Uploaded},
	} {
		t.Run(name, func(t *testing.T) {
			server, opts := store(t)
			large(t, &opts)
			opts.Copy = packager.CopyAlways
			opts.CopyInParts(5 << 20)
			opts.Hurry(10 * time.Second)
			if tt.fault.Operation != "" {
				server.Fail(tt.fault)
			}
			result, err := packager.Package(t.Context(), opts)
			if err != nil {
				t.Fatal(err)
			}
			if got := result.Stores[1].Objects[0].Action; got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
			key := result.Stores[0].Objects[0].Key
			east, _ := server.Object("east", key)
			west, _ := server.Object("west", key)
			if string(east.Body) != string(west.Body) || len(west.Body) < 6<<20 || west.Metadata["mrpackage-sha256"] != east.Metadata["mrpackage-sha256"] {
				t.Error("the copy is something else")
			}
			if open := server.OpenUploads("west"); len(open) > 0 {
				t.Errorf("parts are left of %q", open)
			}
			server.ClearFaults()
			if result, err = packager.Package(t.Context(), opts); err != nil || result.Stores[1].Objects[0].Action != packager.Reused {
				t.Errorf("a second run does not take it for the same: %v", err)
			}
		})
	}
}

// An interrupt in the middle of a copy leaves no parts behind.
func TestInterruptAbortsCopy(t *testing.T) {
	server, opts := store(t)
	large(t, &opts)
	opts.Copy = packager.CopyAlways
	opts.CopyInParts(5 << 20)
	server.Fail(s3test.Fault{Operation: "UploadPartCopy", Delay: time.Hour})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		for ctx.Err() == nil {
			if len(server.OpenUploads("west")) == 1 {
				cancel()
			}
			time.Sleep(5 * time.Millisecond)
		}
	}()
	if _, err := packager.Package(ctx, opts); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if open := server.OpenUploads("west"); len(open) > 0 {
		t.Errorf("parts are left of %q", open)
	}
}

// Nothing is copied from an object that this caller may not look at: what S3 says
// is there may be something else.
func TestCopyOfWhatIsProved(t *testing.T) {
	server, opts := store(t)
	opts.Hurry(time.Minute)
	opts.Copy = packager.CopyAlways
	first, err := packager.Package(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	key := first.Artifacts[0].Name
	whole, _ := server.Object("east", key)
	other := whole
	other.Body, other.ETag, other.VersionID, other.ChecksumSHA256 = bytes.ToUpper(whole.Body), "", "", ""
	server.PutObject("east", key, other)
	server.PutObject("west", key, s3test.Object{Body: []byte("cut")})
	server.Fail(s3test.Fault{Operation: "HeadObject", Region: "us-east-1", Status: 403, Code: "AccessDenied"})
	server.Fail(s3test.Fault{Operation: "PutObject", Region: "us-west-2", Status: 403, Code: "AccessDenied"})
	if _, err := packager.Package(t.Context(), opts); err == nil {
		t.Error("a refused put is no error")
	}
	if o, _ := server.Object("west", key); string(o.Body) != "cut" {
		t.Errorf("it was copied: %q", o.Body)
	}
}
