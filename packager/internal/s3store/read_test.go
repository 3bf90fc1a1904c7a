package s3store_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/s3store"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/wire"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/s3test"
)

// connect returns a bucket of an S3 in this process, and that S3.
func connect(t *testing.T, store s3store.Store) (*s3store.Connections, *s3store.Bucket, *s3test.Server) {
	t.Helper()
	s := s3test.New()
	t.Cleanup(s.Close)
	s.CreateBucket("us-east-1", "east", "")
	s.CreateBucket("us-west-2", "west", "")
	c := s3store.Connect(s3store.Config{
		Jobs: 4, Questions: 8, EndpointURL: s.URL(), Backoff: time.Millisecond, Stall: 5 * time.Second,
		AWS: aws.Config{Credentials: credentials.NewStaticCredentialsProvider("AKID", "SECRET", "")},
	}, 1)
	t.Cleanup(c.Close)
	return c, c.Bucket(store, told()), s
}

func told() s3store.Told {
	return s3store.Told{Retrying: func(error, time.Duration) {}}
}

func east() s3store.Store { return s3store.Store{Region: "us-east-1", Bucket: "east"} }

// A bucket's region is what S3 says, whichever region is asked.
func TestRegionOf(t *testing.T) {
	c, _, s := connect(t, east())
	for _, guess := range []string{"us-east-1", "us-west-2", "eu-west-1"} {
		if got, err := c.RegionOf(t.Context(), "west", guess, told()); got != "us-west-2" || err != nil {
			t.Errorf("asked in %s: %q, %v", guess, got, err)
		}
	}
	if _, err := c.RegionOf(t.Context(), "nobodys", "us-east-1", told()); err == nil || !s3store.IsMissing(err) || !strings.Contains(err.Error(), "there is no bucket nobodys") {
		t.Errorf("of a bucket that is not there: %v", err)
	}
	s.Fail(s3test.Fault{Operation: "HeadBucket", Status: 403, BucketRegion: "eu-west-1"})
	if got, err := c.RegionOf(t.Context(), "west", "us-east-1", told()); got != "eu-west-1" || err != nil {
		t.Errorf("denied: %q, %v", got, err)
	}
	s.ClearFaults()
	s.Fail(s3test.Fault{Operation: "HeadBucket", Status: 403})
	if got, err := c.RegionOf(t.Context(), "west", "us-east-1", told()); err == nil {
		t.Errorf("denied without a word: %q", got)
	}
}

// What a look at an object says, of every state that it may be in.
func TestStat(t *testing.T) {
	_, b, s := connect(t, east())
	sum := sha256.Sum256([]byte("body"))
	s.PutObject("east", "k", s3test.Object{Body: []byte("body"), VersionID: "v1", Metadata: map[string]string{
		"mrpackage-digest": "d", "mrpackage-size": "4", "mrpackage-sha256": hex.EncodeToString(sum[:]),
	}, Tags: map[string]string{"a": "b"}})
	o, err := b.Stat(t.Context(), "k", "")
	if err != nil || o.Size != 4 || o.Digest != "d" || !bytes.Equal(o.SHA256, sum[:]) || !o.Plain || o.Recorded("d") != "" || o.Recorded("e") == "" || o.VersionID != "v1" {
		t.Errorf("%+v, %v", o, err)
	}
	if tags, err := b.Tags(t.Context(), o); err != nil || tags["a"] != "b" {
		t.Errorf("%v, %v", tags, err)
	}
	s.PutObject("east", "cold", s3test.Object{StorageClass: "GLACIER"})
	if o, err := b.Stat(t.Context(), "cold", ""); err != nil || o.Archived != "GLACIER" {
		t.Errorf("%+v, %v", o, err)
	}
	s.PutObject("east", "own", s3test.Object{CustomerKey: true, VersionID: "v3"})
	s.PutObject("east", "gone", s3test.Object{VersionID: "v0"})
	s.PutObject("east", "gone", s3test.Object{DeleteMarker: true, VersionID: "marker"})
	for _, test := range []struct {
		key, version, why string
		is                func(error) bool
	}{
		{"none", "", "there is no such object", s3store.IsAbsent},
		{"k", "v2", "there is no such version of it", s3store.IsAbsent},
		{"gone", "", "it was deleted: a delete marker stands in its place", s3store.IsAbsent},
		{"gone", "marker", "it was deleted: a delete marker stands in its place", s3store.IsAbsent},
		{"own", "", "only a key of its owner's opens it", s3store.IsDenied},
		{"own", "v3", "only a key of its owner's opens it", s3store.IsDenied},
		{"k", "no version ID", "there is no such version of it", s3store.IsAbsent},
	} {
		if _, err := b.Stat(t.Context(), test.key, test.version); err == nil || err.Error() != test.why || !test.is(err) {
			t.Errorf("%s %s: %v", test.key, test.version, err)
		}
	}
	if _, err := b.Stat(t.Context(), "gone", "v0"); err != nil {
		t.Errorf("a version before the last: %v", err)
	}
	s.Fail(s3test.Fault{Operation: "HeadObject", Status: 403})
	if _, err := b.Stat(t.Context(), "k", ""); !s3store.IsDenied(err) || s3store.IsAbsent(err) {
		t.Errorf("denied: %v", err)
	}
	s.ClearFaults()
	s.Fail(s3test.Fault{Operation: "HeadObject", Status: 500})
	if _, err := b.Stat(t.Context(), "k", ""); err == nil || s3store.IsDenied(err) || s3store.IsAbsent(err) {
		t.Errorf("a server that fails: %v", err)
	}
}

