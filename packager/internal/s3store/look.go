package s3store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// Presence is what a look at a key found.
type Presence uint8

// What there may be under a key.
const (
	Absent    Presence = iota // nothing
	Proved                    // the object is what it should be
	Foreign                   // there is another object
	Different                 // it is what it should be, under other metadata or encryption, or archived
	Unknown                   // S3 does not tell this caller
)

// A Found object, as far as S3 tells.
type Found struct {
	Presence
	Size   int64
	SHA256 []byte               // its SHA-256 as its metadata has it
	head   *s3.HeadObjectOutput // it is large: nobody keeps it
}

// Look asks for the object under a key and compares it with what is recorded
// and expected.
//
// What proves an object is its metadata: the digest of what it was made from, its size
// and its SHA-256, all three, as mrpackage stored them. The size must be the object's,
// and the SHA-256 the one that S3 has computed of the whole object, if it has. An object
// without all that is a foreign one, whatever its key.
func (b *Bucket) Look(ctx context.Context, key string, want Payload) (Found, error) {
	out, err := b.head(ctx, key)
	switch {
	case err == nil:
	case status(err) == http.StatusNotFound:
		return Found{Presence: Absent}, nil
	case status(err) == http.StatusForbidden:
		return Found{Presence: Unknown}, nil
	case status(err) == http.StatusBadRequest:
		// Nothing is wrong with the request: it takes a customer's own key to
		// look at this object.
		return Found{Presence: Foreign}, nil
	default:
		return Found{Presence: Unknown}, b.explain("s3:GetObject", "looking for", key, err)
	}
	recorded, malformed := hex.DecodeString(out.Metadata[sumMeta])
	f := Found{Proved, aws.ToInt64(out.ContentLength), recorded, out}
	switch {
	case malformed != nil || len(recorded) != sha256.Size || out.Metadata[digestMeta] != want.Digest || out.Metadata[sizeMeta] != strconv.FormatInt(f.Size, 10),
		want.Size >= 0 && (f.Size != want.Size || !bytes.Equal(recorded, want.SHA256)),
		out.ChecksumSHA256 != nil && out.ChecksumType == types.ChecksumTypeFullObject &&
			*out.ChecksumSHA256 != base64.StdEncoding.EncodeToString(recorded):
		f.Presence = Foreign
	case !b.sameMetadata(out.Metadata) || !b.encrypted(out) || archived(out):
		f.Presence = Different
	}
	return f, nil
}

// head asks for an object. The answer to a HEAD does not say why it is refused:
// where the credentials have expired, another question has them renewed, and
// else says what is wrong.
func (b *Bucket) head(ctx context.Context, key string) (*s3.HeadObjectOutput, error) {
	input := &s3.HeadObjectInput{Bucket: &b.Bucket, Key: &key, ChecksumMode: types.ChecksumModeEnabled, ExpectedBucketOwner: b.owner()}
	out, err := b.client.HeadObject(ctx, input)
	if status(err) != http.StatusBadRequest {
		return out, err
	}
	_, lerr := b.client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &b.Bucket, MaxKeys: aws.Int32(1), ExpectedBucketOwner: b.owner()})
	if lerr != nil && code(lerr) != "AccessDenied" {
		return nil, lerr
	}
	return b.client.HeadObject(ctx, input)
}

// archived tells whether an object must be restored before anybody can read it,
// as a lifecycle rule may have brought about: CloudFormation could not.
func archived(out *s3.HeadObjectOutput) bool {
	return out.StorageClass == types.StorageClassGlacier || out.StorageClass == types.StorageClassDeepArchive || out.ArchiveStatus != ""
}

// sameMetadata tells whether an object carries the metadata that is asked for.
func (b *Bucket) sameMetadata(stored map[string]string) bool {
	for key, value := range b.config.Metadata {
		if stored[strings.ToLower(key)] != value {
			return false
		}
	}
	return true
}
