package s3store

import (
	"crypto/md5" //nolint:gosec // see md5
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"os"
	"strings"
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

// heldAgainst tells whether the checksum of an object in parts, as the answer to its
// completion has it, is the payload's: the SHA-256 of the parts' own, and their number
// (S3 guide, "Checking object integrity", composite checksums). Nil is no checksum.
func (p Payload) heldAgainst(composite *string) error {
	if composite == nil || !strings.Contains(*composite, "-") {
		return nil
	}
	sum := sha256.New()
	for _, part := range p.parts {
		of, err := part()
		if err != nil {
			return err
		}
		sum.Write(of)
	}
	if want := fmt.Sprintf("%s-%d", base64.StdEncoding.EncodeToString(sum.Sum(nil)), len(p.parts)); *composite != want {
		return fmt.Errorf("its checksum is %s, and %s was sent", *composite, want)
	}
	return nil
}

// md5 is the MD5 of the payload, which S3 gives as ETag. It is computed only where
// nothing better tells what has arrived.
func (p Payload) md5() ([]byte, error) {
	sum := md5.New() //nolint:gosec // it is S3's, and proves nothing against an attacker
	if p.Path == "" {
		sum.Write(p.Body)
		return sum.Sum(nil), nil
	}
	f, err := os.Open(p.Path)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", p.Path, err)
	}
	defer f.Close() // nothing was written
	if _, err := io.Copy(sum, f); err != nil {
		return nil, fmt.Errorf("reading %s: %w", p.Path, err)
	}
	return sum.Sum(nil), nil
}
