package packager_test

import (
	"crypto/rand"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/symphoniacloud/multi-region-codepipeline/packager"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/s3test"
)

// A movement is what the events of a run tell of the bytes of one object.
type movement struct {
	sum, most, least int64   // of the bytes that were told, as they came
	told             []int64 // each time
	stored           packager.Object
}

// movements has a run's bytes recorded, by kind, region and key.
func movements(opts *packager.Options) map[packager.EventKind]map[string]*movement {
	moved := map[packager.EventKind]map[string]*movement{packager.Sent: {}, packager.Copying: {}, packager.Stored: {}}
	opts.Progress = func(e packager.Event) {
		objects := moved[e.Kind]
		if objects == nil {
			return
		}
		id := e.Region + "/" + e.Object.Key
		if objects[id] == nil {
			objects[id] = &movement{}
		}
		m := objects[id]
		m.sum += e.Bytes
		m.most, m.least = max(m.most, m.sum), min(m.least, m.sum)
		m.told = append(m.told, e.Bytes)
		m.stored = e.Object
	}
	return moved
}

// Bytes are told while they are sent. Whatever fails and is sent again, there are never
// more of them than the object has, nor less than none, and all of them in the end.
func TestBytesSent(t *testing.T) {
	const put, part, complete = "PutObject", "UploadPart", "CompleteMultipartUpload"
	tests := map[string]struct {
		megabytes int
		faults    []s3test.Fault
		again     bool // some must be sent twice
	}{
		"one request":            {megabytes: 3},
		"parts":                  {megabytes: 17},
		"an error":               {megabytes: 3, faults: []s3test.Fault{{Operation: put, Status: 503, Code: "SlowDown", Times: 2}}},
		"cut in the middle":      {megabytes: 3, again: true, faults: []s3test.Fault{{Operation: put, Cut: s3test.RequestHalf, Times: 2}}},
		"no answer":              {megabytes: 3, again: true, faults: []s3test.Fault{{Operation: put, Cut: s3test.AnswerNone, Times: 1}}},
		"another writer":         {megabytes: 3, faults: []s3test.Fault{{Operation: put, Status: 409, Code: "ConditionalRequestConflict", Times: 3}}},
		"a part is cut":          {megabytes: 17, again: true, faults: []s3test.Fault{{Operation: part, Cut: s3test.RequestHalf, Times: 3}}},
		"a part without answer":  {megabytes: 17, again: true, faults: []s3test.Fault{{Operation: part, Cut: s3test.AnswerNone, Times: 2}}},
		"all parts once more":    {megabytes: 17, again: true, faults: []s3test.Fault{{Operation: complete, Status: 409, Code: "ConditionalRequestConflict", Times: 1}}},
		"a completion not heard": {megabytes: 17, faults: []s3test.Fault{{Operation: complete, Cut: s3test.AnswerNone, Times: 1}}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			server, opts := store(t)
			t.Setenv("AWS_MAX_ATTEMPTS", "5")
			opts.Hurry(30 * time.Second)
			opts.Copy = packager.CopyNever
			noise := make([]byte, tt.megabytes<<20)
			_, _ = rand.Read(noise) // it never fails
			write(t, filepath.Dir(opts.TemplateFile), "src/model.bin", string(noise))
			for _, f := range tt.faults {
				server.Fail(f)
			}
			moved := movements(&opts)
			record := opts.Progress
			opts.Progress = func(e packager.Event) {
				record(e)
				for id, sent := range moved[packager.Sent] {
					if e.Kind == packager.Retrying && tt.megabytes < 16 && strings.HasPrefix(id, e.Region) && sent.sum != 0 {
						t.Errorf("%s: %d bytes count while it waits for another try", id, sent.sum)
					}
				}
			}
			if _, err := packager.Package(t.Context(), opts); err != nil {
				t.Fatal(err)
			}
			again := false
			for id, stored := range moved[packager.Stored] {
				sent, size := moved[packager.Sent][id], stored.stored.Size
				if sent == nil || sent.sum != size || sent.most > size || sent.least < 0 {
					t.Errorf("%s of %d bytes: %+v", id, size, sent)
					continue
				}
				if len(sent.told) < tt.megabytes {
					t.Errorf("%s: %d MB are told in %d steps", id, tt.megabytes, len(sent.told))
				}
				again = again || slices.Min(sent.told) < 0
			}
			if tt.again && !again || len(moved[packager.Stored]) != 2 {
				t.Errorf("%d objects are stored; bytes are taken back: %v", len(moved[packager.Stored]), again)
			}
		})
	}
}

// Of an object that was not stored in the end, no bytes count, and the store's failure
// is told, once.
func TestBytesOfFailure(t *testing.T) {
	for _, operation := range []string{"PutObject", "UploadPart", "CompleteMultipartUpload"} {
		t.Run(operation, func(t *testing.T) {
			server, opts := store(t)
			opts.Hurry(30 * time.Second)
			if operation != "PutObject" {
				large(t, &opts)
			}
			fault := s3test.Fault{Operation: operation, Region: "us-west-2", Cut: s3test.AnswerNone}
			if operation == "CompleteMultipartUpload" {
				fault = s3test.Fault{Operation: operation, Region: "us-west-2", Status: 500}
			}
			server.Fail(fault)
			moved := movements(&opts)
			record, failures := opts.Progress, []string(nil)
			opts.Progress = func(e packager.Event) {
				record(e)
				if e.Kind == packager.Failed {
					failures = append(failures, e.Region)
					if e.Err == nil {
						t.Error("no reason is told")
					}
				}
			}
			if _, err := packager.Package(t.Context(), opts); err == nil {
				t.Error("no error")
			}
			for id, sent := range moved[packager.Sent] {
				if stored := moved[packager.Stored][id]; stored == nil && sent.sum != 0 {
					t.Errorf("%s: %d bytes count", id, sent.sum)
				}
			}
			if !slices.Equal(failures, []string{"us-west-2"}) {
				t.Errorf("failures are told for %q", failures)
			}
		})
	}
}

// A copy in parts tells of each, and takes all back where it does not succeed.
func TestBytesCopied(t *testing.T) {
	for name, fault := range map[string]s3test.Fault{
		"done":             {Operation: "HeadBucket", Delay: time.Millisecond},
		"a part fails":     {Operation: "UploadPartCopy", Region: "us-west-2", Status: 403, Times: 1},
		"the end is wrong": {Operation: "CompleteMultipartUpload", Region: "us-west-2", Status: 403, Times: 1},
	} {
		t.Run(name, func(t *testing.T) {
			server, opts := store(t)
			opts.Hurry(30 * time.Second)
			opts.Copy = packager.CopyAlways
			opts.CopyInParts(5 << 20)
			noise := make([]byte, 11<<20)
			_, _ = rand.Read(noise) // it never fails
			write(t, filepath.Dir(opts.TemplateFile), "src/model.bin", string(noise))
			server.Fail(fault)
			moved := movements(&opts)
			result, err := packager.Package(t.Context(), opts)
			if err != nil {
				t.Fatal(err)
			}
			o := result.Stores[1].Objects[0]
			copied := moved[packager.Copying]["us-west-2/"+o.Key]
			switch {
			case name == "done" && (o.Action != packager.Copied || copied == nil || copied.sum != o.Size || len(copied.told) != 3):
				t.Errorf("%s %d bytes, and told %+v", o.Action, o.Size, copied)
			case name != "done" && (o.Action != packager.Uploaded || copied != nil && copied.sum != 0):
				t.Errorf("%s, and of the copy is told %+v", o.Action, copied)
			}
		})
	}
}
