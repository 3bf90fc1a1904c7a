package s3test_test

import (
	"errors"
	"io"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/s3test"
)

func TestRanges(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.PutObject(here, "k", s3test.Object{Body: []byte("0123456789"), ChecksumSHA256: "x"})
	client := newClient(t, s, "eu-west-1")
	for asked, want := range map[string]string{"bytes=0-0": "0", "bytes=2-4": "234", "bytes=8-": "89", "bytes=8-20": "89"} {
		out := must[*s3.GetObjectOutput](t)(client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String(here), Key: aws.String("k"), Range: &asked}))
		got := string(must[[]byte](t)(io.ReadAll(out.Body)))
		if got != want || *out.ContentLength != int64(len(want)) || out.ChecksumSHA256 != nil {
			t.Errorf("%s: got %q, want %q", asked, got, want)
		}
	}
	_, err := client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String(here), Key: aws.String("k"), Range: aws.String("bytes=10-11")})
	checkError(t, err, 416, "InvalidRange")
}

func TestWhatCannotBeRead(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.PutObject(here, "cold", s3test.Object{Body: []byte("x"), StorageClass: "GLACIER"})
	s.PutObject(here, "gone", s3test.Object{Body: []byte("x"), VersionID: "v1"})
	s.Delete(here, "gone")
	client := newClient(t, s, "eu-west-1")
	get := func(key string, change func(*s3.GetObjectInput)) error {
		in := &s3.GetObjectInput{Bucket: aws.String(here), Key: &key}
		change(in)
		_, err := client.GetObject(t.Context(), in)
		return err
	}
	checkError(t, get("cold", func(*s3.GetObjectInput) {}), 403, "InvalidObjectState")
	checkError(t, get("cold", func(in *s3.GetObjectInput) { in.IfMatch = aws.String(`"other"`) }), 403, "InvalidObjectState")
	err := get("gone", func(*s3.GetObjectInput) {})
	checkError(t, err, 404, "NoSuchKey")
	var response *awshttp.ResponseError
	if !errors.As(err, &response) || response.Response.Header.Get("X-Amz-Delete-Marker") != "true" {
		t.Error("nothing tells that it was deleted")
	}
	if err := get("gone", func(in *s3.GetObjectInput) { in.VersionId = aws.String("v1") }); err != nil {
		t.Errorf("the version that was deleted last is not there: %v", err)
	}
	s.PutObject(here, "k", s3test.Object{Body: []byte("x")})
	checkError(t, get("k", func(in *s3.GetObjectInput) { in.IfMatch = aws.String(`"other"`) }), 412, "PreconditionFailed")
	if keys := s.Keys(here); len(keys) != 2 {
		t.Errorf("keys %v", keys)
	}
}

func TestLifecycleAndTags(t *testing.T) {
	t.Parallel()
	s := start(t)
	client := newClient(t, s, "eu-west-1")
	ask := func() (*s3.GetBucketLifecycleConfigurationOutput, error) {
		return client.GetBucketLifecycleConfiguration(t.Context(), &s3.GetBucketLifecycleConfigurationInput{Bucket: aws.String(here)})
	}
	_, err := ask()
	checkError(t, err, 404, "NoSuchLifecycleConfiguration")
	s.SetLifecycle(here, `<Rule><ID>old</ID><Status>Enabled</Status><Filter><Prefix>a/</Prefix></Filter><Expiration><Days>90</Days></Expiration></Rule>`)
	out := must[*s3.GetBucketLifecycleConfigurationOutput](t)(ask())
	if len(out.Rules) != 1 || *out.Rules[0].ID != "old" || *out.Rules[0].Expiration.Days != 90 || *out.Rules[0].Filter.Prefix != "a/" {
		t.Errorf("%+v", out.Rules)
	}
	s.PutObject(here, "k", s3test.Object{Tags: map[string]string{"app": "shop"}, Expiration: "soon"})
	head := must[*s3.HeadObjectOutput](t)(client.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: aws.String(here), Key: aws.String("k")}))
	if *head.TagCount != 1 || *head.Expiration != "soon" {
		t.Errorf("%+v", head)
	}
	tags := must[*s3.GetObjectTaggingOutput](t)(client.GetObjectTagging(t.Context(), &s3.GetObjectTaggingInput{Bucket: aws.String(here), Key: aws.String("k")}))
	if len(tags.TagSet) != 1 || *tags.TagSet[0].Key != "app" || *tags.TagSet[0].Value != "shop" {
		t.Errorf("%+v", tags.TagSet)
	}
}
