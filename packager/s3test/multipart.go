package s3test

import (
	"cmp"
	"crypto/rand"
	"encoding/xml"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// upload is a multipart upload. What it was created with is immutable.
type upload struct {
	key          string
	object       Object // what it will be, without its body
	algorithm    string // of the whole's checksum
	declared     bool   // whether the client chose the algorithm
	checksumType string

	parts map[int]part

	// Of a completed one: S3 answers the same completion the same again, as a client whose answer was lost needs.
	completion []byte
	answer     *answer
}

type part struct {
	body []byte
	etag string // without quotes
	sum  checksum
}

func (s *Server) createMultipartUpload(c *call, b *bucket) (*answer, *s3Error) {
	o, err := c.newObject(b)
	if err != nil {
		return nil, err
	}
	u := &upload{key: c.key, object: *o, algorithm: "CRC64NVME", checksumType: "COMPOSITE", parts: map[int]part{}}
	if algorithm := strings.ToUpper(c.Header.Get("X-Amz-Checksum-Algorithm")); algorithm != "" {
		u.algorithm, u.declared = algorithm, true
	}
	if newHash(u.algorithm) == nil {
		return nil, notImplemented("x-amz-checksum-algorithm")
	}
	if u.algorithm == "CRC64NVME" {
		u.checksumType = "FULL_OBJECT"
	}
	if want := c.Header.Get("X-Amz-Checksum-Type"); want != "" && want != u.checksumType {
		if u.algorithm != "CRC32" && u.algorithm != "CRC32C" { // which alone may be either
			return nil, invalidRequest(fmt.Sprintf("The %s checksum type cannot be used with the %s checksum algorithm.",
				want, strings.ToLower(u.algorithm)))
		}
		u.checksumType = want
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	id := rand.Text()
	b.uploads[id] = u
	type result struct {
		XMLName  xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ InitiateMultipartUploadResult"`
		Bucket   string
		Key      string
		UploadID string `xml:"UploadId"`
	}
	a := newAnswer(http.StatusOK)
	if u.declared {
		a.header.Set("X-Amz-Checksum-Algorithm", u.algorithm)
		a.header.Set("X-Amz-Checksum-Type", u.checksumType)
	}
	return a.withXML(result{Bucket: b.name, Key: c.key, UploadID: id}), nil
}

// findUpload returns the upload that a call names, completed or not. The server's lock is held.
func (c *call) findUpload(b *bucket) (*upload, *s3Error) {
	u := b.uploads[c.query.Get("uploadId")]
	if u == nil || u.key != c.key {
		return nil, c.noSuchUpload()
	}
	return u, nil
}

// findOpenUpload is findUpload without the completed ones. The server's lock is held.
func (c *call) findOpenUpload(b *bucket) (*upload, *s3Error) {
	u, err := c.findUpload(b)
	if err == nil && u.answer != nil {
		return nil, c.noSuchUpload()
	}
	return u, err
}

func (c *call) noSuchUpload() *s3Error {
	return newError(http.StatusNotFound, "NoSuchUpload", "The specified upload does not exist. The upload ID may be "+
		"invalid, or the upload may have been aborted or completed.", "UploadId", c.query.Get("uploadId"))
}

func (s *Server) uploadPart(c *call, b *bucket) (*answer, *s3Error) {
	u, number, err := s.findPart(c, b)
	if err != nil {
		return nil, err
	}
	body, sum, err := c.payload()
	if err != nil {
		return nil, err
	}
	if err := u.checkAlgorithm(sum.algorithm); err != nil {
		return nil, err
	}
	p, err := s.storePart(c, b, u, number, body, sum)
	if err != nil {
		return nil, err
	}
	a := newAnswer(http.StatusOK, "Etag", `"`+p.etag+`"`)
	if u.declared {
		a.addChecksum(p.sum)
	}
	return a, nil
}

// uploadPartCopy takes a part from an object of any region. Only the last part may be shorter than the range says.
func (s *Server) uploadPartCopy(c *call, b *bucket) (*answer, *s3Error) {
	u, number, err := s.findPart(c, b)
	if err != nil {
		return nil, err
	}
	source, err := s.findSource(c, b)
	if err != nil {
		return nil, err
	}
	body := source.Body
	if given := c.Header.Get("X-Amz-Copy-Source-Range"); given != "" {
		var first, last int
		if n, scanErr := fmt.Sscanf(given, "bytes=%d-%d", &first, &last); n != 2 || scanErr != nil || first > last || last >= len(body) {
			return nil, newError(http.StatusBadRequest, "InvalidArgument",
				fmt.Sprintf("Range specified is not valid for source object of size: %d", len(body)),
				"ArgumentName", "x-amz-copy-source-range", "ArgumentValue", given)
		}
		body = body[first : last+1]
	}
	p, err := s.storePart(c, b, u, number, body, checksum{})
	if err != nil {
		return nil, err
	}
	type result struct {
		XMLName      xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ CopyPartResult"`
		LastModified string
		ETag         string
		Checksum     *element `xml:",omitempty"`
	}
	r := result{LastModified: xmlTime(source.LastModified), ETag: `"` + p.etag + `"`}
	if u.declared {
		e := p.sum.element()
		r.Checksum = &e
	}
	return newAnswer(http.StatusOK, "X-Amz-Copy-Source-Version-Id", source.VersionID).withXML(r), nil
}

// findPart returns the open upload that a call has a part for, and the part's number.
func (s *Server) findPart(c *call, b *bucket) (*upload, int, *s3Error) {
	number, convErr := strconv.Atoi(c.query.Get("partNumber"))
	if convErr != nil || number < 1 || number > 10000 {
		return nil, 0, newError(http.StatusBadRequest, "InvalidArgument",
			"Part number must be an integer between 1 and 10000, inclusive",
			"ArgumentName", "partNumber", "ArgumentValue", c.query.Get("partNumber"))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	u, err := c.findOpenUpload(b)
	return u, number, err
}

func (s *Server) storePart(c *call, b *bucket, u *upload, number int, body []byte, sum checksum) (part, *s3Error) {
	p := part{body: body, etag: entityTag(body, u.object.ServerSideEncryption), sum: sum}
	if p.sum.algorithm == "" {
		p.sum = newChecksum(u.algorithm, body)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := c.findOpenUpload(b); err != nil { // it may be gone meanwhile
		return part{}, err
	}
	u.parts[number] = p
	return p, nil
}

// checkAlgorithm fails if a part's checksum of an algorithm, "" being none, does not go with the upload. Where the client
// declared none, any does: the SDK sends a CRC-32 with each part, but declares it only if told to.
func (u *upload) checkAlgorithm(algorithm string) *s3Error {
	if !u.declared || algorithm == u.algorithm || algorithm == "" && u.checksumType == "FULL_OBJECT" {
		return nil
	}
	return invalidRequest(fmt.Sprintf("Checksum Type mismatch occurred, expected checksum Type: %s, actual checksum Type: %s",
		strings.ToLower(u.algorithm), cmp.Or(strings.ToLower(algorithm), "null")))
}

func (s *Server) abortMultipartUpload(c *call, b *bucket) (*answer, *s3Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := c.findOpenUpload(b); err != nil {
		return nil, err
	}
	delete(b.uploads, c.query.Get("uploadId"))
	return newAnswer(http.StatusNoContent), nil
}
