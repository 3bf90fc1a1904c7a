package s3test

import (
	"cmp"
	"encoding/xml"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

func (s *Server) headBucket(_ *call, b *bucket) (*answer, *s3Error) {
	return newAnswer(http.StatusOK, "X-Amz-Bucket-Region", b.region), nil
}

func (s *Server) getBucketLocation(_ *call, b *bucket) (*answer, *s3Error) {
	type location struct {
		XMLName xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ LocationConstraint"`
		Region  string   `xml:",chardata"`
	}
	region := b.region
	if region == "us-east-1" {
		region = "" // S3's first region has no name here
	}
	return newAnswer(http.StatusOK).withXML(location{Region: region}), nil
}

func (s *Server) listObjectsV2(c *call, b *bucket) (*answer, *s3Error) {
	type content struct {
		Key, LastModified, ETag string
		Size                    int
		StorageClass            string
	}
	type result struct {
		XMLName               xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ ListBucketResult"`
		Name, Prefix          string
		KeyCount, MaxKeys     int
		IsTruncated           bool
		NextContinuationToken string `xml:",omitempty"`
		Contents              []content
	}
	r := result{Name: b.name, Prefix: c.query.Get("prefix"), MaxKeys: 1000}
	if n, err := strconv.Atoi(c.query.Get("max-keys")); err == nil && n >= 0 {
		r.MaxKeys = min(n, r.MaxKeys)
	}
	after := cmp.Or(c.query.Get("continuation-token"), c.query.Get("start-after")) // the token is the last key

	s.mu.Lock()
	defer s.mu.Unlock()
	for _, key := range slices.Sorted(maps.Keys(b.objects)) {
		if key <= after || !strings.HasPrefix(key, r.Prefix) {
			continue
		}
		if len(r.Contents) == r.MaxKeys {
			r.IsTruncated = r.MaxKeys > 0
			break
		}
		o := b.newest(key)
		if o.DeleteMarker {
			continue
		}
		r.Contents = append(r.Contents, content{key, xmlTime(o.LastModified), o.ETag, len(o.Body), "STANDARD"})
	}
	r.KeyCount = len(r.Contents)
	if r.IsTruncated {
		r.NextContinuationToken = r.Contents[r.KeyCount-1].Key
	}
	return newAnswer(http.StatusOK, "X-Amz-Bucket-Region", b.region).withXML(r), nil
}

func xmlTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// getObject does HeadObject as well: the answer's body is not sent then.
func (s *Server) getObject(c *call, b *bucket) (*answer, *s3Error) {
	o, err := s.find(b, c.key, c.query.Get("versionId"))
	if err != nil {
		return nil, err
	}
	if o.CustomerKey {
		return nil, invalidRequest("The object was stored using a form of Server Side Encryption. " +
			"The correct parameters must be provided to retrieve the object.")
	}
	if err := c.mayRead(o); err != nil {
		return nil, err
	}
	a := newAnswer(http.StatusOK,
		"Accept-Ranges", "bytes",
		"Content-Length", strconv.Itoa(len(o.Body)),
		"Content-Type", o.ContentType,
		"Etag", o.ETag,
		"Last-Modified", o.LastModified.UTC().Format(http.TimeFormat))
	a.addVersion(o)
	if o.StorageClass != "" {
		a.header.Set("X-Amz-Storage-Class", o.StorageClass)
	}
	for name, value := range o.Metadata {
		a.header.Set("X-Amz-Meta-"+name, value)
	}
	if sum := o.checksum(); c.Header.Get("X-Amz-Checksum-Mode") == "ENABLED" && sum.value != "" {
		a.addChecksum(sum)
		a.header.Set("X-Amz-Checksum-Type", o.ChecksumType)
	}
	if o.Expiration != "" {
		a.header.Set("X-Amz-Expiration", o.Expiration)
	}
	if n := len(o.Tags); n > 0 {
		a.header.Set("X-Amz-Tagging-Count", strconv.Itoa(n))
	}
	a.body = o.Body
	return a, c.cutToRange(a)
}

// find returns a version of an object, "" being the newest.
func (s *Server) find(b *bucket, key, version string) (*Object, *s3Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := b.newest(key)
	if o == nil || version == "" && o.DeleteMarker {
		err := newError(http.StatusNotFound, "NoSuchKey", "The specified key does not exist.", "Key", key)
		err.deleteMarker = o != nil
		return nil, err
	}
	if version == "" {
		return o, nil
	}
	i := slices.IndexFunc(b.objects[key], func(o *Object) bool { return o.VersionID == version })
	if i < 0 {
		return nil, newError(http.StatusNotFound, "NoSuchVersion", "The specified version does not exist.",
			"Key", key, "VersionId", version)
	}
	if o = b.objects[key][i]; o.DeleteMarker {
		err := newError(http.StatusMethodNotAllowed, "MethodNotAllowed", "The specified method is not allowed against this resource.")
		err.deleteMarker = true
		return nil, err
	}
	return o, nil
}

// addVersion adds what every answer on an object tells of its version and encryption.
func (a *answer) addVersion(o *Object) {
	a.header.Set("X-Amz-Version-Id", o.VersionID)
	a.header.Set("X-Amz-Server-Side-Encryption", o.ServerSideEncryption)
	if o.SSEKMSKeyID != "" {
		a.header.Set("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id", o.SSEKMSKeyID)
	}
}

func (s *Server) putObject(c *call, b *bucket) (*answer, *s3Error) {
	o, err := c.newObject(b)
	if err != nil {
		return nil, err
	}
	body, sum, err := c.payload()
	if err != nil {
		return nil, err
	}
	if sum.algorithm == "" {
		sum = newChecksum("CRC64NVME", body) // S3 does so by itself
	}
	if c.wrong == Spoiled {
		body = c.spoil(body)
		sum = newChecksum(sum.algorithm, body)
	}
	o.Body = body
	o.setChecksum(sum, "FULL_OBJECT")
	o.fill()

	s.mu.Lock()
	defer s.mu.Unlock()
	if err := c.checkAbsent(b); err != nil {
		return nil, err
	}
	b.store(c.key, o)
	a := newAnswer(http.StatusOK, "Etag", o.ETag, "X-Amz-Checksum-Type", o.ChecksumType)
	a.addVersion(o)
	a.addChecksum(sum)
	return a, nil
}

// newObject returns an object, without a body, as a call's headers describe it.
func (c *call) newObject(b *bucket) (*Object, *s3Error) {
	o := &Object{ContentType: c.Header.Get("Content-Type"), Metadata: map[string]string{}}
	size := 0
	for name, values := range c.Header {
		if name, ok := strings.CutPrefix(name, "X-Amz-Meta-"); ok {
			o.Metadata[strings.ToLower(name)] = strings.Join(values, ",")
			size += len(name) + len(o.Metadata[strings.ToLower(name)])
		}
	}
	if size > 2048 {
		return nil, newError(http.StatusBadRequest, "MetadataTooLarge",
			"Your metadata headers exceed the maximum allowed metadata size",
			"Size", strconv.Itoa(size), "MaxSizeAllowed", "2048")
	}
	tags, parseErr := url.ParseQuery(c.Header.Get("X-Amz-Tagging"))
	if parseErr != nil || len(tags) > 10 {
		return nil, newError(http.StatusBadRequest, "InvalidTag", "The tag provided was not a valid tag.")
	}
	for key := range tags {
		if o.Tags == nil {
			o.Tags = map[string]string{}
		}
		o.Tags[key] = tags.Get(key)
	}
	if class := c.Header.Get("X-Amz-Storage-Class"); class != "STANDARD" {
		o.StorageClass = class
	}
	return o, c.encrypt(o, b)
}

// encrypt sets an object's encryption as a call's headers want it.
func (c *call) encrypt(o *Object, b *bucket) *s3Error {
	o.ServerSideEncryption = c.Header.Get("X-Amz-Server-Side-Encryption")
	o.SSEKMSKeyID = c.Header.Get("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id")
	switch o.ServerSideEncryption {
	case "aws:kms":
		arn := strings.SplitN(o.SSEKMSKeyID, ":", 6) // arn:partition:kms:region:account:key
		if len(arn) == 6 && arn[3] != b.region {
			return newError(http.StatusBadRequest, "KMS.NotFoundException", "Invalid arn "+arn[3])
		}
		return nil
	case "", "AES256":
		if o.SSEKMSKeyID == "" {
			return nil
		}
		return newError(http.StatusBadRequest, "InvalidArgument", "Server Side Encryption with AWS KMS managed key requires "+
			"HTTP header x-amz-server-side-encryption : aws:kms")
	default:
		return newError(http.StatusBadRequest, "InvalidArgument", "The encryption method specified is not supported")
	}
}

// checkAbsent fails if a call wants there to be no such object, and there is. The server's lock is held.
func (c *call) checkAbsent(b *bucket) *s3Error {
	if c.Header.Get("If-None-Match") == "" || b.newest(c.key) == nil || b.newest(c.key).DeleteMarker {
		return nil
	}
	return newError(http.StatusPreconditionFailed, "PreconditionFailed",
		"At least one of the pre-conditions you specified did not hold", "Condition", "If-None-Match")
}

func (s *Server) copyObject(c *call, b *bucket) (*answer, *s3Error) {
	source, err := s.findSource(c, b)
	if err != nil {
		return nil, err
	}
	o, err := c.newObject(b)
	if err != nil {
		return nil, err
	}
	switch directive := c.Header.Get("X-Amz-Metadata-Directive"); directive {
	case "", "COPY":
		o.ContentType, o.Metadata = source.ContentType, source.Metadata
	case "REPLACE":
	default:
		return nil, newError(http.StatusBadRequest, "InvalidArgument", "Unknown metadata directive.",
			"ArgumentName", "x-amz-metadata-directive", "ArgumentValue", directive)
	}
	algorithm := cmp.Or(c.Header.Get("X-Amz-Checksum-Algorithm"), source.checksum().algorithm, "CRC64NVME")
	if newHash(algorithm) == nil {
		return nil, notImplemented("x-amz-checksum-algorithm")
	}
	o.Body = c.spoil(source.Body)
	if c.Header.Get("X-Amz-Tagging-Directive") != "REPLACE" {
		o.Tags = source.Tags
	}
	// A copy is written in one piece, whatever its source was: a composite checksum, or ETag, does not survive.
	o.setChecksum(newChecksum(algorithm, o.Body), "FULL_OBJECT")
	o.fill()

	s.mu.Lock()
	defer s.mu.Unlock()
	if err := c.checkAbsent(b); err != nil {
		return nil, err
	}
	b.store(c.key, o)
	type result struct {
		XMLName      xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ CopyObjectResult"`
		LastModified string
		ETag         string
		ChecksumType string
		Checksum     element
	}
	a := newAnswer(http.StatusOK, "X-Amz-Copy-Source-Version-Id", source.VersionID)
	a.addVersion(o)
	return a.withXML(result{
		LastModified: xmlTime(o.LastModified), ETag: o.ETag, ChecksumType: o.ChecksumType, Checksum: o.checksum().element(),
	}), nil
}

// element returns the checksum as an XML element.
func (sum checksum) element() element {
	return element{XMLName: xml.Name{Local: "Checksum" + sum.algorithm}, Value: sum.value}
}

// findSource returns the object that a call wants copied to the bucket. It may be in any region.
func (s *Server) findSource(c *call, to *bucket) (*Object, *s3Error) {
	path, version, _ := strings.Cut(c.Header.Get("X-Amz-Copy-Source"), "?versionId=")
	path, unescapeErr := url.PathUnescape(path)
	name, key, ok := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	if unescapeErr != nil || !ok || key == "" {
		return nil, newError(http.StatusBadRequest, "InvalidArgument",
			"Copy Source must mention the source bucket and key: sourcebucket/sourcekey",
			"ArgumentName", "x-amz-copy-source", "ArgumentValue", c.Header.Get("X-Amz-Copy-Source"))
	}
	from := s.bucketNamed(name)
	if from == nil {
		return nil, noSuchBucket(name)
	}
	if !from.ownedBy(c.Header.Get("X-Amz-Source-Expected-Bucket-Owner")) {
		return nil, accessDenied()
	}
	if err := s.letIn(c, from); err != nil {
		return nil, err
	}
	if from == to && key == c.key && version == "" && c.Header.Get("X-Amz-Metadata-Directive") != "REPLACE" &&
		c.Header.Get("X-Amz-Server-Side-Encryption") == "" && c.Header.Get("X-Amz-Storage-Class") == "" {
		return nil, invalidRequest("This copy request is illegal because it is trying to copy an object to itself without " +
			"changing the object's metadata, storage class, website redirect location or encryption attributes.")
	}
	o, err := s.find(from, key, version)
	if err != nil {
		return nil, newError(err.status, err.code, fmt.Sprintf("%s (the copy's source)", err.message), "Key", key)
	}
	if tag := c.Header.Get("X-Amz-Copy-Source-If-Match"); tag != "" && strings.Trim(tag, `"`) != strings.Trim(o.ETag, `"`) {
		return nil, newError(http.StatusPreconditionFailed, "PreconditionFailed",
			"At least one of the pre-conditions you specified did not hold", "Condition", "x-amz-copy-source-If-Match")
	}
	return o, nil
}
