package template

import (
	"regexp"
	"slices"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/region"
)

// A Location is a stored object as a template names it. One without a bucket is in the
// bucket of whichever region a stack is made in.
//
// A container image has a repository and a digest in the place of a bucket and a key; what
// has no digest is an address as the template has it.
type Location struct {
	Region, Bucket, Key, Version string
	Repository, Digest           string
}

// isKnown tells whether the location is one that is the same wherever a stack is made.
func (l Location) isKnown() bool { return l.Bucket != "" || l.Repository != "" }

// text is a location in the form of a URL.
func (f form) text(l Location) string {
	switch {
	case f.image && l.Digest == "":
		return l.Repository
	case f.image:
		return l.Repository + "@" + l.Digest
	}
	if f.https {
		return "https://s3." + l.Region + "." + region.DNSSuffix(l.Region) + "/" + l.Bucket + "/" + l.Key
	}
	text := "s3://" + l.Bucket + "/" + l.Key
	if l.Version != "" {
		text += "?versionId=" + l.Version
	}
	return text
}

// formOf is how a property names a location. SAM takes a function in a bucket's place
// alone: what else is a text, and names a bucket that is found by region, is a mapping.
func (r Row) formOf(l Location) form {
	if !l.isKnown() && r.takes.sam == samPointer && r.form.bucket == "" {
		return pointerForm()
	}
	return r.form
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
	return Location{Bucket: m[1], Key: m[2], Version: m[3]}, true
}
