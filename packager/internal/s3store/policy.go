package s3store

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/region"
)

// A statement is one of an IAM policy.
type statement struct {
	Sid       string `json:",omitempty"`
	Effect    string
	Action    []string
	Resource  []string
	Condition map[string]map[string]string `json:",omitempty"`
}

// Policy returns, as JSON, the least IAM policy with which all can be done that this
// package does with the stores that have a bucket: store, prove what is stored, refresh it, and clean up after an
// interrupted upload. What each request needs is said in the S3 guide, "Required
// permissions for Amazon S3 API operations". tags tells whether objects get tags,
// and more are statements for what is not S3.
func Policy[S any](stores []Store, tags bool, more []S) ([]byte, error) {
	objects := statement{
		Sid: "StoreAndProveObjects", Effect: "Allow",
		Action: []string{"s3:PutObject", "s3:GetObject", "s3:AbortMultipartUpload"},
	}
	if tags {
		objects.Action = append(objects.Action, "s3:PutObjectTagging", "s3:GetObjectTagging")
	}
	buckets := statement{Sid: "TellMissingFromForbidden", Effect: "Allow", Action: []string{"s3:ListBucket"}}
	document := struct {
		Version   string
		Statement []any
	}{Version: "2012-10-17"}
	var keys []statement
	for _, s := range stores {
		if s.Bucket == "" {
			continue
		}
		objects.Resource = append(objects.Resource, s.arn(s.Key("*")))
		buckets.Resource = append(buckets.Resource, s.arn(""))
		if s.KMSKey != "" {
			keys = append(keys, s.keyStatement(len(keys)+1))
		}
	}
	if objects.Resource != nil {
		document.Statement = []any{objects, buckets}
	}
	for _, s := range keys {
		document.Statement = append(document.Statement, s)
	}
	for _, s := range more {
		document.Statement = append(document.Statement, s)
	}
	text, err := json.MarshalIndent(document, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("writing the policy: %w", err)
	}
	return append(text, '\n'), nil
}

// keyStatement allows the use of the store's key. An alias stands for a key
// only as a condition (KMS guide, "Use aliases to control access to KMS keys").
func (s Store) keyStatement(n int) statement {
	allow := statement{
		Sid: fmt.Sprintf("EncryptAndDecrypt%d", n), Effect: "Allow",
		Action: []string{"kms:GenerateDataKey", "kms:Decrypt"}, Resource: []string{s.KMSKey},
	}
	if !strings.HasPrefix(s.KMSKey, "arn:") {
		allow.Resource[0] = fmt.Sprintf("arn:%s:kms:%s:*:key/%s", region.Partition(s.Region), s.Region, s.KMSKey)
	}
	if at := strings.Index(s.KMSKey, "alias/"); at >= 0 {
		allow.Resource[0] = fmt.Sprintf("arn:%s:kms:%s:*:key/*", region.Partition(s.Region), s.Region)
		allow.Condition = map[string]map[string]string{"ForAnyValue:StringEquals": {"kms:ResourceAliases": s.KMSKey[at:]}}
	}
	return allow
}

// arn is that of an object, or of the bucket itself.
func (s Store) arn(key string) string {
	arn := fmt.Sprintf("arn:%s:s3:::%s", region.Partition(s.Region), s.Bucket)
	if key != "" {
		arn += "/" + key
	}
	return arn
}

// ReadEncryption is the statement that allows to ask buckets how they encrypt, which takes
// [Config.NameSSE]. Without it puts name no encryption.
func ReadEncryption(stores []Store) any {
	read := statement{Sid: "NameTheirEncryption", Effect: "Allow", Action: []string{"s3:GetEncryptionConfiguration"}}
	for _, s := range stores {
		read.Resource = append(read.Resource, s.arn(""))
	}
	return read
}
