package ststest_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/ststest"
)

const role, other = "arn:aws:iam::222222222222:role/team/deployment", "arn:aws:iam::333333333333:role/other"

func client(s *ststest.Server, credential aws.CredentialsProvider) *sts.Client {
	return sts.New(sts.Options{Region: "eu-west-1", BaseEndpoint: aws.String(s.URL()), Credentials: credential, RetryMaxAttempts: 1})
}

// A role is assumed by whom it trusts, with the external ID that it asks for; its credentials are its own, for as long as
// they live, and may assume the next role.
func TestRoles(t *testing.T) {
	s := ststest.New()
	defer s.Close()
	s.CreateRole(ststest.Role{ARN: role, ExternalID: "id"})
	s.CreateRole(ststest.Role{ARN: other, Trusts: []string{"arn:aws:sts::222222222222:assumed-role/deployment/me"}})
	s.SetLife(time.Second)
	caller := client(s, credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", ""))
	for _, input := range []*sts.AssumeRoleInput{
		{RoleArn: aws.String(role), RoleSessionName: aws.String("me")},
		{RoleArn: aws.String(role), RoleSessionName: aws.String("me"), ExternalId: aws.String("another")},
		{RoleArn: aws.String(other), RoleSessionName: aws.String("me")},
		{RoleArn: aws.String(role + "x"), RoleSessionName: aws.String("me")},
	} {
		if _, err := caller.AssumeRole(t.Context(), input); err == nil {
			t.Errorf("%s was assumed", *input.RoleArn)
		}
	}
	out, err := caller.AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: aws.String(role), RoleSessionName: aws.String("me"), ExternalId: aws.String("id")})
	if err != nil {
		t.Fatal(err)
	}
	c := out.Credentials
	session := client(s, credentials.NewStaticCredentialsProvider(*c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken))
	who, err := session.GetCallerIdentity(t.Context(), nil)
	if err != nil || *who.Account != "222222222222" || *who.Arn != "arn:aws:sts::222222222222:assumed-role/deployment/me" {
		t.Errorf("%+v, %v", who, err)
	}
	if _, err := session.AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: aws.String(other), RoleSessionName: aws.String("me")}); err != nil {
		t.Error(err)
	}
	only := s.Only(role)
	for credential, want := range map[[2]string]string{
		{*c.AccessKeyId, *c.SessionToken}: "", {*c.AccessKeyId, "x"}: "InvalidToken", {"AKIDEXAMPLE", ""}: "AccessDenied", {"AKIDEXAMPLE", "x"}: "InvalidToken",
	} {
		if code := only(credential[0], credential[1]); code != want {
			t.Errorf("%s with the token %q: %q, want %q", credential[0], credential[1], code, want)
		}
	}
	for deadline := time.Now().Add(time.Minute); only(*c.AccessKeyId, *c.SessionToken) != "ExpiredToken"; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the credentials never expire")
		}
	}
	if _, err := session.GetCallerIdentity(t.Context(), nil); err == nil {
		t.Error("expired credentials are good")
	}
	if r := s.Requests()[4]; r.Operation != "AssumeRole" || r.Region != "eu-west-1" || r.Signer != ststest.Caller || r.Role != role || r.Status != http.StatusOK {
		t.Errorf("%+v", r)
	}
}
