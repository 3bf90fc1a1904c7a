package s3store

import (
	"encoding/hex"
	"maps"
	"net/url"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// Metadata that every object carries, so that a later run can prove what is
// stored. S3 keeps such keys in lower case.
const (
	digestMeta = "mrpackage-digest" // the artifact's digest
	sizeMeta   = "mrpackage-size"   // the object's size in bytes
	sumMeta    = "mrpackage-sha256" // the object's SHA-256, hex
)

// metadataOf is what a payload's object carries: the user's, where it comes
// from, and what proves it.
func (b *Bucket) metadataOf(p Payload) map[string]string {
	metadata := make(map[string]string)
	maps.Copy(metadata, b.config.Provenance)
	maps.Copy(metadata, b.config.Metadata)
	metadata[digestMeta] = p.Digest
	metadata[sizeMeta] = strconv.FormatInt(p.Size, 10)
	metadata[sumMeta] = hex.EncodeToString(p.SHA256)
	return metadata
}

// tagging is the tags in the form of a URL's query, as S3 wants it.
func (b *Bucket) tagging() *string {
	if len(b.config.Tags) == 0 {
		return nil
	}
	tags := make(url.Values)
	for key, value := range b.config.Tags {
		tags.Set(key, value)
	}
	return aws.String(tags.Encode())
}
