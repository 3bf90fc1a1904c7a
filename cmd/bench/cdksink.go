package main

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

// What publishers of cloud assemblies ask besides: STS for roles, and S3 about buckets.

func isSTS(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Authorization"), "/sts/aws4_request")
}

// serveSTS answers a request to STS, of which the body is kept.
func serveSTS(w http.ResponseWriter, body string) {
	w.Header().Set("Content-Type", "text/xml")
	operation, result := "GetCallerIdentity", fmt.Sprintf("<Arn>arn:aws:iam::%s:user/bench</Arn><UserId>AIDA</UserId><Account>%s</Account>", cdkAccount, cdkAccount)
	if strings.Contains(body, "Action=AssumeRole") {
		operation = "AssumeRole"
		result = fmt.Sprintf("<Credentials><AccessKeyId>ASIAEXAMPLE</AccessKeyId><SecretAccessKey>secret</SecretAccessKey><SessionToken>token</SessionToken><Expiration>%s</Expiration></Credentials>",
			time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
	}
	_, _ = fmt.Fprintf(w, "<%[1]sResponse><%[1]sResult>%[2]s</%[1]sResult></%[1]sResponse>", operation, result)
}

// aboutBucket answers a question about a bucket. s.mu is locked.
func (s *sink) aboutBucket(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	switch {
	case query.Has("location"):
		_, _ = fmt.Fprint(w, "<LocationConstraint/>")
	case query.Has("encryption"):
		_, _ = fmt.Fprint(w, "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm></ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>")
	case query.Get("list-type") == "2":
		key := query.Get("prefix")
		_, _ = fmt.Fprint(w, "<ListBucketResult>")
		if o, ok := s.objects["/"+strings.Trim(r.URL.Path, "/")+"/"+key]; ok {
			_, _ = fmt.Fprintf(w, "<Contents><Key>%s</Key><Size>%d</Size></Contents>", key, o.size)
		}
		_, _ = fmt.Fprint(w, "</ListBucketResult>")
	}
}
