package s3store

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// Where a key counts, an object is there unless it is what an empty zip has, or cannot be read; what mrpackage stored of
// other content is told of, and no other store copies what is not proved.
func TestKeyCounts(t *testing.T) {
	want := Payload{Digest: strings.Repeat("d", 64), Size: -1}
	unknown := Payload{Size: -1}
	other := strings.Repeat("e", 64)
	meta := func(digest, size string) map[string]string {
		return map[string]string{digestMeta: digest, sizeMeta: size, sumMeta: strings.Repeat("00", 32)}
	}
	for name, tt := range map[string]struct {
		head   s3.HeadObjectOutput
		want   Payload
		is     Presence
		why    string // the beginning
		proved bool   // its sum is known
	}{
		"ours":            {s3.HeadObjectOutput{ContentLength: aws.Int64(100), Metadata: meta(want.Digest, "100")}, want, Proved, "", true},
		"theirs":          {s3.HeadObjectOutput{ContentLength: aws.Int64(100)}, want, Proved, "", false},
		"ours of old":     {s3.HeadObjectOutput{ContentLength: aws.Int64(100), Metadata: meta(other, "100")}, want, Proved, "it was made of other content: its digest is eeee", false},
		"ours, truncated": {s3.HeadObjectOutput{ContentLength: aws.Int64(99), Metadata: meta(want.Digest, "100")}, want, Proved, "it has 99 bytes, and was stored with 100", false},
		"ours, spoiled": {s3.HeadObjectOutput{ContentLength: aws.Int64(100), Metadata: meta(want.Digest, "100"), ChecksumSHA256: aws.String("eA=="),
			ChecksumType: types.ChecksumTypeFullObject}, want, Proved, "its checksum is another", false},
		"of a command":      {s3.HeadObjectOutput{ContentLength: aws.Int64(100), Metadata: meta(other, "100")}, unknown, Proved, "", false},
		"an empty zip":      {s3.HeadObjectOutput{ContentLength: aws.Int64(22)}, want, Foreign, "", false},
		"one byte more":     {s3.HeadObjectOutput{ContentLength: aws.Int64(23)}, want, Proved, "", false},
		"our own empty zip": {s3.HeadObjectOutput{ContentLength: aws.Int64(22), Metadata: meta(want.Digest, "22")}, want, Proved, "", true},
		"in a vault": {s3.HeadObjectOutput{ContentLength: aws.Int64(100), Metadata: meta(want.Digest, "100"), StorageClass: types.StorageClassGlacier},
			want, Different, "it is archived", true},
		"theirs in a vault": {s3.HeadObjectOutput{ContentLength: aws.Int64(100), StorageClass: types.StorageClassGlacier}, want, Foreign, "", false},
	} {
		b := Bucket{config: Config{KeyCounts: true}}
		f := b.compare(&tt.head, tt.want)
		f = f.counted(&tt.head, tt.want)
		if f.Presence != tt.is || tt.why != "" && !strings.HasPrefix(f.Why, tt.why) || tt.is == Proved && tt.why == "" && f.Why != "" {
			t.Errorf("%s: %v, %q", name, f.Presence, f.Why)
		}
		if tt.is == Proved && (f.SHA256 != nil) != tt.proved {
			t.Errorf("%s: the sum %x", name, f.SHA256)
		}
	}
}
