package template

import (
	"regexp"
	"slices"
	"strings"

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

// schemeOf returns how a URL begins, or another service's name for a document, in lower
// case: "s3://", "arn:". What begins so but for the two slashes has a question mark in
// their place. It is "" for a path. One letter before the colon is a Windows drive.
func schemeOf(text string) string {
	name, rest, found := strings.Cut(strings.TrimSpace(text), ":")
	name = strings.ToLower(name)
	switch {
	case !found || len(name) < 2 || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789+.-") != "" || name[0] < 'a':
		return ""
	case name == "ssm-doc" || name == "arn":
		return name + ":"
	case strings.HasPrefix(rest, "//"):
		return name + "://"
	case slices.Contains([]string{"s3", "http", "https", "file", "fileb"}, name):
		return name + ":?"
	}
	return ""
}

// mayBecomeLocation tells whether more text can make a location of a text that is not
// whole.
func mayBecomeLocation(begin string) bool {
	for _, scheme := range []string{"s3://", "https://", "http://", "ssm-doc:", "arn:"} {
		if strings.HasPrefix(scheme, strings.ToLower(begin)) {
			return true
		}
	}
	return false
}

// s3Object reads s3://bucket/key?versionId=v, any of which may hold dynamic references.
func s3Object(text string) (Location, bool) {
	m := regexp.MustCompile(`^(?i:s3)://((?:\{\{resolve:[^{}]*\}\}|[^/?#])+)/((?:\{\{resolve:[^{}]*\}\}|[^?])+)(?:\?versionId=([^&]+))?$`).FindStringSubmatch(text)
	if m == nil {
		return Location{}, false
	}
	return Location{Bucket: m[1], Key: m[2], version: m[3]}, true
}
