package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
)

// A hub is a container registry (OCI Distribution Specification) that forgets the layers it is sent, as a sink forgets
// objects: it takes the client's word for their digests, and remembers their sizes, and the manifests.
type hub struct {
	blobs     map[string]int64 // by repository and digest
	uploads   map[string]int64 // how much of each has come, by its path
	manifests map[string]manifest
}

type manifest struct{ mediaType, body string }

func newHub() *hub {
	return &hub{blobs: make(map[string]int64), uploads: make(map[string]int64), manifests: make(map[string]manifest)}
}

// isHub tells whether a request is for the registry.
func isHub(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/v2/") }

// most is what a manifest may have.
const most = 4 << 20

// serve answers a request, of which the body's first bytes are kept; received is how many bytes it has.
func (h *hub) serve(w http.ResponseWriter, r *http.Request, body []byte, received int64) {
	if r.URL.Path == "/v2/" {
		return
	}
	m := regexp.MustCompile(`^/v2/(.+)/(blobs/uploads|blobs|manifests)/(.*)$`).FindStringSubmatch(r.URL.Path)
	if m == nil {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	repository, reference := m[1], m[3]
	id := repository + "@" + reference
	switch {
	case m[2] == "blobs/uploads":
		h.upload(w, r, repository, received)
	case m[2] == "blobs":
		size, ok := h.blobs[id]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		w.Header().Set("Content-Length", strconv.FormatInt(size, 10))
		w.Header().Set("Docker-Content-Digest", reference)
	case r.Method == http.MethodPut:
		sum := sha256.Sum256(body)
		digest := "sha256:" + hex.EncodeToString(sum[:])
		one := manifest{r.Header.Get("Content-Type"), string(body)}
		h.manifests[id], h.manifests[repository+"@"+digest] = one, one
		w.Header().Set("Docker-Content-Digest", digest)
		w.WriteHeader(http.StatusCreated)
	default:
		one, ok := h.manifests[id]
		if !ok {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusNotFound)
			_ = json.NewEncoder(w).Encode(map[string]any{"errors": []map[string]string{{"code": "MANIFEST_UNKNOWN"}}})
			return
		}
		sum := sha256.Sum256([]byte(one.body))
		w.Header().Set("Content-Type", one.mediaType)
		w.Header().Set("Content-Length", strconv.Itoa(len(one.body)))
		w.Header().Set("Docker-Content-Digest", "sha256:"+hex.EncodeToString(sum[:]))
		if r.Method == http.MethodGet {
			_, _ = io.WriteString(w, one.body)
		}
	}
}

// upload takes a layer, or a part of one.
func (h *hub) upload(w http.ResponseWriter, r *http.Request, repository string, received int64) {
	path := r.URL.Path
	if r.Method == http.MethodPost {
		path = fmt.Sprintf("/v2/%s/blobs/uploads/%d", repository, len(h.uploads))
	}
	h.uploads[path] += received
	w.Header().Set("Location", path)
	w.Header().Set("Range", fmt.Sprintf("0-%d", max(0, h.uploads[path]-1)))
	if r.Method != http.MethodPut {
		w.WriteHeader(http.StatusAccepted)
		return
	}
	digest := r.URL.Query().Get("digest")
	h.blobs[repository+"@"+digest] = h.uploads[path]
	w.Header().Set("Docker-Content-Digest", digest)
	w.WriteHeader(http.StatusCreated)
}
