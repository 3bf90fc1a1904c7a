package main

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A sink is an S3 that forgets what it is sent and remembers that it was: the
// cheapest server there can be, so that on one machine the figures are those of
// the clients. It takes every bucket for one of the region that a request is
// signed for.
type sink struct {
	mu      sync.Mutex
	objects map[string]object // by path
	uploads map[string]object // multipart uploads, by ID
	taken   int64             // bytes of all requests' bodies
	network network
	hub     *hub
}

type object struct {
	header http.Header // what a HEAD answers
	size   int64
}

// takenPath is where the sink tells how many bytes it has taken since it was
// last asked.
const takenPath = "/-/taken"

// serve prints the endpoint, and serves until it is interrupted or its standard
// input ends. Where trusted is the path of a file, it serves over TLS and writes its
// certificate there.
func serve(ctx context.Context, n network, trusted string) error {
	s := &sink{objects: make(map[string]object), uploads: make(map[string]object), network: n, hub: newHub()}
	server := httptest.NewUnstartedServer(s)
	defer server.Close()
	server.Config.ConnState = n.limitBuffer
	if trusted == "" {
		server.Start()
	} else {
		own, err := certificate(trusted)
		if err != nil {
			return err
		}
		server.TLS = &tls.Config{Certificates: []tls.Certificate{own}, GetConfigForClient: n.handshake, MinVersion: tls.VersionTLS13}
		server.StartTLS()
	}
	fmt.Println(server.URL)
	ended := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, os.Stdin)
		ended <- err
	}()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
		return nil
	}
}

func (s *sink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == takenPath {
		s.tell(w)
		return
	}
	var first strings.Builder
	if isSTS(r) || isHub(r) && r.Method == http.MethodPut && r.ContentLength < most && strings.Contains(r.URL.Path, "/manifests/") {
		r.Body = io.NopCloser(io.TeeReader(r.Body, &first))
	}
	received, err := s.network.receive(r)
	if err != nil {
		return // the client is gone
	}
	size := received
	if decoded, err := strconv.ParseInt(r.Header.Get("X-Amz-Decoded-Content-Length"), 10, 64); err == nil {
		size = decoded
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.taken += received
	if isHub(r) {
		s.hub.serve(w, r, []byte(first.String()), received)
		return
	}
	if isSTS(r) {
		serveSTS(w, first.String())
		return
	}
	query := r.URL.Query()
	w.Header().Set("Etag", `"0"`)
	w.Header().Set("Content-Type", "application/xml")
	_, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	switch {
	case key == "":
		scope := strings.Split(r.Header.Get("Authorization"), "/")
		if len(scope) > 2 {
			w.Header().Set("X-Amz-Bucket-Region", scope[2])
		}
		s.aboutBucket(w, r)
	case r.Method == http.MethodHead:
		s.head(w, r)
	case r.Method == http.MethodPost && query.Has("uploads"):
		id := strconv.Itoa(len(s.uploads))
		s.uploads[id] = object{header: stored(r.Header)}
		maps.Copy(w.Header(), echoed(r.Header))
		_, _ = fmt.Fprintf(w, "<InitiateMultipartUploadResult><UploadId>%s</UploadId></InitiateMultipartUploadResult>", id)
	case r.Method == http.MethodPost:
		s.objects[r.URL.Path] = s.uploads[query.Get("uploadId")]
		_, _ = fmt.Fprint(w, "<CompleteMultipartUploadResult><ETag>\"0-1\"</ETag></CompleteMultipartUploadResult>")
	case query.Has("partNumber"):
		o := s.uploads[query.Get("uploadId")]
		o.size += size
		s.uploads[query.Get("uploadId")] = o
		maps.Copy(w.Header(), echoed(r.Header))
	case r.Header.Get("X-Amz-Copy-Source") != "":
		s.copy(w, r)
	default:
		s.objects[r.URL.Path] = object{stored(r.Header), size}
		maps.Copy(w.Header(), echoed(r.Header))
	}
}

// tell tells how many bytes were taken, and begins anew.
func (s *sink) tell(w http.ResponseWriter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, _ = fmt.Fprint(w, s.taken)
	s.taken = 0
}

// head answers a HEAD; s.mu is locked.
func (s *sink) head(w http.ResponseWriter, r *http.Request) {
	o, ok := s.objects[r.URL.Path]
	if !ok {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	maps.Copy(w.Header(), o.header)
	w.Header().Set("Content-Length", strconv.FormatInt(o.size, 10))
}

// copy answers a CopyObject. s.mu is locked, and unlocked for the time that S3
// would copy.
func (s *sink) copy(w http.ResponseWriter, r *http.Request) {
	from := s.objects["/"+r.Header.Get("X-Amz-Copy-Source")]
	s.mu.Unlock()
	time.Sleep(s.network.copies.of(from.size))
	s.mu.Lock()
	// S3 computes a copy's checksum. A sink has no bytes to compute it from, and
	// takes the digest that the object was stored with.
	sum, err := hex.DecodeString(from.header.Get("X-Amz-Meta-Mrpackage-Sha256"))
	if err != nil {
		w.WriteHeader(http.StatusNotImplemented)
		return
	}
	encoded := base64.StdEncoding.EncodeToString(sum)
	header := stored(r.Header)
	header.Set("X-Amz-Checksum-Sha256", encoded)
	header.Set("X-Amz-Checksum-Type", "FULL_OBJECT")
	s.objects[r.URL.Path] = object{header, from.size}
	maps.Copy(w.Header(), echoed(r.Header))
	_, _ = fmt.Fprintf(w, "<CopyObjectResult><ETag>\"0\"</ETag><ChecksumSHA256>%s</ChecksumSHA256></CopyObjectResult>", encoded)
}

// stored is what an object keeps of a request's header.
func stored(request http.Header) http.Header {
	kept := echoed(request)
	for name, values := range request {
		if strings.HasPrefix(name, "X-Amz-Meta-") {
			kept[name] = values
		}
	}
	return kept
}

// echoed is what an answer says again of a request's header: checksum and encryption.
func echoed(header http.Header) http.Header {
	kept := make(http.Header)
	if encryption := header.Get("X-Amz-Server-Side-Encryption"); encryption != "" {
		kept.Set("X-Amz-Server-Side-Encryption", encryption)
	}
	if sum := header.Get("X-Amz-Checksum-Sha256"); sum != "" {
		kept.Set("X-Amz-Checksum-Sha256", sum)
		kept.Set("X-Amz-Checksum-Type", "FULL_OBJECT")
	}
	return kept
}
