package s3test

import (
	"encoding/xml"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// mayRead fails if an object cannot be read as a call wants it: it is archived, or another one than is meant. A look at it
// is always answered.
func (c *call) mayRead(o *Object) *s3Error {
	if c.operation != "GetObject" {
		return nil
	}
	if o.StorageClass == "GLACIER" || o.StorageClass == "DEEP_ARCHIVE" {
		return newError(http.StatusForbidden, "InvalidObjectState", "The operation is not valid for the object's storage class", "StorageClass", o.StorageClass)
	}
	if tag := c.Header.Get("If-Match"); tag != "" && strings.Trim(tag, `"`) != strings.Trim(o.ETag, `"`) {
		return newError(http.StatusPreconditionFailed, "PreconditionFailed",
			"At least one of the pre-conditions you specified did not hold", "Condition", "If-Match")
	}
	return nil
}

// cutToRange leaves of an answer's body what the call's range asks for: bytes=FROM-TO, or bytes=FROM-. Other forms are
// refused.
func (c *call) cutToRange(a *answer) *s3Error {
	header := c.Header.Get("Range")
	if header == "" {
		return nil
	}
	first, last, ok := strings.Cut(strings.TrimPrefix(header, "bytes="), "-")
	from, err := strconv.Atoi(first)
	to := len(a.body) - 1
	if last != "" && err == nil {
		to, err = strconv.Atoi(last)
		to = min(to, len(a.body)-1)
	}
	switch {
	case !ok || err != nil || !strings.HasPrefix(header, "bytes="):
		return notImplemented("Range")
	case from >= len(a.body) || from > to:
		return newError(http.StatusRequestedRangeNotSatisfiable, "InvalidRange", "The requested range is not satisfiable")
	}
	a.header.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, to, len(a.body)))
	for name := range a.header {
		if strings.HasPrefix(name, "X-Amz-Checksum-") {
			a.header.Del(name) // they are the whole object's
		}
	}
	a.status, a.body = http.StatusPartialContent, a.body[from:to+1]
	a.header.Set("Content-Length", strconv.Itoa(len(a.body)))
	return nil
}

func (s *Server) getTags(c *call, b *bucket) (*answer, *s3Error) {
	o, err := s.find(b, c.key, c.query.Get("versionId"))
	if err != nil {
		return nil, err
	}
	type tag struct{ Key, Value string }
	type tagging struct {
		XMLName xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ Tagging"`
		TagSet  struct{ Tag []tag }
	}
	var t tagging
	for _, key := range slices.Sorted(maps.Keys(o.Tags)) {
		t.TagSet.Tag = append(t.TagSet.Tag, tag{key, o.Tags[key]})
	}
	return newAnswer(http.StatusOK, "X-Amz-Version-Id", o.VersionID).withXML(t), nil
}
