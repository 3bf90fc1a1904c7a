// Package s3test is an Amazon S3 inside the test's own process: buckets in regions, with owners, versions, checksums and
// multipart uploads, answering over HTTP as S3 answers.
//
// One endpoint serves every region: a request belongs to the region it is signed for. The signature must be well formed
// but is not verified, so any credentials do. Addressing is path-style.
//
// What a client could rely on is either done or refused: an operation, or a header that changes what an operation means
// (a range, a condition, a customer's encryption key), that this package does not know is answered 501 NotImplemented
// rather than ignored.
package s3test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/md5"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"time"
)

// Server is a running S3. It is safe for concurrent use.
type Server struct {
	http   *httptest.Server
	cancel context.CancelFunc // ends the context of every request

	mu       sync.Mutex // guards what follows, and what it leads to
	buckets  map[string]*bucket
	guards   map[string]Guard // by bucket
	faults   []Fault
	requests []*Request
}

// Object is one version of an object, as stored.
type Object struct {
	Body        []byte
	ContentType string
	Metadata    map[string]string // keys in lower case, without "x-amz-meta-"
	ETag        string            // in quotes

	// At most one checksum is set, in base64, with "-N" appended where it is the composite of N parts.
	// ChecksumType is FULL_OBJECT or COMPOSITE.
	ChecksumCRC32     string
	ChecksumCRC32C    string
	ChecksumCRC64NVME string
	ChecksumSHA1      string
	ChecksumSHA256    string
	ChecksumType      string

	ServerSideEncryption string // AES256 or aws:kms
	SSEKMSKeyID          string // as the request gave it

	Tags map[string]string

	StorageClass string // "" is STANDARD
	CustomerKey  bool   // it is encrypted under a key of the customer's (SSE-C), which nobody gives
	Expiration   string // what S3 says of its end, as x-amz-expiration; "" is nothing
	DeleteMarker bool   // it stands for the deletion of what was there before; see Server.Delete

	VersionID    string
	LastModified time.Time
}

// Request is what the server saw of a request, and how it answered.
type Request struct {
	Operation   string // S3's name, as "PutObject"; the method where the operation is none that the server knows
	Region      string // the one the request is signed for
	Bucket, Key string
	Status      int // 0 as long as there is no answer, and where the connection was dropped instead
	// BodyBytes counts the bytes of the body, framing included, that were read before the answer.
	BodyBytes int64
	// AnswerBytes is how many bytes the answer's body has.
	AnswerBytes int64
	Header      http.Header
}

// Fault makes requests go wrong. It applies to the requests that match all of Operation, Region, Bucket and Key, where ""
// matches any; if several do, the first one added applies.
type Fault struct {
	Operation, Region, Bucket, Key string

	// Times is how many requests the fault hits before it is spent; 0 means all.
	Times int

	// Delay passes before the request's body is read, and so stalls an upload. A fault of only a Delay is a slow success.
	Delay time.Duration

	// StallAnswer passes after the answer's head and before its body. A fault of only that is a slow success.
	StallAnswer time.Duration

	// Status, if not 0, is answered in place of doing anything, with Code (by default made from the status, as
	// "ServiceUnavailable") and Message. Status 200 is an error within a success, which CopyObject and
	// CompleteMultipartUpload know; without a Code it is a page of somebody else's, as of a proxy.
	Status        int
	Code, Message string

	// BucketRegion, if not "", is told beside Status: where S3 says that the bucket is. Location, too: where a
	// redirection leads.
	BucketRegion, Location string

	// Wrong, if not "", is how the answer is wrong.
	Wrong Wrong

	// Cut, if not "", is where the connection is dropped.
	Cut Cut
}

// bucket is a bucket. All but its encryption, its lifecycle rules, its objects and uploads is immutable.
type bucket struct {
	name, region, owner string

	encryption encryption
	lifecycle  []byte               // its rules, as XML
	objects    map[string][]*Object // the versions of each key, oldest first; an Object never changes once it is in here
	uploads    map[string]*upload   // by upload ID
}

// New starts a server without buckets.
func New() *Server {
	ctx, cancel := context.WithCancel(context.Background())
	s := &Server{cancel: cancel, buckets: map[string]*bucket{}, guards: map[string]Guard{}}
	s.http = httptest.NewUnstartedServer(http.HandlerFunc(s.serve))
	s.http.Config.BaseContext = func(net.Listener) context.Context { return ctx }
	s.http.Start()
	return s
}

// A Guard looks at the access key ID and the session token that a request is signed with, and returns S3's error code where
// they are not let in, as "AccessDenied" or "ExpiredToken", else "".
type Guard func(accessKey, token string) (code string)

// Guard has a guard stand before a bucket, also where it is what is copied from.
func (s *Server) Guard(bucket string, guard Guard) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.guards[bucket] = guard
}

