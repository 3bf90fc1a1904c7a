package template

import (
	"regexp"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/region"
)

// A Location is a stored object as a template names it.
type Location struct{ Region, Bucket, Key, version string }

// value returns the location in a property's form: a string, or the pairs of
// a mapping in order.
func (f form) value(l Location) (text string, pairs [][2]string) {
	if f.bucket != "" {
		pairs = [][2]string{{f.bucket, l.Bucket}, {f.key, l.Key}}
		if l.version != "" && f.version != "" {
			pairs = append(pairs, [2]string{f.version, l.version})
		}
		return "", pairs
	}
	if f.https {
		return "https://s3." + l.Region + "." + region.DNSSuffix(l.Region) + "/" + l.Bucket + "/" + l.Key, nil
	}
	text = "s3://" + l.Bucket + "/" + l.Key
	if l.version != "" {
		text += "?versionId=" + l.version
	}
	return text, nil
}

// isURL tells a URL, or another service's name for a document, from a path.
// One letter before the colon is a Windows drive.
func isURL(value string) bool {
	return regexp.MustCompile(`^(?i)([a-z][a-z0-9+.-]+://|ssm-doc:|arn:)`).MatchString(value)
}

// s3Object reads s3://bucket/key?versionId=v.
func s3Object(value string) (Location, bool) {
	m := regexp.MustCompile(`^s3://([^/?#]+)/([^?]+)(?:\?versionId=(.+))?$`).FindStringSubmatch(value)
	if m == nil {
		return Location{}, false
	}
	return Location{Bucket: m[1], Key: m[2], version: m[3]}, true
}
