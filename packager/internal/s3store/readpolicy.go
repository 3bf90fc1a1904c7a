package s3store

import (
	"encoding/json"
	"fmt"
	"slices"
)

// ReadPolicy returns, as JSON, the least IAM policy with which objects under the stores'
// prefixes are looked at, read, and told when they end; with refresh they are also made
// young. more are statements for what is not S3.
func ReadPolicy[S any](stores []Store, refresh bool, more []S) ([]byte, error) {
	objects := statement{Sid: "ReadObjects", Effect: "Allow", Action: []string{"s3:GetObject", "s3:GetObjectVersion", "s3:GetObjectTagging", "s3:GetObjectVersionTagging"}}
	if refresh {
		objects.Sid, objects.Action = "ReadAndRefreshObjects", append(objects.Action, "s3:PutObject", "s3:PutObjectTagging")
	}
	buckets := statement{Sid: "TellMissingFromForbidden", Effect: "Allow", Action: []string{"s3:ListBucket", "s3:GetLifecycleConfiguration"}}
	document := struct {
		Version   string
		Statement []any
	}{Version: "2012-10-17"}
	var keys []any
	for _, s := range stores {
		objects.Resource = append(objects.Resource, s.arn(s.Key("*")))
		if arn := s.arn(""); !slices.Contains(buckets.Resource, arn) {
			buckets.Resource = append(buckets.Resource, arn)
		}
		if s.KMSKey != "" {
			use := s.keyStatement(len(keys) + 1)
			if !refresh {
				use.Sid, use.Action = fmt.Sprintf("Decrypt%d", len(keys)+1), []string{"kms:Decrypt"}
			}
			keys = append(keys, use)
		}
	}
	if len(stores) > 0 {
		document.Statement = append([]any{objects, buckets}, keys...)
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
