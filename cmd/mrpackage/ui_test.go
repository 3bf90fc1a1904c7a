package main

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/symphoniacloud/multi-region-codepipeline/packager"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// Nothing that others put into a message shows a secret.
func TestHideSecrets(t *testing.T) {
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret-example")
	t.Setenv("AWS_SESSION_TOKEN", "")
	for text, want := range map[string]string{
		"Authorization: AWS4-HMAC-SHA256 Credential=AKID/x, Signature=0123\nHost: s3\n": "Authorization: xxxxx\ufffdHost: s3\n",
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

// Text from outside breaks no line, wherever it comes from, and moves no cursor.
func TestOneLine(t *testing.T) {
	const forged = "x\nmrpackage: all is well\r\u2028\x1b[2K"
	var out bytes.Buffer
	u := &ui{out: &out, err: &out, verbose: true}
	artifact := &packager.Artifact{References: []packager.Reference{{LogicalID: forged, Property: forged}}}
	object := packager.Object{Key: forged, Artifact: artifact, Template: forged}
	event := packager.Event{Region: forged, Bucket: forged, Object: object, Err: errors.New("retry " + forged), Took: time.Minute}
	for name, show := range map[string]func(){
		"a problem": func() {
			u.problem(&problem.Error{File: forged, Line: 1, Subject: forged, Message: forged, Hint: forged, Statement: forged}, "warning: ")
		},
		"a wrapped problem": func() { u.problem(fmt.Errorf("%w", &problem.Error{Subject: forged, Message: forged}), "") },
		"an error":          func() { u.problem(errors.New(forged), "") },
		"wrong usage":       func() { u.usage(errors.New(forged)) },
		"a retry":           func() { u.retrying(event) },
		"an object":         func() { u.stored(event) },
		"an archive":        func() { u.archived(event) },
		"a foreign object":  func() { u.replaced(event) },
		"a look":            func() { u.looked(event, 2) },
		"a plan": func() {
			contents := packager.Contents{Store: packager.Store{Region: forged, Bucket: forged}, Objects: []packager.Object{object, {Template: forged}}}
			u.planned([]packager.Contents{contents}, "nothing: the template refers to no local artifact")
		},
	} {
		out.Reset()
		show()
		for line := range strings.Lines(out.String()) {
			if strings.HasPrefix(line, "mrpackage: all is well") || strings.ContainsAny(line, "\r\u2028\x1b") {
				t.Errorf("%s: %q", name, out.String())
			}
		}
		if out.Len() == 0 {
			t.Errorf("%s shows nothing", name)
		}
	}
}
