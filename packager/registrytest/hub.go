package registrytest

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

// upload is a layer on its way.
type upload struct {
	mu    sync.Mutex // guards what follows: a client that gave a request up may send the next one
	sum   hash.Hash
	size  int64
	body  bytes.Buffer
	first int64 // the end of the first part
	short bool  // the last part was smaller than the least size
	small bool  // and another one followed
}

// hub answers a request of the registry protocol; nil where the connection is to be dropped.
func (s *Server) hub(c *call) *answer {
	if refused := s.refuse(c); refused != nil {
		return refused
	}
	if c.operation == "Ping" {
		return &answer{http.StatusOK, map[string]string{"Docker-Distribution-Api-Version": "registry/2.0"}, []byte("{}")}
	}
	var body []byte
	var err error
	if c.operation == "PutManifest" {
		if body, err = io.ReadAll(c.body); err != nil || c.cut {
			return nil
		}
	}
	if c.operation == "UploadPart" || c.operation == "CompleteUpload" {
		return s.receive(c)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.repositories[c.place]
	if r == nil {
		switch {
		case c.place.Region == "":
		case c.operation == "GetManifest":
			return failed(http.StatusNotFound, "NAME_UNKNOWN", "The repository with name '"+c.place.Name+"' does not exist in the registry with id '"+c.place.Account+"'")
		default:
			return nil
		}
		r = s.create(c.place)
	}
	switch c.operation {
	case "StartUpload":
		id := rand.Text()
		r.uploads[id] = &upload{sum: sha256.New()}
		return &answer{http.StatusAccepted, map[string]string{"Location": "/v2/" + c.place.Name + "/blobs/uploads/" + id + "?state=" + id, "Range": "0-0"}, nil}
	case "UploadStatus":
		u := r.uploads[c.reference]
		if u == nil || c.place.Region != "" {
			return failed(http.StatusNotFound, "BLOB_UPLOAD_UNKNOWN", "")
		}
		return &answer{http.StatusNoContent, map[string]string{"Location": c.URL.RequestURI(), "Range": fmt.Sprintf("0-%d", max(0, u.size-1))}, nil}
	case "CancelUpload":
		delete(r.uploads, c.reference)
		return &answer{http.StatusNoContent, nil, nil}
	case "HeadBlob", "GetBlob":
		return r.blob(c)
	case "GetManifest":
		return r.get(c)
	case "PutManifest":
		return r.put(c, body)
	}
	return failed(http.StatusMethodNotAllowed, "UNSUPPORTED", "")
}

// refuse asks for a login, where there must be one; nil where there is.
func (s *Server) refuse(c *call) *answer {
	scheme, secrets, _ := cut(c.Header.Get("Authorization"))
	secret := ""
	if len(secrets) > 0 {
		secret = secrets[len(secrets)-1]
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	ok := false
	realm := fmt.Sprintf("Basic realm=%q", s.http.URL)
	switch {
	case c.place.Region != "":
		if s.tokens[secret] == expired {
			return failed(http.StatusForbidden, "DENIED", "Your authorization token has expired. Reauthenticate and try again.")
		}
		ok = s.tokens[secret] == c.place.Region && scheme == "Basic"
		realm = fmt.Sprintf(`Basic realm="https://%s/",service="ecr.amazonaws.com"`, c.Host)
	case s.options.User == "":
		ok = true
	case !s.options.Bearer:
		ok = secret == s.options.Password
	case c.operation == "Token":
		if secret != s.options.Password {
			return failed(http.StatusUnauthorized, "UNAUTHORIZED", "authentication required")
		}
		token := rand.Text()
		s.bearers[token] = true
		body, _ := json.Marshal(map[string]any{"token": token, "expires_in": 60})
		return &answer{http.StatusOK, nil, body}
	default:
		ok = s.bearers[secret] && scheme == "Bearer"
		realm = fmt.Sprintf(`Bearer realm="%s/token",service="registrytest",scope="repository:%s:pull,push"`, s.http.URL, c.place.Name)
	}
	if ok {
		return nil
	}
	a := failed(http.StatusUnauthorized, "UNAUTHORIZED", "authentication required")
	a.header["Www-Authenticate"] = realm
	return a
}

// receive takes a part of a layer, or the last one.
func (s *Server) receive(c *call) *answer {
	s.mu.Lock()
	r := s.repositories[c.place]
	var u *upload
	if r != nil {
		u = r.uploads[c.reference]
	}
	s.mu.Unlock()
	if r == nil && c.place.Region != "" {
		return nil
	}
	if u == nil {
		return failed(http.StatusNotFound, "BLOB_UPLOAD_UNKNOWN", "the upload is not known")
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if from, _, ok := strings.Cut(c.Header.Get("Content-Range"), "-"); ok && from != strconv.FormatInt(u.size, 10) {
		a := failed(http.StatusRequestedRangeNotSatisfiable, "BLOB_UPLOAD_INVALID", "the range does not fit")
		if c.place.Region != "" {
			a = failed(http.StatusRequestedRangeNotSatisfiable, "BLOB_UPLOAD_INVALID", fmt.Sprintf("First byte of the layer part is %s instead of %d", from, u.size))
		}
		return a
	}
	n := s.take(u, c)
	if c.cut {
		return nil
	}
	if u.first == 0 {
		u.first = u.size
	}
	u.small = u.small || u.short && n > 0
	u.short = n < s.options.MinPart
	if c.operation == "CompleteUpload" {
		return s.complete(c, r, u, n)
	}
	location := "/v2/" + c.place.Name + "/blobs/uploads/" + c.reference + "?state=" + rand.Text()
	if c.place.Region != "" {
		return &answer{http.StatusCreated, map[string]string{"Location": location, "Range": fmt.Sprintf("0-%d", u.first-1)}, nil}
	}
	return &answer{http.StatusAccepted, map[string]string{"Location": location, "Range": fmt.Sprintf("0-%d", u.size-1)}, nil}
}

// take reads a body into an upload.
func (s *Server) take(u *upload, c *call) (n int64) {
	var from io.Reader = c.body
	switch c.wrong {
	case Spoiled:
		from = io.LimitReader(c.body, c.ContentLength/2)
	case Lost:
		from = strings.NewReader("")
	}
	to := []io.Writer{u.sum}
	if !s.options.HashOnly {
		to = append(to, &u.body)
	}
	n, _ = io.Copy(io.MultiWriter(to...), from) // a client that goes away has sent what it has
	u.size += n
	return n
}

// complete makes a blob of an upload.
func (s *Server) complete(c *call, r *repository, u *upload, last int64) *answer {
	digest := c.URL.Query().Get("digest")
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(r.uploads, c.reference)
	is := "sha256:" + hex.EncodeToString(u.sum.Sum(nil))
	done := &answer{http.StatusCreated, map[string]string{"Location": "/v2/" + c.place.Name + "/blobs/" + digest, "Docker-Content-Digest": digest}, nil}
	switch {
	case c.wrong == Lost:
		return done
	case c.wrong == Spoiled && last > 0 || c.wrong == Early:
	case c.wrong == Spoiled:
		r.blobs[digest] = blob{u.size / 2, bytes.Clone(u.body.Bytes()[:u.body.Len()/2])}
		return done
	case c.place.Region != "" && u.small:
		return failed(http.StatusBadRequest, "BLOB_UPLOAD_INVALID", "a layer part is too small")
	case is != digest:
		return failed(http.StatusBadRequest, "DIGEST_INVALID", "the digest of what was uploaded is "+is)
	}
	r.blobs[digest] = blob{u.size, bytes.Clone(u.body.Bytes())}
	return done
}

func (r *repository) blob(c *call) *answer {
	b, ok := r.blobs[c.reference]
	if !ok {
		return failed(http.StatusNotFound, "BLOB_UNKNOWN", "the blob is not known")
	}
	a := &answer{http.StatusOK, map[string]string{"Docker-Content-Digest": c.reference, "Content-Length": strconv.FormatInt(b.size, 10)}, b.body}
	if c.wrong == OtherDigest && c.operation == "GetBlob" {
		a.body = bytes.Repeat([]byte("x"), len(b.body))
	}
	if c.wrong == Truncated {
		a.header["Content-Length"] = strconv.FormatInt(b.size/2, 10)
	}
	var from int64
	if n, _ := fmt.Sscanf(c.Header.Get("Range"), "bytes=%d-", &from); n == 1 && from <= b.size {
		a.status, a.body = http.StatusPartialContent, a.body[from:]
		a.header["Content-Range"] = fmt.Sprintf("bytes %d-%d/%d", from, b.size-1, b.size)
		a.header["Content-Length"] = strconv.FormatInt(b.size-from, 10)
	}
	return a
}

func (r *repository) get(c *call) *answer {
	digest := c.reference
	if !strings.Contains(digest, ":") {
		digest = r.tags[c.reference]
	}
	m, ok := r.manifests[digest]
	if !ok {
		return failed(http.StatusNotFound, "MANIFEST_UNKNOWN", "the manifest is not known")
	}
	body := m.Body
	if c.wrong == OtherDigest {
		body = []byte(`{"schemaVersion": 2}`)
	}
	return &answer{http.StatusOK, map[string]string{"Docker-Content-Digest": digest, "Content-Type": m.MediaType}, body}
}

func (r *repository) put(c *call, body []byte) *answer {
	digest := digestOf(body)
	done := &answer{http.StatusCreated, map[string]string{"Docker-Content-Digest": digest, "Location": "/v2/" + c.place.Name + "/manifests/" + digest}, nil}
	if c.wrong == Lost {
		return done
	}
	var m struct {
		Config struct{ Digest string }
		Layers []struct{ Digest string }
	}
	if err := json.Unmarshal(body, &m); err != nil {
		return failed(http.StatusBadRequest, "MANIFEST_INVALID", "the manifest is not JSON")
	}
	for _, b := range append(m.Layers, m.Config) {
		if _, ok := r.blobs[b.Digest]; !ok {
			return failed(http.StatusBadRequest, "MANIFEST_BLOB_UNKNOWN", "the layer "+b.Digest+" does not exist")
		}
	}
	if _, there := r.tags[c.reference]; there && r.immutable {
		return failed(http.StatusBadRequest, "TAG_INVALID", "The image tag '"+c.reference+"' already exists and cannot be overwritten because the tag is immutable.")
	}
	if strings.Contains(c.reference, ":") && c.reference != digest {
		return failed(http.StatusBadRequest, "DIGEST_INVALID", "the digest is "+digest)
	}
	if c.wrong == Spoiled {
		body = body[:len(body)/2]
	}
	r.manifests[digest] = Manifest{c.Header.Get("Content-Type"), body}
	if !strings.Contains(c.reference, ":") {
		r.tags[c.reference] = digest
	}
	return done
}
