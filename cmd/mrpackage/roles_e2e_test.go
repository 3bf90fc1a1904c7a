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
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// A server that plays AWS gives each role credentials of its account: a run stores in the buckets of two accounts, whose
// owner it expects there, and assumes each region's role once.
func TestE2ERoles(t *testing.T) {
	m := startMoto(t)
	if m == nil {
		return
	}
	program := buildProgram(t)
	roleOf := map[string]string{east: "arn:aws:iam::222222222222:role/publish", west: "arn:aws:iam::333333333333:role/publish"}
	for region, role := range roleOf {
		m.createBucketAs(t, role, region, "code-"+region)
	}
	m.mu.Lock()
	m.calls = nil
	m.mu.Unlock()
	cmd := exec.CommandContext(t.Context(), program, "-r", east+","+west, "--s3-bucket", "code-{region}", "--expected-bucket-owner", "self",
		"--role-arn", roleOf[east], "--role-arn", west+"="+roleOf[west])
	cmd.Dir = sampleApp(t)
	cmd.Env = append(environment(), "AWS_ENDPOINT_URL="+m.endpoint, "AWS_ACCESS_KEY_ID=x", "AWS_SECRET_ACCESS_KEY=y",
		"AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null")
	if out, err := cmd.CombinedOutput(); err != nil || strings.Count(string(out), "6 uploaded") != 2 || strings.Count(string(out), "copied") != 0 {
		t.Errorf("%v:\n%s", err, out)
	}
	var assumed []string
	for _, c := range m.calls {
		if c.action == "AssumeRole" {
			assumed = append(assumed, c.region+" "+c.form.Get("RoleArn"))
		}
	}
	slices.Sort(assumed)
	if want := []string{east + " " + roleOf[east], west + " " + roleOf[west]}; !slices.Equal(assumed, want) {
		t.Errorf("assumed %q, want %q", assumed, want)
	}
	for region := range roleOf {
		list, err := motoClient(m, region).ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: aws.String("code-" + region)})
		check(t, err)
		if len(list.Contents) != 6 {
			t.Errorf("%s has %d objects", region, len(list.Contents))
		}
	}
}

// createBucketAs creates a bucket of the role's account.
func (m *moto) createBucketAs(t *testing.T, role, region, bucket string) {
	t.Helper()
	session, err := sts.New(sts.Options{
		Region: region, BaseEndpoint: aws.String(m.endpoint), Credentials: credentials.NewStaticCredentialsProvider("x", "y", ""),
	}).AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: &role, RoleSessionName: aws.String("test")})
	check(t, err)
	input := &s3.CreateBucketInput{Bucket: &bucket}
	if region != east { // S3's first region has no name here
		input.CreateBucketConfiguration = &types.CreateBucketConfiguration{LocationConstraint: types.BucketLocationConstraint(region)}
	}
	_, err = s3.New(s3.Options{
		Region: region, BaseEndpoint: aws.String(m.endpoint), UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider(*session.Credentials.AccessKeyId, *session.Credentials.SecretAccessKey, *session.Credentials.SessionToken),
	}).CreateBucket(t.Context(), input)
	check(t, err)
}
