package s3store

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// An Object is a stored object as S3 describes it to a reader.
type Object struct {
	Key, Version string // the version that was asked for, "" being the newest
	VersionID    string // that of the object, where the bucket has versions
	Size         int64
	Modified     time.Time
	ETag         string // without quotes
	Archived     string // the storage class from which it must be restored before it can be read, else ""
	Expires      string // what S3 itself says of its end, "" where it says nothing

	// What is recorded of it by mrpackage, "" and nil where it is not.
	Digest string
	SHA256 []byte
	// What S3 computed of the whole of it, nil where it did not.
	Checksum []byte
	// Plain tells that the ETag is the MD5 of the content: it is stored in one piece, and not
	// under a KMS key (API reference, "Object").
	Plain bool

	found Found
}

// Why there is no object to speak of.
var (
	errAbsent = errors.New("absent")
	errDenied = errors.New("denied")
)

// IsAbsent tells that S3 says that there is no such object.
func IsAbsent(err error) bool { return errors.Is(err, errAbsent) }

// IsDenied tells that S3 does not say to this caller whether there is an object.
func IsDenied(err error) bool { return errors.Is(err, errDenied) }

// Stat asks for a version of an object, "" being the newest one. An error is [IsAbsent],
// [IsDenied], or says what else went wrong.
func (b *Bucket) Stat(ctx context.Context, key, version string) (Object, error) {
	out, err := b.head(ctx, key, version)
	region := bucketRegion(err)
	switch {
	case err == nil:
	case region != "" && region != b.Region:
		return Object{}, b.elsewhere(region, err)
	case status(err) == http.StatusNotFound && deleted(err), status(err) == http.StatusMethodNotAllowed:
		return Object{}, because(errAbsent, "it was deleted: a delete marker stands in its place")
	case status(err) == http.StatusNotFound && version != "":
		return Object{}, because(errAbsent, "there is no such version of it")
	case status(err) == http.StatusNotFound:
		return Object{}, because(errAbsent, "there is no such object")
	case status(err) == http.StatusForbidden:
		return Object{}, because(errDenied, "S3 denies a look at it")
	case status(err) == http.StatusBadRequest && version != "" && b.isNoVersion(ctx, key, version):
		return Object{}, because(errAbsent, "there is no such version of it")
	case status(err) == http.StatusBadRequest:
		return Object{}, because(errDenied, "only a key of its owner's opens it")
	default:
		return Object{}, b.explain("s3:GetObject", "looking for", key, err)
	}
	o := Object{
		Key: key, Version: version, VersionID: aws.ToString(out.VersionId), Size: aws.ToInt64(out.ContentLength),
		ETag: strings.Trim(aws.ToString(out.ETag), `"`), Expires: aws.ToString(out.Expiration), Digest: out.Metadata[digestMeta],
		found: Found{Size: aws.ToInt64(out.ContentLength), head: out},
	}
	if out.LastModified != nil {
		o.Modified = *out.LastModified
	}
	if archived(out) && !strings.Contains(aws.ToString(out.Restore), `ongoing-request="false"`) {
		o.Archived = cmp.Or(string(out.ArchiveStatus), string(out.StorageClass))
	}
	if sum, err := hex.DecodeString(out.Metadata[sumMeta]); err == nil && len(sum) == sha256.Size {
		o.SHA256 = sum
	}
	if text := aws.ToString(out.ChecksumSHA256); text != "" && !strings.Contains(text, "-") && out.ChecksumType != types.ChecksumTypeComposite {
		o.Checksum, _ = base64.StdEncoding.DecodeString(text) // what is none proves nothing
	}
	kms := out.ServerSideEncryption != "" && out.ServerSideEncryption != types.ServerSideEncryptionAes256
	o.Plain = !strings.Contains(o.ETag, "-") && !kms
	return o, nil
}

// isNoVersion tells whether S3 calls a version ID none of its own. The answer to a HEAD, which
// says the same of a version under a customer's own key, has no words; that to a GET has.
func (b *Bucket) isNoVersion(ctx context.Context, key, version string) bool {
	out, err := b.client.GetObject(ctx, &s3.GetObjectInput{
		Bucket: &b.Bucket, Key: &key, VersionId: &version, ExpectedBucketOwner: b.owner(), Range: aws.String("bytes=0-0"),
	})
	if err == nil {
		_ = out.Body.Close() // nothing of it is wanted
		return false
	}
	return code(err) == "InvalidArgument" || code(err) == "NoSuchVersion"
}

// Recorded says what is wrong with an object that mrpackage has stored under this digest;
// "" where size, digest and checksum are as its metadata has them.
func (o Object) Recorded(digest string) string {
	return foreign(o.found.head, o.foundWithSum(), Payload{Digest: digest, Size: -1})
}

// foundWithSum is the object as the look of a run has it.
func (o Object) foundWithSum() Found {
	f := o.found
	f.SHA256 = o.SHA256
	return f
}

// Old tells whether an object should be made young, as a run does it.
func (o Object) Old(b *Bucket) bool { return b.Old(o.found) }

// Renew makes an object young, as a run does: by a copy onto itself, which is held against
// sum, the SHA-256 of what was proved. Where nobody knows that, its ETag must stay the same.
func (b *Bucket) Renew(ctx context.Context, o Object, sum []byte) error {
	f := o.found
	if f.SHA256 = sum; sum == nil && !o.Plain {
		return &problem.Error{Message: "nothing would prove the copy", Hint: "--deep reads the object, which proves its copy, too"}
	}
	_, err := b.Refresh(ctx, o.Key, f)
	var request *smithy.OperationError
	if errors.As(err, &request) {
		return b.explain("s3:PutObject", "refreshing", o.Key, err)
	}
	return err
}

// because gives an error a reason in words.
func because(kind error, why string) error { return &reason{kind, why} }

type reason struct {
	kind error
	why  string
}

func (r *reason) Error() string { return r.why }

func (r *reason) Unwrap() error { return r.kind }

// deleted tells whether a refusal says that a delete marker is the reason.
func deleted(err error) bool {
	var response *awshttp.ResponseError
	return errors.As(err, &response) && response.Response != nil && response.Response.Header.Get("X-Amz-Delete-Marker") == "true"
}
