//go:build e2e

package main_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// A server that plays AWS with KMS: objects are stored under the key of their region, looked at for it, and stored anew
// under another one. It also knows where a bucket is.
func TestE2EKeys(t *testing.T) {
	m := startMoto(t)
	if m == nil {
		return
	}
	e := &e2e{program: buildProgram(t)}
	env := append(environment(), "AWS_ENDPOINT_URL="+m.endpoint, "AWS_ACCESS_KEY_ID=x", "AWS_SECRET_ACCESS_KEY=y",
		"AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null")
	buckets, keyOf := map[string]string{east: "keys-one", west: "keys-two"}, map[string]string{}
	for region, bucket := range buckets {
		input := &s3.CreateBucketInput{Bucket: aws.String(bucket)}
		if region != east { // S3's first region has no name here
			input.CreateBucketConfiguration = &types.CreateBucketConfiguration{LocationConstraint: types.BucketLocationConstraint(region)}
		}
		_, err := motoClient(m, region).CreateBucket(t.Context(), input)
		check(t, err)
		create := exec.CommandContext(t.Context(), "aws", "kms", "create-key", "--region", region, "--query", "KeyMetadata.Arn", "--output", "text")
		create.Env = env
		out, err := create.Output()
		check(t, err)
		keyOf[region] = strings.TrimSpace(string(out))
	}
	app := sampleApp(t)
	run := func(flags ...string) (exit int, stderr string) {
		cmd := exec.CommandContext(t.Context(), e.program, flags...)
		cmd.Dir, cmd.Env = app, env
		out, _ := cmd.CombinedOutput() // the exit status tells
		return cmd.ProcessState.ExitCode(), string(out)
	}
	want := func(wantExit int, text string, flags ...string) {
		t.Helper()
		if exit, out := run(flags...); exit != wantExit || strings.Count(out, text) == 0 {
			t.Errorf("mrpackage %s: exit status %d, want %d and %q:\n%s", strings.Join(flags, " "), exit, wantExit, text, out)
		}
	}
	both := []string{"-r", east + "," + west, "--s3-bucket", east + "=keys-one", "--s3-bucket", west + "=keys-two"}
	with := func(flags ...string) []string { return slices.Concat(both, flags) }
	own := with("--kms-key-id", east+"="+keyOf[east], "--kms-key-id", west+"="+keyOf[west])
	want(0, "6 uploaded", own...)
	want(0, "0 uploaded  6 reused", own...)
	want(0, "6 uploaded", with("--sse", "AES256")...)
	want(1, "and the bucket keys-two in "+west, with("--kms-key-id", keyOf[east])...)
	want(1, "the bucket keys-two is in "+west+", not in "+east, "-r", east, "--s3-bucket", "keys-two")

	list, err := motoClient(m, east).ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: aws.String("keys-one")})
	check(t, err)
	for _, o := range list.Contents {
		head, err := motoClient(m, east).HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: aws.String("keys-one"), Key: o.Key})
		check(t, err)
		if head.ServerSideEncryption != "AES256" {
			t.Errorf("%s is stored under %q", *o.Key, head.ServerSideEncryption)
		}
	}
}

func motoClient(m *moto, region string) *s3.Client {
	return s3.New(s3.Options{
		Region: region, BaseEndpoint: aws.String(m.endpoint), UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider("x", "y", ""),
	})
}
