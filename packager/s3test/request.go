package s3test

import (
	"crypto/rand"
	"encoding/hex"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// call is one request on its way through the server.
type call struct {
	*http.Request
	body                           *countingReader // the request's Body
	query                          url.Values
	operation, region, bucket, key string
	accessKey                      string
	requestID                      string
	wrong                          Wrong
}

type countingReader struct {
	io.ReadCloser
	n int64
}

func (r *countingReader) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	r.n += int64(n)
	return n, err
}

// newCall reads the head of a request. The call is valid, if without a region, also beside an error.
func newCall(r *http.Request) (*call, *s3Error) {
	c := &call{Request: r, body: &countingReader{ReadCloser: r.Body}, query: r.URL.Query(), requestID: rand.Text()[:16]}
	c.bucket, c.key, _ = strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	c.operation = c.findOperation()
	var err *s3Error
	c.accessKey, c.region, err = signer(r.Header.Get("Authorization"))
	return c, err
}

// findOperation returns the name of the operation that method, path, query and headers ask for.
func (c *call) findOperation() string {
	names := make([]string, 0, len(c.query))
	for name := range c.query {
		if name != "x-id" { // the SDK's own, for logs
			names = append(names, name)
		}
	}
	only := func(known ...string) bool {
		return !slices.ContainsFunc(names, func(name string) bool { return !slices.Contains(known, name) })
	}
	has := func(required ...string) bool { return only(required...) && len(names) == len(required) }

	if c.key == "" {
		return c.bucketOperation(has, only)
	}
	copies := c.Header.Get("X-Amz-Copy-Source") != ""
	for _, o := range []struct {
		method, name string
		fits         bool
	}{
		{http.MethodHead, "HeadObject", only("versionId")},
		{http.MethodGet, "GetObject", only("versionId")},
		{http.MethodGet, "GetObjectTagging", c.query.Has("tagging") && only("tagging", "versionId")},
		{http.MethodPut, "CopyObject", copies && has()},
		{http.MethodPut, "UploadPartCopy", copies && has("partNumber", "uploadId")},
		{http.MethodPut, "PutObject", !copies && has()},
		{http.MethodPut, "UploadPart", !copies && has("partNumber", "uploadId")},
		{http.MethodPost, "CreateMultipartUpload", has("uploads")},
		{http.MethodPost, "CompleteMultipartUpload", has("uploadId")},
		{http.MethodDelete, "AbortMultipartUpload", has("uploadId")},
	} {
		if c.Method == o.method && o.fits {
			return o.name
		}
	}
	return c.Method
}

// bucketOperation is findOperation for a request without a key.
func (c *call) bucketOperation(has, only func(...string) bool) string {
	switch {
	case c.bucket == "":
	case c.Method == http.MethodHead && has():
		return "HeadBucket"
	case c.Method == http.MethodGet && has("location"):
		return "GetBucketLocation"
	case c.Method == http.MethodGet && has("lifecycle"):
		return "GetBucketLifecycleConfiguration"
	case c.Method == http.MethodGet && has("encryption"):
		return "GetBucketEncryption"
	case c.Method == http.MethodGet && c.query.Get("list-type") == "2" &&
		only("list-type", "prefix", "max-keys", "start-after", "continuation-token"):
		return "ListObjectsV2"
	}
	return c.Method
}

// signer returns the access key ID, and the region, of an Authorization header's credential scope.
func signer(authorization string) (accessKey, region string, _ *s3Error) {
	if authorization == "" {
		return "", "", accessDenied()
	}
	fields, ok := strings.CutPrefix(authorization, "AWS4-HMAC-SHA256 ")
	if !ok {
		return "", "", invalidRequest("The authorization mechanism you have provided is not supported. " +
			"Please use AWS4-HMAC-SHA256.")
	}
	values := map[string]string{}
	for field := range strings.SplitSeq(fields, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(field), "=")
		values[name] = value
	}
	scope := strings.Split(values["Credential"], "/") // key ID, date, region, service, "aws4_request"
	signature, err := hex.DecodeString(values["Signature"])
	if len(scope) != 5 || scope[0] == "" || len(scope[1]) != len("20060102") || scope[2] == "" ||
		scope[3] != "s3" || scope[4] != "aws4_request" || err != nil || len(signature) != 32 ||
		!slices.Contains(strings.Split(values["SignedHeaders"], ";"), "host") {
		return "", "", newError(http.StatusBadRequest, "AuthorizationHeaderMalformed", "The authorization header is malformed.")
	}
	return scope[0], scope[2], nil
}

