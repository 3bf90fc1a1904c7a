// Package registrytest is a registry of container images inside the test's own process: Amazon ECR, with repositories in
// accounts and regions, its API and its login, and beside it one registry that is open to everybody or asks for a password.
//
// One server is all of them. A request belongs to the registry that its Host header names: 123456789012.dkr.ecr.us-east-1.
// amazonaws.com is one of ECR's, and the server's own address is the other. A request of ECR's API belongs to the region it
// is signed for; the signature is not verified.
//
// ECR's registries behave as ECR is known to: a repository must have been created, and a missing one cuts the connection; a
// part is answered 201, with a range that is the first part's for ever; nobody is told where an upload is, but a part that
// does not fit is refused with the byte that is expected; all parts but the last have a least size; an immutable tag is
// refused also to the digest that it has.
package registrytest

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"sync"
	"time"
)

// Account is whose registry ECR takes for the caller's own.
const Account = "123456789012"

// Options are how a server differs from the usual.
type Options struct {
	MinPart   int64         // of ECR's; 0 means 5 MiB
	HashOnly  bool          // of blobs only size and digest are kept
	TokenLife time.Duration // of ECR's tokens; 0 means 12 hours

	// The login of the registry that is not ECR: none where User is "". With Bearer, it is a token that a server of
	// tokens gives for user and password.
	User, Password string
	Bearer         bool
}

// A Place is where a repository is: in ECR, or where Region is "", in the other registry.
type Place struct{ Region, Account, Name string }

// A Manifest is a stored one.
type Manifest struct {
	MediaType string
	Body      []byte
}

// Request is what the server saw of a request, and how it answered.
type Request struct {
	// Operation is the API's name, as BatchGetImage, or Ping, Token, StartUpload, UploadPart, UploadStatus,
	// CompleteUpload, CancelUpload, HeadBlob, GetBlob, GetManifest, PutManifest; the method where it is none of these.
	Operation string
	Place     Place
	Host      string
	Path      string
	Query     url.Values
	Status    int // 0 as long as there is no answer, and where the connection was dropped instead
	BodyBytes int64
	Header    http.Header
}

// Fault makes requests go wrong. It applies to the requests that match all of Operation, Region and Name, where "" matches
// any; if several do, the first one added applies.
type Fault struct {
	Operation, Region, Name string

	Skip  int // how many requests it leaves alone first
	Times int // how many it then hits before it is spent; 0 means all

	Delay time.Duration // before the body is read

	// Status, if not 0, is answered in place of doing anything, with Code and Message and Header.
	Status        int
	Code, Message string
	Header        map[string]string

	// CutBody drops the connection in the middle of the body: of the answer where a blob is read, else of the request.
	// A registry keeps what it has read of a layer's part.
	CutBody bool
	// CutAnswer does what was asked, and drops the connection without an answer.
	CutAnswer bool
	// Wrong, if not "", is how the answer is wrong.
	Wrong Wrong
}

// Server is the running registries. It is safe for concurrent use.
type Server struct {
	options Options
	http    *httptest.Server
	cancel  context.CancelFunc

	mu           sync.Mutex // guards what follows, and what it leads to
	guard        Guard
	repositories map[Place]*repository
	tokens       map[string]string // those of ECR that are good, and their regions
	bearers      map[string]bool
	faults       []Fault
	requests     []*Request
}

type repository struct {
	immutable bool
	blobs     map[string]blob // by digest
	manifests map[string]Manifest
	tags      map[string]string // their digests
	uploads   map[string]*upload
}

type blob struct {
	size int64
	body []byte // nil where only the size is kept
}

// New starts a server without repositories.
func New(options Options) *Server {
	options.MinPart = cmp.Or(options.MinPart, 5<<20)
	options.TokenLife = cmp.Or(options.TokenLife, 12*time.Hour)
	ctx, cancel := context.WithCancel(context.Background())
	s := &Server{
		options: options, cancel: cancel, repositories: map[Place]*repository{},
		tokens: map[string]string{}, bearers: map[string]bool{},
	}
	s.http = httptest.NewUnstartedServer(http.HandlerFunc(s.serve))
	s.http.Config.BaseContext = func(net.Listener) context.Context { return ctx }
	s.http.Start()
	return s
}

// A Guard looks at the access key ID and the session token that a request to ECR's API is signed with. It returns the account
// of who signed, which a registry without an account is of, and AWS's error code where nobody is let in, else "".
type Guard func(accessKey, token string) (account, code string)

