package s3store

import (
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"sync"
)

// A Payload is what is to be stored under a key.
type Payload struct {
	Digest string // what it is made of, lower-case hex
	Size   int64  // -1 before an archive is made
	SHA256 []byte // SHA-256 of the bytes
	Body   []byte
	Path   string // the file that holds the bytes; "" where body does
	// parts has the SHA-256 of each part of a multipart upload, which is computed
	// when it is first asked for: once, however many stores get the part.
	parts []func() ([]byte, error)
}

// FilePayload is the content of a file.
func FilePayload(digest, path string, size int64, sum []byte) Payload {
	p := Payload{Digest: digest, Size: size, SHA256: sum, Path: path}
	for at := int64(0); at < size && size > partSize; at += partSize {
		p.parts = append(p.parts, sync.OnceValues(func() ([]byte, error) { return sumOfPart(path, at) }))
	}
	return p
}

// sumOfPart is the SHA-256 of a file's bytes from one place to the end of a part.
func sumOfPart(path string, at int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", path, err)
	}
	defer f.Close() // nothing was written
	sum := sha256.New()
	if _, err := io.Copy(sum, io.NewSectionReader(f, at, partSize)); err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return sum.Sum(nil), nil
}
