package packager_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"maps"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/symphoniacloud/multi-region-codepipeline/packager"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/s3test"
)

// What may be under a key, and whether it counts. What does not is stored anew,
// with a warning where it is something else than it should be.
func TestLook(t *testing.T) {
	const reused, silently, warned = "reused", "uploaded", "uploaded with a warning"
	digest := func(body []byte) (hexed, encoded string) {
		sum := sha256.Sum256(body)
		return hex.EncodeToString(sum[:]), base64.StdEncoding.EncodeToString(sum[:])
	}
	tests := map[string]struct {
		change func(o *s3test.Object)
		want   string
	}{
		"as it was stored": {func(*s3test.Object) {}, reused},
		"empty":            {func(o *s3test.Object) { o.Body = nil }, warned},
		"truncated":        {func(o *s3test.Object) { o.Body = o.Body[:len(o.Body)-1] }, warned},
		"longer":           {func(o *s3test.Object) { o.Body = append(o.Body, 0) }, warned},
		"without metadata": {func(o *s3test.Object) { o.Metadata = nil }, warned},
		"another digest":   {func(o *s3test.Object) { o.Metadata["mrpackage-digest"] = strings.Repeat("0", 64) }, warned},
		"no checksum in the metadata": {func(o *s3test.Object) {
			delete(o.Metadata, "mrpackage-sha256")
		}, warned},
		"a checksum in the metadata that is none": {func(o *s3test.Object) { o.Metadata["mrpackage-sha256"] = "x" }, warned},
		"another checksum in the metadata": {func(o *s3test.Object) {
			o.Metadata["mrpackage-sha256"], _ = digest([]byte("another"))
		}, warned},
		"other bytes of the same size": {func(o *s3test.Object) {
			o.Body = bytes.ToUpper(o.Body)
			_, o.ChecksumSHA256 = digest(o.Body)
		}, warned},
		"a checksum of parts":    {func(o *s3test.Object) { o.ChecksumSHA256, o.ChecksumType = "AAAA-2", "COMPOSITE" }, reused},
		"no checksum":            {func(o *s3test.Object) { o.ChecksumSHA256, o.ChecksumType = "", "" }, reused},
		"another kind of one":    {func(o *s3test.Object) { o.ChecksumSHA256, o.ChecksumCRC64NVME = "", "AAAAAAAAAAA=" }, reused},
		"in an archive":          {func(o *s3test.Object) { o.StorageClass = "GLACIER" }, silently},
		"in a deep archive":      {func(o *s3test.Object) { o.StorageClass = "DEEP_ARCHIVE" }, silently},
		"seldom read":            {func(o *s3test.Object) { o.StorageClass = "STANDARD_IA" }, reused},
		"under a customer's key": {func(o *s3test.Object) { o.CustomerKey = true }, warned},
	}
	for name, tt := range tests {
		// An archive's size and checksum are not known before it is made, those
		// of another file are.
		for _, property := range []string{"Function, Properties: {CodeUri: src}}", "Api, Properties: {DefinitionUri: src/app.js}}"} {
			t.Run(name+"/"+property[:3], func(t *testing.T) {
				server, opts := store(t)
				opts.Stores = opts.Stores[:1]
				write(t, strings.TrimSuffix(opts.TemplateFile, "template.yaml"), "template.yaml", "Resources:\n  R: {Type: AWS::Serverless::"+property+"\n")
				result, err := packager.Package(t.Context(), opts)
				if err != nil {
					t.Fatal(err)
				}
				key := result.Artifacts[0].Name
				whole, _ := server.Object("east", key)
				other := whole
				other.Metadata = maps.Clone(whole.Metadata)
				other.Body = bytes.Clone(whole.Body)
				other.ETag, other.VersionID = "", ""
				tt.change(&other)
				server.PutObject("east", key, other)

				warning := ""
				opts.Progress = func(e packager.Event) {
					if e.Kind == packager.Replaced {
						warning = " with a warning"
					}
				}
				result, err = packager.Package(t.Context(), opts)
				if err != nil {
					t.Fatal(err)
				}
				now, _ := server.Object("east", key)
				got := string(result.Stores[0].Objects[0].Action) + warning
				if got != tt.want || got != reused && (!bytes.Equal(now.Body, whole.Body) || now.CustomerKey) {
					t.Errorf("%s, want %s", got, tt.want)
				}
			})
		}
	}
}

// The answer to a HEAD does not say that the credentials have expired. They are
// renewed all the same.
func TestCredentialsRenewedWhileLooking(t *testing.T) {
	server, opts := store(t)
	opts.Hurry(time.Minute)
	var fetched atomic.Int64
	opts.AWS = &aws.Config{Credentials: aws.NewCredentialsCache(aws.CredentialsProviderFunc(func(ctx context.Context) (aws.Credentials, error) {
		fetched.Add(1)
		return credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", "token").Retrieve(ctx)
	}))}
	server.Fail(s3test.Fault{Operation: "HeadObject", Region: "us-east-1", Status: 400, Times: 1})
	server.Fail(s3test.Fault{Operation: "ListObjectsV2", Region: "us-east-1", Status: 400, Code: "ExpiredToken", Times: 1})
	if _, err := packager.Package(t.Context(), opts); err != nil {
		t.Fatal(err)
	}
	if fetched.Load() != 2 {
		t.Errorf("fetched %d times", fetched.Load())
	}
}
