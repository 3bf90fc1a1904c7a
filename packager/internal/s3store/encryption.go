package s3store

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// SSE is the encryption that S3 stores objects under: the value of its header
// x-amz-server-side-encryption (S3 API reference).
type SSE string

// The encryptions that S3 knows for a bucket's objects, and none to be asked for.
const (
	BucketSSE SSE = ""        // the bucket's own default
	AES256    SSE = "AES256"  // S3's keys
	KMS       SSE = "aws:kms" // a KMS key
)

// encryption is what a put asks for.
func (b *Bucket) encryption() (types.ServerSideEncryption, *string) {
	switch {
	case b.KMSKey != "":
		return types.ServerSideEncryptionAwsKms, &b.KMSKey
	case b.config.SSE != BucketSSE:
		return types.ServerSideEncryption(b.config.SSE), nil
	case b.own != nil:
		return b.own.encryption()
	}
	return "", nil
}

// encrypted tells whether an object is stored under the encryption that is
// asked for. Only an alias does not tell whose key it is.
func (b *Bucket) encrypted(out *s3.HeadObjectOutput) bool {
	want, key := b.encryption()
	if want == "" {
		return true
	}
	if out.ServerSideEncryption != want {
		return false
	}
	stored := aws.ToString(out.SSEKMSKeyId)
	if key == nil || isAlias(*key) || stored == "" {
		return true
	}
	// S3 answers with the key's ARN, whatever it was asked with.
	return stored == *key || strings.HasSuffix(stored, ":key/"+*key)
}

func isAlias(key string) bool {
	return strings.HasPrefix(key, "alias/") || strings.Contains(key, ":alias/")
}

// CheckKeys finds keys that cannot be right. A KMS key is of one region; an
// alias is a name that each region gives to a key of its own, and a
// multi-Region key has one ID in all its regions (KMS guide, "Multi-Region
// keys").
func CheckKeys(stores []Store, sse SSE) (errs []error) {
	arn := regexp.MustCompile(`^arn:aws[a-z-]*:kms:([a-z0-9-]+):[0-9]{12}:(?:key|alias)/[A-Za-z0-9/_-]+$`)
	id := regexp.MustCompile(`^(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|mrk-[0-9a-f]{32})$`)
	alias := regexp.MustCompile(`^alias/[A-Za-z0-9/_-]+$`)
	first := make(map[string]string) // the region that a key's ID was given for
	for _, s := range stores {
		if s.KMSKey == "" {
			continue
		}
		fail := func(hint, format string, args ...any) {
			errs = append(errs, &problem.Error{Subject: s.Region, Message: fmt.Sprintf(format, args...), Hint: hint})
		}
		const perRegion = "give each region its own with --kms-key-id REGION=KEY, or an alias that every region has"
		m := arn.FindStringSubmatch(s.KMSKey)
		switch {
		case sse == AES256:
			fail("leave --sse out, or make it aws:kms", "a KMS key goes with aws:kms, and AES256 is asked for")
		case m != nil && m[1] != s.Region:
			fail(perRegion, "the KMS key %s is in %s, and the bucket %s in %s", s.KMSKey, m[1], s.Bucket, s.Region)
		case m != nil, alias.MatchString(s.KMSKey):
		case !id.MatchString(s.KMSKey):
			fail("it is a key's ID, its ARN, alias/NAME, or an alias's ARN", "%q is not a KMS key", s.KMSKey)
		case strings.HasPrefix(s.KMSKey, "mrk-"):
		case first[s.KMSKey] != "":
			fail(perRegion+", or the ID of a multi-Region key (mrk-...)", "the KMS key %s is of one region, and %s has it already", s.KMSKey, first[s.KMSKey])
		default:
			first[s.KMSKey] = s.Region
		}
	}
	switch sse {
	case BucketSSE, AES256, KMS:
	default:
		errs = append(errs, &problem.Error{Message: fmt.Sprintf("%q is no encryption of S3's: there are %s and %s", sse, AES256, KMS)})
	}
	return errs
}
