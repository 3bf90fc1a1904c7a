package s3test

import (
	"encoding/xml"
	"fmt"
	"net/http"
)

// SetLifecycle gives a bucket lifecycle rules: any number of elements Rule in S3's XML (API reference,
// GetBucketLifecycleConfiguration). They are told, and nothing is done by them. It panics if there is no such bucket, and if
// they are not XML.
func (s *Server) SetLifecycle(bucket, rules string) {
	text := []byte(xml.Header + `<LifecycleConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">` + rules + `</LifecycleConfiguration>`)
	if err := xml.Unmarshal(text, new(struct{})); err != nil {
		panic(fmt.Sprintf("s3test: lifecycle rules: %v", err))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.buckets[bucket]
	if b == nil {
		panic(fmt.Sprintf("s3test: no bucket %q", bucket))
	}
	b.lifecycle = text
}

func (s *Server) getLifecycle(_ *call, b *bucket) (*answer, *s3Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if b.lifecycle == nil {
		return nil, newError(http.StatusNotFound, "NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist", "BucketName", b.name)
	}
	a := newAnswer(http.StatusOK, "Content-Type", "application/xml")
	a.body = b.lifecycle
	return a, nil
}
