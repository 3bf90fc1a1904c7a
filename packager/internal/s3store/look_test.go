package s3store

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// Of an object that is not as it should be it is told what is not.
func TestWhy(t *testing.T) {
	p := Payload{Digest: strings.Repeat("d", 64), Size: 3, SHA256: make([]byte, 32)}
	plain := Bucket{config: Config{Metadata: map[string]string{"Team": "shop"}}}
	kms := plain
	kms.KMSKey = "11111111-2222-3333-4444-555555555555"
	for name, tt := range map[string]struct {
		bucket Bucket
		change func(*s3.HeadObjectOutput)
		want   string
	}{
		"as it should be":  {plain, func(*s3.HeadObjectOutput) {}, ""},
		"truncated":        {plain, func(o *s3.HeadObjectOutput) { o.ContentLength = aws.Int64(2) }, "it has 2 bytes, and 3 were expected"},
		"no metadata":      {plain, func(o *s3.HeadObjectOutput) { o.Metadata = nil }, "it lacks the metadata that proves it"},
		"no digest":        {plain, func(o *s3.HeadObjectOutput) { delete(o.Metadata, digestMeta) }, "it lacks the metadata that proves it"},
		"another digest":   {plain, func(o *s3.HeadObjectOutput) { o.Metadata[digestMeta] = "x" }, "its metadata is that of other content"},
		"no team":          {plain, func(o *s3.HeadObjectOutput) { delete(o.Metadata, "team") }, "it lacks the metadata Team"},
		"another team":     {plain, func(o *s3.HeadObjectOutput) { o.Metadata["team"] = "x\n" }, `its metadata Team is "x\n"`},
		"no encryption":    {kms, func(*s3.HeadObjectOutput) {}, "its encryption is unknown, and aws:kms was asked for"},
		"another one":      {kms, func(o *s3.HeadObjectOutput) { o.ServerSideEncryption = types.ServerSideEncryptionAes256 }, "its encryption is AES256, and aws:kms was asked for"},
		"put into a vault": {plain, func(o *s3.HeadObjectOutput) { o.StorageClass = types.StorageClassGlacier }, "it is archived, in the storage class GLACIER"},
		"another key": {kms, func(o *s3.HeadObjectOutput) {
			o.ServerSideEncryption, o.SSEKMSKeyId = types.ServerSideEncryptionAwsKms, aws.String("arn:aws:kms:us-east-1:111111111111:key/other")
		}, "its encryption is arn:aws:kms:us-east-1:111111111111:key/other, and 11111111-2222-3333-4444-555555555555 was asked for"},
	} {
		out := &s3.HeadObjectOutput{ContentLength: aws.Int64(3), Metadata: map[string]string{
			digestMeta: p.Digest, sizeMeta: "3", sumMeta: hex.EncodeToString(p.SHA256), "team": "shop",
		}}
		tt.change(out)
		if got := tt.bucket.compare(out, p); !strings.HasPrefix(got.Why, tt.want) || tt.want == "" && got.Presence != Proved {
			t.Errorf("%s: %q, want %q", name, got.Why, tt.want)
		}
	}
}