// Guard has a guard stand before ECR's API.
func (s *Server) Guard(guard Guard) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.guard = guard
}

// URL is the endpoint of ECR's API and of all registries.
func (s *Server) URL() string { return s.http.URL }

// Host is the registry that is not ECR.
func (s *Server) Host() string { return s.http.Listener.Addr().String() }

// Close stops the server. Requests under way are cut.
func (s *Server) Close() {
	s.cancel()
	s.http.CloseClientConnections()
	s.http.Close()
}

// CreateRepository makes a repository, of [Account] where the place names none.
func (s *Server) CreateRepository(at Place, immutable bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.create(at).immutable = immutable
}

func (s *Server) create(at Place) *repository {
	r := &repository{blobs: map[string]blob{}, manifests: map[string]Manifest{}, tags: map[string]string{}, uploads: map[string]*upload{}}
	s.repositories[at.own()] = r
	return r
}

// own fills in the account.
func (p Place) own() Place {
	if p.Region != "" {
		p.Account = cmp.Or(p.Account, Account)
	}
	return p
}

// Host is the registry that a place of ECR's is in.
func (p Place) Host() string {
	suffix := "amazonaws.com"
	if len(p.Region) > 3 && p.Region[:3] == "cn-" {
		suffix += ".cn"
	}
	return fmt.Sprintf("%s.dkr.ecr.%s.%s", p.own().Account, p.Region, suffix)
}

// Blob returns a stored blob, and whether it is there.
func (s *Server) Blob(at Place, digest string) (body []byte, size int64, there bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.repositories[at.own()]; r != nil {
		b, there := r.blobs[digest]
		return bytes.Clone(b.body), b.size, there
	}
	return nil, 0, false
}

// Manifest returns a stored manifest, and whether it is there.
func (s *Server) Manifest(at Place, digest string) (Manifest, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.repositories[at.own()]; r != nil {
		m, there := r.manifests[digest]
		return m, there
	}
	return Manifest{}, false
}

// Tags returns the tags of a repository and the digests that they name.
func (s *Server) Tags(at Place) map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.repositories[at.own()]; r != nil {
		return maps.Clone(r.tags)
	}
	return nil
}

// OpenUploads tells how many uploads are neither completed nor cancelled.
func (s *Server) OpenUploads(at Place) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.repositories[at.own()]; r != nil {
		return len(r.uploads)
	}
	return 0
}

// PutBlob stores bytes, under their digest.
func (s *Server) PutBlob(at Place, body []byte) (digest string) {
	digest = digestOf(body)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.repositories[at.own()].blobs[digest] = blob{int64(len(body)), bytes.Clone(body)}
	return digest
}

// PutManifest stores a manifest, under its digest and the tags.
func (s *Server) PutManifest(at Place, m Manifest, tags ...string) (digest string) {
	digest = digestOf(m.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.repositories[at.own()]
	r.manifests[digest] = m
	for _, tag := range tags {
		r.tags[tag] = digest
	}
	return digest
}

// Remove deletes a blob or a manifest with its tags, as a lifecycle rule might.
func (s *Server) Remove(at Place, digest string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.repositories[at.own()]
	delete(r.blobs, digest)
	delete(r.manifests, digest)
	maps.DeleteFunc(r.tags, func(_, of string) bool { return of == digest })
}

// Untag deletes all tags of a repository.
func (s *Server) Untag(at Place) {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.repositories[at.own()].tags)
}

// Spoil gives a blob or a manifest that is there other bytes.
func (s *Server) Spoil(at Place, digest string, body []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.repositories[at.own()]
	if _, ok := r.blobs[digest]; ok {
		r.blobs[digest] = blob{int64(len(body)), bytes.Clone(body)}
	}
	if m, ok := r.manifests[digest]; ok {
		r.manifests[digest] = Manifest{m.MediaType, bytes.Clone(body)}
	}
}

// expired is the region of a token that is no longer taken.
const expired = "expired"

// RevokeTokens has nobody take any of the tokens that were given.
func (s *Server) RevokeTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for token := range s.tokens {
		s.tokens[token] = expired
	}
	clear(s.bearers)
}

// Secrets are all passwords and tokens that were ever given or taken.
func (s *Server) Secrets() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := []string{}
	for _, r := range s.requests {
		if _, secret, ok := cut(r.Header.Get("Authorization")); ok {
			all = append(all, secret...)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
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

func digestOf(body []byte) string {
	sum := sha256.Sum256(body)
	return "sha256:" + hex.EncodeToString(sum[:])
}