// URL is the endpoint.
func (s *Server) URL() string { return s.http.URL }

// Close stops the server. Requests under way are cut.
func (s *Server) Close() {
	s.cancel()
	s.http.CloseClientConnections()
	s.http.Close()
}

// CreateBucket makes a versioned bucket, owned by a 12-digit account; "" is "111111111111". It panics if there is one of
// that name: names are global.
func (s *Server) CreateBucket(region, name, owner string) {
	if owner == "" {
		owner = "111111111111"
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.buckets[name] != nil {
		panic(fmt.Sprintf("s3test: bucket %q exists", name))
	}
	s.buckets[name] = &bucket{
		name: name, region: region, owner: owner,
		encryption: encryption{Algorithm: "AES256"},
		objects:    map[string][]*Object{}, uploads: map[string]*upload{},
	}
}

// Object returns a copy of the newest version of an object, and whether there is one.
func (s *Server) Object(bucket, key string) (Object, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.buckets[bucket]
	if b == nil {
		return Object{}, false
	}
	o := b.newest(key)
	if o == nil || o.DeleteMarker {
		return Object{}, false
	}
	return *o.clone(), true
}

// Keys returns the keys of a bucket's objects, sorted.
func (s *Server) Keys(bucket string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.buckets[bucket]
	if b == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Sorted(maps.Keys(b.objects)), func(key string) bool { return b.newest(key).DeleteMarker })
}

// Delete deletes an object: a delete marker is its newest version then. It panics if there is no such bucket.
func (s *Server) Delete(bucket, key string) { s.PutObject(bucket, key, Object{DeleteMarker: true}) }

// PutObject stores a copy of o, as somebody else would: what o says of its checksum is taken as it is. Only what every
// object has is filled in: an ETag, a content type, an encryption, a version ID, a time. It panics if there is no such
// bucket.
func (s *Server) PutObject(bucket, key string, o Object) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.buckets[bucket]
	if b == nil {
		panic(fmt.Sprintf("s3test: no bucket %q", bucket))
	}
	b.store(key, o.clone())
}

// OpenUploads returns, sorted, the keys of a bucket's multipart uploads that are neither completed nor aborted; a key with
// several uploads is there as often.
func (s *Server) OpenUploads(bucket string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.buckets[bucket]
	if b == nil {
		return nil
	}
	var keys []string
	for _, u := range b.uploads {
		if u.answer == nil {
			keys = append(keys, u.key)
		}
	}
	slices.Sort(keys)
	return keys
}

// Fail adds a fault.
func (s *Server) Fail(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, f)
}

// ClearFaults ends all faults.
func (s *Server) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// Requests returns all requests so far, in the order of their arrival.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]Request, len(s.requests))
	for i, r := range s.requests {
		all[i] = *r
		all[i].Header = r.Header.Clone()
	}
	return all
}

// ResetRequests forgets the requests so far.
func (s *Server) ResetRequests() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = nil
}

// newest returns the newest version of key, nil if there is none. The server's lock is held.
func (b *bucket) newest(key string) *Object {
	if versions := b.objects[key]; len(versions) > 0 {
		return versions[len(versions)-1]
	}
	return nil
}

// store makes o the newest version of key, and fills in what every object has. The server's lock is held.
func (b *bucket) store(key string, o *Object) {
	o.fill()
	b.objects[key] = append(b.objects[key], o)
}

func (o *Object) clone() *Object {
	c := *o
	c.Body = bytes.Clone(o.Body)
	c.Metadata = maps.Clone(o.Metadata)
	c.Tags = maps.Clone(o.Tags)
	return &c
}

// fill sets what every object has.
func (o *Object) fill() {
	o.ContentType = cmp.Or(o.ContentType, "binary/octet-stream")
	o.ServerSideEncryption = cmp.Or(o.ServerSideEncryption, "AES256")
	if o.ETag == "" {
		o.ETag = `"` + entityTag(o.Body, o.ServerSideEncryption) + `"`
	}
	if o.ChecksumType == "" && o.checksum().value != "" {
		o.ChecksumType = "FULL_OBJECT"
	}
	if o.VersionID == "" {
		o.VersionID = rand.Text()
	}
	if o.LastModified.IsZero() {
		o.LastModified = time.Now().UTC().Truncate(time.Second)
	}
}

// entityTag returns the ETag, without quotes, of what is stored in one piece: its MD5, or, as no client may rely on that,
// something else under KMS.
func entityTag(body []byte, encryption string) string {
	h := md5.New()
	h.Write(body)
	if encryption == "aws:kms" {
		h.Write([]byte(rand.Text()))
	}
	return hex.EncodeToString(h.Sum(nil))
}
