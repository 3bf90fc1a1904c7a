package main

import (
	"bytes"
	"strings"
	"testing"
)

// Nothing that others put into a message shows a secret.
func TestHideSecrets(t *testing.T) {
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret-example")
	t.Setenv("AWS_SESSION_TOKEN", "")
	for text, want := range map[string]string{
		"Authorization: AWS4-HMAC-SHA256 Credential=AKID/x, Signature=0123\nHost: s3\n": "Authorization: xxxxx\nHost: s3\n",
		"x-amz-security-token=secret":                             "x-amz-security-token= xxxxx",
		`https://east/k?X-Amz-Credential=AKID&X-Amz-Signature=01`: `https://east/k?X-Amz-Credential= xxxxx`,
		"parse \"http://user:pa ss@host:1\": invalid":             "parse \"http://user:xxxxx@host:1\": invalid",
		"the secret-example of a server":                          "the xxxxx of a server",
		"s3://east/k: dial tcp 127.0.0.1:1: no @ here":            "s3://east/k: dial tcp 127.0.0.1:1: no @ here",
		"https://host:443/a@b and https://host/x:y@z":             "https://host:443/a@b and https://host/x:y@z",
	} {
		var out bytes.Buffer
		(&ui{err: &out}).printf("%s", strings.TrimSuffix(text, "\n"))
		if got := out.String(); got != strings.TrimSuffix(want, "\n") {
			t.Errorf("%q is shown as %q, want %q", text, got, want)
		}
	}
}

// A stand-in for a secret, as local servers take any, hides nothing.
func TestShortSecret(t *testing.T) {
	t.Setenv("AWS_SECRET_ACCESS_KEY", "y")
	var out bytes.Buffer
	(&ui{err: &out}).printf("the key")
	if out.String() != "the key" {
		t.Errorf("shown as %q", out.String())
	}
}