// perform does what a call asks for.
func (s *Server) perform(c *call) (*answer, *s3Error) {
	var do func(*call, *bucket) (*answer, *s3Error)
	switch c.operation {
	case "HeadBucket":
		do = s.headBucket
	case "GetBucketLocation":
		do = s.getBucketLocation
	case "GetBucketEncryption":
		do = s.getBucketEncryption
	case "ListObjectsV2":
		do = s.listObjectsV2
	case "GetBucketLifecycleConfiguration":
		do = s.getLifecycle
	case "HeadObject", "GetObject":
		do = s.getObject
	case "GetObjectTagging":
		do = s.getTags
	case "PutObject":
		do = s.putObject
	case "CopyObject":
		do = s.copyObject
	case "CreateMultipartUpload":
		do = s.createMultipartUpload
	case "UploadPart":
		do = s.uploadPart
	case "UploadPartCopy":
		do = s.uploadPartCopy
	case "CompleteMultipartUpload":
		do = s.completeMultipartUpload
	case "AbortMultipartUpload":
		do = s.abortMultipartUpload
	default:
		return nil, newError(http.StatusNotImplemented, "NotImplemented",
			"s3test knows no "+c.Method+" "+c.URL.RequestURI())
	}
	if header := c.unknownHeader(); header != "" {
		return nil, notImplemented(header)
	}
	if len(c.key) > 1024 {
		return nil, newError(http.StatusBadRequest, "KeyTooLongError", "Your key is too long",
			"Size", strconv.Itoa(len(c.key)), "MaxSizeAllowed", "1024")
	}
	b, err := s.findBucket(c)
	if err != nil {
		return nil, err
	}
	return do(c, b)
}

// unknownHeader returns the name of a header whose meaning this package would miss.
func (c *call) unknownHeader() string {
	prefixes := []string{
		"Range", "If-Match", "If-Modified-Since", "If-Unmodified-Since", "X-Amz-Copy-Source-If-None-Match",
		"X-Amz-Copy-Source-If-Modified-Since", "X-Amz-Copy-Source-If-Unmodified-Since",
		"X-Amz-Server-Side-Encryption-Customer-", "X-Amz-Copy-Source-Server-Side-Encryption-Customer-",
		"X-Amz-Acl", "X-Amz-Grant-", "X-Amz-Object-Lock-", "X-Amz-Website-Redirect-Location",
		"X-Amz-Write-Offset-Bytes",
	}
	for name, values := range c.Header {
		switch {
		case c.operation == "GetObject" && (name == "Range" || name == "If-Match"):
		case slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(name, prefix) }),
			name == "If-None-Match" && (values[0] != "*" || c.Method == http.MethodGet || c.Method == http.MethodHead),
			name == "X-Amz-Storage-Class" && values[0] != "STANDARD" && values[0] != "STANDARD_IA":
			return name
		}
	}
	return ""
}

// findBucket returns the bucket that a call addresses, if the call may: it is there, in the region that the call is
// signed for, and its owner's is the account that the call expects.
func (s *Server) findBucket(c *call) (*bucket, *s3Error) {
	b := s.bucketNamed(c.bucket)
	switch {
	case b == nil:
		return nil, noSuchBucket(c.bucket)
	case c.region != b.region && c.operation != "GetBucketLocation": // which is how to find out
		err := newError(http.StatusMovedPermanently, "PermanentRedirect", "The bucket you are attempting to access must be "+
			"addressed using the specified endpoint. Please send all future requests to this endpoint.",
			"Endpoint", "s3."+b.region+".amazonaws.com", "Bucket", b.name)
		err.bucketRegion = b.region
		return nil, err
	case !b.ownedBy(c.Header.Get("X-Amz-Expected-Bucket-Owner")):
		err := accessDenied()
		if c.operation == "HeadBucket" {
			err.bucketRegion = b.region
		}
		return nil, err
	}
	return b, s.letIn(c, b)
}

// letIn asks the guard of a bucket about a call.
func (s *Server) letIn(c *call, b *bucket) *s3Error {
	s.mu.Lock()
	guard := s.guards[b.name]
	s.mu.Unlock()
	if guard == nil {
		return nil
	}
	switch code := guard(c.accessKey, c.Header.Get("X-Amz-Security-Token")); code {
	case "":
		return nil
	case "AccessDenied":
		return accessDenied()
	default:
		return newError(http.StatusBadRequest, code, "The provided token is not valid any more.")
	}
}

// bucketNamed returns nil if there is no such bucket.
func (s *Server) bucketNamed(name string) *bucket {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buckets[name]
}

func noSuchBucket(name string) *s3Error {
	return newError(http.StatusNotFound, "NoSuchBucket", "The specified bucket does not exist", "BucketName", name)
}

// ownedBy reports whether account, "" being any, owns the bucket.
func (b *bucket) ownedBy(account string) bool { return account == "" || account == b.owner }
