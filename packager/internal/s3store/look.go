package s3store

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
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
	Why    string               // what is not as it should be, where it is Foreign or Different; or though its key counts
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
	f, err := b.prove(ctx, key, want)
	if f.head != nil && b.config.KeyCounts {
		f = f.counted(f.head, want)
	}
	return f, err
}

// prove is Look where no key counts.
func (b *Bucket) prove(ctx context.Context, key string, want Payload) (Found, error) {
	out, err := b.head(ctx, key, "")
	region := bucketRegion(err)
	switch {
	case err == nil:
	case region != "" && region != b.Region:
		return Found{Presence: Unknown}, b.elsewhere(region, err)
	case status(err) == http.StatusNotFound:
		return Found{Presence: Absent}, nil
	case status(err) == http.StatusForbidden:
		return Found{Presence: Unknown}, nil
	case status(err) == http.StatusBadRequest:
		// Nothing is wrong with the request: it takes a customer's own key to
		// look at this object.
		return Found{Presence: Foreign, Why: "only a key of its owner's opens it"}, nil
	default:
		return Found{Presence: Unknown}, b.explain("s3:GetObject", "looking for", key, err)
	}
	return b.compare(out, want), nil
}

// compare holds what S3 tells of an object against what it should be.
func (b *Bucket) compare(out *s3.HeadObjectOutput, want Payload) Found {
	recorded, err := hex.DecodeString(out.Metadata[sumMeta])
	if err != nil {
		recorded = nil
	}
	f := Found{Presence: Proved, Size: aws.ToInt64(out.ContentLength), SHA256: recorded, head: out}
	if f.Why = foreign(out, f, want); f.Why != "" {
		f.Presence = Foreign
	} else if f.Why = b.different(out); f.Why != "" {
		f.Presence = Different
	}
	return f
}

// foreign says why an object is not the payload; "" where it is.
func foreign(out *s3.HeadObjectOutput, f Found, want Payload) string {
	switch {
	case want.Size >= 0 && f.Size != want.Size:
		return fmt.Sprintf("it has %s, and %d were expected", problem.Count(f.Size, "byte"), want.Size)
	case len(f.SHA256) != sha256.Size, out.Metadata[digestMeta] == "", out.Metadata[sizeMeta] == "":
		return "it lacks the metadata that proves it, " + digestMeta + ", " + sizeMeta + " and " + sumMeta
	case out.Metadata[digestMeta] != want.Digest, out.Metadata[sizeMeta] != strconv.FormatInt(f.Size, 10),
		want.Size >= 0 && !bytes.Equal(f.SHA256, want.SHA256):
		return "its metadata is that of other content"
	case aws.ToString(out.ChecksumSHA256) != "" && !strings.Contains(*out.ChecksumSHA256, "-") && out.ChecksumType == types.ChecksumTypeFullObject &&
		*out.ChecksumSHA256 != base64.StdEncoding.EncodeToString(f.SHA256):
		return "its checksum is another"
	}
	return ""
}

// different says what of an object that is the payload is not as it is asked for; "" where
// all is.
func (b *Bucket) different(out *s3.HeadObjectOutput) string {
	for _, key := range slices.Sorted(maps.Keys(b.config.Metadata)) {
		if stored, there := out.Metadata[strings.ToLower(key)]; !there {
			return "it lacks the metadata " + key
		} else if stored != b.config.Metadata[key] {
			return fmt.Sprintf("its metadata %s is %q", key, stored)
		}
	}
	switch {
	case !b.encrypted(out):
		encryption, key := b.encryption()
		is, asked := string(out.ServerSideEncryption), string(encryption)
		if is == asked { // then the key is another
			is, asked = aws.ToString(out.SSEKMSKeyId), *key
		}
		return fmt.Sprintf("its encryption is %s, and %s was asked for", cmp.Or(is, "unknown"), asked)
	case archived(out):
		return "it is archived, in the storage class " + string(out.StorageClass)
	}
	return ""
}

// head asks for a version of an object, "" being the newest. The answer to a HEAD does not say why it is refused:
// where the credentials have expired, another question has them renewed, and
// else says what is wrong.
func (b *Bucket) head(ctx context.Context, key, version string) (*s3.HeadObjectOutput, error) {
	input := &s3.HeadObjectInput{Bucket: &b.Bucket, Key: &key, ChecksumMode: types.ChecksumModeEnabled, ExpectedBucketOwner: b.owner()}
	if version != "" {
		input.VersionId = &version
	}
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