// An object is read whole whatever the connection does, and never more nor other than it.
func TestRead(t *testing.T) {
	_, b, s := connect(t, east())
	body := bytes.Repeat([]byte("0123456789abcdef"), 500_000)
	s.PutObject("east", "k", s3test.Object{Body: body})
	o, err := b.Stat(t.Context(), "k", "")
	if err != nil {
		t.Fatal(err)
	}
	read := func() ([]byte, error) {
		var got bytes.Buffer
		err := b.Read(t.Context(), o, &got)
		return got.Bytes(), err
	}
	s.ResetRequests()
	if got, err := read(); err != nil || !bytes.Equal(got, body) || len(s.Requests()) != 1 {
		t.Errorf("%d bytes, %v, in %d requests", len(got), err, len(s.Requests()))
	}
	for _, cut := range s3test.Cuts() {
		s.Fail(s3test.Fault{Operation: "GetObject", Cut: cut, Times: 2})
		if got, err := read(); err != nil || !bytes.Equal(got, body) {
			t.Errorf("cut %s: %d bytes, %v", cut, len(got), err)
		}
		s.ClearFaults()
		if got, err := b.ReadRange(t.Context(), o, 100, 32); err != nil || !bytes.Equal(got, body[100:132]) {
			t.Errorf("a range: %q, %v", got, err)
		}
	}
	s.Fail(s3test.Fault{Operation: "GetObject", Cut: s3test.AnswerBegun})
	if got, err := read(); err == nil {
		t.Errorf("cut again and again: %d bytes", len(got))
	}
	s.ClearFaults()
	s.Fail(s3test.Fault{Operation: "GetObject", Wrong: s3test.Hollow})
	if _, err := read(); err == nil {
		t.Error("an answer that is not S3's was taken")
	}
	s.ClearFaults()
	s.Fail(s3test.Fault{Operation: "GetObject", Status: 403})
	if _, err := read(); !s3store.IsDenied(err) {
		t.Errorf("denied: %v", err)
	}
	s.ClearFaults()
	s.PutObject("east", "k", s3test.Object{Body: body[1:]})
	if _, err := read(); err == nil || fmt.Sprint(err) != "it changed while it was read" {
		t.Errorf("another object: %v", err)
	}
	s.PutObject("east", "cold", s3test.Object{Body: body, StorageClass: "DEEP_ARCHIVE"})
	if o, err = b.Stat(t.Context(), "cold", ""); err != nil {
		t.Fatal(err)
	}
	if _, err := read(); !s3store.IsDenied(err) || !strings.Contains(err.Error(), "archived") {
		t.Errorf("archived: %v", err)
	}
	s.PutObject("east", "empty", s3test.Object{})
	if o, err = b.Stat(t.Context(), "empty", ""); err != nil {
		t.Fatal(err)
	}
	if got, err := read(); err != nil || len(got) != 0 {
		t.Errorf("an empty object: %v", err)
	}
}

