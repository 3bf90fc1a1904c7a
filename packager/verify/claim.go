package verify

import (
	"encoding/hex"
	"path"
	"regexp"
)

// A claim is what a key says of the object.
type claim struct {
	digest string // 64 hex digits: mrpackage's
	md5    string // 32 of them: the AWS CLI's, which SAM CLI's look like
	ext    string
}

func claimOf(key string) (c claim) {
	base := path.Base(key)
	m := regexp.MustCompile(`^([0-9a-f]{64}|[0-9a-f]{32})(\.[A-Za-z0-9_-]+)?$`).FindStringSubmatch(base)
	switch {
	case m == nil:
	case len(m[1]) == 64:
		c.digest = m[1]
	default:
		c.md5 = m[1]
	}
	if m != nil {
		c.ext = m[2]
	}
	return c
}

// judge holds what S3 tells of an object against what its key claims.
func (t *target) judge() {
	o, c := t.object, claimOf(t.Key)
	switch {
	case c.digest != "" && o.Digest != "":
		if why := o.Recorded(c.digest); why != "" {
			t.set(Wrong, ByNothing, "it is not what its key says: %s", why)
			return
		}
		t.set(Proved, ByRecord, "")
	case c.digest != "" && hex.EncodeToString(o.Checksum) == c.digest:
		t.set(Proved, ByChecksum, "")
	case c.digest != "":
		t.set(Unknown, ByNothing, "nothing was recorded with it that would prove it")
		t.hint = "--deep reads it, and proves it by its bytes"
	case c.md5 != "" && o.Plain && o.ETag == c.md5:
		t.set(Proved, ByETag, "")
	case c.md5 != "" && o.Plain && c.ext == ".template":
		t.set(Wrong, ByNothing, "it is not what its key says: its MD5 is %s", o.ETag)
	case c.md5 != "" && o.Plain:
		t.set(Present, ByNothing, "")
		t.warnings = append(t.warnings, "its key is not the MD5 of its content, as the AWS CLI's keys are; if SAM CLI has packaged it, --deep proves it by the files in it, and else it is another object")
	default:
		t.set(Present, ByNothing, "")
		if o.Size == 0 {
			t.warnings = append(t.warnings, "it is empty")
		}
	}
}
