// Package ststest is an AWS STS inside the test's own process: roles that can be assumed in any region, with external IDs,
// whom they trust, and credentials that expire.
//
// One endpoint serves every region: a request belongs to the region it is signed for. The signature is not verified, but
// whose it is counts: an access key that the server has given belongs to a role, and any other one to [Caller]. What it has
// given, [Server.Only] demands of the requests to another service of tests.
package ststest

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// Caller is who signs with an access key that the server has not given, and Account whose that is.
const (
	Caller  = "arn:aws:sts::" + Account + ":assumed-role/build/session"
	Account = "111111111111"
)

// Role is one that can be assumed.
type Role struct {
	ARN        string
	ExternalID string   // that must be given; "" means that none must
	Trusts     []string // ARNs of who may assume it; nil means everybody
}

// Request is what the server saw of a request, and how it answered.
type Request struct {
	Operation string // AssumeRole or GetCallerIdentity
	Region    string // the one the request is signed for
	Signer    string // the ARN of who signed it
	Role      string // the ARN of the role to assume
	Form      url.Values
	Status    int // 0 as long as there is no answer, and where the connection was dropped instead
}

// Fault makes requests go wrong. It applies to the requests that match all of Operation, Region and Role, where "" matches
// any; if several do, the first one added applies.
type Fault struct {
	Operation, Region, Role string

	Skip  int           // how many requests it leaves alone first
	Times int           // how many it then hits before it is spent; 0 means all
	Delay time.Duration // before the answer

	// Status, if not 0, is answered in place of doing anything, with Code and Message.
	Status        int
	Code, Message string
	// Hollow answers success, with nothing in it.
	Hollow bool
	// Cut drops the connection.
	Cut bool
}

// Server is a running STS. It is safe for concurrent use.
type Server struct {
	http   *httptest.Server
	cancel context.CancelFunc

	mu       sync.Mutex // guards what follows
	life     time.Duration
	roles    map[string]Role
	sessions map[string]session // by access key
	faults   []Fault
	requests []*Request
	now      int // requests under way
	most     int
}

// A session is a role that was assumed.
type session struct {
	role, name, token string
	until             time.Time
}

// New starts a server without roles.
func New() *Server {
	ctx, cancel := context.WithCancel(context.Background())
	s := &Server{cancel: cancel, life: time.Hour, roles: map[string]Role{}, sessions: map[string]session{}}
	s.http = httptest.NewUnstartedServer(http.HandlerFunc(s.serve))
	s.http.Config.BaseContext = func(net.Listener) context.Context { return ctx }
	s.http.Start()
	return s
}

// URL is the endpoint.
func (s *Server) URL() string { return s.http.URL }

// Close stops the server. Requests under way are cut.
func (s *Server) Close() {
	s.cancel()
	s.http.CloseClientConnections()
	s.http.Close()
}

// CreateRole makes a role, in the place of one of the same ARN.
func (s *Server) CreateRole(r Role) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.roles[r.ARN] = r
}

// SetLife says how long credentials are good from now on; at first an hour.
func (s *Server) SetLife(life time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.life = life
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
	}
	return all
}

// ResetRequests forgets the requests so far.
func (s *Server) ResetRequests() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = nil
}

// MostAtOnce is how many requests were under way at the same time.
func (s *Server) MostAtOnce() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.most
}

// Signer is the ARN of who signs with an access key and its session's token: a role's session, or the caller. The code is
// AWS's error where the credentials are none any more, else "".
func (s *Server) Signer(accessKey, token string) (arn, code string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.signer(accessKey, token)
}

func (s *Server) signer(accessKey, token string) (arn, code string) {
	of, ok := s.sessions[accessKey]
	switch {
	case !ok && token == "":
		return Caller, ""
	case !ok || of.token != token:
		return "", "InvalidToken"
	case time.Now().After(of.until):
		return of.arn(), "ExpiredToken"
	}
	return of.arn(), ""
}

// Only returns what a service asks about the credentials of its requests, where only that role may make them: AWS's error
// code for all others, else "".
func (s *Server) Only(role string) func(accessKey, token string) (code string) {
	return func(accessKey, token string) string {
		s.mu.Lock()
		defer s.mu.Unlock()
		if _, code := s.signer(accessKey, token); code != "" {
			return code
		}
		if s.sessions[accessKey].role != role {
			return "AccessDenied"
		}
		return ""
	}
}

// arn is the session's.
func (s session) arn() string {
	parts := strings.Split(s.role, ":")
	return fmt.Sprintf("arn:%s:sts::%s:assumed-role/%s/%s", parts[1], parts[4], s.role[strings.LastIndex(s.role, "/")+1:], s.name)
}

// assume does AssumeRole. The lock is held.
func (s *Server) assume(c *call) *answer {
	r, ok := s.roles[c.form.Get("RoleArn")]
	trusted := ok && (r.Trusts == nil || slices.Contains(r.Trusts, c.signer)) && r.ExternalID == c.form.Get("ExternalId")
	if !trusted {
		return failed(http.StatusForbidden, "AccessDenied", "User: "+c.signer+" is not authorized to perform: sts:AssumeRole on resource: "+c.form.Get("RoleArn"))
	}
	name := c.form.Get("RoleSessionName")
	if name == "" {
		return failed(http.StatusBadRequest, "ValidationError", "1 validation error detected: Value at 'roleSessionName' failed to satisfy constraint")
	}
	key := "ASIA" + rand.Text()[:16]
	of := session{r.ARN, name, rand.Text() + rand.Text(), time.Now().Add(s.life)}
	s.sessions[key] = of
	return success("AssumeRole", fmt.Sprintf(
		"<Credentials><AccessKeyId>%s</AccessKeyId><SecretAccessKey>%s</SecretAccessKey><SessionToken>%s</SessionToken><Expiration>%s</Expiration></Credentials>"+
			"<AssumedRoleUser><AssumedRoleId>AROA:%s</AssumedRoleId><Arn>%s</Arn></AssumedRoleUser>",
		key, rand.Text(), of.token, of.until.UTC().Format("2006-01-02T15:04:05.000Z"), name, of.arn()))
}

// identity does GetCallerIdentity.
func identity(c *call) *answer {
	return success("GetCallerIdentity", fmt.Sprintf("<Arn>%s</Arn><UserId>AIDA</UserId><Account>%s</Account>", c.signer, cmp.Or(strings.Split(c.signer, ":")[4], Account)))
}