// A request that was tried often enough is not begun anew: a region that answers nothing ends a
// look at it, and does not multiply its wait. Only what was cut within the answer is asked for
// again, from where it ended.
func TestReadTriesAreBounded(t *testing.T) {
	for _, test := range []struct {
		fault s3test.Fault
		most  int
	}{
		{s3test.Fault{Cut: s3test.AnswerNone}, 2 * wire.Attempts}, // net/http itself asks again where a connection was idle
		{s3test.Fault{Status: 503}, wire.Attempts},
		{s3test.Fault{Wrong: s3test.Hollow}, 1},
		{s3test.Fault{Wrong: s3test.Circle}, 4 * wire.Attempts}, // it is redirected three times
	} {
		_, b, s := connect(t, east())
		s.PutObject("east", "k", s3test.Object{Body: bytes.Repeat([]byte("k"), 1000)})
		o, err := b.Stat(t.Context(), "k", "")
		if err != nil {
			t.Fatal(err)
		}
		test.fault.Operation = "GetObject"
		s.Fail(test.fault)
		for how, read := range map[string]func() error{
			"whole":   func() error { return b.Read(t.Context(), o, io.Discard) },
			"a range": func() error { _, err := b.ReadRange(t.Context(), o, 10, 20); return err },
		} {
			s.ResetRequests()
			if err := read(); err == nil || len(s.Requests()) > test.most {
				t.Errorf("%+v, %s: %v, after %d requests", test.fault, how, err, len(s.Requests()))
			}
		}
	}
}

// Who may not list a bucket is told so, and no request is one that stores.
func TestCheckRead(t *testing.T) {
	for name, test := range map[string]struct {
		store  s3store.Store
		fault  s3test.Fault
		listed bool
		err    string
	}{
		"well":             {store: east(), listed: true},
		"elsewhere":        {store: s3store.Store{Region: "us-west-2", Bucket: "east"}, err: "the bucket east is in us-east-1, not in us-west-2"},
		"another owner's":  {store: s3store.Store{Region: "us-east-1", Bucket: "east", Owner: "222222222222"}, err: "the bucket east does not belong to the account 222222222222"},
		"not there":        {store: s3store.Store{Region: "us-east-1", Bucket: "none"}, err: "looking for the bucket s3://none: NotFound"},
		"denied":           {store: east(), fault: s3test.Fault{Status: 403, Code: "AccessDenied"}},
		"a signature":      {store: east(), fault: s3test.Fault{Status: 403, Code: "SignatureDoesNotMatch"}, err: "SignatureDoesNotMatch"},
		"nobody's answers": {store: east(), fault: s3test.Fault{Status: 500}, err: "looking for the bucket"},
	} {
		t.Run(name, func(t *testing.T) {
			_, b, s := connect(t, test.store)
			if test.fault.Status != 0 {
				s.Fail(test.fault)
			}
			listed, err := b.CheckRead(t.Context())
			if listed != test.listed || (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
				t.Errorf("%v, %v", listed, err)
			}
			for _, r := range s.Requests() {
				if r.Operation != "HeadBucket" && r.Operation != "ListObjectsV2" {
					t.Errorf("it sent %s", r.Operation)
				}
			}
		})
	}
}

// Whatever goes wrong with a copy onto itself is told in the words of all requests, and proves nothing.
func TestRenewFails(t *testing.T) {
	for told, fault := range map[string]s3test.Fault{
		"the answer is a success, but not S3's: it has no ETag": {Wrong: s3test.Hollow},
		"redirected 4 times, the last time to http://":          {Wrong: s3test.Circle},
		"a success, but not S3's: it has no ETag":               {Status: 200},
		"no answer from 127.0.0.1":                              {Cut: s3test.AnswerNone},
		"AccessDenied":                                          {Status: 403, Code: "AccessDenied"},
		"refreshing s3://east/k: SlowDown":                      {Status: 503, Code: "SlowDown"},
		"the copy is not what it was made from":                 {Wrong: s3test.Spoiled},
	} {
		_, b, s := connect(t, east())
		sum := sha256.Sum256([]byte("body"))
		s.PutObject("east", "k", s3test.Object{Body: []byte("body")})
		o, err := b.Stat(t.Context(), "k", "")
		if err != nil {
			t.Fatal(err)
		}
		fault.Operation = "CopyObject"
		s.Fail(fault)
		if err := b.Renew(t.Context(), o, sum[:]); err == nil || !strings.Contains(err.Error(), told) || strings.Contains(err.Error(), "operation error") {
			t.Errorf("%+v: %v", fault, err)
		}
	}
}
