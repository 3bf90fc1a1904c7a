package template

import (
	"net/url"
	"regexp"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/region"
)

// objectOf reads the location of an object in any of the forms that templates have:
// s3://bucket/key, and S3's https URLs, with the bucket in the path or in the host. endpoint
// is a server that stands in for S3: the AWS CLI writes its URLs then.
func objectOf(text, endpoint string) (Location, bool) {
	if l, ok := s3Object(text); ok {
		return l, true
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Fragment != "" {
		return Location{}, false
	}
	bucket, in, ok := hostOf(strings.ToLower(u.Scheme), strings.ToLower(u.Host))
	if !ok {
		if e, err := url.Parse(endpoint); endpoint == "" || err != nil || e.Host != u.Host {
			return Location{}, false
		}
	}
	key := strings.TrimPrefix(u.Path, "/") // percent signs are gone
	if bucket == "" {
		bucket, key, _ = strings.Cut(key, "/")
	}
	l := Location{Region: in, Bucket: bucket, Key: key, Version: u.Query().Get("versionId")}
	return l, bucket != "" && key != ""
}

// hostOf reads the name of one of S3's hosts ("Amazon S3 endpoints and quotas", "Virtual
// hosting of general purpose buckets"): the bucket where that is in it, and the region where
// it says one.
func hostOf(scheme, host string) (bucket, in string, ok bool) {
	host = strings.TrimSuffix(strings.TrimSuffix(host, ":443"), ".")
	m := regexp.MustCompile(`^(?:(.+)\.)?s3(?:-fips)?(?:\.dualstack)?[.-](` + region.Pattern + `)\.(.+)$`).FindStringSubmatch(host)
	switch {
	case scheme != "https" && scheme != "http":
		return "", "", false
	case m != nil && m[4] == region.DNSSuffix(m[2]):
		return m[1], m[2], true
	}
	// The first hosts said no region; one of them is only in us-east-1.
	m = regexp.MustCompile(`^(?:(.+)\.)?s3(-external-1|-accelerate|-accelerate\.dualstack)?\.amazonaws\.com$`).FindStringSubmatch(host)
	switch {
	case m == nil:
		return "", "", false
	case m[2] == "-external-1":
		in = "us-east-1"
	}
	return m[1], in, true
}
