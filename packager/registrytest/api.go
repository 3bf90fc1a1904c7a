package registrytest

import (
	"cmp"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"regexp"
	"time"
)

// api answers a request of ECR's API (its reference; JSON 1.1).
func (s *Server) api(c *call) *answer {
	var in struct {
		RegistryID      string `json:"registryId"`
		RepositoryName  string
		LayerDigests    []string
		ImageIDs        []imageID `json:"imageIds"`
		ImageManifest   string
		RepositoryNames []string
	}
	if err := json.NewDecoder(c.body).Decode(&in); err != nil {
		return apiFailed(http.StatusBadRequest, "SerializationException", err.Error())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	account := Account
	if s.guard != nil {
		var code string
		key := regexp.MustCompile(`Credential=([^/]+)/`).FindStringSubmatch(c.Header.Get("Authorization"))
		if account, code = s.guard(append(key, "", "")[1], c.Header.Get("X-Amz-Security-Token")); code != "" {
			return apiFailed(http.StatusBadRequest, code, "these credentials are not let in")
		}
	}
	c.place = Place{c.place.Region, cmp.Or(in.RegistryID, account), in.RepositoryName}
	if c.operation == "GetAuthorizationToken" {
		token := rand.Text()
		s.tokens[token] = c.place.Region
		return apiAnswer(map[string]any{"authorizationData": []any{map[string]any{
			"authorizationToken": base64.StdEncoding.EncodeToString([]byte("AWS:" + token)),
			"expiresAt":          float64(time.Now().Add(s.options.TokenLife).UnixMilli()) / 1000,
			"proxyEndpoint":      "https://" + Place{Region: c.place.Region, Account: account}.Host(),
		}}})
	}
	if c.operation == "DescribeRepositories" && len(in.RepositoryNames) == 1 {
		c.place.Name = in.RepositoryNames[0]
	}
	r := s.repositories[c.place]
	if r == nil {
		return apiFailed(http.StatusBadRequest, "RepositoryNotFoundException", "The repository with name '"+c.place.Name+
			"' does not exist in the registry with id '"+c.place.Account+"'")
	}
	switch c.operation {
	case "BatchCheckLayerAvailability":
		return r.layers(in.LayerDigests)
	case "BatchGetImage":
		return r.images(c, in.ImageIDs)
	case "DescribeRepositories":
		return apiAnswer(map[string]any{"repositories": []any{map[string]string{
			"registryId": c.place.Account, "repositoryName": c.place.Name, "repositoryUri": c.place.Host() + "/" + c.place.Name,
		}}})
	case "DescribeImages":
		return r.describe(in.ImageIDs)
	case "CompleteLayerUpload":
		return apiFailed(http.StatusBadRequest, "UploadNotFoundException", "The upload could not be found")
	case "PutImage":
		return apiFailed(http.StatusBadRequest, "InvalidParameterException", "Invalid parameter at 'ImageManifest' failed to satisfy constraint: 'Invalid JSON syntax'")
	}
	return apiFailed(http.StatusBadRequest, "UnknownOperationException", "")
}

type imageID struct{ ImageDigest, ImageTag string }

// describe answers DescribeImages.
func (r *repository) describe(ids []imageID) *answer {
	details := []any{}
	for _, id := range ids {
		digest := cmp.Or(id.ImageDigest, r.tags[id.ImageTag])
		if _, ok := r.manifests[digest]; !ok {
			return apiFailed(http.StatusBadRequest, "ImageNotFoundException", "The image with imageId "+id.ImageTag+" does not exist within the repository")
		}
		details = append(details, map[string]string{"imageDigest": digest})
	}
	return apiAnswer(map[string]any{"imageDetails": details})
}

// layers answers BatchCheckLayerAvailability.
func (r *repository) layers(digests []string) *answer {
	layers := []any{}
	for _, digest := range digests {
		layer := map[string]any{"layerDigest": digest, "layerAvailability": "UNAVAILABLE"}
		if b, ok := r.blobs[digest]; ok {
			layer["layerAvailability"], layer["layerSize"] = "AVAILABLE", b.size
		}
		layers = append(layers, layer)
	}
	return apiAnswer(map[string]any{"layers": layers, "failures": []any{}})
}

// images answers BatchGetImage.
func (r *repository) images(c *call, ids []imageID) *answer {
	images, failures := []any{}, []any{}
	for _, id := range ids {
		digest := id.ImageDigest
		if digest == "" {
			digest = r.tags[id.ImageTag]
		}
		m, ok := r.manifests[digest]
		if !ok {
			failures = append(failures, map[string]any{
				"imageId": identifier(id.ImageDigest, id.ImageTag), "failureCode": "ImageNotFound", "failureReason": "Requested image not found",
			})
			continue
		}
		body := string(m.Body)
		if c.wrong == OtherDigest {
			body = `{"schemaVersion": 2}`
		}
		images = append(images, map[string]any{"imageId": identifier(digest, id.ImageTag), "imageManifest": body, "imageManifestMediaType": m.MediaType})
	}
	return apiAnswer(map[string]any{"images": images, "failures": failures})
}

// identifier names an image, by what is not "" of digest and tag.
func identifier(digest, tag string) map[string]string {
	id := map[string]string{}
	if digest != "" {
		id["imageDigest"] = digest
	}
	if tag != "" {
		id["imageTag"] = tag
	}
	return id
}

func apiAnswer(v any) *answer {
	body, err := json.Marshal(v)
	if err != nil {
		panic(err) // v is one of this package's own types
	}
	return &answer{http.StatusOK, map[string]string{"Content-Type": "application/x-amz-json-1.1"}, body}
}

func apiFailed(status int, code, message string) *answer {
	a := apiAnswer(map[string]string{"__type": code, "message": message})
	a.status = status
	a.header["X-Amzn-Requestid"] = "registrytest"
	return a
}
