package s3test

import (
	"encoding/xml"
	"net/http"
)

// encryption is how a bucket encrypts what is stored without a word of it.
type encryption struct {
	Algorithm string `xml:"SSEAlgorithm"`
	Key       string `xml:"KMSMasterKeyID,omitempty"`
}

// SetEncryption sets a bucket's default encryption: AES256, or aws:kms with a key, which may be "". Of an object that
// is stored without a word of it, the server says nothing, as before.
func (s *Server) SetEncryption(name, algorithm, key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.buckets[name].encryption = encryption{algorithm, key}
}

func (s *Server) getBucketEncryption(_ *call, b *bucket) (*answer, *s3Error) {
	type rule struct {
		Default encryption `xml:"ApplyServerSideEncryptionByDefault"`
	}
	type configuration struct {
		XMLName xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ ServerSideEncryptionConfiguration"`
		Rule    []rule
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return newAnswer(http.StatusOK).withXML(configuration{Rule: []rule{{b.encryption}}}), nil
}
