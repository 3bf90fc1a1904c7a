package s3store

import (
	"crypto/md5" //nolint:gosec // see md5
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// A Payload is what is to be stored under a key.
type Payload struct {
	Digest string // what it is made of, lower-case hex
	Size   int64  // -1 before an archive is made
	SHA256 []byte // SHA-256 of the bytes
	Body   []byte
	Type   string   // the media type that the object says; "" means none
	Path   string   // the file that holds the bytes; "" where body does
	parts  [][]byte // SHA-256 of each part of a multipart upload, as they were written
}

// InFile is the payload in a file, whose pieces of the size of a part have the sums parts.
func (p Payload) InFile(path string, size int64, sum []byte, parts [][]byte) Payload {
	p.Path, p.Size, p.SHA256 = path, size, sum
	if p.Digest == "" {
		p.Digest = hex.EncodeToString(sum) // nobody knew what it would be made of
	}
	if len(parts) > 1 {
		p.parts = parts
	}
	return p
}

// open opens the file, of which the payload's bytes are sent and no more. Others may have
// cut it short or removed it, as programs do that clean folders for temporary files.
func (p Payload) open() (f *os.File, body *io.SectionReader, err error) {
	f, err = os.Open(p.Path)
	if err == nil {
		info, serr := f.Stat()
		if err = serr; err == nil && info.Size() >= p.Size {
			return f, io.NewSectionReader(f, 0, p.Size), nil
		}
		if err == nil {
			err = fmt.Errorf("it has %d bytes, and had %d", info.Size(), p.Size)
		}
		_ = f.Close() // nothing was written
	}
	return nil, nil, &problem.Error{
		Message: fmt.Sprintf("sending the temporary file %s: %s", p.Path, problem.Cause(err)), Err: err,
		Hint: "does another program clean the folder for temporary files? Run again; what is stored is not sent again",
	}
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
		sum.Write(part)
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
	f, body, err := p.open()
	if err != nil {
		return nil, err
	}
	defer f.Close() // nothing was written
	if _, err := io.Copy(sum, body); err != nil {
		return nil, fmt.Errorf("reading %s: %w", p.Path, err)
	}
	return sum.Sum(nil), nil
}

// contentType is the payload's media type, as S3's requests take it.
func (p Payload) contentType() *string {
	if p.Type == "" {
		return nil
	}
	return &p.Type
}
