package s3test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// completedPart is what a completion says of a part.
type completedPart struct {
	PartNumber int
	ETag       string
	Checksums  []element `xml:",any"`
}

func (s *Server) completeMultipartUpload(c *call, b *bucket) (*answer, *s3Error) {
	body, _, err := c.read()
	if err != nil {
		return nil, err
	}
	var request struct {
		Part []completedPart
	}
	if err := xml.Unmarshal(body, &request); err != nil || len(request.Part) == 0 {
		return nil, newError(http.StatusBadRequest, "MalformedXML",
			"The XML you provided was not well-formed or did not validate against our published schema")
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	u, err := c.findUpload(b)
	if err != nil {
		return nil, err
	}
	if u.answer != nil {
		if !bytes.Equal(body, u.completion) {
			return nil, c.noSuchUpload()
		}
		return u.answer, nil
	}
	if err := c.checkAbsent(b); err != nil {
		return nil, err
	}
	parts, err := u.choose(request.Part)
	if err != nil {
		return nil, err
	}
	o := u.assemble(parts)
	o.Body = c.spoil(o.Body)
	if err := c.checkCompletion(u, o); err != nil {
		return nil, err
	}
	b.store(c.key, o)

	type result struct {
		XMLName               xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ CompleteMultipartUploadResult"`
		Location, Bucket, Key string
		ETag                  string
		ChecksumType          string
		Checksum              element
	}
	a := newAnswer(http.StatusOK)
	a.addVersion(o)
	u.answer = a.withXML(result{
		Location: s.URL() + c.URL.EscapedPath(), Bucket: b.name, Key: c.key, ETag: o.ETag,
		ChecksumType: o.ChecksumType, Checksum: o.checksum().element(),
	})
	u.completion, u.parts = body, nil
	return u.answer, nil
}

// choose returns the parts that a completion lists.
func (u *upload) choose(listed []completedPart) ([]part, *s3Error) {
	const minSize = 5 << 20
	for i := range listed[1:] {
		if listed[i].PartNumber >= listed[i+1].PartNumber {
			return nil, newError(http.StatusBadRequest, "InvalidPartOrder",
				"The list of parts was not in ascending order. Parts must be ordered by part number.")
		}
	}
	var parts []part
	for i, l := range listed {
		invalid := newError(http.StatusBadRequest, "InvalidPart", "One or more of the specified parts could not be found.  "+
			"The part may not have been uploaded, or the specified entity tag may not match the part's entity tag.",
			"PartNumber", strconv.Itoa(l.PartNumber), "ETag", l.ETag)
		p, ok := u.parts[l.PartNumber]
		if !ok || p.etag != strings.Trim(l.ETag, `"`) {
			return nil, invalid
		}
		for _, sum := range l.Checksums {
			if sum.XMLName.Local != p.sum.element().XMLName.Local || sum.Value != p.sum.value {
				return nil, invalid
			}
		}
		if len(l.Checksums) == 0 && u.checksumType == "COMPOSITE" {
			return nil, invalidRequest(fmt.Sprintf("The upload was created using a %s checksum. The complete request must "+
				"include the checksum for each part. It was missing for part %d in the request.",
				strings.ToLower(u.algorithm), l.PartNumber))
		}
		if len(p.body) < minSize && i < len(listed)-1 {
			return nil, newError(http.StatusBadRequest, "EntityTooSmall",
				"Your proposed upload is smaller than the minimum allowed size", "ProposedSize", strconv.Itoa(len(p.body)),
				"MinSizeAllowed", strconv.Itoa(minSize), "PartNumber", strconv.Itoa(l.PartNumber), "ETag", p.etag)
		}
		parts = append(parts, p)
	}
	return parts, nil
}

// assemble returns the object that the parts make.
func (u *upload) assemble(parts []part) *Object {
	o := u.object
	o.Metadata = maps.Clone(o.Metadata)
	var bodies [][]byte
	var etags, sums []byte
	for _, p := range parts {
		bodies = append(bodies, p.body)
		etag, _ := hex.DecodeString(p.etag) // this package's own
		etags = append(etags, etag...)
		sum, _ := base64.StdEncoding.DecodeString(p.sum.value) // verified
		sums = append(sums, sum...)
	}
	o.Body = slices.Concat(bodies...)
	o.ETag = fmt.Sprintf(`"%s-%d"`, entityTag(etags, ""), len(parts))
	if u.checksumType == "FULL_OBJECT" {
		o.setChecksum(newChecksum(u.algorithm, o.Body), u.checksumType)
	} else {
		sum := newChecksum(u.algorithm, sums)
		sum.value += fmt.Sprintf("-%d", len(parts))
		o.setChecksum(sum, u.checksumType)
	}
	return &o
}

// checkCompletion verifies what a completion says of the whole object.
func (c *call) checkCompletion(u *upload, o *Object) *s3Error {
	claimed, err := c.claimedChecksum(nil)
	if err != nil {
		return err
	}
	wantType, wantSize := c.Header.Get("X-Amz-Checksum-Type"), c.Header.Get("X-Amz-Mp-Object-Size")
	switch {
	case claimed.algorithm != "" && claimed != o.checksum(),
		wantType != "" && wantType != u.checksumType:
		return badDigest(strings.ToLower(u.algorithm))
	case wantSize != "" && wantSize != strconv.Itoa(len(o.Body)):
		return invalidRequest("The provided 'x-amz-mp-object-size' header does not match what was computed.")
	}
	return nil
}
